//! Cuts change nothing, and damage panics nowhere.
//!
//! In: good files, damaged ones, and noise, in pieces. Out: the same as in one piece.
//! Always: the same damage in every run of a test that does not shrink it.
//! Not here: what comes out (`formats`).

use proptest::prelude::*;
use proptest::sample::Index;

use super::{CodingLimits, State, TEXTS, ZSTD, decode, gzip, in_pieces, text};
use crate::cases::cases;

/// Codings, and bytes that are coded so: each alone, and some in others.
fn all() -> Vec<(String, Vec<u8>)> {
    let alone = TEXTS.iter().map(|(coding, coded)| ((*coding).to_owned(), coded.to_vec()));
    let inside = TEXTS.iter().map(|(coding, coded)| (format!("{coding}, gzip"), gzip(coded)));
    let frames = ("zstd".to_owned(), [ZSTD, TEXTS[6].1].concat());
    alone.chain(inside).chain([frames]).collect()
}

/// Pieces that end at those places.
fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

fn limits() -> impl Strategy<Value = CodingLimits> {
    let output_bytes = prop_oneof![Just(1 << 20), 0..100_000usize, Just(80_926), Just(80_925)];
    (output_bytes, prop_oneof![Just(200), 1..40u32])
        .prop_map(|(output_bytes, ratio)| CodingLimits { output_bytes, ratio })
}

#[test]
fn every_front_is_the_front_of_the_content() {
    let text = text();
    for (codings, coded) in all() {
        for length in (1..coded.len()).step_by(101) {
            let limits = CodingLimits::default();
            let (out, state) =
                decode(std::iter::once(codings.as_bytes()), &coded[..length], limits).unwrap();
            let repeated = text.repeat(2);
            assert!(repeated.starts_with(&out), "{codings} {length}");
            let is_between = length == ZSTD.len();
            assert!(state == State::Truncated || is_between, "{codings} {length} {state:?}");
        }
    }
}

#[test]
fn half_of_the_input_is_about_half_of_the_content() {
    for (coding, coded) in &TEXTS[..6] {
        let limits = CodingLimits::default();
        let half = &coded[..coded.len() / 2];
        let (out, _) = decode(std::iter::once(coding.as_bytes()), half, limits).unwrap();
        assert!(out.len() > 25_000, "{coding} {}", out.len());
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_cut_gives_the_same(
        which in any::<Index>(),
        cuts in proptest::collection::vec(any::<Index>(), 0..40),
        limits in limits(),
    ) {
        let all = all();
        let (codings, coded) = which.get(&all);
        let whole = decode(std::iter::once(codings.as_bytes()), coded, limits).unwrap();
        let pieces = in_pieces(codings, cut(coded, &cuts).into_iter(), limits);
        prop_assert!(whole == pieces, "{codings} {:?} {:?}", whole.1, pieces.1);
    }

    #[test]
    fn any_cut_of_anything_damaged_gives_the_same(
        which in any::<Index>(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        length in any::<Index>(),
        cuts in proptest::collection::vec(any::<Index>(), 0..40),
        limits in limits(),
    ) {
        let all = all();
        let (codings, coded) = which.get(&all);
        let mut coded = coded.clone();
        for (at, byte) in damage {
            *at.get_mut(&mut coded) = byte;
        }
        coded.truncate(length.index(coded.len()).max(coded.len() / 2));
        let whole = decode(std::iter::once(codings.as_bytes()), &coded, limits).unwrap();
        let pieces = in_pieces(codings, cut(&coded, &cuts).into_iter(), limits);
        prop_assert!(whole == pieces, "{codings} {:?} {:?}", whole.1, pieces.1);
    }

    #[test]
    fn noise_is_survived(
        coding in proptest::sample::select(vec!["gzip", "deflate", "br", "zstd", "br, zstd"]),
        front in prop_oneof![
            Just(&b""[..]),
            Just(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..]),
            Just(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x58][..]),
        ],
        noise in proptest::collection::vec(any::<u8>(), 0..3000),
        cuts in proptest::collection::vec(any::<Index>(), 0..10),
    ) {
        let coded = [front, &noise].concat();
        let limits = CodingLimits::default();
        let whole = decode(std::iter::once(coding.as_bytes()), &coded, limits).unwrap();
        let pieces = in_pieces(coding, cut(&coded, &cuts).into_iter(), limits);
        prop_assert!(whole == pieces);
    }
}
