//! What the tracker gives.
//!
//! In: nothing. Out: `Event`, which becomes records; `Signals`, which go to others than the journal.
//! Always: an exchange comes with its connection and its origin, and events come in the order in which
//! things happened: what was in flight on a connection is told before it is given up.
//! Not here: who makes them (`tracker`, `followed`), what becomes of them (`pipeline`, `daemon`).

use earwitness_common::settings::Verdict;

use crate::model::loss::Loss;
use crate::model::origin::Origin;
use crate::model::sample::ConnId;
use crate::protocol::exchange::Exchange;
use crate::protocol::stream_message::StreamMessage;

/// What came of a sample.
pub enum Event {
    /// An exchange is over.
    Exchange(Box<Exchange>, ConnId, Origin),
    /// A message within an exchange that is told in two parts.
    Message(Box<StreamMessage>, ConnId, Origin),
    /// Something was lost, on this connection if one is named.
    Loss(Loss, Option<Box<Origin>>),
    /// The connection is parsed no longer: no other part comes of its exchanges that go on.
    GivenUp(ConnId),
}

/// What is to be done besides writing records.
#[derive(Default)]
pub struct Signals {
    /// What the kernel side should do with connections from now on.
    pub verdicts: Vec<(ConnId, Verdict)>,
    /// Processes whose TLS streams cannot be tied to sockets by the calls that they make.
    pub unplaced: Vec<u32>,
    /// Processes of which one was.
    pub nested: Vec<u32>,
}

impl Signals {
    /// Moves all of them to the end of `other`.
    pub(super) fn append_to(&mut self, other: &mut Self) {
        other.verdicts.append(&mut self.verdicts);
        other.unplaced.append(&mut self.unplaced);
        other.nested.append(&mut self.nested);
    }
}
