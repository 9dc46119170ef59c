//! Tests of content codings: coded bytes in, content out.
//!
//! In: `text.*`, which hold `text()`, by Python 3.11 with brotli 1.2 and zstandard 0.25:
//!
//! ```python
//! gzip.compress(text, 9, mtime=0)                                         # text.gz
//! zlib.compress(text, 9)                                                  # text.zlib
//! zlib.compressobj(9, zlib.DEFLATED, -15)                                 # text.deflate
//! brotli.compress(text, quality=9, lgwin=16)                              # text.br
//! brotli.compress(text, quality=11)                                       # text-11.br
//! ZstdCompressor(compression_params=ZstdCompressionParameters(window_log=14,
//!     compression_level=3, write_checksum=True, write_content_size=False)
//!     ).compressobj()                                                     # text.zst
//! ZstdCompressor(level=19, write_checksum=True).compress(text)            # text-19.zst
//! ```
//! Always: the same content and state whether input comes at once or byte by byte.
//! Not here: heads of single formats (beside them).

mod bounds;
mod cuts;
mod formats;

use miniz_oxide::deflate::compress_to_vec;

use super::{CodingLimits, Decoder, State, Unknown, decode};

/// Each way to code the text, with its coding.
const TEXTS: [(&str, &[u8]); 7] = [
    ("gzip", include_bytes!("text.gz")),
    ("deflate", include_bytes!("text.zlib")),
    ("deflate", include_bytes!("text.deflate")),
    ("br", include_bytes!("text.br")),
    ("br", include_bytes!("text-11.br")),
    ("zstd", include_bytes!("text.zst")),
    ("zstd", include_bytes!("text-19.zst")),
];

const GZIP: &[u8] = TEXTS[0].1;
const BR: &[u8] = TEXTS[3].1;
const ZSTD: &[u8] = TEXTS[5].1;

/// 80,926 bytes.
fn text() -> Vec<u8> {
    let line = |n: usize| {
        format!(
            "{{\"id\":{n},\"name\":\"user {}\",\"mail\":\"user{}@example.com\",\
             \"tags\":[\"one\",\"two\",\"three\"],\"note\":\"nothing to say of {}\"}}\n",
            n * 7 % 1000,
            n * n % 997,
            n % 10
        )
    };
    (0..700).map(line).collect::<String>().into_bytes()
}

/// All at once and byte by byte.
fn decoded_within(codings: &str, bytes: &[u8], limits: CodingLimits) -> (Vec<u8>, State) {
    let whole = decode(std::iter::once(codings.as_bytes()), bytes, limits).unwrap();
    let pieces = in_pieces(codings, bytes.chunks(1), limits);
    assert!(whole == pieces, "a cut changes what comes out");
    whole
}

fn decoded(codings: &str, bytes: &[u8]) -> (Vec<u8>, State) {
    decoded_within(codings, bytes, CodingLimits::default())
}

fn in_pieces<'a>(
    codings: &str,
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: CodingLimits,
) -> (Vec<u8>, State) {
    let mut decoder = Decoder::new(std::iter::once(codings.as_bytes()), limits).unwrap();
    let mut out = Vec::new();
    let mut last = None;
    for piece in pieces {
        let state = decoder.push(piece, &mut out);
        assert!(last.is_none_or(|last| last == state), "a last state is followed by another");
        last = Some(state).filter(|state| !matches!(state, State::More | State::Whole));
        assert!(out.len() <= limits.output_bytes);
        assert!(decoder.memory_bytes() <= MOST_BYTES);
    }
    let state = decoder.finish(&mut out);
    assert_eq!(decoder.finish(&mut out), state, "the end comes twice");
    assert!(last.is_none_or(|last| last == state), "the end changes a last state");
    (out, state)
}

/// A gzip file of one member.
fn gzip(content: &[u8]) -> Vec<u8> {
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let sum = crc32fast::hash(content).to_le_bytes();
    let length = (content.len() as u32).to_le_bytes();
    [&head[..], &compress_to_vec(content, 9), &sum, &length].concat()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// What Brotli and Zstandard together may hold.
const MOST_BYTES: usize = (28 + 11) << 20;
