//! Tests of the sealed form: read by others, and whatever is done to its bytes.
//!
//! In: nothing. Out: nothing. Always: the text that is read is the text that was written, or less of it.
//! Not here: lines, segments (`compress`).

use std::io::{Cursor, Read as _};

use proptest::prelude::*;

use super::*;

/// Pieces that compress like records and differ in length.
fn pieces(count: usize) -> Vec<Vec<u8>> {
    let line = |n: usize| format!("{{\"schema\":1,\"seq\":{n},\"path\":\"/{}\"}}\n", n * 7919);
    let piece = |n: usize| (n * 10..n * 10 + 3 + n % 5).map(line).collect::<String>().into_bytes();
    (0..count).map(piece).collect()
}

fn pack(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = FrameWriter::new(Vec::new()).unwrap();
    pieces.iter().for_each(|piece| writer.push(piece).unwrap());
    writer.finish().unwrap()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// All that can be read, damage passed over, and how often there was some.
fn read_all(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut frames = Frames::open(file(bytes)).unwrap();
    let (mut text, mut at, mut damages) = (Vec::new(), 0, 0);
    let mut room = vec![0; 100];
    loop {
        match frames.read_at(&mut room, at) {
            Ok(0) => return (text, damages),
            Ok(read) => {
                text.extend(&room[..read]);
                at += read as u64;
            }
            Err(error) => {
                assert!(is_damage(&error), "{error}");
                damages += 1;
                at = frames.skip(at);
            }
        }
        assert!(frames.plain.capacity() <= PLAIN_BYTES_MAX);
    }
}

#[test]
fn others_read_what_is_written() {
    for count in [0, 1, 7] {
        let pieces = pieces(count);
        let (packed, text) = (pack(&pieces), pieces.concat());
        assert_eq!(read_all(&packed), (text.clone(), 0));
        assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap(), text);

        let mut seekable = zeekstd::Decoder::new(Cursor::new(&packed)).unwrap();
        let table = seekable.seek_table();
        assert_eq!(table.num_frames() as usize, count);
        let sizes = (0..count).map(|n| table.frame_size_decomp(n as u32).unwrap() as usize);
        assert!(sizes.eq(pieces.iter().map(Vec::len)));
        if count > 0 {
            seekable.set_lower_frame(count as u32 - 1).unwrap();
            let mut last = vec![0; 4096];
            let length = seekable.decompress(&mut last).unwrap();
            assert_eq!(last[..length], pieces[count - 1]);
        }
    }
}

#[test]
fn what_others_write_is_read() {
    let text = pieces(20).concat();
    let options = zeekstd::EncodeOptions::new()
        .frame_size_policy(zeekstd::FrameSizePolicy::Uncompressed(100))
        .checksum_flag(true);
    let mut packed = Vec::new();
    let mut encoder = options.into_encoder(&mut packed).unwrap();
    let mut rest = &text[..];
    while !rest.is_empty() {
        let taken = encoder.compress(rest).unwrap();
        rest = &rest[taken..];
    }
    encoder.finish().unwrap();
    assert_eq!(read_all(&packed), (text, 0));
}

#[test]
fn any_place_is_read_by_its_offset() {
    let pieces = pieces(5);
    let text = pieces.concat();
    let mut frames = Frames::open(file(&pack(&pieces))).unwrap();
    assert_eq!(frames.len_bytes(), text.len() as u64);
    let mut room = [0; 10];
    for at in (0..text.len()).rev() {
        let read = frames.read_at(&mut room, at as u64).unwrap();
        assert!(read > 0);
        assert_eq!(room[..read], text[at..at + read]);
    }
    assert_eq!(frames.read_at(&mut room, text.len() as u64).unwrap(), 0);
    assert_eq!(frames.read_at(&mut room, u64::MAX).unwrap(), 0);
}

#[test]
fn every_frame_has_a_checksum() {
    let packed = pack(&pieces(1));
    assert_eq!(packed[..4], [0x28, 0xB5, 0x2F, 0xFD]);
    assert_eq!(packed[4] & 4, 4, "Content_Checksum_flag");
}

#[test]
fn a_damaged_frame_costs_itself_only() {
    let pieces = pieces(5);
    let first = pack(&pieces[..1]).len() - (8 + 9 + 8);
    let mut packed = pack(&pieces);
    packed[first + 12] ^= 1;
    let (text, damages) = read_all(&packed);
    assert_eq!((text, damages), ([&pieces[0][..], &pieces[2..].concat()].concat(), 1));
}

#[test]
fn a_table_that_lies_takes_no_memory() {
    let table = |entries: &[(u32, u32)], count: u32, head: &[u8]| {
        let mut bytes = head.to_vec();
        bytes.extend(SKIPPABLE_MAGIC.to_le_bytes());
        bytes.extend((entries.len() as u32 * 8 + 9).to_le_bytes());
        for (packed, plain) in entries {
            bytes.extend([packed.to_le_bytes(), plain.to_le_bytes()].concat());
        }
        bytes.extend(count.to_le_bytes());
        bytes.push(0);
        bytes.extend(SEEKABLE_MAGIC.to_le_bytes());
        bytes
    };
    for (entries, count) in [
        (&[(4, u32::MAX)][..], 1),
        (&[(4, u32::MAX), (0, u32::MAX)], 2),
        (&[(u32::MAX, 4)], 1),
        (&[], u32::MAX),
        (&[], FRAMES_MAX),
        (&[(4, 0)], 1),
    ] {
        let bytes = table(entries, count, &[0x28, 0xB5, 0x2F, 0xFD]);
        let mut frames = Frames::open(file(&bytes)).unwrap();
        let mut at = 0;
        for _ in 0..3 {
            match frames.read_at(&mut [0; 10], at) {
                Ok(read) => assert_eq!(read, 0),
                Err(error) => assert!(is_damage(&error)),
            }
            at = frames.skip(at);
        }
        assert!(frames.plain.capacity() + frames.packed.capacity() < 1 << 16, "{entries:?}");
    }
}

/// A frame of a few bytes that says it is a gigabyte, and a table that agrees as far as it may.
#[test]
fn a_frame_that_grows_is_refused() {
    let text = vec![0; 64 << 20];
    let packed = zstd::bulk::compress(&text, 1).unwrap();
    let mut writer = FrameWriter::new(Vec::new()).unwrap();
    writer.push(b"small").unwrap();
    let small = writer.packed.len();
    writer.frames[0] = Frame::after(None, packed.len() as u32, PLAIN_BYTES_MAX as u32);
    let mut bytes = writer.finish().unwrap();
    bytes.splice(..small, packed);
    assert_eq!(read_all(&bytes), (Vec::new(), 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_damage_is_found_or_harmless(at in 0_usize..2_000, bits in 1_u8.., cut in any::<bool>()) {
        let pieces = pieces(6);
        let mut packed = pack(&pieces);
        let at = at % packed.len();
        if cut {
            packed.truncate(at);
        } else {
            packed[at] ^= bits;
        }
        let (text, damages) = read_all(&packed);
        let whole = pieces.concat();
        prop_assert!(damages <= pieces.len());
        // Each piece is there as it was, or not at all; or the frames were cut elsewhere by the table.
        prop_assert!(text == whole || damages > 0);
        let mut rest = &text[..];
        for piece in &pieces {
            rest = rest.strip_prefix(&piece[..]).unwrap_or(rest);
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (text, _) = read_all(&bytes);
        prop_assert!(text.len() <= PLAIN_BYTES_MAX);
    }
}

#[test]
fn a_plain_reader_finds_the_table_to_be_none_of_its_business() {
    let packed = pack(&pieces(3));
    let mut text = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap();
    decoder.read_to_end(&mut text).unwrap();
    assert_eq!(text, pieces(1).concat(), "it reads one frame");
}
