//! What each coding takes and what it refuses.
//!
//! In: files that other programs made. Out: content and state.
//! Always: content that came before damage is kept. Not here: limits (`bounds`).

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use proptest::prelude::*;

use super::{BR, GZIP, State, TEXTS, ZSTD, bytes, decoded, gzip, text};
use crate::cases::cases;

/// By Python, of `HELLO`: a gzip head with every part it can have, the zlib format, DEFLATE by
/// itself, one uncompressed block of it, Brotli, Zstandard with length and sum.
const GZIP_HELLO: &str = "1f8b081e000000000003050065787472616e616d6500636f6d6d656e740003a5\
                          f348cdc9c9d751c840a21401aceb2ee414000000";
const ZLIB_HELLO: &str = "789cf348cdc9c9d751c840a21401489e06d6";
const DEFLATE_HELLO: &str = "f348cdc9c9d751c840a21401";
const STORED_HELLO: &str = "011400ebff48656c6c6f2c2068656c6c6f2c2068656c6c6f21";
const BR_HELLO: &str = "8b098048656c6c6f2c2068656c6c6f2c2068656c6c6f2103";
const ZSTD_HELLO: &str = "28b52ffd24147d00004848656c6c6f2c2068210100320a179f83262f";
const HELLO: &str = "Hello, hello, hello!";

const HELLOS: [(&str, &str); 6] = [
    ("gzip", GZIP_HELLO),
    ("deflate", ZLIB_HELLO),
    ("deflate", DEFLATE_HELLO),
    ("deflate", STORED_HELLO),
    ("br", BR_HELLO),
    ("zstd", ZSTD_HELLO),
];

/// A Zstandard frame of unknown length with a window of 1 KiB, and two blocks that are not
/// compressed.
const ZSTD_RAW: &str = "28b52ffd0000180000616263190000646566";

fn check(codings: &str, bytes: &[u8], content: &[u8], state: State) {
    let (out, found) = decoded(codings, bytes);
    assert_eq!(out.escape_ascii().to_string(), content.escape_ascii().to_string());
    assert_eq!(found, state, "{codings}");
}

#[test]
fn texts_of_other_programs() {
    for (coding, coded) in TEXTS {
        assert!(decoded(coding, coded) == (text(), State::Whole), "{coding}");
    }
}

#[test]
fn short_texts_of_other_programs() {
    for (coding, hex) in HELLOS {
        check(coding, &bytes(hex), HELLO.as_bytes(), State::Whole);
    }
}

#[test]
fn what_is_cut_off_keeps_its_front() {
    for (coding, hex) in HELLOS {
        let coded = bytes(hex);
        let mut before = 0;
        for length in 1..coded.len() {
            let (out, state) = decoded(coding, &coded[..length]);
            assert!(HELLO.as_bytes().starts_with(&out), "{coding} {length}");
            assert_eq!(state, State::Truncated, "{coding} {length}");
            assert!(out.len() >= before);
            before = out.len();
        }
        // Sums are cut off first.
        assert!(before >= HELLO.len() - 1, "{coding} {before}");
    }
}

#[test]
fn what_follows_the_end_is_left_out() {
    for (coding, hex) in HELLOS {
        for rest in [&b"\0"[..], b"garbage", &[0; 2000], b"(", b"\x1f.", b"\x28\xb5."] {
            if coding == "zstd" && rest == b"(" {
                continue;
            }
            check(coding, &[&bytes(hex), rest].concat(), HELLO.as_bytes(), State::Whole);
        }
    }
}

#[test]
fn nothing_is_nothing() {
    for coding in ["gzip", "deflate", "br", "zstd", "identity", "gzip, br"] {
        check(coding, b"", b"", State::Whole);
    }
    // An empty member, stream and frame.
    check("gzip", &gzip(b""), b"", State::Whole);
    check("deflate", &bytes("0300"), b"", State::Whole);
    check("br", &bytes("3b"), b"", State::Whole);
    check("zstd", &bytes("28b52ffd0000010000"), b"", State::Whole);
}

#[test]
fn something_else_is_invalid() {
    for coding in ["gzip", "zstd"] {
        for other in [&b"{\"error\":1}"[..], b"<"] {
            check(coding, other, b"", State::Invalid);
        }
    }
    check("deflate", &gzip(b"content"), b"", State::Invalid);
    check("br", &[0xff; 40], b"", State::Invalid);
    check("gzip", &bytes("1f8b09"), b"", State::Truncated);
    check("gzip", &bytes("1f8b0900000000000003"), b"", State::Invalid);
    check("gzip", &bytes("1f8b0820000000000003"), b"", State::Invalid);
}

#[test]
fn several_members_are_one_content() {
    let two = [GZIP, &gzip(b", and more")].concat();
    assert!(decoded("gzip", &two) == ([&text()[..], b", and more"].concat(), State::Whole));
    let two = [gzip(b"one"), gzip(b"two")].concat();
    check("gzip", &two, b"onetwo", State::Whole);
    let first = gzip(b"one").len();
    check("gzip", &two[..first + 1], b"one", State::Truncated);
    check(
        "gzip",
        &[&two[..first], &bytes("1f8b07000000000000ff")[..]].concat(),
        b"one",
        State::Invalid,
    );
}

#[test]
fn several_frames_are_one_content() {
    let hello = bytes(ZSTD_HELLO);
    let skippable = [&bytes("5e2a4d1804000000")[..], b"skip"].concat();
    let empty = bytes("502a4d1800000000");
    let all = [&skippable[..], ZSTD, &skippable, &empty, &hello, &skippable].concat();
    let content = [&text()[..], HELLO.as_bytes()].concat();
    assert!(decoded("zstd", &all) == (content, State::Whole));
    check("zstd", &skippable, b"", State::Whole);
    check("zstd", &empty, b"", State::Whole);
    check("zstd", &skippable[..10], b"", State::Truncated);
    check("zstd", &[&hello[..], &skippable[..10]].concat(), HELLO.as_bytes(), State::Truncated);
    check("zstd", &[&hello[..], &skippable[..2]].concat(), HELLO.as_bytes(), State::Truncated);
}

#[test]
fn sums_and_lengths_are_compared() {
    let coded = bytes(GZIP_HELLO);
    let length = coded.len();
    for at in length - 8..length {
        let mut coded = coded.clone();
        coded[at] ^= 1;
        check("gzip", &coded, HELLO.as_bytes(), State::Invalid);
    }
    // The sum over the head, and all that it is over.
    for at in 1..34 {
        let mut coded = coded.clone();
        coded[at] ^= 0x40;
        assert_ne!(decoded("gzip", &coded).1, State::Whole, "{at}");
    }
    let damaged = |hex: &str, from_end: usize| {
        let mut coded = bytes(hex);
        let at = coded.len() - from_end;
        coded[at] ^= 1;
        coded
    };
    check("deflate", &damaged(ZLIB_HELLO, 1), HELLO.as_bytes(), State::Invalid);
    check("zstd", &damaged(ZSTD_HELLO, 1), HELLO.as_bytes(), State::Invalid);
    // The length in its head.
    check("zstd", &damaged(ZSTD_HELLO, 23), HELLO.as_bytes(), State::Invalid);
}

#[test]
fn damage_keeps_what_came_before() {
    let text = text();
    for (coding, coded) in TEXTS {
        let mut coded = coded.to_vec();
        let middle = coded.len() / 2;
        coded[middle..middle + 20].fill(0xff);
        let (out, state) = decoded(coding, &coded);
        // Not every format has a sum.
        assert!(state == State::Invalid || coding == "deflate", "{coding} {state:?}");
        let same = out.iter().zip(&text).take_while(|(a, b)| a == b).count();
        // The frame with a single block has nothing before it.
        let least = if coded.len() == TEXTS[6].1.len() { 0 } else { 20_000 };
        assert!(same >= least, "{coding} {same}");
    }
}

#[test]
fn blocks_that_are_not_compressed_come_out_as_far_as_they_came() {
    let coded = bytes(ZSTD_RAW);
    check("zstd", &coded, b"abcdef", State::Whole);
    check("zstd", &coded[..coded.len() - 2], b"abcd", State::Truncated);
    check("zstd", &coded[..coded.len() - 3], b"abc", State::Truncated);
    check("zstd", &coded[..10], b"a", State::Truncated);
    check("deflate", &bytes(STORED_HELLO)[..10], b"Hello", State::Truncated);
    // Literals of one byte, 1024 times and 1025 times, where blocks have at most 1024.
    let run = |length: &str| bytes(&format!("28b52ffd0000250000{length}6100"));
    check("zstd", &run("0540"), &[b'a'; 1024], State::Whole);
    check("zstd", &run("1540"), b"", State::Invalid);
    // Longer than its window allows; of a kind that means nothing.
    check("zstd", &bytes("28b52ffd000018000061626301200061"), b"abca", State::Truncated);
    check("zstd", &bytes("28b52ffd000018000061626309200061"), b"abc", State::Invalid);
    check("zstd", &bytes("28b52ffd00001800006162631f0000646566"), b"abc", State::Invalid);
}

#[test]
fn nothing_refers_to_before_the_start() {
    // A literal, and a match of length 3 that begins two bytes back: Python says "invalid distance
    // too far back".
    check("deflate", &bytes("4b044200"), b"a", State::Invalid);
}

#[test]
fn frames_that_need_what_we_lack_are_invalid() {
    // A dictionary; one of number 0, which is none; the bit that must be zero.
    check("zstd", &bytes("28b52ffd010007190000616263"), b"", State::Invalid);
    check("zstd", &bytes("28b52ffd010000190000616263"), b"abc", State::Whole);
    check("zstd", &bytes("28b52ffd0800190000616263"), b"", State::Invalid);
    // The same in the zlib format.
    check("deflate", &bytes("78f9062c0215cb001100062c0215"), b"", State::Invalid);
}

#[test]
fn codings_are_taken_off_in_reverse() {
    let text = text();
    let stacks: [(&str, Vec<u8>); 5] = [
        ("gzip, gzip", gzip(GZIP)),
        ("br, gzip", gzip(BR)),
        ("X-GZIP ,, Identity,\tGZip", gzip(GZIP)),
        ("zstd,deflate", compress_to_vec(ZSTD, 6)),
        ("br, gzip, deflate, gzip", gzip(&compress_to_vec_zlib(&gzip(BR), 1))),
    ];
    for (codings, coded) in stacks {
        assert!(decoded(codings, &coded) == (text.clone(), State::Whole), "{codings}");
        let (out, state) = decoded(codings, &coded[..coded.len() / 2]);
        assert_eq!(state, State::Truncated);
        assert!(out.len() > 10_000 && text.starts_with(&out), "{codings} {}", out.len());
    }
    // What came before damage is kept by all that follow.
    for (coding, coded) in TEXTS {
        let mut coded = gzip(coded);
        let last = coded.len() - 1;
        coded[last] ^= 1;
        let codings = format!("{coding}, gzip");
        assert!(decoded(&codings, &coded) == (text.clone(), State::Invalid), "{codings}");
        let more = [&coded[..], &[0; 1000]].concat();
        assert!(decoded(&codings, &more) == (text.clone(), State::Invalid), "{codings}");
    }
    // The content's end is there, and the outer coding's end is not.
    let coded = gzip(BR);
    assert!(decoded("br, gzip", &coded[..coded.len() - 1]) == (text.clone(), State::Truncated));
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_content_comes_back(
        content in proptest::collection::vec(0..4u8, 0..4000),
        level in 0..10u8,
    ) {
        let deflate = compress_to_vec(&content, level);
        let zlib = compress_to_vec_zlib(&content, level);
        prop_assert!(decoded("deflate", &deflate) == (content.clone(), State::Whole));
        prop_assert!(decoded("deflate", &zlib) == (content.clone(), State::Whole));
        prop_assert!(decoded("gzip", &gzip(&content)) == (content.clone(), State::Whole));
        let zstd = ruzstd::encoding::compress_to_vec(
            content.as_slice(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        prop_assert!(decoded("zstd", &zstd) == (content, State::Whole));
    }
}
