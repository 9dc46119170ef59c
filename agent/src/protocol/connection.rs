//! One watched end of one connection: from what it speaks to the parser that reads it.
//!
//! In: inputs of both directions (`pipeline::followed`). Out: `Output`s, and what the kernel side should do.
//! Always: what comes before it is known what the connection speaks is kept and given to the parser that
//! reads it; a hand-over to another protocol replaces the parser.
//! Not here: what tells protocols apart (`probe`), their grammars.

use std::sync::Arc;

use earwitness_common::settings::Verdict;

use crate::model::limits::Limits;
use crate::model::proxied::Proxied;
use crate::model::sample::Direction;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::http2::Http2;
use crate::protocol::input::{Input, Piece, Span};
use crate::protocol::parser::{Around, Next, Parser};
use crate::protocol::probe::{Found, Probe};
use crate::protocol::proxy::Prelude;
use crate::protocol::tls::ciphertext::Ciphertext;
use crate::protocol::{Output, Role};

/// One watched end of one connection.
pub struct Connection {
    mode: Mode,
    request_direction: Option<Direction>,
    tunnels: u8,
    /// A TLS stream lies on it.
    carried: bool,
    /// Looks at what comes first, as long as that may be something else than its protocol.
    prelude: Option<Prelude>,
    proxied: Option<Arc<Proxied>>,
}

enum Mode {
    Probing(Box<Probe>),
    Read(Box<dyn Parser>),
    Tls(Box<Ciphertext>),
    Ignored,
}

impl Connection {
    /// A connection seen from its first byte on (`fresh`), or joined late.
    pub fn new(fresh: bool) -> Self {
        Self {
            mode: Mode::Probing(Box::new(Probe::new(fresh))),
            request_direction: None,
            tunnels: 0,
            carried: false,
            prelude: fresh.then(Prelude::default),
            proxied: None,
        }
    }

    /// The next input of a direction.
    pub fn push(
        &mut self,
        direction: Direction,
        input: Input<'_>,
        limits: &Limits,
        out: &mut Vec<Output>,
    ) {
        if !input.is_empty() {
            self.begin(direction, input, &mut Around { limits, out });
        }
    }

    /// What a proxy has said before everything else.
    pub fn proxied(&self) -> Option<&Arc<Proxied>> {
        self.proxied.as_ref()
    }

    /// The socket is gone.
    pub fn close(&mut self, time_ns: u64, limits: &Limits, out: &mut Vec<Output>) {
        self.tick(time_ns, limits, out);
        self.over(MessageEnd::Truncated, &mut Around { limits, out });
    }

    /// The agent stops: what is under way comes out unfinished.
    pub fn stop(&mut self, time_ns: u64, limits: &Limits, out: &mut Vec<Output>) {
        self.tick(time_ns, limits, out);
        self.over(MessageEnd::Unfinished, &mut Around { limits, out });
    }

    /// Time has passed: resolves waits (`Limits::reorder_ns`).
    pub fn tick(&mut self, now_ns: u64, limits: &Limits, out: &mut Vec<Output>) {
        self.pass(now_ns, &mut Around { limits, out });
    }

    /// Tells the heads of exchanges whose response began before that time and still goes on, so that no
    /// record waits for an hour.
    pub fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        if let Mode::Read(parser) = &mut self.mode {
            parser.open_long(before_ns, out);
        }
    }

    /// The plaintext of what this carries is read elsewhere: nothing of it is lost.
    pub fn carry(&mut self) {
        self.carried = true;
        match &mut self.mode {
            Mode::Tls(ciphertext) => ciphertext.carry(),
            // Its handshake may still come.
            Mode::Probing(probe) if probe.lost().is_none() => {}
            _ => self.be_carried(),
        }
    }

    /// What it carries is TLS.
    pub fn tls(&self) -> Option<&Ciphertext> {
        match &self.mode {
            Mode::Tls(ciphertext) => Some(ciphertext),
            _ => None,
        }
    }

    /// It is a protocol whose exchanges are told.
    pub fn is_read(&self) -> bool {
        match &self.mode {
            Mode::Read(_) => true,
            Mode::Probing(probe) => probe.requests().is_some(),
            Mode::Tls(_) | Mode::Ignored => false,
        }
    }

    /// What the kernel side should do.
    pub fn wants(&self) -> Verdict {
        match &self.mode {
            Mode::Probing(_) => Verdict::Undecided,
            Mode::Read(parser) => parser.wants(),
            Mode::Tls(ciphertext) => ciphertext.wants(),
            Mode::Ignored => Verdict::Ignore,
        }
    }

    /// Where requests come from; `Some(Ingress)`: the watched process is the server.
    pub fn request_direction(&self) -> Option<Direction> {
        match &self.mode {
            Mode::Probing(probe) => self.request_direction.or(probe.requests()),
            _ => self.request_direction,
        }
    }

    /// Something waits for time to pass.
    pub fn awaits_tick(&self) -> bool {
        match &self.mode {
            Mode::Probing(probe) => probe.awaits_tick(),
            Mode::Read(parser) => parser.awaits_tick(),
            Mode::Tls(ciphertext) => ciphertext.awaits_tick(),
            Mode::Ignored => false,
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let prelude = self.prelude.as_ref().map_or(0, Prelude::memory_bytes);
        let mode = match &self.mode {
            Mode::Probing(probe) => size_of::<Probe>() + probe.memory_bytes(),
            Mode::Read(parser) => parser.memory_bytes(),
            Mode::Tls(ciphertext) => ciphertext.memory_bytes(),
            Mode::Ignored => 0,
        };
        prelude + mode
    }

    /// Asserts that its parser has counted right.
    #[cfg(test)]
    pub fn check(&self) {
        if let Mode::Read(parser) = &self.mode {
            parser.check();
        }
    }

    /// Takes an input without what a proxy says in it.
    fn begin(&mut self, direction: Direction, mut input: Input<'_>, around: &mut Around<'_>) {
        if let Some(prelude) = &mut self.prelude {
            let back = prelude.push(direction, &mut input);
            if prelude.is_over() {
                self.proxied = prelude.said().map(Arc::new);
                self.prelude = None;
            }
            if let Some(back) = back
                && !back.input().is_empty()
            {
                self.take(back.direction, back.input(), around);
            }
        }
        if !input.is_empty() {
            self.take(direction, input, around);
        }
    }

    fn take(&mut self, direction: Direction, input: Input<'_>, around: &mut Around<'_>) {
        if matches!(self.mode, Mode::Probing(_) | Mode::Read(_)) && self.awaits_tick() {
            self.pass(input.time_ns(), around);
        }
        let role = self.role(direction);
        match &mut self.mode {
            Mode::Ignored => {}
            Mode::Tls(ciphertext) => ciphertext.push(direction, &input),
            Mode::Read(parser) => {
                parser.push(role, input, around);
                self.follow(around);
            }
            Mode::Probing(probe) => {
                let found = probe.push(direction, &input, around.limits);
                self.found(found, direction, input, around);
            }
        }
    }

    fn pass(&mut self, now_ns: u64, around: &mut Around<'_>) {
        match &mut self.mode {
            Mode::Read(parser) => {
                parser.tick(now_ns, around);
                self.follow(around);
            }
            Mode::Tls(ciphertext) => ciphertext.tick(now_ns, around.out),
            Mode::Probing(probe) => {
                if let Some(requests) = probe.tick(now_ns) {
                    self.join(requests, now_ns, around);
                }
            }
            Mode::Ignored => {}
        }
    }

    // === what it speaks ===

    /// Does what has been found asks for. `last`: the input that told.
    fn found(
        &mut self,
        found: Found,
        direction: Direction,
        last: Input<'_>,
        around: &mut Around<'_>,
    ) {
        let Mode::Probing(probe) = &mut self.mode else { return };
        match found {
            Found::Nothing => {}
            Found::Tls => self.follow_tls(direction, &last),
            Found::Protocol(..) | Found::Joined(_) | Found::Other if self.carried => {
                self.be_carried();
            }
            Found::Protocol(protocol, requests) => {
                let parser = (protocol.parser)(probe.lost());
                self.read(parser, requests, (direction, last), around);
            }
            Found::Joined(requests) => self.join(requests, last.time_ns(), around),
            Found::Other => {
                probe.tell_unfound(around);
                self.mode = Mode::Ignored;
            }
        }
    }

    /// That parser reads it, requests going that way: what was kept, then the last input.
    fn read(
        &mut self,
        parser: Box<dyn Parser>,
        requests: Direction,
        (last_direction, last): (Direction, Input<'_>),
        around: &mut Around<'_>,
    ) {
        self.request_direction = Some(requests);
        let Mode::Probing(probe) = &mut self.mode else { return };
        probe.tell_missing(around);
        let late = probe.lost().is_some();
        let sides = [requests, requests.reverse()].map(|direction| {
            let side = probe.side(direction);
            (direction, side.take(), side.ended_ns)
        });
        self.mode = Mode::Read(parser);
        let mut last = Some(last);
        for (direction, kept, _) in &sides {
            let turn_start = kept.is_none();
            if let Some((span, bytes)) = kept {
                let span = Span { rest: bytes, turn_start: late || span.turn_start, ..*span };
                self.take(*direction, Input::Bytes(span), around);
            }
            if *direction == last_direction
                && let Some(mut input) = last.take()
            {
                if let Input::Bytes(span) = &mut input {
                    span.turn_start = turn_start && (late || span.turn_start);
                }
                self.take(*direction, input, around);
            }
        }
        for (direction, _, ended_ns) in sides {
            if let Some(time_ns) = ended_ns {
                self.take(direction, Input::End(time_ns), around);
            }
        }
    }

    /// It is HTTP/2 whose beginning was not seen, requests going that way.
    fn join(&mut self, requests: Direction, now_ns: u64, around: &mut Around<'_>) {
        let Mode::Probing(probe) = &mut self.mode else { return };
        let (Some(search), Some(reason)) = (probe.take_search(), probe.lost()) else {
            return;
        };
        if self.carried {
            return self.be_carried();
        }
        probe.tell_missing(around);
        self.request_direction = Some(requests);
        let (asking, answering) = search.into_sides(requests);
        let mut http = Box::new(Http2::joined(asking, answering, reason));
        http.tick(now_ns, around);
        self.mode = Mode::Read(http);
    }

    /// It is TLS: what was kept is followed, then the last input.
    fn follow_tls(&mut self, last_direction: Direction, last: &Input<'_>) {
        let Mode::Probing(probe) = &mut self.mode else { return };
        let mut ciphertext = Ciphertext::new(last.time_ns());
        for direction in [last_direction.reverse(), last_direction] {
            if let Some((span, bytes)) = probe.side(direction).take() {
                ciphertext.push(direction, &Input::Bytes(span.with(&bytes)));
            }
        }
        ciphertext.push(last_direction, last);
        if self.carried {
            ciphertext.carry();
        }
        self.mode = Mode::Tls(Box::new(ciphertext));
    }

    /// It is TLS, whatever it looks like.
    fn be_carried(&mut self) {
        let mut ciphertext = Ciphertext::joined_late();
        ciphertext.carry();
        self.mode = Mode::Tls(Box::new(ciphertext));
    }

    // === what becomes of it ===

    /// Does what the parser says is next.
    fn follow(&mut self, around: &mut Around<'_>) {
        let Mode::Read(parser) = &mut self.mode else { return };
        let held = match parser.next(around) {
            Next::Stay => return,
            Next::Ignore => {
                self.mode = Mode::Ignored;
                return;
            }
            Next::Probe(_) if self.tunnels >= TUNNELS => {
                self.mode = Mode::Ignored;
                return;
            }
            Next::Probe(held) => {
                self.tunnels += 1;
                self.mode = Mode::Probing(Box::new(Probe::new(true)));
                held
            }
            Next::Become(parser, held) => {
                self.mode = Mode::Read(parser);
                held
            }
        };
        self.resume(held, around);
    }

    /// Takes what has waited for what it is.
    fn resume(&mut self, held: Vec<(Role, Piece)>, around: &mut Around<'_>) {
        let Some(requests) = self.request_direction else { return };
        for (role, piece) in held {
            let direction = match role {
                Role::Request => requests,
                Role::Response => requests.reverse(),
            };
            self.take(direction, piece.input(), around);
        }
    }

    /// Nothing more will come.
    fn over(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        self.prelude = None;
        if let Mode::Probing(probe) = &self.mode
            && let Some(requests) = probe.end()
        {
            self.join(requests, 0, around);
        }
        match std::mem::replace(&mut self.mode, Mode::Ignored) {
            Mode::Ignored => {}
            Mode::Read(mut parser) => parser.close(how, around),
            // What its handshake has shown is still asked for.
            Mode::Tls(mut ciphertext) => {
                ciphertext.close(around.out);
                self.mode = Mode::Tls(ciphertext);
            }
            Mode::Probing(probe) => {
                probe.tell_missing(around);
                if !self.carried {
                    probe.tell_unfound(around);
                }
            }
        }
    }

    fn role(&self, direction: Direction) -> Role {
        match self.request_direction == Some(direction) {
            true => Role::Request,
            false => Role::Response,
        }
    }
}

/// Tunnels within tunnels that are followed.
const TUNNELS: u8 = 8;
