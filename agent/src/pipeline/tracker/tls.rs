//! TLS streams of a shard: which socket each lies on, and which end of a connection tells what it carried.
//!
//! In: streams as they are opened and tied. Out: what had waited for that, losses.
//! Always: what a filter has to be asked about is told only once the socket is known; what both ends have
//! read is told once.
//! Not here: one stream by itself (`followed`), what is kept for the other end (`kept`).

use super::Tracker;
use crate::conn::ends::Key;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Side;
use crate::model::sample::{ConnId, FilterState, Open};
use crate::pipeline::event::Event;
use crate::pipeline::followed::{Followed, Mode, OtherTls};
use crate::protocol::Output;
use crate::protocol::connection::Connection;

impl Tracker {
    /// The socket of a TLS stream has become known.
    pub(super) fn place(&mut self, open: Box<Open>) {
        let (conn, time_ns) = (open.conn, open.time_ns);
        let left_out = open.filter == FilterState::LeftOut;
        let other = self.ends.add(&open);
        if let Some(followed) = self.connections.get_mut(&conn) {
            let time_ns = match followed.held {
                // Nothing of it has been looked at yet: it is seen since it was first announced.
                Some(_) => {
                    followed.parser = Connection::new(open.fresh);
                    followed.open.time_ns
                }
                None => open.time_ns,
            };
            *followed.open = Open { time_ns, ..*open };
        }
        self.link(conn, other);
        self.stack(conn);
        if left_out {
            if let Some(followed) = self.connections.get_mut(&conn) {
                drop(followed.release());
            }
            self.retire(conn, Mode::Ignored);
        }
        self.release(conn, time_ns);
    }

    /// Puts a TLS stream on what carries it.
    pub(super) fn stack(&mut self, conn: ConnId) {
        let below = self.connections.get(&conn).and_then(Followed::below);
        let Some(carrier) = below.and_then(|below| self.connections.get_mut(&below)) else {
            return;
        };
        carrier.above.push(conn);
        carrier.parser.carry();
        carrier.mode = Mode::Followed;
        let (peer, other, carrier) = (carrier.peer.clone(), carrier.other, carrier.open.conn);
        if let Some(other) = other.and_then(|other| self.connections.get_mut(&other)) {
            other.other_tls = Some(OtherTls::Read);
        }
        if let Some(followed) = self.connections.get_mut(&conn)
            && followed.peer.is_none()
        {
            followed.peer = peer;
        }
        if let Some(followed) = self.connections.get(&conn)
            && followed.is_nested()
        {
            self.signals.nested.push(followed.open.tgid);
        }
        if let Some(followed) = self.connections.get(&conn)
            && self.is_late(followed)
        {
            let loss = Loss::connection(Reason::BeforeAttach);
            let side = followed.side().unwrap_or(Side::Server);
            let origin = followed.origin(side, followed.own.clone(), None);
            self.events.push(Event::Loss(loss, Some(Box::new(origin))));
        }
        self.account(carrier);
        self.steer(carrier, false);
        self.told_by_server(conn);
    }

    /// Whether some of a TLS stream may have passed before its probes were there, unseen at both ends.
    pub(super) fn is_late(&self, stream: &Followed) -> bool {
        let carrier = stream.below().and_then(|below| self.connections.get(&below));
        let other = carrier
            .and_then(|carrier| carrier.other)
            .and_then(|other| self.connections.get(&other));
        let is_whole = |stream: &ConnId| {
            self.connections.get(stream).is_some_and(|followed| followed.open.fresh)
        };
        !stream.open.fresh
            && stream.open.filter == FilterState::Watched
            && carrier.is_some_and(|carrier| carrier.open.fresh)
            && !other.is_some_and(|other| other.above.iter().any(is_whole))
    }

    /// A server's end that is read tells what its client's end may have told meanwhile.
    pub(super) fn told_by_server(&mut self, conn: ConnId) {
        if let Some(followed) = self.connections.get(&conn)
            && followed.open.filter == FilterState::Watched
            && followed.side() != Some(Side::Client)
            && let Some(key) = Key::of(&followed.open)
        {
            self.kept.is_told(key, followed.open.time_ns);
        }
    }

    /// Looks at what has come before the socket was known, or without its ever becoming known.
    pub(super) fn release(&mut self, conn: ConnId, now_ns: u64) {
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        let held = followed.release();
        if followed.is_unplaced() && followed.open.filter == FilterState::Undecided {
            if !held.is_empty() {
                let side = followed.side_by(&held, &self.limits).unwrap_or(Side::Server);
                let origin = followed.origin(side, followed.own.clone(), None);
                let loss = Loss::connection(Reason::UnplacedTls);
                self.events.push(Event::Loss(loss, Some(Box::new(origin))));
            }
            self.retire(conn, Mode::Ignored);
            return;
        }
        for held in &held {
            self.data(&held.data());
        }
        if !held.is_empty() {
            self.settle(conn, now_ns);
        }
    }

    /// The server's end of a client's TLS stream, if it is on this host and not known to be read or not.
    pub(super) fn awaited_server(&self, followed: &Followed) -> Option<Key> {
        let below = followed.below().and_then(|below| self.connections.get(&below))?;
        let is_here = below.other.is_some() || below.other_tls.is_some();
        let is_open = followed.other.is_none() && followed.side() == Some(Side::Client);
        (is_here && is_open).then(|| Key::of(&followed.open))?.map(Key::mirrored)
    }

    /// Whether this is the loss of a connection that cannot be read here, but at its other end; or there
    /// neither, then the server's end tells it.
    pub(super) fn is_read_elsewhere(&self, followed: &Followed, output: &Output) -> bool {
        if !matches!(output, Output::Loss(loss) if loss.reason == Reason::OpaqueTls) {
            return false;
        }
        let other = followed.other.and_then(|other| self.connections.get(&other));
        match other.and_then(Followed::as_other_tls).or(followed.other_tls) {
            Some(OtherTls::Read) => true,
            Some(OtherTls::Unread) => followed.side() == Some(Side::Client),
            None => false,
        }
    }
}
