//! An exchange under way.
//!
//! In: its request, then its response (`pair`). Out: the `Exchange`.
//! Always: an exchange holds a request or a response, or both.
//! Not here: which response is whose (`pair`).

use crate::model::loss::Reason;
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{Exchange, Message, RequestHead, ResponseHead};
use crate::protocol::http1::framing::Method;

/// What a request may make of the connection if the response agrees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offer {
    /// CONNECT: bytes of any protocol.
    Tunnel,
    /// Upgrade: another protocol.
    Upgrade,
}

/// A request on its way to a response.
pub struct Flight {
    /// What it will be.
    pub exchange: Box<Exchange>,
    /// Method of the request.
    pub method: Method,
    /// The request asks for a hand-over.
    pub offer: Option<Offer>,
    /// The request is complete.
    pub request_over: bool,
    /// The response is complete.
    pub response_over: bool,
    /// The response will not be found.
    stray: bool,
}

impl Flight {
    /// Begins with the head of a request.
    pub fn new(request: Message<RequestHead>, notes: Vec<Anomaly>) -> Self {
        let method = Method::of(request.head.method.as_deref().unwrap_or_default());
        let offer = match method {
            Method::Connect => Some(Offer::Tunnel),
            _ if request.head.fields.all("upgrade").next().is_some() => Some(Offer::Upgrade),
            _ => None,
        };
        Self {
            exchange: Box::new(Exchange { anomalies: notes, ..Exchange::of(Some(request), None) }),
            method,
            offer,
            request_over: false,
            response_over: false,
            stray: false,
        }
    }

    /// The final response begins.
    pub fn answer(&mut self, response: Message<ResponseHead>, notes: Vec<Anomaly>) {
        self.offer = None;
        let early = (!self.request_over).then_some(Anomaly::EarlyResponse);
        self.exchange.response = Some(response);
        for anomaly in notes.into_iter().chain(early) {
            note(&mut self.exchange.anomalies, anomaly);
        }
    }

    /// The response will not be found, for that reason.
    pub fn stray(&mut self, reason: Reason) {
        self.stray = true;
        self.exchange.lost_response = Some(reason);
    }

    /// Whether `stray` was called.
    pub fn is_stray(&self) -> bool {
        self.stray
    }

    /// Its response is awaited or under way.
    pub fn expects_response(&self) -> bool {
        !self.stray && !self.response_over
    }

    /// Nothing can be added. `ended`: no response can come any more.
    pub fn is_over(&self, ended: bool) -> bool {
        let unanswered = ended && self.exchange.response.is_none();
        self.request_over && (self.response_over || self.stray || unanswered)
    }
}

/// A response without its request.
pub fn alone(
    response: Message<ResponseHead>,
    anomalies: Vec<Anomaly>,
    reason: Reason,
) -> Box<Exchange> {
    Box::new(Exchange {
        lost_request: Some(reason),
        anomalies,
        ..Exchange::of(None, Some(response))
    })
}

/// Takes a pair apart that may be wrong; what was odd goes with the request.
pub fn split(
    mut exchange: Box<Exchange>,
    reason: Reason,
) -> (Box<Exchange>, Option<Box<Exchange>>) {
    let response = exchange.response.take();
    exchange.interim.clear();
    exchange.lost_response.get_or_insert(reason);
    let response = response.map(|response| alone(response, Vec::new(), reason));
    (exchange, response)
}

/// Heap memory of an exchange's heads, in bytes.
pub fn weight(exchange: &Exchange) -> usize {
    let half = size_of::<Exchange>() / 2;
    let request = exchange.request.as_ref().map_or(0, |request| request.memory_bytes() + half);
    let response = exchange.response.as_ref().map_or(0, |response| response.memory_bytes() + half);
    request + response
}
