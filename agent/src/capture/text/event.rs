//! Statements about processes and losses.
//!
//! In: words. Out: process samples, process and loss entries.
//! Always: paths are cut where the kernel side cuts them.
//! Not here: connections.

use std::sync::Arc;

use earwitness_common::sample::{KIND_EXEC, KIND_EXIT, KIND_FORK, KIND_IO_URING, ProcessHead};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error;
use zerocopy::IntoBytes as _;

use super::statement::Words;
use super::{Compiler, Result};
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Process;

impl Compiler {
    /// `process PID PATH [UID [NAME]]`
    pub(super) fn process(&mut self, words: &mut Words) -> Result<()> {
        let process = Process {
            pid: words.number()?,
            executable: Some(words.word()?).filter(|path| path != "-").map(Arc::from),
            user_id: words.maybe_number(),
            user_name: words.maybe_word().map(Arc::from),
        };
        self.out.process(&process).map_err(|error| error.to_string())
    }

    /// `exec PID PATH`, `fork PID PARENT`, `exit PID`, `io_uring PID`
    pub(super) fn event(&mut self, verb: &str, words: &mut Words) -> Result<()> {
        let mut head = ProcessHead {
            kind: KIND_EXIT,
            pad: [0; 3],
            path_bytes: 0,
            time_ns: self.time_ns,
            tgid: words.number()?,
            parent_tgid: 0,
            uid: 0,
            pad2: 0,
            cgroup: 1,
            path: [0; 256],
        };
        match verb {
            "exec" => {
                head.kind = KIND_EXEC;
                head.path_bytes = put_path(&mut head.path, &words.word()?);
                self.out.forget(head.tgid);
            }
            "fork" => {
                head.kind = KIND_FORK;
                head.parent_tgid = words.number()?;
            }
            "io_uring" => head.kind = KIND_IO_URING,
            _ => {}
        }
        if words.take("uid") {
            head.uid = words.number()?;
        }
        self.sample(head.as_bytes())
    }

    /// `loss REASON EVENTS [BYTES]`
    pub(super) fn loss(&mut self, words: &mut Words) -> Result<()> {
        let loss = Loss {
            reason: reason(&words.word()?)?,
            events: words.number()?,
            bytes: words.maybe_number().unwrap_or(0),
            exchanges: None,
            connections: None,
        };
        self.out.loss(&loss).map_err(|error| error.to_string())
    }
}

pub(super) fn reason(word: &str) -> Result<Reason> {
    let reason: std::result::Result<Reason, Error> = Reason::deserialize(word.into_deserializer());
    reason.map_err(|_| format!("`{word}` is no reason of a loss"))
}

/// Copies a path with room for a NUL after it. Returns its length.
fn put_path(into: &mut [u8; 256], path: &str) -> u32 {
    let bytes = path.as_bytes().iter().take(into.len() - 1);
    let mut len_bytes = 0;
    for (place, byte) in into.iter_mut().zip(bytes) {
        *place = *byte;
        len_bytes += 1;
    }
    len_bytes
}
