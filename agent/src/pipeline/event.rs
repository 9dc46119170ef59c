//! What the tracker gives.
//!
//! In: nothing. Out: `Event`. Always: an exchange comes with its connection and its origin.
//! Not here: who makes them (`tracker`, `followed`), what becomes of them (`pipeline`).

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
    /// What the kernel side should do.
    Verdict(ConnId, Verdict),
    /// A TLS stream of this process cannot be tied to its socket by the calls that it makes.
    Unplaced(u32),
    /// One was tied so.
    Nested(u32),
}
