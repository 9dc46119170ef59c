//! One end of a connection, as the tracker follows it.
//!
//! In: samples of that end. Out: what its parser gives, as events with their origin.
//! Always: positions decide what is missing; a hole is told before what follows it.
//! Not here: which end tells an exchange, tables, memory (`tracker`).

use std::sync::Arc;

use earwitness_common::settings::Verdict;

use super::event::Event;
use super::{Names, origin};
use crate::conn::stream::Stream;
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::origin::{Attribution, Origin, Process, Side};
use crate::model::proxied::Proxied;
use crate::model::sample::{ConnId, Data, Direction, Endpoints, Open, Role};
use crate::model::tls::Facts;
use crate::protocol::Output;
use crate::protocol::connection::Connection;
use crate::protocol::exchange::Exchange;
use crate::protocol::input::{Hole, Input, Span};

/// One end of a connection.
pub(super) struct Followed {
    /// What the kernel side told when it was announced.
    pub(super) open: Box<Open>,
    ingress: Stream,
    egress: Stream,
    /// What it speaks.
    pub(super) parser: Connection,
    /// What is done with its samples.
    pub(super) mode: Mode,
    /// What the kernel side was told last.
    pub(super) told: Verdict,
    /// The other end, if it is on this host too.
    pub(super) other: Option<ConnId>,
    /// The process that uses this end now.
    pub(super) own: Option<Arc<Process>>,
    /// The process that uses the other end.
    pub(super) peer: Option<Arc<Process>>,
    /// When its last sample was made, or it was last seen to exist.
    pub(super) last_ns: u64,
    /// What the parser held when it was last accounted for.
    pub(super) held_bytes: usize,
    /// Some of its bytes have been seen.
    pub(super) has_data: bool,
    /// The other end is in `Mode::Shadow` because of this one.
    pub(super) is_shadowed: bool,
    /// TLS streams that this carries.
    pub(super) above: Vec<ConnId>,
    /// The other end is known to carry TLS too, and whether somebody reads that.
    pub(super) other_tls: Option<OtherTls>,
    /// What comes while the socket of a TLS stream is not known, `None` once it has been waited for.
    pub(super) held: Option<Vec<Held>>,
    /// How much of it there is.
    held_data_bytes: usize,
}

/// A piece that waits until it is known whose it is.
pub(super) struct Held {
    data: Data<'static>,
    bytes: Vec<u8>,
}

impl Held {
    /// The piece as it came.
    pub(super) fn data(&self) -> Data<'_> {
        Data { bytes: &self.bytes, ..self.data }
    }
}

/// What is known of the other end of a connection that carries TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OtherTls {
    /// Its plaintext is read there.
    Read,
    /// It is not (yet).
    Unread,
}

/// What is done with a connection's samples.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// Parsed.
    Followed,
    /// The other end is parsed.
    Shadow,
    /// Nothing that we parse.
    Ignored,
}

impl Followed {
    pub(super) fn new(open: Box<Open>, own: Option<Arc<Process>>) -> Self {
        Self {
            parser: Connection::new(open.fresh),
            ingress: Stream::default(),
            egress: Stream::default(),
            mode: Mode::Followed,
            told: Verdict::Undecided,
            other: None,
            own,
            peer: None,
            last_ns: open.time_ns,
            held_bytes: 0,
            has_data: false,
            is_shadowed: false,
            above: Vec::new(),
            other_tls: None,
            held: matches!(open.endpoints, Endpoints::Unknown).then(Vec::new),
            held_data_bytes: 0,
            open,
        }
    }

    /// The socket of this TLS stream is not known (yet).
    pub(super) fn is_unplaced(&self) -> bool {
        matches!(self.open.endpoints, Endpoints::Unknown)
    }

    /// Keeps a piece until it is known whose it is. Returns whether it was kept.
    pub(super) fn hold(&mut self, data: &Data<'_>) -> bool {
        let Some(held) = &mut self.held else {
            return false;
        };
        if self.held_data_bytes + data.bytes.len() > MOST_HELD_BYTES || held.len() >= MOST_HELD {
            return false;
        }
        self.held_data_bytes += data.bytes.len();
        held.push(Held { data: Data { bytes: &[], ..*data }, bytes: data.bytes.to_vec() });
        true
    }

    /// Nothing is kept any more. Gives back what was.
    pub(super) fn release(&mut self) -> Vec<Held> {
        self.held_data_bytes = 0;
        self.held.take().unwrap_or_default()
    }

    /// Memory held on the heap, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.parser.memory_bytes() + self.held_data_bytes
    }

    /// What carries this TLS stream.
    pub(super) fn below(&self) -> Option<ConnId> {
        self.open.tls.as_ref()?.below
    }

    /// This TLS stream was tied to its socket by a call.
    pub(super) fn is_nested(&self) -> bool {
        self.open.tls.as_ref().is_some_and(|tls| tls.attribution == Attribution::Syscall)
    }

    /// What others may know of this end as one that carries TLS.
    pub(super) fn as_other_tls(&self) -> Option<OtherTls> {
        self.parser.tls().map(|ciphertext| match ciphertext.is_carried() {
            true => OtherTls::Read,
            false => OtherTls::Unread,
        })
    }

    /// What the handshake has shown, of a connection that carries TLS.
    pub(super) fn facts(&self) -> Option<Arc<Facts>> {
        self.parser.tls().map(|ciphertext| Arc::clone(ciphertext.facts()))
    }

    /// What a proxy has said before everything else.
    pub(super) fn proxied(&self) -> Option<Arc<Proxied>> {
        self.parser.proxied().cloned()
    }

    pub(super) fn is_unix(&self) -> bool {
        matches!(self.open.endpoints, Endpoints::Unix { .. })
    }

    /// Which end this is, as soon as that is known: from who made the connection, or from which
    /// way requests flow.
    pub(super) fn side(&self) -> Option<Side> {
        match (self.parser.request_direction().or_else(|| self.client_direction()), self.open.role)
        {
            (Some(Direction::Ingress), _) | (None, Role::Accepted) => Some(Side::Server),
            (Some(Direction::Egress), _) | (None, Role::Connected) => Some(Side::Client),
            (None, Role::Unknown) => None,
        }
    }

    /// Which end this is, by what has waited to be looked at.
    pub(super) fn side_by(&self, held: &[Held], limits: &Limits) -> Option<Side> {
        let (mut parser, mut outputs) = (Connection::new(self.open.fresh), Vec::new());
        for held in held {
            let data = held.data();
            parser.push(
                data.direction,
                Input::Bytes(span(&data, data.bytes)),
                limits,
                &mut outputs,
            );
            if let Some(requests) = parser.request_direction() {
                return Some(match requests {
                    Direction::Ingress => Side::Server,
                    Direction::Egress => Side::Client,
                });
            }
        }
        self.side()
    }

    /// From where the ClientHello came: the end that asks for TLS is the one that asks.
    fn client_direction(&self) -> Option<Direction> {
        self.parser.tls()?.facts().client_direction
    }

    /// Notes who uses this end now. Returns the process if it is another than before.
    pub(super) fn owner(&mut self, data: &Data<'_>, names: &dyn Names) -> Option<Arc<Process>> {
        if self.own.as_ref().is_some_and(|own| own.pid == data.tgid) || data.tgid == 0 {
            return None;
        }
        let own = names.process(data.tgid, data.uid);
        self.own = Some(Arc::clone(&own));
        Some(own)
    }

    /// What the kernel side should do.
    pub(super) fn wanted(&self) -> Verdict {
        self.parser.wants()
    }

    /// Whether the tables or the kernel side have to be told of something.
    pub(super) fn has_changed(&self) -> bool {
        self.wanted() != self.told
            || self.memory_bytes() != self.held_bytes
            || self.parser.awaits_tick()
            || self.other.is_some() && !self.is_shadowed
    }

    fn stream(&mut self, direction: Direction) -> &mut Stream {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    pub(super) fn feed(&mut self, data: &Data<'_>, limits: &Limits, outputs: &mut Vec<Output>) {
        self.has_data = true;
        let fit = self.stream(data.direction).advance(data.pos_bytes, data.len_bytes);
        let hole = |bytes, reason, turn_start| {
            Input::Hole(Hole { time_ns: data.time_ns, bytes, reason, turn_start })
        };
        let before = hole(fit.missing_bytes, Reason::RingFull, false);
        self.parser.push(data.direction, before, limits, outputs);
        let known = usize::try_from(fit.known_bytes).unwrap_or(usize::MAX);
        let bytes = data.bytes.get(known..).unwrap_or_default();
        self.parser.push(data.direction, Input::Bytes(span(data, bytes)), limits, outputs);
        let told = fit.known_bytes.max(data.bytes.len() as u64);
        if data.len_bytes > told {
            let reason = data.reason.unwrap_or(Reason::BadSample);
            let turn_start = data.turn_start && bytes.is_empty();
            let behind = hole(data.len_bytes - told, reason, turn_start);
            self.parser.push(data.direction, behind, limits, outputs);
        }
    }

    /// A direction is over: what no sample told was lost.
    pub(super) fn missing(
        &mut self,
        direction: Direction,
        time_ns: u64,
        total_bytes: u64,
        limits: &Limits,
        outputs: &mut Vec<Output>,
    ) {
        let bytes = self.stream(direction).finish(total_bytes);
        let hole = Hole { time_ns, bytes, reason: Reason::RingFull, turn_start: false };
        self.parser.push(direction, Input::Hole(hole), limits, outputs);
    }

    /// `carrier`: the socket that this stream of plaintext came from.
    pub(super) fn event(&self, output: Output, carrier: Option<&Self>, names: &dyn Names) -> Event {
        let facts = carrier.and_then(Self::facts);
        let mut event = self.event_in(output, facts, names);
        if let Event::Exchange(_, _, origin) | Event::Message(_, _, origin) = &mut event {
            origin.proxied = carrier.unwrap_or(self).proxied();
        }
        event
    }

    fn event_in(&self, output: Output, facts: Option<Arc<Facts>>, names: &dyn Names) -> Event {
        match output {
            Output::Exchange(exchange) => {
                let side = self.side().unwrap_or(Side::Server);
                let own = self.actor(&exchange, names);
                let origin = self.origin(side, own, facts);
                Event::Exchange(exchange, self.open.conn, origin)
            }
            Output::Message(message) => {
                let side = self.side().unwrap_or(Side::Server);
                let origin = self.origin(side, self.own.clone(), facts);
                Event::Message(message, self.open.conn, origin)
            }
            Output::Loss(loss) => {
                let side = self.side().unwrap_or(Side::Server);
                let origin = self.origin(side, self.own.clone(), facts.or_else(|| self.facts()));
                Event::Loss(loss, Some(Box::new(origin)))
            }
        }
    }

    /// The process that moved the exchange's request here, or else its response.
    fn actor(&self, exchange: &Exchange, names: &dyn Names) -> Option<Arc<Process>> {
        let request = exchange.request.as_ref().map(|message| (message.tgid, message.uid));
        let response = exchange.response.as_ref().map(|message| (message.tgid, message.uid));
        let (tgid, uid) = request.or(response).filter(|(tgid, _)| *tgid != 0)?;
        match &self.own {
            Some(own) if own.pid == tgid => Some(Arc::clone(own)),
            _ => Some(names.process(tgid, uid)),
        }
    }

    pub(super) fn origin(
        &self,
        side: Side,
        own: Option<Arc<Process>>,
        facts: Option<Arc<Facts>>,
    ) -> Origin {
        origin::of(&self.open, side, own, self.peer.clone(), facts)
    }
}

/// The part of a piece that is new.
fn span<'b>(data: &Data<'_>, rest: &'b [u8]) -> Span<'b> {
    Span {
        rest,
        time_ns: data.time_ns,
        call_start: data.call_start,
        turn_start: data.turn_start,
        tgid: data.tgid,
        uid: data.uid,
    }
}

/// Most that waits for a socket: bytes, and pieces.
const MOST_HELD_BYTES: usize = 8 << 20;
const MOST_HELD: usize = 1_024;
