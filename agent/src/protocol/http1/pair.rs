//! Which response belongs to which request.
//!
//! In: heads and ends of both directions (`http1`), and word of what was lost. Out: `Exchange`s.
//! Always: a pair is given only if the count of requests and responses is known to agree; after a
//! loss both come out alone until a request begins a turn while nothing is outstanding, and the
//! pairs after that wait until the next turn, or time, has not contradicted them (`doubts`).
//! Not here: bytes (`half`).

use std::collections::VecDeque;

use crate::model::loss::Reason;
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{Exchange, Message, MessageEnd, Part, RequestHead, ResponseHead};
use crate::protocol::http1::flight::{Flight, Offer, alone, split, weight};
use crate::protocol::http1::framing::Method;
use crate::protocol::http1::half::Ended;
use crate::protocol::http1::missing::{Missing, Place, Stand};
use crate::protocol::http1::trust::Trust;
use crate::protocol::parser::Around;
use crate::protocol::{Output, stream_message};

/// Requests that wait for their responses.
///
/// ```text
/// in step --loss--> fog --request begins a turn, nothing outstanding--> doubts
///    ^                ^-- requests and responses do not take turns -------|
///    '-------------------- they did for some turns, or time ---------------'
/// ```
#[derive(Default)]
pub struct Pair {
    flights: VecDeque<Flight>,
    /// The response under way whose request is not known.
    orphan: Option<Box<Exchange>>,
    /// Requests and responses may have been lost since the flights began.
    fog: Option<Reason>,
    /// What was paired since the last fog, while it may yet prove wrong.
    doubts: Option<Doubts>,
    trust: Trust,
    /// The last response was an interim one.
    interim_last: bool,
    /// No response can come any more.
    ended: bool,
    last_ns: u64,
    held_bytes: usize,
    /// Exchanges that have been told, or begun to be.
    told: u64,
}

/// Pairs that rest on the belief that requests wait for responses. A client that always has two
/// requests under way would shift them all by one, so they wait for proof.
struct Doubts {
    /// What was lost before.
    reason: Reason,
    /// Turns until they are believed.
    turns: u8,
    #[expect(clippy::vec_box, reason = "the boxes go out as they are")]
    pairs: Vec<Box<Exchange>>,
}

impl Pair {
    /// Starts after a loss: what came before is not known.
    pub fn lost(reason: Reason) -> Self {
        Self { fog: Some(reason), ..Self::default() }
    }

    // === requests ===

    /// The head of a request.
    pub fn request(
        &mut self,
        request: Message<RequestHead>,
        notes: Vec<Anomaly>,
        at_turn: bool,
        stand: Stand,
        around: &mut Around<'_>,
    ) {
        let mut stray = self.admit(&request, at_turn, stand, around.out);
        let mut flight = Flight::new(request, notes);
        if stray.is_none() && self.flights.len() >= around.limits.pipelined {
            flight.exchange.anomalies.push(Anomaly::TooManyPipelined);
            self.fog = Some(Reason::MemoryLimit);
            stray = self.fog;
        }
        if let Some(reason) = stray {
            flight.stray(reason);
        }
        self.held_bytes += weight(&flight.exchange);
        self.flights.push_back(flight);
    }

    /// The request that came last is over.
    pub fn request_over(&mut self, ended: Ended, out: &mut Vec<Output>) {
        if let Some(flight) = self.flights.back_mut().filter(|flight| !flight.request_over) {
            flight.request_over = true;
            let Exchange { request, anomalies, .. } = &mut *flight.exchange;
            let last_ns = close(request, anomalies, ended, Anomaly::RequestTruncated);
            self.last_ns = self.last_ns.max(last_ns);
        }
        self.settle(out);
    }

    /// Requests may have been lost after the ones that are known.
    pub fn request_lost(&mut self, missing: Missing, out: &mut Vec<Output>) {
        let outstanding = self.outstanding();
        if missing.place == Place::Between && outstanding {
            self.trust.crowd();
            if missing.turn_start {
                self.trust.suspect_overlap();
            }
        }
        match outstanding {
            false if missing.turn_start => self.clean_turn(out),
            true if missing.place != Place::Body && !self.trust.is_proven() => self.refute(out),
            _ => {}
        }
        self.fog.get_or_insert(missing.reason);
    }

    /// The anomaly concerns the request that came last, if its exchange is still open.
    pub fn note_last(&mut self, anomaly: Anomaly) {
        if let Some(flight) = self.flights.back_mut() {
            note(&mut flight.exchange.anomalies, anomaly);
        }
    }

    /// The anomaly concerns the request that waits for the next response.
    pub fn note_waiting(&mut self, anomaly: Anomaly) {
        let waiting = self.flights.iter_mut().find(|flight| flight.expects_response());
        if let Some(flight) = waiting {
            note(&mut flight.exchange.anomalies, anomaly);
        }
    }

    /// The last request offers to hand the connection over and has no answer yet: what follows
    /// it may not be HTTP.
    pub fn offer(&self) -> Option<Offer> {
        let last = self.flights.back()?;
        last.offer.filter(|_| last.expects_response())
    }

    // === responses ===

    /// What the next response answers; `None`: no request that is known.
    pub fn answers(&self) -> Option<&Flight> {
        self.flights.front().filter(|flight| flight.expects_response())
    }

    /// A response that no known request explains can only be one to a request that was lost.
    pub fn explains_strays(&self) -> bool {
        self.fog.is_some() || self.doubts.is_some()
    }

    /// Method of the request that the next response answers.
    pub fn method(&self) -> Method {
        self.answers().map_or(Method::Unknown, |flight| flight.method)
    }

    /// The response under way belongs to no known request.
    pub fn has_orphan(&self) -> bool {
        self.orphan.is_some()
    }

    /// An interim response.
    pub fn interim(&mut self, status: u16) {
        self.interim_last = true;
        let expecting = |flight: &&mut Flight| flight.expects_response();
        if let Some(flight) = self.flights.front_mut().filter(expecting) {
            let codes = &mut flight.exchange.interim;
            if codes.len() < INTERIM {
                codes.push(status);
            }
        }
    }

    /// The head of a final response.
    pub fn response(
        &mut self,
        response: Message<ResponseHead>,
        notes: Vec<Anomaly>,
        out: &mut Vec<Output>,
    ) {
        self.interim_last = false;
        if self.answers().is_none() {
            self.contradict(out);
            let reason = *self.fog.get_or_insert(Reason::Unparsed);
            let exchange = alone(response, notes, reason);
            self.held_bytes += weight(&exchange);
            self.orphan = Some(exchange);
            return;
        }
        self.trust.answer();
        if let Some(flight) = self.flights.front_mut() {
            let before = weight(&flight.exchange);
            flight.answer(response, notes);
            self.held_bytes += weight(&flight.exchange) - before;
        }
    }

    /// The response under way is over.
    pub fn response_over(&mut self, ended: Ended, out: &mut Vec<Output>) {
        let mut orphan = self.orphan.take();
        let exchange = match (&mut orphan, self.flights.front_mut()) {
            (Some(exchange), _) => exchange,
            (None, Some(flight)) => {
                flight.response_over = true;
                &mut flight.exchange
            }
            (None, None) => return,
        };
        let Exchange { response, anomalies, .. } = &mut **exchange;
        let last_ns = close(response, anomalies, ended, Anomaly::ResponseTruncated);
        self.last_ns = self.last_ns.max(last_ns);
        match orphan {
            Some(exchange) => self.emit(exchange, out),
            None => self.settle(out),
        }
    }

    /// Responses may have been lost: the requests that wait come out without.
    pub fn response_lost(&mut self, missing: Missing, out: &mut Vec<Output>) {
        let waiting = self.flights.iter().filter(|flight| flight.expects_response());
        if waiting.count() > 1 {
            self.trust.crowd();
        }
        self.trust.lose_answer();
        if missing.place != Place::Body {
            self.refute(out);
        }
        self.strand(missing.reason);
        self.fog.get_or_insert(missing.reason);
        self.settle(out);
    }

    /// No response can come any more.
    pub fn response_end(&mut self, out: &mut Vec<Output>) {
        self.ended = true;
        self.settle(out);
    }

    // === time and end ===

    /// Whether `tick` has something to decide.
    pub fn awaits_tick(&self) -> bool {
        self.doubts.is_some() && self.flights.is_empty()
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ns: u64, around: &mut Around<'_>) {
        let since_ns = now_ns.saturating_sub(self.last_ns);
        if self.awaits_tick() && since_ns >= around.limits.reorder_ns {
            self.confirm(around.out);
        }
    }

    /// Everything comes out as it is. `reason`: why responses may be missing.
    pub fn close(&mut self, reason: Option<Reason>, out: &mut Vec<Output>) {
        match self.outstanding() {
            true => self.refute(out),
            false => self.confirm(out),
        }
        for mut flight in std::mem::take(&mut self.flights) {
            if flight.exchange.response.is_none() && flight.exchange.lost_response.is_none() {
                flight.exchange.lost_response = reason;
            }
            self.emit(flight.exchange, out);
        }
        if let Some(orphan) = self.orphan.take() {
            self.emit(orphan, out);
        }
    }

    /// The exchange whose response is under way goes on for long: its heads are told now.
    pub fn open(&mut self, out: &mut Vec<Output>) {
        if self.doubts.is_some() {
            return;
        }
        let answered = |flight: &&mut Flight| flight.expects_response();
        let Some(flight) = self.flights.iter_mut().find(answered) else { return };
        if flight.exchange.response.is_some() && flight.exchange.part == Part::Whole {
            self.told = self.told.wrapping_add(1);
            out.push(flight.exchange.open(self.told));
        }
    }

    /// The number of the exchange whose response is under way, if its heads have been told.
    pub fn opened(&self) -> Option<u64> {
        match self.answers()?.exchange.part {
            Part::Close(number) => Some(number),
            _ => None,
        }
    }

    /// When the exchange began whose response is under way.
    pub fn answered_since_ns(&self) -> Option<u64> {
        let exchange = &self.answers()?.exchange;
        exchange.response.as_ref().map(|response| response.first_ns)
    }

    /// The request that is answered elsewhere.
    pub fn take_first(&mut self) -> Option<Box<Exchange>> {
        let exchange = self.flights.pop_front()?.exchange;
        self.held_bytes = self.held_bytes.saturating_sub(weight(&exchange));
        Some(exchange)
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.held_bytes + self.flights.capacity() * size_of::<Flight>()
    }

    /// A request waits whose response is not over.
    pub fn outstanding(&self) -> bool {
        self.answers().is_some()
    }

    // === the rules ===

    /// Whether the request can be paired: `Some` says why it cannot.
    fn admit(
        &mut self,
        request: &Message<RequestHead>,
        at_turn: bool,
        stand: Stand,
        out: &mut Vec<Output>,
    ) -> Option<Reason> {
        let quiet_ns = request.first_ns.saturating_sub(self.last_ns);
        let outstanding = self.outstanding();
        self.last_ns = self.last_ns.max(request.first_ns);
        if !at_turn {
            if outstanding {
                self.trust.crowd();
                if !self.trust.is_proven() {
                    self.contradict(out);
                }
            }
            return self.fog;
        }
        match outstanding {
            true => self.contradict(out),
            false if stand != Stand::Within => self.clean_turn(out),
            false => {}
        }
        if self.fog.is_none() && self.doubts.is_none() {
            self.trust.turn(outstanding);
        }
        let reason = self.fog?;
        let orderly = self.trust.turn_in_fog();
        let in_step = !self.outstanding() && stand != Stand::Within && !self.interim_last;
        if !in_step || !(orderly || quiet_ns >= QUIET_NS) {
            return Some(reason);
        }
        self.fog = None;
        let turns = self.trust.proof_turns();
        self.doubts.get_or_insert_with(|| Doubts { reason, turns, pairs: Vec::new() });
        None
    }

    /// A turn begins with a request while nothing is outstanding.
    fn clean_turn(&mut self, out: &mut Vec<Output>) {
        if let Some(doubts) = &mut self.doubts {
            doubts.turns = doubts.turns.saturating_sub(1);
            if doubts.turns == 0 {
                self.trust.prove();
                self.confirm(out);
            }
        }
    }

    /// The pairs made since the fog stand.
    fn confirm(&mut self, out: &mut Vec<Output>) {
        let doubts = self.doubts.take();
        for exchange in doubts.into_iter().flat_map(|doubts| doubts.pairs) {
            self.emit(exchange, out);
        }
    }

    /// Something came that cannot be if the pairs made since the fog are right.
    fn contradict(&mut self, out: &mut Vec<Output>) {
        if self.doubts.is_some() {
            self.trust.contradict();
            self.refute(out);
        }
    }

    /// The pairs made since the fog cannot stand: request and response come out alone.
    fn refute(&mut self, out: &mut Vec<Output>) {
        let Some(Doubts { reason, pairs, .. }) = self.doubts.take() else {
            return;
        };
        for exchange in pairs {
            let (request, response) = split(exchange, reason);
            self.emit(request, out);
            if let Some(response) = response {
                self.emit(response, out);
            }
        }
        self.strand(reason);
        self.fog.get_or_insert(reason);
        self.settle(out);
    }

    /// No response will be given to the requests that wait; one under way goes on alone.
    fn strand(&mut self, reason: Reason) {
        let waiting = std::mem::take(&mut self.flights);
        for mut flight in waiting {
            if flight.expects_response() {
                let (request, response) = split(flight.exchange, reason);
                flight.exchange = request;
                flight.stray(reason);
                self.orphan = response.or(self.orphan.take());
            }
            self.flights.push_back(flight);
        }
    }

    /// Gives out what is over.
    fn settle(&mut self, out: &mut Vec<Output>) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.is_over(self.ended)) {
            match &mut self.doubts {
                Some(doubts) if doubts.pairs.len() < DOUBTS && !flight.is_stray() => {
                    doubts.pairs.push(flight.exchange);
                }
                _ => self.emit(flight.exchange, out),
            }
        }
        // A stray one need not wait for those in front of it.
        let is_done = |flight: &mut Flight| flight.is_stray() && flight.request_over;
        if let Some(flight) = self.flights.pop_back_if(is_done) {
            self.emit(flight.exchange, out);
        }
        if self.flights.is_empty() && self.flights.capacity() > IDLE_FLIGHTS {
            self.flights.shrink_to(IDLE_FLIGHTS);
        }
    }

    fn emit(&mut self, exchange: Box<Exchange>, out: &mut Vec<Output>) {
        self.held_bytes = self.held_bytes.saturating_sub(weight(&exchange));
        self.told = self.told.wrapping_add(1);
        stream_message::tell(exchange, self.told, out);
    }
}

/// Ends a message. Returns when its last byte moved.
fn close<H>(
    message: &mut Option<Message<H>>,
    anomalies: &mut Vec<Anomaly>,
    ended: Ended,
    truncated: Anomaly,
) -> u64 {
    let truncated = (ended.end == MessageEnd::Truncated).then_some(truncated);
    for anomaly in ended.note.into_iter().chain(truncated) {
        note(anomalies, anomaly);
    }
    let Some(message) = message else { return 0 };
    ended.meter.close(message, ended.end, ended.body_bytes);
    message.last_ns
}

/// After so long without a byte either way, nothing is outstanding.
const QUIET_NS: u64 = 1_000_000_000;

/// Pairs that wait for confirmation.
const DOUBTS: usize = 64;

/// Interim responses noted for one exchange.
const INTERIM: usize = 32;

/// Room kept for flights while there are none.
const IDLE_FLIGHTS: usize = 4;
