//! What the connections of a shard hold together.
//!
//! In: a connection that has changed. Out: the sum within the limit, losses of what was given up for that.
//! Always: the one that holds most goes first, and is told.
//! Not here: what a connection holds (`followed`).

use super::Tracker;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Side;
use crate::model::sample::ConnId;
use crate::pipeline::event::Event;
use crate::pipeline::followed::Mode;

impl Tracker {
    pub(super) fn account(&mut self, conn: ConnId) {
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        let held = followed.memory_bytes();
        self.held_bytes = self.held_bytes + held - followed.held_bytes;
        followed.held_bytes = held;
        if followed.parser.awaits_tick() || followed.is_unplaced() {
            self.waiting.insert(conn);
        } else {
            self.waiting.remove(&conn);
        }
    }

    /// Gives up the connection that holds most while all together hold too much.
    pub(super) fn keep_limit(&mut self, now_ns: u64) {
        while self.held_bytes > self.memory_bytes {
            let largest = self.connections.values().max_by_key(|followed| followed.held_bytes);
            let Some(conn) = largest.map(|followed| followed.open.conn) else {
                return;
            };
            tracing::debug!(now_ns, ?conn, "given up: memory limit");
            let origin = self.connections.get(&conn).map(|followed| {
                let side = followed.side().unwrap_or(Side::Server);
                Box::new(followed.origin(side, followed.own.clone(), None))
            });
            let loss = Loss::connection(Reason::MemoryLimit);
            self.events.push(Event::Loss(loss, origin));
            self.retire(conn, Mode::Ignored);
        }
    }
}
