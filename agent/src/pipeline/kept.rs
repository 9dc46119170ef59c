//! Exchanges told by a client's end while its server's end may still turn out to be readable.
//!
//! In: events of clients' TLS streams whose other end is on this host, and TLS streams of servers as
//! their sockets become known. Out: what no server's end has told.
//! Always: an exchange waits two seconds at most; it is dropped only for a server's stream of the same
//! connection that was there before the response. Not here: which ends belong together (`conn::ends`).

use std::collections::VecDeque;

use super::event::Event;
use crate::conn::ends::Key;

/// What waits, oldest first.
#[derive(Default)]
pub(super) struct Kept {
    events: VecDeque<Waiting>,
}

struct Waiting {
    until_ns: u64,
    /// The server's end.
    server: Key,
    /// When the first byte of the response came.
    answered_ns: u64,
    event: Event,
}

impl Kept {
    /// Keeps an exchange of a client's end.
    pub(super) fn keep(&mut self, now_ns: u64, server: Key, event: Event, out: &mut Vec<Event>) {
        let answered_ns = match &event {
            Event::Exchange(exchange, ..) => exchange.response.as_ref().map(|one| one.first_ns),
            Event::Message(message, ..) => Some(message.first_ns),
            _ => None,
        };
        let Some(answered_ns) = answered_ns else {
            return out.push(event);
        };
        self.events.push_back(Waiting { until_ns: now_ns + KEEP_NS, server, answered_ns, event });
        if self.events.len() > MOST_KEPT {
            out.extend(self.events.pop_front().map(|waiting| waiting.event));
        }
    }

    /// The server's end is read since `since_ns`, and tells its exchanges itself.
    pub(super) fn is_told(&mut self, server: Key, since_ns: u64) {
        self.events.retain(|waiting| waiting.server != server || waiting.answered_ns < since_ns);
    }

    /// Gives up waiting where it has been long enough.
    pub(super) fn tick(&mut self, now_ns: u64, out: &mut Vec<Event>) {
        while self.events.front().is_some_and(|waiting| waiting.until_ns <= now_ns) {
            out.extend(self.events.pop_front().map(|waiting| waiting.event));
        }
    }

    /// Gives up waiting.
    pub(super) fn stop(&mut self, out: &mut Vec<Event>) {
        out.extend(self.events.drain(..).map(|waiting| waiting.event));
    }
}

/// How long an exchange waits.
const KEEP_NS: u64 = 2_000_000_000;
/// Most that wait at once.
const MOST_KEPT: usize = 4_096;
