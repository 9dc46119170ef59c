//! Messages of one direction of a call.
//!
//! In: a body's bytes and the lengths of holes in it. Out: frames: messages, and the trailers of
//! gRPC-Web.
//! Always: the same frames however the body was cut; memory is the payload that is wanted, as far
//! as it has come, whatever length was told; a payload that came in one piece is not copied.
//! Not here: compression (`grpc::decompress`), what trailers say (`status`).
//! Source: PROTOCOL-HTTP2.md and PROTOCOL-WEB.md of gRPC.

use crate::protocol::grpc::Kind;
use crate::protocol::grpc::base64::Base64;

/// A message, or the trailers, as far as it was seen.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: FrameKind,
    /// Its payload is compressed, with the encoding that `grpc-encoding` tells.
    pub is_compressed: bool,
    /// Length of its payload on the wire.
    pub wire_bytes: u32,
    /// Front of the payload: as much as is wanted, up to the first hole.
    pub payload: &'a [u8],
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameKind {
    /// A message.
    Message,
    /// Trailer fields, of gRPC-Web.
    Trailers,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Behind a frame, or before the first.
    Whole,
    /// Inside a frame.
    Truncated,
    /// A hole has hidden where frames begin.
    Hidden,
    /// Something else than frames was in it.
    Invalid,
}

/// Figures of a body so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Messages that have begun.
    pub messages: u64,
    /// Those of them that are compressed.
    pub compressed: u64,
    /// Bytes of their payloads on the wire, seen or in holes.
    pub wire_bytes: u64,
}

/// A body under way.
///
/// ```text
///  Prefix --5 bytes--> Payload --its length--> Prefix
///                          `-- the trailers' --> Over
///  any --hole in a prefix, a prefix that is none, bytes behind the trailers--> Lost
/// ```
pub struct Messages {
    kind: Kind,
    text: Base64,
    state: State,
    payload_bytes: usize,
    /// Of the frame that is under way.
    payload: Vec<u8>,
    counts: Counts,
}

#[derive(Clone, Copy)]
enum State {
    /// Its front, and how much of it.
    Prefix([u8; PREFIX_BYTES], usize),
    Payload(Open),
    Over,
    Lost(End),
}

/// A frame whose payload is under way.
#[derive(Clone, Copy)]
struct Open {
    kind: FrameKind,
    is_compressed: bool,
    wire_bytes: u32,
    left_bytes: u32,
    /// What follows is not kept.
    has_hole: bool,
}

/// Takes frames.
type Each<'a> = dyn FnMut(Frame<'_>) + 'a;

impl Messages {
    /// The start of a body. `payload_bytes`: most of one message's payload that is wanted.
    pub fn new(kind: Kind, payload_bytes: usize) -> Self {
        Self {
            kind,
            text: Base64::default(),
            state: START,
            payload_bytes,
            payload: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// The body's next bytes.
    pub fn bytes(&mut self, mut bytes: &[u8], each: &mut Each<'_>) {
        if self.kind != Kind::WebText {
            return self.binary(&mut bytes, each);
        }
        for character in bytes {
            match self.text.take(*character) {
                Ok(None) => {}
                Ok(Some(group)) => self.binary(&mut group.as_slice(), each),
                Err(_) => self.lose(End::Invalid, each),
            }
            if let State::Lost(_) = self.state {
                break;
            }
        }
    }

    /// Bytes of the body that were not seen.
    pub fn skip(&mut self, bytes: u64, each: &mut Each<'_>) {
        match self.state {
            _ if bytes == 0 => {}
            // How many bytes so much text is, its padding tells.
            State::Payload(open)
                if self.kind != Kind::WebText && bytes <= u64::from(open.left_bytes) =>
            {
                let left_bytes = open.left_bytes - bytes as u32;
                self.moved(Open { left_bytes, has_hole: true, ..open }, bytes, each);
            }
            _ => self.lose(End::Hidden, each),
        }
    }

    /// The body is over: a frame that was not comes out as far as it was seen.
    pub fn end(&mut self, each: &mut Each<'_>) -> End {
        let end = match self.state {
            State::Lost(end) => end,
            State::Prefix(_, 0) | State::Over if self.text.is_between() => End::Whole,
            _ => End::Truncated,
        };
        self.lose(end, each);
        end
    }

    /// Figures so far. `None`: they are not known, since it is not known where frames begin.
    pub fn counts(&self) -> Option<Counts> {
        match self.state {
            State::Lost(End::Hidden | End::Invalid) => None,
            _ => Some(self.counts),
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.payload.capacity()
    }

    fn binary(&mut self, bytes: &mut &[u8], each: &mut Each<'_>) {
        while !bytes.is_empty() {
            match self.state {
                State::Prefix(prefix, length) => self.prefix(prefix, length, bytes, each),
                State::Payload(open) => self.payload(open, bytes, each),
                State::Over => self.lose(End::Invalid, each),
                State::Lost(_) => return,
            }
        }
    }

    fn prefix(
        &mut self,
        mut prefix: [u8; PREFIX_BYTES],
        mut length: usize,
        bytes: &mut &[u8],
        each: &mut Each<'_>,
    ) {
        for place in prefix.iter_mut().skip(length) {
            let Some(byte) = bytes.split_off_first() else { break };
            *place = *byte;
            length += 1;
        }
        if length < PREFIX_BYTES {
            self.state = State::Prefix(prefix, length);
            return;
        }
        let [flags, wire_bytes @ ..] = prefix;
        let wire_bytes = u32::from_be_bytes(wire_bytes);
        let kind = match flags & !COMPRESSED {
            0 => FrameKind::Message,
            TRAILERS if self.kind != Kind::Grpc => FrameKind::Trailers,
            _ => return self.lose(End::Invalid, each),
        };
        let is_compressed = flags & COMPRESSED != 0;
        if kind == FrameKind::Message {
            self.counts.messages += 1;
            self.counts.compressed += u64::from(is_compressed);
        }
        let open =
            Open { kind, is_compressed, wire_bytes, left_bytes: wire_bytes, has_hole: false };
        self.moved(open, 0, each);
    }

    fn payload(&mut self, mut open: Open, bytes: &mut &[u8], each: &mut Each<'_>) {
        let length = bytes.len().min(open.left_bytes as usize);
        let part = bytes.split_off(..length).unwrap_or_default();
        open.left_bytes -= length as u32;
        if part.len() == open.wire_bytes as usize {
            self.count(&open, length as u64);
            return self.close(&open, part, each);
        }
        let room = self.wanted_bytes(open.kind).saturating_sub(self.payload.len());
        if !open.has_hole {
            self.payload.extend_from_slice(part.get(..room).unwrap_or(part));
        }
        self.moved(open, length as u64, each);
    }

    /// So many bytes of the payload were taken.
    fn moved(&mut self, open: Open, bytes: u64, each: &mut Each<'_>) {
        self.count(&open, bytes);
        if open.left_bytes > 0 {
            self.state = State::Payload(open);
            return;
        }
        let mut payload = std::mem::take(&mut self.payload);
        self.close(&open, &payload, each);
        payload.clear();
        self.payload = payload;
    }

    fn count(&mut self, open: &Open, bytes: u64) {
        if open.kind == FrameKind::Message {
            self.counts.wire_bytes = self.counts.wire_bytes.saturating_add(bytes);
        }
    }

    fn close(&mut self, open: &Open, payload: &[u8], each: &mut Each<'_>) {
        self.state = match open.kind {
            FrameKind::Message => START,
            FrameKind::Trailers => State::Over,
        };
        let Open { kind, is_compressed, wire_bytes, .. } = *open;
        let payload = payload.get(..self.wanted_bytes(kind)).unwrap_or(payload);
        each(Frame { kind, is_compressed, wire_bytes, payload });
    }

    /// No frame can be found any more; the one that is under way ends here.
    fn lose(&mut self, end: End, each: &mut Each<'_>) {
        let payload = std::mem::take(&mut self.payload);
        match self.state {
            State::Lost(_) => return,
            State::Payload(open) => self.close(&open, &payload, each),
            State::Prefix(..) | State::Over => {}
        }
        self.state = State::Lost(end);
    }

    fn wanted_bytes(&self, kind: FrameKind) -> usize {
        match kind {
            FrameKind::Message => self.payload_bytes,
            FrameKind::Trailers => TRAILERS_BYTES,
        }
    }
}

impl Frame<'_> {
    /// The payload is all there.
    pub fn is_whole(&self) -> bool {
        self.payload.len() == self.wire_bytes as usize
    }
}

const START: State = State::Prefix([0; PREFIX_BYTES], 0);

/// Flags and length.
const PREFIX_BYTES: usize = 5;

const COMPRESSED: u8 = 1;
const TRAILERS: u8 = 0x80;

/// Longest trailers that are kept, in bytes.
const TRAILERS_BYTES: usize = 1 << 16;
