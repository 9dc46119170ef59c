//! Streams that have become tunnels: WebSocket (RFC 8441), and others that are not read.
//!
//! In: the exchange that made a tunnel, then the content of its stream. Out: what `websocket` gives.
//! Always: a tunnel that is not read is a loss; after lost frames a session ends and says so.
//! Not here: streams with messages on them (`streams`).

use std::collections::BTreeMap;

use crate::model::loss::{Loss, Reason};
use crate::protocol::exchange::{Exchange, MessageEnd};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::parser::{Around, Parser};
use crate::protocol::websocket::Session;
use crate::protocol::{Role, stream_message};

/// Open tunnels that are read.
#[derive(Default)]
pub struct Tunnels {
    open: BTreeMap<u32, Tunnel>,
}

struct Tunnel {
    session: Box<Session>,
    /// One direction is over.
    is_half_closed: bool,
}

impl Tunnels {
    /// The stream is a tunnel from here on.
    pub fn begin(&mut self, id: u32, exchange: Box<Exchange>, around: &mut Around<'_>) {
        let number = u64::from(id);
        if Session::begins(&exchange) && self.open.len() < around.limits.streams {
            let session = Box::new(Session::open(exchange, number, around));
            self.open.insert(id, Tunnel { session, is_half_closed: false });
            return;
        }
        stream_message::tell(exchange, number, around.out);
        around.lose(Loss::connection(Reason::Upgraded));
    }

    /// Content of a stream. Nothing happens if it is no tunnel that is read.
    pub fn bytes(
        &mut self,
        id: u32,
        role: Role,
        (bytes, time_ns): (&[u8], u64),
        around: &mut Around<'_>,
    ) {
        if self.open.is_empty() || bytes.is_empty() {
            return;
        }
        if let Some(tunnel) = self.open.get_mut(&id) {
            tunnel.session.push(role, Input::Bytes(Span::within(bytes, time_ns)), around);
        }
    }

    /// So many bytes of a stream's content were not seen; `None`: nobody knows how many.
    pub fn hole(
        &mut self,
        id: u32,
        role: Role,
        hole: &Hole,
        content: Option<u64>,
        around: &mut Around<'_>,
    ) {
        match (self.open.get_mut(&id), content) {
            (Some(tunnel), Some(bytes)) => {
                tunnel.session.push(role, Input::Hole(Hole { bytes, ..*hole }), around);
            }
            (Some(_), None) => self.end_one(id, MessageEnd::Unknown, around),
            (None, _) => {}
        }
    }

    /// One direction of a stream is over.
    pub fn end(&mut self, id: u32, around: &mut Around<'_>) {
        let Some(tunnel) = self.open.get_mut(&id) else { return };
        if std::mem::replace(&mut tunnel.is_half_closed, true) {
            self.end_one(id, MessageEnd::Truncated, around);
        }
    }

    /// One end gives a stream up.
    pub fn reset(&mut self, id: u32, around: &mut Around<'_>) {
        self.end_one(id, MessageEnd::Reset, around);
    }

    /// All are over: the connection is (`Truncated`, `Unfinished`), or some of their frames were lost
    /// (`Unknown`).
    pub fn close(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        for (_, mut tunnel) in std::mem::take(&mut self.open) {
            tunnel.session.close(how, around);
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let sessions = self.open.values();
        sessions.map(|tunnel| tunnel.session.memory_bytes()).sum()
    }

    fn end_one(&mut self, id: u32, how: MessageEnd, around: &mut Around<'_>) {
        if let Some(mut tunnel) = self.open.remove(&id) {
            tunnel.session.close(how, around);
        }
    }
}
