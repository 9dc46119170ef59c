//! Bounds on what one connection may make us hold.
//!
//! In: configuration. Out: numbers that `conn` and `protocol` keep.
//! Always: every buffer in those layers names the limit here that bounds it.
//! Not here: the daemon's total (`pipeline::tracker` keeps `memory_bytes`).

/// Limits that the parsers keep.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest message head (start line and fields) or trailer section held, in bytes. Beyond it
    /// the message is `Anomaly::HeadTooLong` and the stream resynchronises.
    pub head_bytes: usize,
    /// Most fields looked at in one head; the rest is `Anomaly::TooManyFields`.
    pub fields: usize,
    /// Longest line of a chunk size with its extensions, in bytes.
    pub chunk_line_bytes: usize,
    /// Most requests of one connection that wait for their response.
    pub pipelined: usize,
    /// Most streams of one connection that are open at once; beyond it the oldest is given up.
    pub streams: usize,
    /// Bytes of a request's content that are kept for its record; 0: none are wanted.
    pub request_body_bytes: usize,
    /// The same of a response's.
    pub response_body_bytes: usize,
    /// Bytes of one direction held while it waits for the other one.
    pub held_bytes: usize,
    /// How long a response waits for a request that has not been seen, in nanoseconds of sample
    /// time, before it counts as one whose request was lost.
    pub reorder_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 65_536,
            fields: 16_384,
            chunk_line_bytes: 16_384,
            pipelined: 4_096,
            streams: 16_384,
            request_body_bytes: 0,
            response_body_bytes: 0,
            held_bytes: 262_144,
            reorder_ns: 200_000_000,
        }
    }
}
