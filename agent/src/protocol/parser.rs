//! What a parser of a protocol is.
//!
//! In: the input of both directions, one step at a time (`connection`). Out: `Output`s, what the kernel side
//! should do, and what becomes of the connection (`Next`).
//! Always: it never fails, never panics, never reads a clock, holds memory within `Limits` and none after
//! `close`, and gives the same outputs however the bytes were cut.
//! Not here: which parser reads a connection (`probe`, `connection`).

use earwitness_common::settings::Verdict;

use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::protocol::detect::Grammar;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::input::{Input, Piece};
use crate::protocol::{Output, Role};

/// Reads one protocol on one end of one connection.
pub trait Parser: Send {
    /// Takes the next input of a direction.
    fn push(&mut self, role: Role, input: Input<'_>, around: &mut Around<'_>);

    /// Nothing more will come: both directions have ended (`Truncated`), the agent stops (`Unfinished`), or
    /// what follows is not read (`Unknown`).
    fn close(&mut self, how: MessageEnd, around: &mut Around<'_>);

    /// What the kernel side should do.
    fn wants(&self) -> Verdict;

    /// Memory held on the heap, in bytes, with itself.
    fn memory_bytes(&self) -> usize;

    /// Time has passed: resolves waits.
    fn tick(&mut self, _now_ns: u64, _around: &mut Around<'_>) {}

    /// Whether `tick` has something to decide.
    fn awaits_tick(&self) -> bool {
        false
    }

    /// Tells the heads of exchanges whose response began before that time and still goes on, so that no
    /// record waits for an hour.
    fn open_long(&mut self, _before_ns: u64, _out: &mut Vec<Output>) {}

    /// Asserts that what it keeps count of is what it should be.
    #[cfg(test)]
    fn check(&self) {}

    /// What becomes of the connection; asked after each input. What comes after anything but `Stay` is for
    /// another parser.
    fn next(&mut self, _around: &mut Around<'_>) -> Next {
        Next::Stay
    }
}

/// What becomes of a connection.
pub enum Next {
    /// It goes on as it is.
    Stay,
    /// What follows is not ours to read.
    Ignore,
    /// What follows may be anything; this came of it already.
    Probe(Vec<(Role, Piece)>),
    /// What follows is read by that parser; this came of it already.
    Become(Box<dyn Parser>, Vec<(Role, Piece)>),
}

/// What every step of a parser needs besides its input.
pub struct Around<'a> {
    /// What may be held.
    pub limits: &'a Limits,
    /// Where what is found goes.
    pub out: &'a mut Vec<Output>,
}

impl Around<'_> {
    /// Something was lost that is in no exchange.
    pub fn lose(&mut self, loss: Loss) {
        self.out.push(Output::Loss(loss));
    }
}

/// A protocol that is told by its first bytes.
pub struct Protocol {
    /// How requests begin.
    pub request: fn() -> Box<dyn Grammar>,
    /// How responses begin; or whatever its server sends first.
    pub response: fn() -> Box<dyn Grammar>,
    /// Whether it can be told by the beginning of any turn, not of the first alone.
    pub is_told_late: bool,
    /// What reads it; `Some`: what came before was not seen, for that reason.
    pub parser: fn(Option<Reason>) -> Box<dyn Parser>,
}
