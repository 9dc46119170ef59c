//! What the steps of the requests' direction mean.
//!
//! In: its bytes, holes and end. Out: calls of `pair`, losses.
//! Always: a request that was begun is told to `pair` before anything after it.
//! Not here: the responses (`response`), waiting (`http1`).

use crate::model::loss::{Loss, Reason};
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{MessageEnd, RequestHead};
use crate::protocol::http1::framing::{self, Framing};
use crate::protocol::http1::half::{Missed, Step};
use crate::protocol::http1::head::{self, Parsed};
use crate::protocol::http1::lenient;
use crate::protocol::http1::missing::{Missing, Place};
use crate::protocol::http1::{After, Http1};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::parser::Around;
use crate::protocol::{Output, Role};

impl Http1 {
    pub(super) fn request_bytes(&mut self, mut span: Span<'_>, around: &mut Around<'_>) {
        while !span.rest.is_empty() {
            if span.turn_start && self.request.should_probe() {
                self.request.probe();
            }
            if self.after != After::Http1 || !self.is_open(Role::Request) {
                // It came before the response that it waits for, so that turn proves nothing.
                span.turn_start &= self.after != After::Http1;
                return self.held_request.put_back(Input::Bytes(span));
            }
            match self.request.step(&mut span, around.limits) {
                Step::Used => {}
                Step::Head(bytes) => match head::request(&bytes, around.limits) {
                    Some(parsed) => self.open_request(parsed, bytes.len(), None, around),
                    None => self.refuse_request(&mut span, around),
                },
                Step::LongHead(front) => self.long_request(&front, &mut span, around),
                Step::Over(ended) => {
                    self.pair.request_over(ended, around.out);
                    if self.request.lost().is_some() {
                        let missing = Missing::unparsed(Place::Body);
                        self.pair.request_lost(missing, around.out);
                    }
                }
                Step::Garbage => self.refuse_request(&mut span, around),
            }
            // A response that came too early goes on as soon as its request is known.
            self.drain_one(Role::Response, around);
        }
    }

    pub(super) fn request_hole(&mut self, hole: Hole, around: &mut Around<'_>) {
        if !self.is_open(Role::Request) {
            return self.held_request.put_back(Input::Hole(hole));
        }
        let Hole { bytes, reason, .. } = hole;
        let mut lost_bytes = bytes;
        let mut place = Place::Between;
        match self.request.hole(&hole) {
            Missed::Inside => return,
            Missed::Over(ended, beyond) => {
                self.pair.request_over(ended, around.out);
                if beyond == 0 {
                    return;
                }
                lost_bytes = beyond;
            }
            Missed::Broken => {
                place = Place::Body;
                if let Some(ended) = self.request.end(MessageEnd::Unknown) {
                    self.pair.request_over(ended, around.out);
                }
            }
            Missed::InHead(front) => {
                place = Place::Head;
                self.cut_request(&front, MessageEnd::Unknown, around);
            }
            Missed::Between | Missed::Lost => {}
        }
        around.lose(Loss::hole(reason, lost_bytes));
        let missing = Missing { reason, place, turn_start: hole.turn_start };
        self.lose_requests(missing, around);
    }

    /// The direction has ended, or is given up: `how` says which.
    pub(super) fn end_request(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        if let Some(front) = self.request.take_front() {
            self.cut_request(&front, how, around);
        } else if let Some(ended) = self.request.finish(how) {
            self.pair.request_over(ended, around.out);
        }
    }

    /// Requests may be missing from here on.
    pub(super) fn lose_requests(&mut self, missing: Missing, around: &mut Around<'_>) {
        self.request.lose(missing.reason);
        self.pair.request_lost(missing, around.out);
    }

    /// `framing`: what it is although the fields may say otherwise.
    fn open_request(
        &mut self,
        parsed: Parsed<RequestHead>,
        head_bytes: usize,
        framing: Option<Framing>,
        around: &mut Around<'_>,
    ) {
        let Parsed { head, mut notes, suspicious } = parsed;
        let framing = framing.unwrap_or_else(|| framing::of_request(&head, suspicious, &mut notes));
        self.found(Role::Request, around);
        let at_turn = self.request.meter.at_turn;
        if at_turn {
            self.end_stale_response(around);
            self.crowded_turns = self.crowded_turns.saturating_sub(1);
        } else if self.pair.outstanding() {
            self.crowded_turns = CROWDED_TURNS;
        }
        let stand = self.stand();
        self.request.meter.expect(&head.fields, Role::Request, around.limits);
        let message = self.request.meter.open(head, head_bytes);
        self.pair.request(message, notes, at_turn, stand, around);
        if let Some(ended) = self.request.begin(framing) {
            self.pair.request_over(ended, around.out);
        }
    }

    /// What stands where a request should begin is none.
    fn refuse_request(&mut self, span: &mut Span<'_>, around: &mut Around<'_>) {
        span.turn_start = false;
        let was_lost = self.request.lost().is_some();
        self.request.refuse(Reason::Unparsed);
        if was_lost {
            return self.barren(around);
        }
        self.pair.note_last(Anomaly::ExtraBytes);
        self.pair.request_lost(Missing::unparsed(Place::Head), around.out);
    }

    /// A head that is longer than we hold: its request line is kept, and what follows belongs to
    /// it until the next turn.
    fn long_request(&mut self, front: &[u8], span: &mut Span<'_>, around: &mut Around<'_>) {
        match lenient::request(lenient::start_line(front), around.limits) {
            Some(mut parsed) => {
                note(&mut parsed.notes, Anomaly::HeadTooLong);
                self.open_request(parsed, front.len(), Some(Framing::Unknown), around);
            }
            None => {
                around.out.push(unreadable(&[]));
                self.refuse_request(span, around);
            }
        }
    }

    /// A head of which only the front came: what it says is kept.
    fn cut_request(&mut self, front: &[u8], how: MessageEnd, around: &mut Around<'_>) {
        match lenient::request(lenient::whole_lines(front), around.limits) {
            Some(parsed) => {
                self.open_request(parsed, front.len(), Some(Framing::Unknown), around);
                if let Some(ended) = self.request.end(how) {
                    self.pair.request_over(ended, around.out);
                }
            }
            None if self.request.lost().is_none() => around.out.push(unreadable(front)),
            None => {}
        }
    }

    /// A new turn began with a request, so the response under way is over if nothing else says
    /// where it ends.
    fn end_stale_response(&mut self, around: &mut Around<'_>) {
        let unsure = self.pair.has_orphan() && self.response.in_body();
        if (unsure || self.response.is_murky())
            && let Some(ended) = self.response.end(MessageEnd::Unknown)
        {
            self.pair.response_over(ended, around.out);
            self.response.lose(Reason::Unparsed);
        }
    }

    /// The response to a request whose end cannot be told has come: the request is over.
    pub(super) fn end_murky_request(&mut self, around: &mut Around<'_>) {
        if self.request.is_murky()
            && let Some(ended) = self.request.end(MessageEnd::Unknown)
        {
            self.pair.request_over(ended, around.out);
            self.lose_requests(Missing::unparsed(Place::Body), around);
        }
    }
}

/// One message that cannot even be named; its bytes, unless they are reported as passed over.
pub(super) fn unreadable(front: &[u8]) -> Output {
    Output::Loss(Loss::exchange(Reason::Unparsed, front.len() as u64))
}

/// Turns for which everything is captured after a request did not wait for a response.
const CROWDED_TURNS: u8 = 4;
