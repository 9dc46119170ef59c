//! What the agent says of itself: `loss` and `lifecycle`.
//!
//! In: `model::loss::Loss`, the daemon's events. Out: groups of a record.
//! Always: each loss has one reason; nothing here comes out of captured bytes.
//! Not here: counting losses, deciding when to write one (`daemon`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::party::{Party, Process};
use super::value::{Text, Timestamp};
use crate::model::loss::Reason;

/// What was not seen, and could not be put into the record of one exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Loss<'a> {
    /// Why.
    pub reason: Reason,
    /// Samples, calls or holes.
    pub events: u64,
    /// Bytes concerned; 0 where unknown.
    pub bytes: u64,
    /// Begin of the time in which it was lost.
    pub since: Timestamp,
    /// End of the time in which it was lost.
    pub until: Timestamp,
    /// Exchanges known to be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<u64>,
    /// Connections concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// The process concerned, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process<'a>>,
    /// The answering end concerned, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Party<'a>>,
    /// The asking end concerned, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Party<'a>>,
}

/// What happened to the agent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lifecycle<'a> {
    /// What.
    pub action: LifecycleAction,
    /// More about it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<Text<'a>, Detail<'a>>,
}

/// What happened to the agent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LifecycleAction {
    /// It started.
    Start,
    /// All probes are attached.
    Ready,
    /// It stops; what is in flight is written before.
    Stop,
    /// Its configuration changed, or a change was refused.
    Config,
    /// It found a journal that had not been closed, and went on in it.
    Recovered,
    /// A probe was attached or detached.
    Probe,
    /// The amount that is captured changed under load.
    Level,
    /// Something on this host cannot be seen (a process that uses io_uring on sockets).
    Unseen,
    /// A segment of the journal was removed.
    Pruned,
    /// What the policy has left out (`none`) since it was last told, by rule; without `rule`: by its
    /// default. Exchanges that took place are those recorded, left out and lost together.
    LeftOut,
    /// A key was handed over.
    Key,
    /// Times were placed under a legal hold, or released from it.
    Hold,
    /// Somebody read records on this host.
    Read,
}

/// One detail of an event.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Detail<'a> {
    /// Yes or no.
    Flag(bool),
    /// A count, or an amount whose unit ends its name.
    Number(u64),
    /// Words.
    Text(Text<'a>),
    /// Several words.
    List(Vec<Text<'a>>),
}

// === impl Lifecycle ===

impl<'a> Lifecycle<'a> {
    /// An event without details.
    pub fn new(action: LifecycleAction) -> Self {
        Self { action, detail: BTreeMap::new() }
    }

    /// The same with one more detail. Units end names (`held_bytes`).
    #[must_use]
    pub fn with(mut self, name: &'a str, detail: impl Into<Detail<'a>>) -> Self {
        self.detail.insert(Text::Borrowed(name), detail.into());
        self
    }
}

// === impl Detail ===

impl From<bool> for Detail<'_> {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<u64> for Detail<'_> {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl<'a> From<&'a str> for Detail<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Text::Borrowed(value))
    }
}

impl From<String> for Detail<'_> {
    fn from(value: String) -> Self {
        Self::Text(Text::Owned(value))
    }
}

impl From<Vec<String>> for Detail<'_> {
    fn from(values: Vec<String>) -> Self {
        Self::List(values.into_iter().map(Text::Owned).collect())
    }
}
