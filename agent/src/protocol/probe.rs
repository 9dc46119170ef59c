//! What a connection speaks, while that is not known.
//!
//! In: its first bytes, holes and ends. Out: `Found`; the bytes are given back to be parsed.
//! Always: at most `Limits::head_bytes` a direction, and what a search for frames keeps; a connection of
//! which the beginning was not seen is looked at only where a turn begins, and is given up after `TURNS` of
//! them, unless it looks like HTTP/2, which takes longer to be told (`http2::search`).
//! Not here: the grammars (each protocol's), what comes of it (`connection`).

use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::model::sample::Direction;
use crate::protocol::detect::{Front, Grammar, Match};
use crate::protocol::http2;
use crate::protocol::http2::scout::Scout;
use crate::protocol::http2::search::Search;
use crate::protocol::input::{Input, Span};
use crate::protocol::parser::{Around, Protocol};
use crate::protocol::{PROTOCOLS, Role, tls};

/// What a connection was found to speak.
#[derive(Clone, Copy)]
pub enum Found {
    /// Cannot be told yet; the input was kept or is of no use.
    Nothing,
    /// That, requests going that way; the last input is still to be parsed.
    Protocol(&'static Protocol, Direction),
    /// HTTP/2 whose beginning was not seen (`take_search`), requests going that way.
    Joined(Direction),
    /// TLS; the last input is still to be followed.
    Tls,
    /// Something that we do not read.
    Other,
}

/// A connection that is not known yet.
pub struct Probe {
    /// Why the beginning was not seen, if it was not.
    lost: Option<Reason>,
    ingress: Side,
    egress: Side,
    turns: u16,
    /// Turns that did not count, since it looked like HTTP/2.
    hopeful_turns: u16,
    /// The search for HTTP/2, where the beginning was not seen.
    search: Option<Box<Search>>,
    /// Holes so far.
    missing: Option<(Reason, u64)>,
}

/// One direction.
#[derive(Default)]
pub struct Side {
    kept: Option<Box<Kept>>,
    /// When it ended.
    pub ended_ns: Option<u64>,
}

/// Bytes that may begin a message.
struct Kept {
    span: Span<'static>,
    bytes: Vec<u8>,
    /// What it may yet turn out to be.
    candidates: Vec<Candidate>,
    tls: Front,
}

/// A message that may begin here.
struct Candidate {
    protocol: &'static Protocol,
    role: Role,
    grammar: Box<dyn Grammar>,
}

impl Probe {
    /// A connection seen from its first byte on, or not.
    pub fn new(fresh: bool) -> Self {
        Self {
            lost: (!fresh).then_some(Reason::BeforeAttach),
            ingress: Side::default(),
            egress: Side::default(),
            turns: 0,
            hopeful_turns: 0,
            search: None,
            missing: None,
        }
    }

    /// Takes the next input of a direction.
    pub fn push(&mut self, direction: Direction, input: &Input<'_>, limits: &Limits) -> Found {
        match input {
            Input::Bytes(span) => self.bytes(direction, span, limits),
            Input::Hole(hole) => {
                self.lose(direction, hole.reason, hole.bytes);
                if let Some(search) = &mut self.search {
                    search.hole(direction);
                }
                self.count_turn(hole.turn_start)
            }
            Input::End(time_ns) => {
                self.side(direction).ended_ns = Some(*time_ns);
                Found::Nothing
            }
        }
    }

    /// Why the beginning was not seen, if it was not.
    pub fn lost(&self) -> Option<Reason> {
        self.lost
    }

    /// Tells the holes so far.
    pub fn tell_missing(&self, around: &mut Around<'_>) {
        if let Some((reason, bytes)) = self.missing {
            around.lose(Loss::hole(reason, bytes));
        }
    }

    /// One direction.
    pub fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    /// Whether `tick` may have something to decide.
    pub fn awaits_tick(&self) -> bool {
        self.requests().is_some()
    }

    /// Time has passed. Where requests come from, if that makes it HTTP/2.
    pub fn tick(&self, now_ns: u64) -> Option<Direction> {
        let search = self.search.as_ref()?;
        let last_ns = search.last_ns();
        search.found(|scout| scout.is_far() || scout.is_proven(now_ns, last_ns))
    }

    /// Nothing more will come. Where requests come from, if it was HTTP/2.
    pub fn end(&self) -> Option<Direction> {
        self.search.as_ref()?.found(|scout| scout.is_far() || scout.may_be_proven())
    }

    /// Where requests come from, if it is going to be HTTP/2.
    pub fn requests(&self) -> Option<Direction> {
        self.search.as_ref()?.requests()
    }

    /// It is not going to be known: tells what is lost by that, if it seemed to be HTTP/2.
    pub fn tell_unfound(&self, around: &mut Around<'_>) {
        let missed = self.search.as_ref().and_then(|search| search.missed());
        for missed in missed.into_iter().flatten() {
            http2::tell_missed(missed, around);
        }
    }

    /// The search for HTTP/2.
    pub fn take_search(&mut self) -> Option<Box<Search>> {
        self.search.take()
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let kept = |side: &Side| {
            side.kept.as_ref().map_or(0, |kept| size_of::<Kept>() + kept.bytes.capacity())
        };
        let search = self.search.as_ref().map_or(0, |search| search.memory_bytes());
        kept(&self.ingress) + kept(&self.egress) + search
    }

    fn bytes(&mut self, direction: Direction, span: &Span<'_>, limits: &Limits) -> Found {
        if let Some(reason) = self.lost {
            let search = self.search.get_or_insert_with(|| Box::new(Search::new(reason)));
            search.bytes(direction, *span, limits);
            if let Some(requests) = search.found(Scout::is_far) {
                return Found::Joined(requests);
            }
            let is_followed = search.frames(direction) >= FOLLOWED_FRAMES;
            let given_up = self.count_turn(span.turn_start);
            if is_followed || matches!(given_up, Found::Other) {
                return given_up;
            }
            if span.turn_start {
                self.ingress.kept = None;
                self.egress.kept = None;
            } else if self.side(direction).kept.is_none() {
                return Found::Nothing;
            }
        }
        let late = self.lost.is_some();
        let side = self.side(direction);
        let kept = side.kept.get_or_insert_with(|| Box::new(Kept::new(span, late)));
        let room = limits.head_bytes.saturating_sub(kept.bytes.len());
        match kept.look(direction, span.rest) {
            Found::Other if late => {
                side.kept = None;
                Found::Nothing
            }
            Found::Nothing if span.rest.len() > room => {
                // Perhaps a request line longer than any head: the response will tell.
                let bytes = kept.bytes.len() + span.rest.len();
                self.lose(direction, Reason::Unparsed, bytes as u64);
                Found::Nothing
            }
            Found::Nothing => {
                kept.bytes.extend_from_slice(span.rest);
                Found::Nothing
            }
            found => found,
        }
    }

    /// Bytes were lost: from now on only turns can tell.
    fn lose(&mut self, direction: Direction, reason: Reason, bytes: u64) {
        self.lost.get_or_insert(reason);
        let (_, missing_bytes) = self.missing.get_or_insert((reason, 0));
        *missing_bytes = missing_bytes.saturating_add(bytes);
        self.side(direction).kept = None;
    }

    fn count_turn(&mut self, turn_start: bool) -> Found {
        let directions = [Direction::Ingress, Direction::Egress].into_iter();
        let frames = |search: &Search| directions.map(|d| search.frames(d)).max();
        match self.search.as_deref().and_then(frames).unwrap_or(0) {
            CERTAIN_FRAMES.. => {}
            HOPEFUL_FRAMES.. => self.hopeful_turns += u16::from(turn_start),
            _ => self.turns += u16::from(turn_start),
        }
        match self.turns > TURNS || self.hopeful_turns > HOPEFUL_TURNS {
            true => Found::Other,
            false => Found::Nothing,
        }
    }
}

impl Side {
    /// Gives back what was kept, as it came.
    pub fn take(&mut self) -> Option<(Span<'static>, Vec<u8>)> {
        let kept = self.kept.take()?;
        (!kept.bytes.is_empty()).then_some((kept.span, kept.bytes))
    }
}

impl Kept {
    /// `late`: what came before was not seen.
    fn new(span: &Span<'_>, late: bool) -> Self {
        let known = PROTOCOLS.iter().filter(|protocol| !late || protocol.is_told_late);
        let candidates = known.flat_map(|protocol| {
            [(Role::Request, protocol.request), (Role::Response, protocol.response)]
                .map(|(role, grammar)| Candidate { protocol, role, grammar: grammar() })
        });
        Self {
            span: span.with(&[]),
            bytes: Vec::new(),
            candidates: candidates.collect(),
            // It begins with a handshake; under way, any record may come.
            tls: Front::new(if late { tls::starts_record } else { tls::starts }),
        }
    }

    /// Looks at the bytes that follow the kept ones.
    fn look(&mut self, direction: Direction, bytes: &[u8]) -> Found {
        let mut left = Vec::new();
        for mut candidate in std::mem::take(&mut self.candidates) {
            match candidate.grammar.feed(bytes) {
                Match::Yes => {
                    let requests = match candidate.role {
                        Role::Request => direction,
                        Role::Response => direction.reverse(),
                    };
                    return Found::Protocol(candidate.protocol, requests);
                }
                Match::Maybe => left.push(candidate),
                Match::No => {}
            }
        }
        self.candidates = left;
        match self.tls.feed(bytes) {
            Match::Yes => Found::Tls,
            Match::No if self.candidates.is_empty() => Found::Other,
            _ => Found::Nothing,
        }
    }
}

/// Turns after which a connection that was not seen from its beginning is given up.
const TURNS: u16 = 16;
/// The same, while a few frames seem to have come; of other protocols they are chance.
const HOPEFUL_TURNS: u16 = 1_024;
/// Frames in a row that seem to be some, and that are more than chance.
const HOPEFUL_FRAMES: u32 = 2;
const CERTAIN_FRAMES: u32 = 32;
/// Frames in a row after which a turn that looks like the beginning of something else is none.
const FOLLOWED_FRAMES: u32 = 3;
