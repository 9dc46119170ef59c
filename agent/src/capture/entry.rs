//! Entries of a capture file and their content.
//!
//! In: kind and content as bytes. Out: `Entry`, and back.
//! Always: the JSON keys here are part of the format and keep their meaning.
//! Not here: lengths and the file (`reader`, `writer`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::loss::{Loss, Reason};
use crate::model::origin::Process;

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry<'a> {
    /// A sample's bytes, for `Sample::decode`.
    Sample(&'a [u8]),
    /// A process, for `Processes::insert`, before the samples that it holds for.
    Process(Process),
    /// What the kernel side counted as lost since the last such entry for that reason.
    Loss(Loss),
}

/// `Entry::Sample`
pub(super) const SAMPLE: u8 = 1;
/// `Entry::Process`
pub(super) const PROCESS: u8 = 2;
/// `Entry::Loss`
pub(super) const LOSS: u8 = 3;
/// From this kind on a reader may skip what it does not know.
pub(super) const OPTIONAL: u8 = 128;

/// A `Process` as JSON.
#[derive(Deserialize, Serialize)]
struct ProcessJson {
    pid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    executable: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
}

/// A `Loss` as JSON.
#[derive(Deserialize, Serialize)]
struct LossJson {
    reason: Reason,
    events: u64,
    #[serde(default)]
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exchanges: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connections: Option<u64>,
}

pub(super) fn process_to_json(process: &Process) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&ProcessJson {
        pid: process.pid,
        executable: process.executable.as_deref().map(str::to_owned),
        user_id: process.user_id,
        user_name: process.user_name.as_deref().map(str::to_owned),
    })
}

pub(super) fn process_of_json(json: &[u8]) -> serde_json::Result<Process> {
    let process: ProcessJson = serde_json::from_slice(json)?;
    Ok(Process {
        pid: process.pid,
        executable: process.executable.map(Arc::from),
        user_id: process.user_id,
        user_name: process.user_name.map(Arc::from),
    })
}

pub(super) fn loss_to_json(loss: &Loss) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&LossJson {
        reason: loss.reason,
        events: loss.events,
        bytes: loss.bytes,
        exchanges: loss.exchanges,
        connections: loss.connections,
    })
}

pub(super) fn loss_of_json(json: &[u8]) -> serde_json::Result<Loss> {
    let loss: LossJson = serde_json::from_slice(json)?;
    Ok(Loss {
        reason: loss.reason,
        events: loss.events,
        bytes: loss.bytes,
        exchanges: loss.exchanges,
        connections: loss.connections,
    })
}
