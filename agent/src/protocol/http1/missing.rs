//! What pairing has to know of a loss, and of the other direction.
//!
//! In: what a direction met (`request`, `response`). Out: `Missing`, `Stand`, to `pair`.
//! Always: where something was lost is said by what it cut, never guessed.
//! Not here: what follows from it (`pair`).

use crate::model::loss::Reason;

/// Where the direction of the responses stands when a request begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stand {
    /// Between two messages.
    Between,
    /// Waits for a turn that begins with a response.
    Lost,
    /// Within a message.
    Within,
}

/// Something that was lost in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// Why.
    pub reason: Reason,
    /// Where it began.
    pub place: Place,
    /// It began a turn.
    pub turn_start: bool,
}

/// Where a loss began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// Between two messages: what was lost began with a message.
    Between,
    /// Within a head.
    Head,
    /// Within a body.
    Body,
}

impl Missing {
    /// We could not follow the stream, from that place on.
    pub fn unparsed(place: Place) -> Self {
        Self { reason: Reason::Unparsed, place, turn_start: false }
    }
}
