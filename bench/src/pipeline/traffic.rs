//! A stream of samples in memory, as one shard's ring would hold it.
//!
//! In: shapes of exchanges. Out: samples in the slots that the kernel side reserves, those of
//! different connections mixed.
//! Always: the stream can be repeated: `advance` moves positions, times and new connections' ids
//! on, so that every repetition is new traffic on the same connections.

use std::collections::HashMap;
use std::ops::Range;

use earwitness_common::sample::{
    DATA_CALL_START, DATA_TURN_START, DataHead, EGRESS, EndHead, FAMILY_INET, INGRESS, KIND_CLOSE,
    KIND_DATA, KIND_END, KIND_OPEN, OPEN_FRESH, OpenHead, ROLE_ACCEPTED,
};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

use super::heads::Shape;
use super::http2;

/// The process that all connections belong to.
pub const TGID: u32 = 402;
/// Its user.
pub const UID: u32 = 33;
/// When the stream begins.
pub const START_NS: u64 = 3_600_000_000_000;
/// How much time one repetition stands for.
pub const PASS_NS: u64 = 20_000_000;

/// Samples one after the other.
pub struct Stream {
    ring: Vec<u8>,
    openings: Vec<Range<usize>>,
    samples: Vec<Range<usize>>,
    /// What one repetition moves on each connection that stays, in and out.
    moved: HashMap<u64, [u64; 2]>,
    new_connections: u64,
    /// Where stream identifiers of HTTP/2 lie in the ring.
    ids: Vec<usize>,
    /// What one repetition adds to them.
    ids_a_pass: u32,
    /// Exchanges of one repetition.
    pub exchanges: u64,
    /// Bytes that these samples captured.
    pub captured_bytes: u64,
}

impl Stream {
    fn empty(exchanges: usize) -> Self {
        Self {
            ring: Vec::new(),
            openings: Vec::new(),
            samples: Vec::new(),
            moved: HashMap::new(),
            new_connections: 0,
            ids: Vec::new(),
            ids_a_pass: 0,
            exchanges: exchanges as u64,
            captured_bytes: 0,
        }
    }

    /// So many exchanges of HTTP/2, `TOGETHER` at a time on each connection.
    pub fn http2(exchanges: usize) -> Self {
        let mut stream = Self::empty(exchanges);
        stream.open_connections();
        let none = &mut HashMap::new();
        for conn in 0..KEPT_CONNECTIONS {
            stream.push_calls(conn, INGRESS, START_NS, &[http2::first_request()], false, none);
            stream.push_calls(conn, EGRESS, START_NS, &[http2::first_response()], false, none);
        }
        let first = std::mem::take(&mut stream.samples);
        stream.openings.extend(first);
        // What came so far is not repeated.
        let before = std::mem::take(&mut stream.moved);
        stream.moved.clone_from(&before);
        stream.captured_bytes = 0;
        let per_connection = exchanges as u32 / KEPT_CONNECTIONS as u32;
        stream.ids_a_pass = 2 * per_connection;
        stream.exchanges = u64::from(per_connection) * KEPT_CONNECTIONS;
        for batch in 0..per_connection.div_ceil(TOGETHER as u32) {
            let time_ns = START_NS + u64::from(batch) * SERVED_NS * 4;
            let ids = (batch * TOGETHER as u32..per_connection).take(TOGETHER);
            for conn in 0..KEPT_CONNECTIONS {
                for id in ids.clone() {
                    stream.push_frames(conn, INGRESS, time_ns, id, http2::request);
                }
            }
            for conn in 0..KEPT_CONNECTIONS {
                for id in ids.clone() {
                    stream.push_frames(conn, EGRESS, time_ns + SERVED_NS, id, http2::response);
                }
            }
        }
        for (conn, moved) in &mut stream.moved {
            let [ingress, egress] = before.get(conn).copied().unwrap_or_default();
            *moved = [moved[0] - ingress, moved[1] - egress];
        }
        stream
    }

    /// Frames of one message in one call.
    fn push_frames(
        &mut self,
        conn: u64,
        direction: u8,
        time_ns: u64,
        id: u32,
        frames: fn(usize) -> (Vec<u8>, Vec<usize>),
    ) {
        let (mut bytes, ids) = frames(id as usize);
        for &at in &ids {
            if let Some(place) = bytes.get_mut(at..at + 4) {
                place.copy_from_slice(&(3 + 2 * id).to_be_bytes());
            }
        }
        self.push_calls(conn, direction, time_ns, &[bytes], false, &mut HashMap::new());
        let data = self.samples.last().map_or(0, |range| range.start) + size_of::<DataHead>();
        self.ids.extend(ids.into_iter().map(|at| data + at));
    }

    fn open_connections(&mut self) {
        for conn in 0..KEPT_CONNECTIONS {
            let range = self.push(&open(conn, START_NS), &[], size_of::<OpenHead>());
            self.openings.push(range);
            self.moved.insert(conn, [0; 2]);
        }
    }

    /// So many exchanges, of these shapes by turns.
    pub fn new(shapes: &[Shape], exchanges: usize) -> Self {
        let mut stream = Self::empty(exchanges);
        stream.open_connections();
        let shapes: Vec<Shape> = shapes.iter().copied().cycle().take(exchanges).collect();
        let step_ns = PASS_NS / exchanges.max(1) as u64;
        for (index, together) in shapes.chunks(TOGETHER).enumerate() {
            let first = index * TOGETHER;
            stream.push_exchanges(together, first, START_NS + first as u64 * step_ns);
        }
        stream
    }

    /// What comes before the first repetition.
    pub fn openings(&self) -> impl Iterator<Item = &[u8]> {
        self.openings.iter().filter_map(|range| self.ring.get(range.clone()))
    }

    /// One repetition.
    pub fn samples(&self) -> impl Iterator<Item = &[u8]> {
        self.samples.iter().filter_map(|range| self.ring.get(range.clone()))
    }

    /// Makes the next repetition of the last one.
    pub fn advance(&mut self) {
        for &at in &self.ids {
            if let Some(place) = self.ring.get_mut(at..at + 4)
                && let Ok(id) = <[u8; 4]>::try_from(&*place)
            {
                // Identifiers end at 2^31; no measurement comes so far.
                let id = u32::from_be_bytes(id).wrapping_add(self.ids_a_pass);
                place.copy_from_slice(&id.to_be_bytes());
            }
        }
        for range in &self.samples {
            let Some(sample) = self.ring.get_mut(range.clone()) else { continue };
            let added = self.new_connections;
            match sample.first() {
                Some(&KIND_OPEN) => change(sample, |head: &mut OpenHead| {
                    head.time_ns += PASS_NS;
                    head.conn += added;
                    head.sock += added * SOCK_BYTES;
                }),
                Some(&KIND_DATA) => change(sample, |head: &mut DataHead| {
                    head.time_ns += PASS_NS;
                    match self.moved.get(&head.conn) {
                        Some([ingress, egress]) => {
                            head.pos_bytes +=
                                if head.direction == INGRESS { ingress } else { egress };
                        }
                        None => head.conn += added,
                    }
                }),
                _ => change(sample, |head: &mut EndHead| {
                    head.time_ns += PASS_NS;
                    head.conn += added;
                }),
            }
        }
    }

    /// Exchanges that happen at the same time: all requests, then all responses.
    fn push_exchanges(&mut self, shapes: &[Shape], first: usize, time_ns: u64) {
        let conns: Vec<u64> =
            (first..).zip(shapes).map(|(number, &shape)| self.conn(shape, number)).collect();
        let exchanges = || (first..).zip(shapes.iter().copied().zip(conns.iter().copied()));
        let mut totals = HashMap::new();
        for (number, (shape, conn)) in exchanges() {
            if shape == Shape::Fresh {
                self.push_sample(&open(conn, time_ns));
            }
            let request = shape.request(number);
            self.push_calls(conn, INGRESS, time_ns, &[request], false, &mut totals);
        }
        for (number, (shape, conn)) in exchanges() {
            let pieces = shape.response(number);
            let calls = shape == Shape::Chunked;
            self.push_calls(conn, EGRESS, time_ns + SERVED_NS, &pieces, calls, &mut totals);
            if shape == Shape::Fresh {
                self.push_end(
                    conn,
                    time_ns + 2 * SERVED_NS,
                    totals.remove(&conn).unwrap_or_default(),
                );
            }
        }
    }

    fn conn(&mut self, shape: Shape, number: usize) -> u64 {
        if shape == Shape::Fresh {
            self.new_connections += 1;
            return FIRST_NEW_CONNECTION + self.new_connections;
        }
        number as u64 % KEPT_CONNECTIONS
    }

    /// Pieces of one direction: buffers of one call, or calls of their own.
    fn push_calls(
        &mut self,
        conn: u64,
        direction: u8,
        time_ns: u64,
        pieces: &[impl AsRef<[u8]>],
        calls: bool,
        totals: &mut HashMap<u64, [u64; 2]>,
    ) {
        for (index, piece) in pieces.iter().enumerate() {
            let piece = piece.as_ref();
            let bytes = piece.len() as u64;
            let total = match self.moved.get_mut(&conn) {
                Some(total) => total,
                None => totals.entry(conn).or_default(),
            };
            let [ingress, egress] = total;
            let position = if direction == INGRESS { ingress } else { egress };
            let head = DataHead {
                kind: KIND_DATA,
                direction,
                reason: 0,
                flags: match (index, calls) {
                    (0, _) => DATA_CALL_START | DATA_TURN_START,
                    (_, true) => DATA_CALL_START,
                    (_, false) => 0,
                },
                data_bytes: piece.len() as u32,
                time_ns: time_ns + index as u64 * PIECE_NS,
                conn,
                pos_bytes: *position,
                len_bytes: bytes,
                tgid: TGID,
                uid: UID,
            };
            *position += bytes;
            self.captured_bytes += bytes;
            let range = self.push(&head, piece, slot_bytes(piece.len()));
            self.samples.push(range);
        }
    }

    /// The client closes, then the server does.
    fn push_end(&mut self, conn: u64, time_ns: u64, [ingress_bytes, egress_bytes]: [u64; 2]) {
        let mut head = EndHead::new_zeroed();
        (head.conn, head.time_ns, head.kind) = (conn, time_ns, KIND_END);
        (head.ingress_bytes, head.egress_bytes) = (ingress_bytes, egress_bytes);
        self.push_sample(&head);
        head.kind = KIND_CLOSE;
        self.push_sample(&head);
    }

    fn push_sample<T: IntoBytes + Immutable>(&mut self, head: &T) {
        let range = self.push(head, &[], size_of::<T>());
        self.samples.push(range);
    }

    /// A slot of the ring: its own head, ours, the captured bytes, and what is left of its class.
    fn push<T: IntoBytes + Immutable>(
        &mut self,
        head: &T,
        data: &[u8],
        bytes: usize,
    ) -> Range<usize> {
        let start = self.ring.len() + RING_HEAD_BYTES;
        self.ring.resize(start, 0);
        self.ring.extend_from_slice(head.as_bytes());
        self.ring.extend_from_slice(data);
        let end = start + bytes.next_multiple_of(8);
        self.ring.resize(end, 0);
        start..end
    }
}

fn change<T: FromBytes + IntoBytes + Immutable>(sample: &mut [u8], change: impl FnOnce(&mut T)) {
    if let Ok((mut head, _)) = T::read_from_prefix(sample) {
        change(&mut head);
        // It has just been read from there, so it fits.
        let _ = head.write_to_prefix(sample);
    }
}

fn open(conn: u64, time_ns: u64) -> OpenHead {
    let mut head = OpenHead::new_zeroed();
    head.kind = KIND_OPEN;
    head.family = FAMILY_INET;
    head.role = ROLE_ACCEPTED;
    head.flags = OPEN_FRESH;
    head.time_ns = time_ns;
    head.conn = conn;
    head.sock = 0xffff_8880_0000_0000 + conn * SOCK_BYTES;
    head.ino = 100_000 + conn;
    head.cgroup = 4_242;
    head.local = first_four([10, 0, 0, 4]);
    head.remote = first_four([203, 0, 113, 9]);
    head.local_port = 8_080;
    head.remote_port = (32_768 + conn % 28_000) as u16;
    head.netns = 4_026_531_840;
    head.tgid = TGID;
    head.uid = UID;
    head
}

fn first_four(address: [u8; 4]) -> [u8; 16] {
    let mut octets = [0; 16];
    let (first, _) = octets.split_at_mut(4);
    first.copy_from_slice(&address);
    octets
}

/// The smallest slot that holds so many captured bytes.
fn slot_bytes(captured: usize) -> usize {
    let fits = SLOTS.into_iter().find(|slot| captured <= *slot);
    size_of::<DataHead>() + fits.unwrap_or(captured)
}

/// Captured bytes that the kernel side's slots hold.
const SLOTS: [usize; 4] = [256, 1_024, 4_096, 16_384];
const RING_HEAD_BYTES: usize = 8;
const KEPT_CONNECTIONS: u64 = 64;
/// Exchanges under way at the same time.
const TOGETHER: usize = 8;
/// Ids of connections that stay are below.
const FIRST_NEW_CONNECTION: u64 = 1 << 32;
const SOCK_BYTES: u64 = 2_560;
const SERVED_NS: u64 = 40_000;
const PIECE_NS: u64 = 2_000;
