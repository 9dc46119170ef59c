//! Is a connection HTTP/2 whose beginning was not seen, and which way do its requests go?
//!
//! In: spans and holes of both directions. Out: that it is, and both directions' scouts.
//! Always: biased against false claims: both directions must show chains of frames, one with the head of
//! a request and the other with that of a response on the same stream, and what `scout` asks for besides.
//! Not here: what a chain is (`scout`), what else it could be (`probe`).

use super::chain::About;
use super::scout::{Missed, Scout};
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::sample::Direction;
use crate::protocol::Role;
use crate::protocol::input::Span;

/// Both directions of a connection that may be HTTP/2.
pub struct Search {
    ingress: Box<Scout>,
    egress: Box<Scout>,
    /// A request and its response had been found when some call began.
    was_answered: bool,
}

impl Search {
    /// Nothing is known. `reason`: why the beginning was not seen.
    pub fn new(reason: Reason) -> Self {
        let scout = || Box::new(Scout::new(About::nothing(reason)));
        Self { ingress: scout(), egress: scout(), was_answered: false }
    }

    /// Takes what follows in a direction.
    pub fn bytes(&mut self, direction: Direction, span: Span<'_>, limits: &Limits) {
        if span.call_start {
            self.was_answered |= self.requests().is_some();
        }
        let (scout, other) = self.sides(direction);
        scout.bytes(span, limits);
        scout.meet(other);
    }

    /// A hole follows in a direction.
    pub fn hole(&mut self, direction: Direction) {
        let (scout, other) = self.sides(direction);
        scout.hole();
        scout.meet(other);
    }

    /// Where requests come from, if a request and its response were found.
    pub fn requests(&self) -> Option<Direction> {
        let is_answered = self.ingress.is_answered() && self.egress.is_answered();
        match (self.ingress.role(), self.egress.role()) {
            (Some(Role::Request), Some(Role::Response)) if is_answered => Some(Direction::Ingress),
            (Some(Role::Response), Some(Role::Request)) if is_answered => Some(Direction::Egress),
            _ => None,
        }
    }

    /// The same, once one of the directions counts: then it is HTTP/2.
    pub fn found(&self, is_found: impl Fn(&Scout) -> bool) -> Option<Direction> {
        self.requests().filter(|_| is_found(&self.ingress) || is_found(&self.egress))
    }

    /// It is not going to be found. What is lost by that, if it seemed to be HTTP/2 at some time.
    pub fn missed(&self) -> Option<[Missed; 2]> {
        let is_answered = self.was_answered || self.requests().is_some();
        is_answered.then(|| [self.ingress.missed(), self.egress.missed()])
    }

    /// When something has come last.
    pub fn last_ns(&self) -> u64 {
        self.ingress.last_ns().max(self.egress.last_ns())
    }

    /// Frames of the chain in a direction.
    pub fn frames(&self, direction: Direction) -> u32 {
        match direction {
            Direction::Ingress => self.ingress.frames(),
            Direction::Egress => self.egress.frames(),
        }
    }

    /// The scouts of requests and of responses.
    pub fn into_sides(self, requests: Direction) -> (Box<Scout>, Box<Scout>) {
        let (mut asking, mut answering) = match requests {
            Direction::Ingress => (self.ingress, self.egress),
            Direction::Egress => (self.egress, self.ingress),
        };
        asking.assign(Role::Request);
        answering.assign(Role::Response);
        (asking, answering)
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.ingress.memory_bytes() + self.egress.memory_bytes()
    }

    fn sides(&mut self, direction: Direction) -> (&mut Scout, &mut Scout) {
        match direction {
            Direction::Ingress => (&mut self.ingress, &mut self.egress),
            Direction::Egress => (&mut self.egress, &mut self.ingress),
        }
    }
}
