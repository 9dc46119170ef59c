//! Decompression of one direction's messages.
//!
//! In: payloads of compressed messages, without their masks. Out: pieces of content.
//! Always: nothing comes out that a decompressor which has seen all of the direction would not
//! give: where it has not, or the data refer to before its beginning, there is a fault. Same
//! pieces, put together, however the payload was cut. At most 64 KiB held.
//! Not here: which messages are compressed (`half`). Source: RFC 7692 section 7.2, RFC 1951.
//!
//! The decompressor is asked for one step at a time, with what came before in front of the step's
//! output. So it sees how far back data may refer; one that wraps around in its window would read
//! zeros from before the beginning.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::protocol::websocket::extensions::Deflate;

/// Why a message is not decompressed to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is no compressed data, or what it refers to has not been seen.
    Invalid,
    /// It grows beyond all measure.
    Bomb,
}

/// One direction's decompressor.
///
/// ```text
/// Fresh --feed--> Busy --finish--> Busy, or Fresh without context takeover
///                   `-- fault, give_up --> Lost, or Fresh without context takeover
/// ```
pub(super) struct Inflater {
    no_context_takeover: bool,
    state: State,
}

enum State {
    /// Nothing has come that the next message could refer to.
    Fresh,
    Busy(Box<Stream>),
    /// Something has not been seen that messages may refer to.
    Lost,
}

/// Compressed data under way.
struct Stream {
    decoder: DecompressorOxide,
    /// What came out last; the next message may refer to it.
    window: Vec<u8>,
    /// Bytes of this message, compressed.
    in_bytes: u64,
    /// Bytes of this message.
    out_bytes: u64,
    /// The data say that they end here.
    is_final: bool,
}

impl Inflater {
    /// A direction in which no message was sent yet.
    pub fn new(deflate: Option<Deflate>) -> Self {
        let no_context_takeover = deflate.is_none_or(|deflate| deflate.no_context_takeover);
        Self { no_context_takeover, state: State::Fresh }
    }

    /// The next message can be decompressed.
    pub fn is_usable(&self) -> bool {
        !matches!(self.state, State::Lost)
    }

    /// Takes a piece of a message. After a fault the rest of the message must not follow.
    pub fn feed(&mut self, piece: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        let result = match &mut self.state {
            State::Lost => Err(Fault::Invalid),
            State::Busy(stream) => stream.feed(piece, sink),
            State::Fresh => {
                let mut stream = Box::new(Stream::new());
                let result = stream.feed(piece, sink);
                self.state = State::Busy(stream);
                result
            }
        };
        result.inspect_err(|_| self.give_up())
    }

    /// The message is over.
    pub fn finish(&mut self) -> Result<(), Fault> {
        let result = match &mut self.state {
            State::Busy(stream) => stream.finish(),
            // A message without one byte: even an empty one has a block (section 7.2.3.6).
            State::Fresh | State::Lost => Err(Fault::Invalid),
        };
        match result {
            Ok(()) if self.no_context_takeover => self.state = State::Fresh,
            Ok(()) => {}
            Err(_) => self.give_up(),
        }
        result
    }

    /// Some of the direction is not, or not completely, known.
    pub fn give_up(&mut self) {
        self.state = if self.no_context_takeover { State::Fresh } else { State::Lost };
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        match &self.state {
            State::Busy(stream) => size_of::<Stream>() + stream.window.capacity(),
            State::Fresh | State::Lost => 0,
        }
    }
}

impl Stream {
    fn new() -> Self {
        Self {
            decoder: DecompressorOxide::new(),
            window: Vec::new(),
            in_bytes: 0,
            out_bytes: 0,
            is_final: false,
        }
    }

    fn feed(&mut self, mut piece: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        while !piece.is_empty() {
            let room = BLOCK_BYTES - self.in_bytes % BLOCK_BYTES;
            let room = piece.len().min(room as usize);
            let block = piece.split_off(..room).unwrap_or_default();
            self.inflate(block, sink)?;
            self.in_bytes = self.in_bytes.saturating_add(block.len() as u64);
            // The size is compared at the same places however the payload was cut.
            if self.in_bytes.is_multiple_of(BLOCK_BYTES) && self.is_bomb() {
                return Err(Fault::Bomb);
            }
        }
        Ok(())
    }

    /// Puts back what the sender took away (section 7.2.2), which holds no data.
    fn finish(&mut self) -> Result<(), Fault> {
        let before = self.out_bytes;
        if self.in_bytes == 0 {
            return Err(Fault::Invalid);
        }
        // With a final block at the very end, nothing was taken away.
        if !self.is_final {
            self.inflate(&TAIL, &mut |_| {})?;
        }
        if self.out_bytes != before {
            return Err(Fault::Invalid);
        }
        (self.in_bytes, self.out_bytes, self.is_final) = (0, 0, false);
        Ok(())
    }

    fn is_bomb(&self) -> bool {
        self.out_bytes > FREE_BYTES && self.out_bytes / RATIO > self.in_bytes
    }

    fn inflate(&mut self, mut input: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        loop {
            let before = self.out_bytes;
            let (status, used) = self.step(input, sink);
            input = input.get(used..).unwrap_or_default();
            if self.out_bytes > OUTPUT_BYTES {
                return Err(Fault::Bomb);
            }
            self.is_final = status == TINFLStatus::Done;
            match status {
                TINFLStatus::NeedsMoreInput => return Ok(()),
                TINFLStatus::HasMoreOutput if self.out_bytes > before => {}
                TINFLStatus::Done => {
                    // A sender may end each piece with a final block (section 7.2.3.4).
                    self.decoder.init();
                    if input.is_empty() {
                        return Ok(());
                    }
                }
                _ => return Err(Fault::Invalid),
            }
        }
    }

    /// One call of the decompressor.
    fn step(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8])) -> (TINFLStatus, usize) {
        self.slide();
        let start = self.window.len();
        self.window.reserve_exact(STEP_BYTES);
        self.window.resize(start.saturating_add(STEP_BYTES), 0);
        let (status, used, written) =
            decompress(&mut self.decoder, input, &mut self.window, start, FLAGS);
        self.window.truncate(start.saturating_add(written));
        let room = OUTPUT_BYTES.saturating_sub(self.out_bytes);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let output = self.window.get(start..).unwrap_or_default();
        sink(output.get(..room).unwrap_or(output));
        self.out_bytes = self.out_bytes.saturating_add(written as u64);
        (status, used)
    }

    /// Forgets what is too far back to be referred to. All of the longest distance stays, also
    /// where a smaller window was agreed: the decompressor may be in the middle of a copy.
    fn slide(&mut self) {
        if self.window.len() >= WINDOW_BYTES + SLIDE_BYTES {
            let old = self.window.len() - WINDOW_BYTES;
            self.window.drain(..old);
        }
    }
}

/// What a sender takes away from the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Longest distance that data may refer back (RFC 1951 section 2).
const WINDOW_BYTES: usize = 1 << 15;
/// How much more is kept, so that the window is not moved at each step.
const SLIDE_BYTES: usize = 1 << 14;
/// Output of one step.
const STEP_BYTES: usize = 1 << 12;
/// What one direction holds at most.
const _: () = assert!(size_of::<Stream>() + WINDOW_BYTES + SLIDE_BYTES + STEP_BYTES <= 1 << 16);
/// Compressed bytes after which sizes are compared; they make 1 MiB at most.
const BLOCK_BYTES: u64 = 1 << 10;
/// Largest message that is decompressed.
const OUTPUT_BYTES: u64 = 1 << 26;
/// A message may grow by so much whatever its ratio.
const FREE_BYTES: u64 = 1 << 20;
/// Largest ratio beyond that; the method allows 1032.
const RATIO: u64 = 200;
const FLAGS: u32 = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
    | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
    | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;

#[cfg(test)]
mod tests {
    use super::{Deflate, Fault, Inflater};

    fn inflater(no_context_takeover: bool) -> Inflater {
        Inflater::new(Some(Deflate { no_context_takeover, window_bits: 15 }))
    }

    /// Content of one message.
    fn message(inflater: &mut Inflater, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut content = Vec::new();
        inflater.feed(payload, &mut |piece| content.extend_from_slice(piece))?;
        inflater.finish()?;
        Ok(content)
    }

    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    /// The same again, by a reference to the message before.
    const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

    #[test]
    fn examples_of_the_specification() {
        for payload in [
            &HELLO[..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            let mut inflater = inflater(false);
            assert_eq!(message(&mut inflater, payload).unwrap(), b"Hello", "{payload:x?}");
            assert_eq!(message(&mut inflater, &AGAIN).unwrap(), b"Hello", "after {payload:x?}");
            assert_eq!(message(&mut inflater, &[0]).unwrap(), b"");
            assert_eq!(message(&mut inflater, &AGAIN).unwrap(), b"Hello");
        }
    }

    #[test]
    fn a_final_block_may_be_the_last_byte() {
        let mut inflater = inflater(false);
        assert_eq!(
            message(&mut inflater, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).unwrap(),
            b"Hello"
        );
        assert_eq!(message(&mut inflater, &AGAIN).unwrap(), b"Hello");
    }

    #[test]
    fn what_lies_before_the_beginning_is_not_made_up() {
        assert_eq!(message(&mut inflater(false), &AGAIN), Err(Fault::Invalid));
        let mut apart = inflater(true);
        assert_eq!(message(&mut apart, &HELLO).unwrap(), b"Hello");
        assert_eq!(apart.memory_bytes(), 0);
        assert_eq!(message(&mut apart, &AGAIN), Err(Fault::Invalid));
        assert_eq!(message(&mut apart, &HELLO).unwrap(), b"Hello");
    }

    #[test]
    fn after_a_fault_nothing_is_known() {
        for fault in [&[][..], &[0xff; 9], &HELLO[..3], &AGAIN] {
            let mut inflater = inflater(false);
            assert!(message(&mut inflater, fault).is_err(), "{fault:x?}");
            assert!(!inflater.is_usable());
            assert!(message(&mut inflater, &HELLO).is_err());
            assert_eq!(inflater.memory_bytes(), 0);
        }
    }

    #[test]
    fn data_in_the_tail_are_none() {
        // A stored block of ten bytes, of which six are there: the other four would be the tail.
        let payload = [&[0x00, 0x0a, 0x00, 0xf5, 0xff][..], b"sixsix"].concat();
        assert_eq!(message(&mut inflater(false), &payload), Err(Fault::Invalid));
    }
}
