//! A connection that carries TLS.
//!
//! In: its bytes, for as long as the handshake is readable; whether its plaintext is read elsewhere.
//! Out: `Facts`; one loss (`opaque_tls`) if nobody reads the plaintext.
//! Always: nothing is said to be lost of a connection whose server has not answered: nothing can
//! have been exchanged. Not here: finding the stream of plaintext (the kernel side, `pipeline`).

use std::sync::Arc;

use earwitness_common::settings::Verdict;

use crate::model::loss::{Loss, Reason};
use crate::model::sample::Direction;
use crate::model::tls::Facts;
use crate::protocol::Output;
use crate::protocol::input::Input;
use crate::protocol::tls::Handshake;

/// Ciphertext and what is known of it.
pub struct Ciphertext {
    handshake: Option<Box<Handshake>>,
    facts: Arc<Facts>,
    since_ns: u64,
    /// Something of each direction was seen, encrypted or not.
    ingress: bool,
    egress: bool,
    carried: bool,
    told: bool,
    closed: bool,
}

impl Ciphertext {
    /// Seen from the first record on.
    pub fn new(since_ns: u64) -> Self {
        Self {
            handshake: Some(Box::default()),
            facts: Arc::default(),
            since_ns,
            ingress: false,
            egress: false,
            carried: false,
            told: false,
            closed: false,
        }
    }

    /// Known to be TLS, while nothing of the handshake was seen.
    pub fn joined_late() -> Self {
        Self { handshake: None, ..Self::new(0) }
    }

    /// What the handshake has shown so far.
    pub fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// The plaintext is read.
    pub fn is_carried(&self) -> bool {
        self.carried
    }

    pub(in crate::protocol) fn carry(&mut self) {
        self.carried = true;
    }

    pub(in crate::protocol) fn push(&mut self, direction: Direction, input: &Input<'_>) {
        match direction {
            Direction::Ingress => self.ingress = true,
            Direction::Egress => self.egress = true,
        }
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        match input {
            Input::Bytes(span) => handshake.bytes(direction, span.rest),
            Input::Hole(_) | Input::End(_) => handshake.gap(direction),
        }
        if *self.facts != *handshake.facts() {
            self.facts = Arc::new(handshake.facts().clone());
        }
        if handshake.is_done() {
            self.handshake = None;
        }
    }

    pub(in crate::protocol) fn wants(&self) -> Verdict {
        match self.handshake {
            _ if self.closed => Verdict::Ignore,
            Some(_) => Verdict::Undecided,
            None => Verdict::Tls,
        }
    }

    pub(in crate::protocol) fn awaits_tick(&self) -> bool {
        !self.carried && !self.told && !self.closed
    }

    pub(in crate::protocol) fn tick(&mut self, now_ns: u64, out: &mut Vec<Output>) {
        if now_ns.saturating_sub(self.since_ns) > PATIENCE_NS {
            self.tell(out);
        }
    }

    /// The connection is over; only its facts are still asked for.
    pub(in crate::protocol) fn close(&mut self, out: &mut Vec<Output>) {
        self.tell(out);
        self.handshake = None;
        self.closed = true;
    }

    fn tell(&mut self, out: &mut Vec<Output>) {
        if !self.carried && !self.told && self.ingress && self.egress {
            self.told = true;
            out.push(Output::Loss(Loss::connection(Reason::OpaqueTls)));
        }
    }

    pub(in crate::protocol) fn memory_bytes(&self) -> usize {
        if self.closed {
            return 0;
        }
        let handshake = self
            .handshake
            .as_ref()
            .map_or(0, |handshake| size_of::<Handshake>() + handshake.memory_bytes());
        size_of::<Self>() + handshake + size_of::<Facts>() + self.facts.memory_bytes()
    }
}

/// How long a connection may go without anybody reading its plaintext before that is told.
const PATIENCE_NS: u64 = 5_000_000_000;
