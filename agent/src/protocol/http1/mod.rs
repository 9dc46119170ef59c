//! HTTP/1 on one connection: both directions and what joins them.
//!
//! In: bytes, holes and ends with their role (`protocol`). Out: exchanges, losses, `Next`.
//! Always: same exchanges however the bytes were cut; a response waits for its request at most
//! `Limits::reorder_ns` and `Limits::held_bytes`; nothing is paired on a guess.
//! Not here: whether it is HTTP (`probe`). Source: RFC 9112.
//!
//! `start` tells where a message begins, `half` follows one direction, `head` and `lenient` read heads, `framing` and `chunked` find a
//! body's end, `meter` counts, `pair` joins, `trust` says on what belief, `held` keeps what came too early; `request` and
//! `response` say what a step of a direction means.

pub mod chunked;
pub mod flight;
pub mod framing;
pub mod half;
pub mod head;
pub mod lenient;
mod missing;
pub mod pair;
mod request;
mod response;
pub mod start;
mod trust;

use earwitness_common::settings::Verdict;

use crate::model::loss::{Loss, Reason};
use crate::protocol::exchange::{Exchange, MessageEnd};
use crate::protocol::held::Held;
use crate::protocol::http1::flight::Offer;
use crate::protocol::http1::half::Half;
use crate::protocol::http1::missing::{Missing, Place, Stand};
use crate::protocol::http1::pair::Pair;
use crate::protocol::http1::start::Matcher;
use crate::protocol::http2::Http2;
use crate::protocol::input::{Input, Piece};
use crate::protocol::parser::{Around, Next, Parser, Protocol};
use crate::protocol::websocket::Session;
use crate::protocol::{Output, Role};

/// How it is told.
pub const PROTOCOL: Protocol = Protocol {
    request: || Box::new(Matcher::request()),
    response: || Box::new(Matcher::response()),
    is_told_late: true,
    parser: |lost| Box::new(Http1::new(lost)),
};

/// What follows on the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum After {
    /// More of HTTP/1.
    Http1,
    /// What is not ours to read.
    Unread,
    /// HTTP/2, which answers the request `upgraded`.
    Http2,
    /// WebSocket, after the handshake `upgraded`.
    WebSocket,
    /// It may be anything.
    Tunnel,
}

/// One connection.
pub struct Http1 {
    request: Half,
    response: Half,
    pair: Pair,
    held_request: Held,
    held_response: Held,
    after: After,
    /// The exchange that goes on: HTTP/2 answers its request, or it was WebSocket's handshake.
    upgraded: Option<Box<Exchange>>,
    /// Nothing is waited for any more.
    hurry: bool,
    /// The connection is over.
    closing: bool,
    /// Turns since the last head that began with something else, while lost.
    barren_turns: u8,
    /// Turns for which the kernel side should capture everything.
    crowded_turns: u8,
}

impl Http1 {
    /// A connection of which everything was seen, or `lost` says why not.
    pub fn new(lost: Option<Reason>) -> Self {
        let mut request = Half::new(Matcher::request);
        let mut response = Half::new(Matcher::response);
        let mut pair = Pair::default();
        if let Some(reason) = lost {
            request.lose(reason);
            response.lose(reason);
            pair = Pair::lost(reason);
        }
        Self {
            request,
            response,
            pair,
            held_request: Held::default(),
            held_response: Held::default(),
            after: After::Http1,
            upgraded: None,
            hurry: false,
            closing: false,
            barren_turns: 0,
            crowded_turns: 0,
        }
    }
}

impl Parser for Http1 {
    fn push(&mut self, role: Role, input: Input<'_>, around: &mut Around<'_>) {
        match self.held(role).is_empty() {
            true => self.run(role, input, around),
            false => self.hold(role, input),
        }
        self.drain(around);
        self.bound(around);
    }

    fn tick(&mut self, now_ns: u64, around: &mut Around<'_>) {
        self.pair.tick(now_ns, around);
        if self.held_response.waited_ns(now_ns) >= around.limits.reorder_ns {
            self.stop_waiting(around);
        }
    }

    fn awaits_tick(&self) -> bool {
        !self.held_response.is_empty() || self.pair.awaits_tick()
    }

    fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        let since_ns = self.pair.answered_since_ns();
        if since_ns.is_some_and(|since_ns| since_ns < before_ns) && self.response.in_body() {
            self.pair.open(out);
        }
    }

    fn close(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        self.closing = true;
        self.stop_waiting(around);
        self.end_request(how, around);
        self.end_response(how, around);
        self.report_skipped(Role::Request, around);
        self.report_skipped(Role::Response, around);
        let reason = (how == MessageEnd::Unfinished).then_some(Reason::AgentStop);
        self.pair.close(reason, around.out);
    }

    fn next(&mut self, around: &mut Around<'_>) -> Next {
        match (self.after, self.upgraded.take()) {
            (After::Http1, _) => Next::Stay,
            (After::Tunnel, _) => Next::Probe(self.take_held()),
            (After::WebSocket, Some(exchange)) => {
                let session = Session::open(exchange, 1, around);
                Next::Become(Box::new(session), self.take_held())
            }
            (After::Http2, Some(request)) => {
                let http2 = Http2::upgraded(request, around);
                Next::Become(Box::new(http2), self.take_held())
            }
            (After::Http2, None) => Next::Become(Box::<Http2>::default(), self.take_held()),
            (After::WebSocket, None) | (After::Unread, _) => Next::Ignore,
        }
    }

    fn wants(&self) -> Verdict {
        let large = self.request.is_large_chunked() || self.response.is_large_chunked();
        match large || self.crowded_turns > 0 {
            true => Verdict::Full,
            false => Verdict::Capture,
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.request.memory_bytes()
            + self.response.memory_bytes()
            + self.pair.memory_bytes()
            + self.held_request.memory_bytes()
            + self.held_response.memory_bytes()
    }
}

impl Http1 {
    // === waiting ===

    fn run(&mut self, role: Role, input: Input<'_>, around: &mut Around<'_>) {
        if self.after != After::Http1 {
            return self.held_mut(role).push(input);
        }
        match (role, input) {
            (Role::Request, Input::Bytes(span)) => self.request_bytes(span, around),
            (Role::Request, Input::Hole(hole)) => self.request_hole(hole, around),
            (Role::Request, Input::End(_)) => self.end_request(MessageEnd::Truncated, around),
            (Role::Response, Input::Bytes(span)) => self.response_bytes(span, around),
            (Role::Response, Input::Hole(hole)) => self.response_hole(hole, around),
            (Role::Response, Input::End(_)) => self.end_response(MessageEnd::Truncated, around),
        }
    }

    fn hold(&mut self, role: Role, mut input: Input<'_>) {
        if let (Role::Request, Input::Bytes(span)) = (role, &mut input) {
            span.turn_start = false;
        }
        self.held_mut(role).push(input);
    }

    /// Whether a direction may go on.
    fn is_open(&self, role: Role) -> bool {
        match role {
            Role::Request => !self.request.at_start() || !self.may_be_handed_over(),
            Role::Response => !self.response.at_start() || self.is_explained(),
        }
    }

    /// What follows the last request may not be HTTP: that is for the response to say.
    fn may_be_handed_over(&self) -> bool {
        match self.pair.offer() {
            Some(Offer::Tunnel) => true,
            Some(Offer::Upgrade) => !self.closing,
            None => false,
        }
    }

    /// A response may begin: its request has come, or will not come.
    fn is_explained(&self) -> bool {
        let waited = !self.held_response.is_empty();
        match self.pair.answers() {
            _ if self.hurry => true,
            // Its request was late already: the rest of it may be, too.
            Some(flight) => !waited || flight.request_over,
            None => self.pair.explains_strays(),
        }
    }

    fn drain(&mut self, around: &mut Around<'_>) {
        loop {
            let requests = self.drain_one(Role::Request, around);
            let responses = self.drain_one(Role::Response, around);
            if !requests && !responses {
                return;
            }
        }
    }

    fn drain_one(&mut self, role: Role, around: &mut Around<'_>) -> bool {
        let mut moved = false;
        while self.after == After::Http1
            && self.is_open(role)
            && let Some(piece) = self.held_mut(role).pop()
        {
            moved = true;
            self.run(role, piece.input(), around);
        }
        moved
    }

    fn stop_waiting(&mut self, around: &mut Around<'_>) {
        self.hurry = true;
        self.drain(around);
        self.hurry = false;
    }

    fn bound(&mut self, around: &mut Around<'_>) {
        if self.after != After::Http1 {
            return;
        }
        if self.held_response.memory_bytes() > around.limits.held_bytes {
            self.stop_waiting(around);
        }
        let held_bytes = self.held_request.memory_bytes();
        if held_bytes > around.limits.held_bytes {
            self.held_request = Held::default();
            let missing =
                Missing { reason: Reason::MemoryLimit, place: Place::Between, turn_start: false };
            self.lose_requests(missing, around);
            around.lose(Loss::hole(Reason::MemoryLimit, held_bytes as u64));
        }
    }

    // === shared by both directions ===

    /// Where the direction of the responses stands.
    fn stand(&self) -> Stand {
        match (self.response.at_start(), self.response.lost()) {
            (_, Some(_)) => Stand::Lost,
            (true, None) => Stand::Between,
            (false, None) => Stand::Within,
        }
    }

    /// A head was understood: the direction is in step.
    fn found(&mut self, role: Role, around: &mut Around<'_>) {
        self.barren_turns = 0;
        self.report_skipped(role, around);
    }

    /// A turn did not begin with a message although nothing else is known to be under way.
    fn barren(&mut self, around: &mut Around<'_>) {
        self.barren_turns += 1;
        if self.barren_turns >= BARREN_TURNS {
            self.after = After::Unread;
            self.close(MessageEnd::Unknown, around);
        }
    }

    fn report_skipped(&mut self, role: Role, around: &mut Around<'_>) {
        let skipped = self.half_mut(role).take_skipped();
        if let Some((reason, bytes)) = skipped.filter(|&(reason, _)| reason != Reason::BeforeAttach)
        {
            around.lose(Loss::hole(reason, bytes));
        }
    }

    /// The input that belongs to what comes after HTTP/1.
    fn take_held(&mut self) -> Vec<(Role, Piece)> {
        let mut held = Vec::new();
        for role in [Role::Request, Role::Response] {
            while let Some(piece) = self.held_mut(role).pop() {
                held.push((role, piece));
            }
        }
        held
    }

    fn half_mut(&mut self, role: Role) -> &mut Half {
        match role {
            Role::Request => &mut self.request,
            Role::Response => &mut self.response,
        }
    }

    fn held(&self, role: Role) -> &Held {
        match role {
            Role::Request => &self.held_request,
            Role::Response => &self.held_response,
        }
    }

    fn held_mut(&mut self, role: Role) -> &mut Held {
        match role {
            Role::Request => &mut self.held_request,
            Role::Response => &mut self.held_response,
        }
    }
}

/// Turns without a message after which a connection that was HTTP is given up.
pub const BARREN_TURNS: u8 = 16;
