//! How much comes out, and how much is held for it.
//!
//! In: bombs, and heads that claim much. Out: what the limits allow.
//! Always: what is claimed takes no memory. Not here: what formats mean (`formats`).

use super::{
    BR, CodingLimits, Decoder, GZIP, State, TEXTS, Unknown, bytes, decoded, decoded_within, gzip,
    text,
};

/// Ten million zeros, by Python's `brotli.compress`.
const BR_ZEROS: &str = "cbffff3ff82700e2b14020f7fe2fff2c31f04f00c46111808e2306";

/// A Zstandard frame with a window of 8 MiB and 80 blocks of 128 KiB, each a run of zeros.
fn zstd_zeros() -> Vec<u8> {
    let run = bytes("02001000");
    [&bytes("28b52ffd0068")[..], &run.repeat(79), &bytes("03001000")].concat()
}

fn limits(output_bytes: usize, ratio: u32) -> CodingLimits {
    CodingLimits { output_bytes, ratio }
}

#[test]
fn output_ends_at_the_limit() {
    let text = text();
    for (coding, coded) in TEXTS {
        for most in [0, 1, 1000, 65_536, text.len() - 1] {
            let (out, state) = decoded_within(coding, coded, limits(most, 200));
            assert!(out == text[..most], "{coding} {most}");
            assert_eq!(state, State::Limit, "{coding} {most}");
        }
        let all = decoded_within(coding, coded, limits(text.len(), 200));
        assert!(all == (text.clone(), State::Whole), "{coding}");
    }
    assert_eq!(
        decoded_within("identity", b"content", limits(4, 1)),
        (b"cont".to_vec(), State::Limit)
    );
    assert_eq!(decoded_within("", b"content", limits(7, 1)), (b"content".to_vec(), State::Whole));
}

#[test]
fn the_limit_counts_for_all_pieces_together() {
    let mut decoder = Decoder::new([&b"gzip"[..]].into_iter(), limits(1000, 200)).unwrap();
    let mut state = State::More;
    let mut total = 0;
    for piece in GZIP.chunks(700) {
        let mut out = Vec::new();
        state = decoder.push(piece, &mut out);
        total += out.len();
    }
    assert_eq!((total, state), (1000, State::Limit));
}

#[test]
fn what_is_damaged_behind_the_limit_is_cut() {
    let mut coded = gzip(&text()[..2000]);
    let last = coded.len() - 1;
    coded[last] ^= 1;
    assert_eq!(decoded_within("gzip", &coded, limits(1999, 200)).1, State::Limit);
    assert_eq!(decoded_within("gzip", &coded, limits(2000, 200)).1, State::Invalid);
}

#[test]
fn bombs_are_told() {
    let zeros = gzip(&vec![0; 10_000_000]);
    let bombs = [
        ("gzip", zeros.clone()),
        ("deflate", zeros[10..].to_vec()),
        ("br", bytes(BR_ZEROS)),
        ("zstd", zstd_zeros()),
        ("gzip, gzip", gzip(&zeros)),
        ("gzip, gzip, gzip", gzip(&gzip(&zeros))),
        ("br, gzip", gzip(&bytes(BR_ZEROS))),
        ("zstd, gzip", gzip(&zstd_zeros())),
    ];
    for (codings, coded) in bombs {
        for most in [0, 10_000, 1 << 20, 1 << 30] {
            let (out, state) = decoded_within(codings, &coded, limits(most, 200));
            assert_eq!(state, State::Bomb, "{codings} {most}");
            assert!(out.len() <= most.min(200 * 512), "{codings} {most} {}", out.len());
            assert!(out.iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn what_is_short_or_well_compressed_is_no_bomb() {
    let zeros = vec![0; 100_000];
    assert!(decoded("gzip", &gzip(&zeros)) == (zeros, State::Whole));
    let zeros = gzip(&vec![0; 10_000_000]);
    let (out, state) = decoded_within("gzip", &zeros, limits(20_000_000, 1100));
    assert_eq!((out.len(), state), (10_000_000, State::Whole));
    let (out, state) = decoded_within("zstd", &zstd_zeros(), limits(20_000_000, 100_000));
    assert_eq!((out.len(), state), (80 << 17, State::Whole));
    let (out, state) = decoded_within("br", &bytes(BR_ZEROS), limits(20_000_000, 100_000));
    assert_eq!((out.len(), state), (10_000_000, State::Whole));
}

#[test]
fn large_windows_are_refused_before_they_are_made() {
    // Windows of 8 MiB, and somewhat more, of 2 GiB, and of all there is.
    assert_eq!(
        decoded("zstd", &bytes("28b52ffd0068190000616263")),
        (b"abc".to_vec(), State::Whole)
    );
    for window in ["69", "a8", "ff"] {
        let coded = bytes(&format!("28b52ffd00{window}190000616263"));
        assert_eq!(decoded("zstd", &coded), (Vec::new(), State::Invalid), "{window}");
    }
    let single = bytes("28b52ffde0ffffffffffffff7f190000616263");
    assert_eq!(decoded("zstd", &single), (Vec::new(), State::Invalid));
    // Brotli with a large window of 2^30.
    assert_eq!(decoded("br", &bytes("111e8b098048656c6c6f")), (Vec::new(), State::Invalid));
}

#[test]
fn memory_is_not_what_a_head_claims() {
    let memory_of = |coding: &str, hex: &str, most| {
        let limits = limits(most, 200);
        let mut decoder = Decoder::new([coding.as_bytes()].into_iter(), limits).unwrap();
        decoder.push(&bytes(hex), &mut Vec::new());
        decoder.push(&[0; 512], &mut Vec::new());
        decoder.memory_bytes()
    };
    // Blocks of 128 KiB in a window of 8 MiB, of which no more than 64 KiB are wanted.
    let runs = "28b52ffd0068".to_owned() + &"02001000".repeat(70);
    assert!((130_000..700_000).contains(&memory_of("zstd", &runs, 65_536)));
    assert!(memory_of("zstd", &runs, 1 << 30) <= 9 << 20);
    assert!(memory_of("zstd", "28b52ffd0068", 1 << 30) <= 500_000);
    assert!(memory_of("gzip", "1f8b0800000000000003", 1 << 30) <= 50_000);
    assert!(memory_of("br", "0f", 1 << 30) <= 24 << 20);
}

#[test]
fn codings_that_are_not_known_are_named() {
    let new = |values: &[&str]| {
        let values = values.iter().map(|value| value.as_bytes());
        Decoder::new(values, CodingLimits::default()).err()
    };
    assert_eq!(new(&[]), None);
    assert_eq!(new(&["gzip", "", "br, identity"]), None);
    let unknown = |name: &str| Some(Unknown::Coding(name.into()));
    assert_eq!(new(&["gzip, Compress"]), unknown("compress"));
    assert_eq!(new(&["gzip;q=1"]), unknown("gzip;q=1"));
    assert_eq!(new(&["gzip br"]), unknown("gzip br"));
    assert_eq!(new(&[&"x".repeat(100)]), unknown(&"x".repeat(64)));
    assert_eq!(new(&["gzip, deflate, br, zstd"]), None);
    assert_eq!(new(&["gzip, deflate", "identity", "br, zstd, gzip"]), Some(Unknown::Depth));
    assert_eq!(new(&["gzip,".repeat(100_000).as_str()]), Some(Unknown::Depth));
    let text = Unknown::Coding("compress".into()).to_string();
    assert_eq!(text, "content coding \"compress\" is not known");
    assert_eq!(Unknown::Depth.to_string(), "content has more than 4 codings");
}

#[test]
fn the_end_is_seen_when_the_input_is_over() {
    let (mut decoder, mut out) =
        (Decoder::new([&b"br"[..]].into_iter(), limits(1 << 20, 200)).unwrap(), Vec::new());
    assert_eq!(decoder.push(BR, &mut out), State::More);
    assert_eq!(decoder.finish(&mut out), State::Whole);
    assert_eq!(decoder.push(b"more", &mut out), State::Whole);
    assert!(out == text());
}
