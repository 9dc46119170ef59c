//! One watched end of one connection: from what it speaks to the parser that reads it.
//!
//! In: bytes, gaps and ends of both directions with their times (`pipeline::followed`). Out: `Output`s, and
//! what the kernel side should do (`Wants`).
//! Always: what comes before it is known what the connection speaks is kept and given to the parser that
//! reads it; a hand-over to another protocol replaces the parser.
//! Not here: what tells protocols apart (`probe`), their grammars.

use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::model::sample::Direction;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::held::{Input, Item};
use crate::protocol::http1::{Http1, Next};
use crate::protocol::http2::{self, Http2};
use crate::protocol::meter::Span;
use crate::protocol::probe::{Probe, Verdict};
use crate::protocol::tls::ciphertext::Ciphertext;
use crate::protocol::websocket::Session;
use crate::protocol::{Chunk, Hole, Output, Role, Wants};

/// One watched end of one connection.
pub struct Connection {
    pub(super) mode: Mode,
    request_direction: Option<Direction>,
    tunnels: u8,
    /// A TLS stream lies on it.
    carried: bool,
}

pub(super) enum Mode {
    Probing(Box<Probe>),
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    WebSocket(Box<Session>),
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
        }
    }

    /// Bytes that follow those before in their direction.
    pub fn bytes(&mut self, d: Direction, c: Chunk<'_>, l: &Limits, out: &mut Vec<Output>) {
        if c.bytes.is_empty() {
            return;
        }
        let span = Span {
            rest: c.bytes,
            time_ns: c.time_ns,
            turn_start: c.turn_start,
            call_start: c.call_start,
            tgid: c.tgid,
            uid: c.uid,
        };
        self.push(d, Input::Bytes(span), l, out);
    }

    /// A hole that follows the bytes before in its direction.
    pub fn gap(&mut self, d: Direction, h: Hole, l: &Limits, out: &mut Vec<Output>) {
        if h.bytes > 0 {
            self.push(d, Input::Hole(h), l, out);
        }
    }

    /// One direction has ended.
    pub fn end(&mut self, d: Direction, time_ns: u64, l: &Limits, out: &mut Vec<Output>) {
        self.push(d, Input::End(time_ns), l, out);
    }

    /// The socket is gone.
    pub fn close(&mut self, time_ns: u64, l: &Limits, out: &mut Vec<Output>) {
        self.tick(time_ns, l, out);
        self.over(MessageEnd::Truncated, l, out);
    }

    /// The agent stops: what is under way comes out unfinished.
    pub fn stop(&mut self, time_ns: u64, l: &Limits, out: &mut Vec<Output>) {
        self.tick(time_ns, l, out);
        self.over(MessageEnd::Unfinished, l, out);
    }

    /// Time has passed: resolves waits (`Limits::reorder_ns`).
    pub fn tick(&mut self, now_ns: u64, l: &Limits, out: &mut Vec<Output>) {
        match &mut self.mode {
            Mode::Http1(http) => {
                http.tick(now_ns, l, out);
                self.follow(l, out);
            }
            Mode::Http2(http) => http.tick(now_ns, l, out),
            Mode::Tls(ciphertext) => ciphertext.tick(now_ns, out),
            Mode::Probing(probe) => {
                if let Some(requests) = probe.tick(now_ns) {
                    self.join(requests, now_ns, l, out);
                }
            }
            Mode::WebSocket(_) | Mode::Ignored => {}
        }
    }

    /// Tells the heads of exchanges whose response began before that time and still goes on, so that no
    /// record waits for an hour.
    pub fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        match &mut self.mode {
            Mode::Http1(http) => http.open_long(before_ns, out),
            Mode::Http2(http) => http.open_long(before_ns, out),
            _ => {}
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

    /// It is TLS, whatever it looks like.
    fn be_carried(&mut self) {
        let mut ciphertext = Ciphertext::joined_late();
        ciphertext.carry();
        self.mode = Mode::Tls(Box::new(ciphertext));
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
            Mode::Http1(_) | Mode::Http2(_) | Mode::WebSocket(_) => true,
            Mode::Probing(probe) => probe.requests().is_some(),
            Mode::Tls(_) | Mode::Ignored => false,
        }
    }

    /// What the kernel side should do.
    pub fn wants(&self) -> Wants {
        match &self.mode {
            Mode::Probing(_) => Wants::Undecided,
            Mode::Http1(http) => http.wants(),
            Mode::Http2(http) => http.wants(),
            // A hole of unknown place loses the frames.
            Mode::WebSocket(_) => Wants::Full,
            Mode::Tls(ciphertext) if ciphertext.is_closed() => Wants::Ignore,
            Mode::Tls(ciphertext) => ciphertext.wants(),
            Mode::Ignored => Wants::Ignore,
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
            Mode::Http1(http) => http.awaits_tick(),
            Mode::Http2(http) => http.awaits_tick(),
            Mode::Tls(ciphertext) => ciphertext.awaits_tick(),
            Mode::Probing(probe) => probe.awaits_tick(),
            Mode::WebSocket(_) | Mode::Ignored => false,
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        match &self.mode {
            Mode::Probing(probe) => size_of::<Probe>() + probe.memory_bytes(),
            Mode::Http1(http) => size_of::<Http1>() + http.memory_bytes(),
            Mode::Http2(http) => size_of::<Http2>() + http.memory_bytes(),
            Mode::WebSocket(session) => size_of::<Session>() + session.memory_bytes(),
            Mode::Tls(ciphertext) if ciphertext.is_closed() => 0,
            Mode::Tls(ciphertext) => size_of::<Ciphertext>() + ciphertext.memory_bytes(),
            Mode::Ignored => 0,
        }
    }

    fn push(&mut self, d: Direction, input: Input<'_>, l: &Limits, out: &mut Vec<Output>) {
        if matches!(self.mode, Mode::Probing(_)) {
            self.tick(input.time_ns(), l, out);
        }
        let role = self.role(d);
        match &mut self.mode {
            Mode::Ignored => {}
            Mode::Tls(ciphertext) => ciphertext.push(d, &input),
            Mode::WebSocket(session) => match input {
                Input::Bytes(span) => session.bytes(role, span.chunk(), out),
                Input::Hole(hole) => session.hole(role, &hole, out),
                Input::End(_) => {}
            },
            Mode::Http1(http) => {
                if http.awaits_tick() {
                    http.tick(input.time_ns(), l, out);
                }
                http.push(role, input, l, out);
                self.follow(l, out);
            }
            Mode::Http2(http) => {
                if http.awaits_tick() {
                    http.tick(input.time_ns(), l, out);
                }
                http.push(role, input, l, out);
                if http.is_hopeless() {
                    self.over(MessageEnd::Unknown, l, out);
                    let loss = Loss::hole(Reason::Unparsed, 0);
                    out.push(Output::Loss(Loss { connections: Some(1), ..loss }));
                }
            }
            Mode::Probing(probe) => match probe.push(d, &input, l) {
                Verdict::More => {}
                Verdict::Http1(_) | Verdict::Http2(_) | Verdict::Joined(_) | Verdict::Other
                    if self.carried =>
                {
                    self.be_carried();
                }
                Verdict::Http1(requests) => {
                    let parser = Mode::Http1(Box::new(Http1::new(probe.lost())));
                    self.parse(parser, requests, (d, input), l, out);
                }
                Verdict::Http2(requests) => {
                    let parser = Mode::Http2(Box::default());
                    self.parse(parser, requests, (d, input), l, out);
                }
                Verdict::Joined(requests) => self.join(requests, input.time_ns(), l, out),
                Verdict::Tls => self.follow_tls(d, &input),
                Verdict::Other => {
                    tell_unfound(probe, out);
                    self.mode = Mode::Ignored;
                }
            },
        }
    }

    /// It is HTTP, requests going that way: what was kept is parsed, then the last input.
    fn parse(
        &mut self,
        parser: Mode,
        requests: Direction,
        last: (Direction, Input<'_>),
        l: &Limits,
        out: &mut Vec<Output>,
    ) {
        self.request_direction = Some(requests);
        let Mode::Probing(probe) = &mut self.mode else {
            return;
        };
        if let Some((reason, bytes)) = probe.missing() {
            out.push(Output::Loss(Loss::hole(reason, bytes)));
        }
        let late = probe.lost().is_some();
        let sides = [requests, requests.reverse()].map(|d| {
            let side = probe.side(d);
            (d, side.take(), side.ended_ns)
        });
        self.mode = parser;
        let (last_direction, last) = last;
        let mut last = Some(last);
        for (d, kept, _) in &sides {
            let turn_start = kept.is_none();
            if let Some((span, bytes)) = kept {
                let span = Span { rest: bytes, turn_start: late || span.turn_start, ..*span };
                self.push(*d, Input::Bytes(span), l, out);
            }
            if *d == last_direction
                && let Some(mut input) = last.take()
            {
                if let Input::Bytes(span) = &mut input {
                    span.turn_start = turn_start && (late || span.turn_start);
                }
                self.push(*d, input, l, out);
            }
        }
        for (d, _, ended_ns) in sides {
            if let Some(time_ns) = ended_ns {
                self.push(d, Input::End(time_ns), l, out);
            }
        }
    }

    /// It is HTTP/2 whose beginning was not seen, requests going that way.
    fn join(&mut self, requests: Direction, now_ns: u64, l: &Limits, out: &mut Vec<Output>) {
        let Mode::Probing(probe) = &mut self.mode else {
            return;
        };
        let (Some(search), Some(reason)) = (probe.take_search(), probe.lost()) else {
            return;
        };
        if self.carried {
            return self.be_carried();
        }
        if let Some((reason, bytes)) = probe.missing() {
            out.push(Output::Loss(Loss::hole(reason, bytes)));
        }
        self.request_direction = Some(requests);
        let (asking, answering) = search.into_sides(requests);
        let mut http = Box::new(Http2::joined(asking, answering, reason));
        http.tick(now_ns, l, out);
        self.mode = Mode::Http2(http);
    }

    /// It is TLS: what was kept is followed, then the last input.
    fn follow_tls(&mut self, last_direction: Direction, last: &Input<'_>) {
        let Mode::Probing(probe) = &mut self.mode else {
            return;
        };
        let mut ciphertext = Ciphertext::new(last.time_ns());
        for direction in [last_direction.reverse(), last_direction] {
            if let Some((span, bytes)) = probe.side(direction).take() {
                ciphertext.push(direction, &Input::Bytes(Span { rest: &bytes, ..span }));
            }
        }
        ciphertext.push(last_direction, last);
        if self.carried {
            ciphertext.carry();
        }
        self.mode = Mode::Tls(Box::new(ciphertext));
    }

    /// Does what the HTTP/1 parser says is next.
    fn follow(&mut self, l: &Limits, out: &mut Vec<Output>) {
        let (Mode::Http1(http), Some(requests)) = (&mut self.mode, self.request_direction) else {
            return;
        };
        match http.next() {
            Next::Stay => {}
            Next::Ignore => self.mode = Mode::Ignored,
            Next::Tunnel if self.tunnels >= TUNNELS => self.mode = Mode::Ignored,
            Next::Tunnel => {
                self.tunnels += 1;
                let held = held(http, requests);
                self.mode = Mode::Probing(Box::new(Probe::new(true)));
                self.resume(held, l, out);
            }
            Next::WebSocket => {
                let (exchange, held) = (http.take_upgraded(), held(http, requests));
                self.mode = match exchange {
                    Some(exchange) => Mode::WebSocket(Box::new(Session::open(exchange, 1, l, out))),
                    None => Mode::Ignored,
                };
                self.resume(held, l, out);
            }
            Next::Http2 => {
                let (request, held) = (http.take_upgraded(), held(http, requests));
                self.mode = Mode::Http2(Box::new(match request {
                    Some(request) => Http2::upgraded(request, l, out),
                    None => Http2::new(),
                }));
                self.resume(held, l, out);
            }
        }
    }

    /// Takes what has waited for what it is.
    fn resume(&mut self, held: Vec<(Direction, Item)>, l: &Limits, out: &mut Vec<Output>) {
        for (direction, item) in held {
            self.push(direction, item.input(), l, out);
        }
    }

    /// Nothing more will come.
    fn over(&mut self, how: MessageEnd, l: &Limits, out: &mut Vec<Output>) {
        if let Mode::Probing(probe) = &self.mode
            && let Some(requests) = probe.end()
        {
            self.join(requests, 0, l, out);
        }
        match std::mem::replace(&mut self.mode, Mode::Ignored) {
            Mode::Ignored => {}
            Mode::Http1(mut http) => http.close(how, l, out),
            Mode::Http2(mut http) => http.close(how, l, out),
            Mode::WebSocket(session) => session.close(how, out),
            // What its handshake has shown is still asked for.
            Mode::Tls(mut ciphertext) => {
                ciphertext.close(out);
                self.mode = Mode::Tls(ciphertext);
            }
            Mode::Probing(probe) => {
                if let Some((reason, bytes)) = probe.missing() {
                    out.push(Output::Loss(Loss::hole(reason, bytes)));
                }
                if !self.carried {
                    tell_unfound(&probe, out);
                }
            }
        }
    }

    fn role(&self, d: Direction) -> Role {
        match self.request_direction == Some(d) {
            true => Role::Request,
            false => Role::Response,
        }
    }
}

/// It seemed to be HTTP/2, and that was never certain.
fn tell_unfound(probe: &Probe, out: &mut Vec<Output>) {
    for missed in probe.missed().into_iter().flatten() {
        http2::tell_missed(missed, out);
    }
}

/// What has waited for what it is.
fn held(http: &mut Http1, requests: Direction) -> Vec<(Direction, Item)> {
    let mut held = Vec::new();
    for (role, direction) in [(Role::Request, requests), (Role::Response, requests.reverse())] {
        while let Some(item) = http.take_held(role) {
            held.push((direction, item));
        }
    }
    held
}

/// Tunnels within tunnels that are followed.
const TUNNELS: u8 = 8;
