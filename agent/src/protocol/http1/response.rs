//! What the steps of the responses' direction mean.
//!
//! In: its bytes, holes and end. Out: calls of `pair`, losses, a hand-over.
//! Always: a response begins only when `is_explained`; a hand-over ends HTTP/1 at its head.
//! Not here: the requests (`request`), waiting (`http1`).

use crate::model::loss::{Loss, Reason};
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::detect::{Grammar, Match};
use crate::protocol::exchange::{MessageEnd, ResponseHead};
use crate::protocol::http1::flight::Offer;
use crate::protocol::http1::framing::{self, Framing, Method};
use crate::protocol::http1::half::{Ended, Missed, Step};
use crate::protocol::http1::head::{self, Parsed};
use crate::protocol::http1::lenient;
use crate::protocol::http1::missing::{Missing, Place};
use crate::protocol::http1::request::unreadable;
use crate::protocol::http1::start::Matcher;
use crate::protocol::http1::{After, Http1};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::meter::Meter;
use crate::protocol::parser::Around;
use crate::protocol::{Output, Role};

impl Http1 {
    pub(super) fn response_bytes(&mut self, mut span: Span<'_>, around: &mut Around<'_>) {
        while !span.rest.is_empty() {
            if span.turn_start {
                self.look_for_response(&span, around);
            }
            if self.after != After::Http1 || !self.is_open(Role::Response) {
                return self.held_response.put_back(Input::Bytes(span));
            }
            match self.response.step(&mut span, around.limits) {
                Step::Used => {}
                Step::Head(bytes) => match head::response(&bytes, around.limits) {
                    Some(parsed) => self.open_response(parsed, bytes.len(), None, around),
                    None => self.refuse_response(&mut span, around),
                },
                Step::LongHead(front) => self.long_response(&front, &mut span, around),
                Step::Over(ended) => {
                    self.pair.response_over(ended, around.out);
                    if self.response.lost().is_some() {
                        let missing = Missing::unparsed(Place::Body);
                        self.pair.response_lost(missing, around.out);
                    }
                }
                Step::Garbage => self.refuse_response(&mut span, around),
            }
            self.tell_messages(around);
        }
    }

    /// Tells the messages that have come, of an exchange whose heads have been told.
    fn tell_messages(&mut self, around: &mut Around<'_>) {
        let Some(content) = self.response.meter.content_mut() else { return };
        if content.messages() == 0 {
            return;
        }
        if content.messages() >= MANY_MESSAGES {
            self.pair.open(around.out);
        }
        if let Some(number) = self.pair.opened() {
            let messages = content.take_messages(number);
            around.out.extend(messages.into_iter().map(|one| Output::Message(Box::new(one))));
        }
    }

    pub(super) fn response_hole(&mut self, hole: Hole, around: &mut Around<'_>) {
        if !self.is_open(Role::Response) {
            return self.held_response.put_back(Input::Hole(hole));
        }
        let Hole { bytes, reason, .. } = hole;
        let mut lost_bytes = bytes;
        let mut place = Place::Between;
        let missed = match self.is_unsure() && hole.turn_start {
            true => Missed::Broken,
            false => self.response.hole(&hole),
        };
        match missed {
            Missed::Inside => return,
            Missed::Over(ended, beyond) => {
                self.pair.response_over(ended, around.out);
                if beyond == 0 {
                    return;
                }
                lost_bytes = beyond;
            }
            Missed::Broken => {
                place = Place::Body;
                if let Some(ended) = self.response.end(MessageEnd::Unknown) {
                    self.pair.response_over(ended, around.out);
                }
            }
            Missed::InHead(front) => {
                place = Place::Head;
                self.cut_response(&front, MessageEnd::Unknown, around);
            }
            Missed::Between | Missed::Lost => {}
        }
        around.lose(Loss::hole(reason, lost_bytes));
        self.response.lose(reason);
        let missing = Missing { reason, place, turn_start: hole.turn_start };
        self.pair.response_lost(missing, around.out);
    }

    /// The direction has ended, or is given up: `how` says which.
    pub(super) fn end_response(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        if let Some(front) = self.response.take_front() {
            self.cut_response(&front, how, around);
        } else if let Some(ended) = self.response.finish(how) {
            self.pair.response_over(ended, around.out);
        }
        if how == MessageEnd::Truncated {
            self.pair.response_end(around.out);
        }
    }

    /// `framing`: what it is although the fields may say otherwise.
    fn open_response(
        &mut self,
        parsed: Parsed<ResponseHead>,
        head_bytes: usize,
        framing: Option<Framing>,
        around: &mut Around<'_>,
    ) {
        let status = parsed.head.status.unwrap_or_default();
        let hand_over = self.hand_over(&parsed.head);
        self.found(Role::Response, around);
        if status < 200 && hand_over == After::Http1 {
            self.pair.interim(status);
            self.response.begin(framing.unwrap_or(Framing::Empty));
            return;
        }
        let Parsed { head, mut notes, suspicious } = parsed;
        let method = self.pair.method();
        let framing = match (hand_over, framing) {
            (After::Http1, None) => framing::of_response(&head, method, suspicious, &mut notes),
            (After::Http1, Some(framing)) => framing,
            _ => Framing::Empty,
        };
        if self.pair.answers().is_some() {
            self.end_murky_request(around);
        }
        if hand_over == After::Unread && upgrades_to(&head, b"h2c") {
            self.response.begin(Framing::Empty);
            return self.leave_for_http2(around);
        }
        if hand_over == After::Unread && upgrades_to(&head, b"websocket") {
            return self.leave_for_websocket(head, notes, around);
        }
        if framing != Framing::Empty {
            self.response.meter.expect(&head.fields, Role::Response, around.limits);
        }
        let message = self.response.meter.open(head, head_bytes);
        self.pair.response(message, notes, around.out);
        if self.response.meter.content_mut().is_some_and(|content| content.is_endless()) {
            self.pair.open(around.out);
        }
        if let Some(ended) = self.response.begin(framing) {
            self.pair.response_over(ended, around.out);
        }
        match hand_over {
            After::Http1 => {}
            _ => self.leave(hand_over, around),
        }
    }

    /// What a response makes of the connection (RFC 9110 sections 9.3.6 and 15.2.2).
    fn hand_over(&self, head: &ResponseHead) -> After {
        match (self.pair.answers(), head.status.unwrap_or_default()) {
            (Some(flight), 200..=299) if flight.method == Method::Connect => After::Tunnel,
            (Some(flight), 101) if flight.offer == Some(Offer::Upgrade) => After::Unread,
            (None, 101) => After::Unread,
            _ => After::Http1,
        }
    }

    /// HTTP/1 is over on this connection.
    fn leave(&mut self, after: After, around: &mut Around<'_>) {
        self.end_request(MessageEnd::Unknown, around);
        self.pair.close(None, around.out);
        self.after = after;
        if after == After::Unread {
            around.lose(Loss::connection(Reason::Upgraded));
        }
    }

    /// The request that asked for it is answered by HTTP/2 (RFC 7540 section 3.2).
    fn leave_for_http2(&mut self, around: &mut Around<'_>) {
        self.end_request(MessageEnd::Unknown, around);
        self.upgraded = self.pair.take_first();
        if let Some(exchange) = &mut self.upgraded {
            exchange.interim.push(101);
        }
        self.leave(After::Http2, around);
    }

    /// The handshake of WebSocket is over (RFC 6455 section 4.2.2).
    fn leave_for_websocket(
        &mut self,
        head: ResponseHead,
        notes: Vec<Anomaly>,
        around: &mut Around<'_>,
    ) {
        self.end_request(MessageEnd::Unknown, around);
        let head_bytes = self.response.meter.seen_bytes() as usize;
        let meter = std::mem::take(&mut self.response.meter);
        let mut response = meter.open(head, head_bytes);
        meter.close(&mut response, MessageEnd::Whole, Some(0));
        self.response.begin(Framing::Empty);
        self.upgraded = self.pair.take_first();
        match &mut self.upgraded {
            Some(exchange) => {
                exchange.response = Some(response);
                for anomaly in notes {
                    note(&mut exchange.anomalies, anomaly);
                }
                self.leave(After::WebSocket, around);
            }
            // Its request was lost: what was agreed is not known.
            None => {
                self.pair.response(response, notes, around.out);
                let meter = Meter::default();
                let ended =
                    Ended { end: MessageEnd::Whole, body_bytes: Some(0), note: None, meter };
                self.pair.response_over(ended, around.out);
                self.leave(After::Unread, around);
            }
        }
    }

    /// The response under way may have no body although its head says so: its request could have
    /// been HEAD.
    fn is_unsure(&self) -> bool {
        self.pair.has_orphan() && self.response.in_body()
    }

    /// A turn begins: whether a response begins with it although none is expected to.
    fn look_for_response(&mut self, span: &Span<'_>, around: &mut Around<'_>) {
        if self.is_unsure()
            && Matcher::response().feed(span.rest) == Match::Yes
            && let Some(ended) = self.response.end(MessageEnd::Unknown)
        {
            self.pair.response_over(ended, around.out);
            self.response.lose(Reason::Unparsed);
        }
        if self.response.should_probe() {
            self.response.probe();
        }
    }

    /// What stands where a response should begin is none.
    fn refuse_response(&mut self, span: &mut Span<'_>, around: &mut Around<'_>) {
        let missing = Missing {
            reason: self.response.lost().unwrap_or(Reason::Unparsed),
            place: Place::Between,
            turn_start: span.turn_start,
        };
        span.turn_start = false;
        let lost = self.response.lost();
        self.response.refuse(Reason::Unparsed);
        if lost.is_none() {
            self.pair.note_waiting(Anomaly::ExtraBytes);
        }
        self.pair.response_lost(missing, around.out);
        if lost.is_some() {
            self.barren(around);
        }
    }

    /// A head that is longer than we hold: its status line is kept, and what follows belongs to
    /// it until the next turn.
    fn long_response(&mut self, front: &[u8], span: &mut Span<'_>, around: &mut Around<'_>) {
        match lenient::response(lenient::start_line(front), around.limits) {
            Some(mut parsed) => {
                note(&mut parsed.notes, Anomaly::HeadTooLong);
                self.open_response(parsed, front.len(), Some(Framing::Unknown), around);
            }
            None => {
                if !self.pair.outstanding() {
                    around.out.push(unreadable(&[]));
                }
                self.refuse_response(span, around);
            }
        }
    }

    /// A head of which only the front came: what it says is kept.
    fn cut_response(&mut self, front: &[u8], how: MessageEnd, around: &mut Around<'_>) {
        match lenient::response(lenient::whole_lines(front), around.limits) {
            Some(parsed) => {
                self.open_response(parsed, front.len(), Some(Framing::Unknown), around);
                if let Some(ended) = self.response.end(how) {
                    self.pair.response_over(ended, around.out);
                }
            }
            None if self.response.lost().is_none() && !self.pair.outstanding() => {
                around.out.push(unreadable(front));
            }
            None => {}
        }
    }
}

fn upgrades_to(head: &ResponseHead, name: &[u8]) -> bool {
    let is_named = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(name);
    let mut protocols = head.fields.all("upgrade");
    head.status == Some(101)
        && protocols.any(|value| value.split(|&byte| byte == b',').any(is_named))
}

/// Messages that do not wait for the end of their exchange.
const MANY_MESSAGES: usize = 64;
