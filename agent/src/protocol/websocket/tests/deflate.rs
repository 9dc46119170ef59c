//! Compressed messages (RFC 7692).

use expect_test::expect;
use flate2::{Compress, Compression, FlushCompress};

use super::{APART, CLIENT, SERVER, Setup, Step, TAKEOVER, calls, check, frame, masked, run};
use crate::protocol::websocket::Event;

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// The same by a reference to the message before.
const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

/// A sender's compressor.
pub(super) struct Deflater(Compress);

impl Deflater {
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::default(), false))
    }

    /// The payload of a message with that content.
    pub(super) fn message(&mut self, content: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(content.len() + 1_000);
        let before = self.0.total_in();
        self.0.compress_vec(content, &mut payload, FlushCompress::Sync).unwrap();
        assert_eq!(self.0.total_in() - before, content.len() as u64);
        let Some(payload) = payload.strip_suffix(&[0, 0, 0xff, 0xff]) else {
            assert!(content.is_empty());
            return vec![0];
        };
        payload.to_vec()
    }
}

/// Numbers that look like chance.
pub(super) fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn examples_of_the_specification() {
    check(
        TAKEOVER,
        &calls([
            vec![0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            vec![0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00],
            frame(0xc1, &AGAIN),
            frame(0x81, b"Plain"),
            frame(0xc1, &AGAIN),
            frame(0xc1, &[0]),
        ]),
        expect![[r#"
            Text 9 in 1, 5 "Hello" compressed
            Text 11 in 2, 5 "Hello" compressed
            Text 7 in 1, 5 "Hello" compressed
            Text 7 in 1, 5 "Plain"
            Text 7 in 1, 5 "Hello" compressed
            Text 3 in 1, 0 "" compressed"#]],
    );
}

#[test]
fn clients_compress_as_well() {
    let setup = Setup { sender: CLIENT.sender, ..TAKEOVER };
    check(
        setup,
        &calls([masked(0xc1, [1, 2, 3, 4], &HELLO), masked(0xc2, [5, 6, 7, 8], &AGAIN)]),
        expect![[r#"
            Text 13 in 1, 5 "Hello" compressed
            Binary 11 in 1, 5 "Hello" compressed"#]],
    );
}

#[test]
fn a_hole_takes_what_later_messages_refer_to() {
    let [front, back] = [&HELLO[..4], &HELLO[5..]];
    let steps = [
        Step::Bytes(frame(0xc1, &HELLO), true),
        Step::Bytes([&[0xc1, 7][..], front].concat(), true),
        Step::Hole(1),
        Step::Bytes([back, &frame(0xc1, &HELLO), &frame(0x81, b"Plain")].concat(), false),
    ];
    check(
        TAKEOVER,
        &steps,
        expect![[r#"
            Text 9 in 1, 5 "Hello" compressed
            Text 9 in 1, ? "Hel" cut compressed gap 6+1
            Text 9 in 1, ? unknown compressed
            Text 7 in 1, 5 "Plain""#]],
    );
    check(
        APART,
        &steps,
        expect![[r#"
            Text 9 in 1, 5 "Hello" compressed
            Text 9 in 1, ? "Hel" cut compressed gap 6+1
            Text 9 in 1, 5 "Hello" compressed
            Text 7 in 1, 5 "Plain""#]],
    );
}

#[test]
fn data_that_make_no_sense_have_no_content() {
    let calls = calls([
        frame(0xc1, &[0xff, 0xff, 0xff]),
        frame(0xc1, &AGAIN),
        frame(0xc1, b""),
        frame(0xc1, &HELLO),
    ]);
    check(
        APART,
        &calls,
        expect![[r#"
            Text 5 in 1, ? unknown compressed invalid_deflate
            Text 7 in 1, ? unknown compressed invalid_deflate
            Text 2 in 1, ? unknown compressed invalid_deflate
            Text 9 in 1, 5 "Hello" compressed"#]],
    );
    check(
        TAKEOVER,
        &calls,
        expect![[r#"
            Text 5 in 1, ? unknown compressed invalid_deflate
            Text 7 in 1, ? unknown compressed
            Text 2 in 1, ? unknown compressed
            Text 9 in 1, ? unknown compressed"#]],
    );
}

#[test]
fn only_the_first_frame_of_a_message_says_it_is_compressed() {
    check(
        TAKEOVER,
        &calls([frame(0x41, &HELLO[..3]), frame(0xc0, &HELLO[3..])]),
        expect![[r#"
            Text 5 in 1, ? "He" cut compressed Unknown
            lost 6 unparsed"#]],
    );
    check(SERVER, &calls([frame(0xc1, &HELLO)]), expect!["lost 9 unparsed"]);
    check(TAKEOVER, &calls([frame(0xc9, b"")]), expect!["lost 2 unparsed"]);
}

#[test]
fn without_content_nothing_is_decompressed() {
    let mut setup = TAKEOVER;
    setup.content_bytes = 0;
    check(
        setup,
        &calls([frame(0xc1, &HELLO), frame(0xc1, &[0xff; 9])]),
        expect![[r#"
            Text 9 in 1, ? unknown compressed
            Text 11 in 1, ? unknown compressed"#]],
    );
}

#[test]
fn a_bomb_is_left_alone() {
    let mut deflater = Deflater::new();
    let bomb = deflater.message(&vec![0; 8 << 20]);
    assert!(bomb.len() < 10_000);
    let steps = calls([frame(0xc2, &bomb), frame(0xc2, &HELLO)]);
    for setup in [APART, TAKEOVER] {
        let (events, _) = run(setup, &steps);
        let [Event::Message(first), Event::Message(second)] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(first.flags.bomb && first.content_cut && first.body_bytes.is_none());
        assert_eq!(first.content.as_deref(), Some(&[0; 1_000][..]));
        assert_eq!(second.content.is_some(), setup.extensions == APART.extensions);
    }
    // Well compressed, but not large.
    let mut deflater = Deflater::new();
    let payload = deflater.message(&vec![0; 1 << 20]);
    let (events, _) = run(TAKEOVER, &calls([frame(0xc2, &payload)]));
    let [Event::Message(message)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((message.flags.bomb, message.body_bytes), (false, Some(1 << 20)));
}

#[test]
fn a_bomb_is_found_at_the_same_place_however_it_is_cut() {
    let payload = Deflater::new().message(&vec![0; 4 << 20]);
    let mut setup = APART;
    setup.content_bytes = 8 << 20;
    let whole = run(setup, &calls([frame(0xc2, &payload)]));
    let kept = |(events, _): (Vec<Event>, _)| match events.into_iter().next() {
        Some(Event::Message(message)) => {
            (message.flags.bomb, message.content.unwrap().to_vec().len())
        }
        event => panic!("{event:?}"),
    };
    let whole = kept(whole);
    assert!(whole.0 && whole.1 <= 3 << 20, "{whole:?}");
    for size in [1, 7, 1_000, 1_025] {
        let frame = frame(0xc2, &payload);
        let pieces: Vec<_> =
            frame.chunks(size).map(|piece| Step::Bytes(piece.to_vec(), false)).collect();
        assert_eq!(kept(run(setup, &pieces)), whole, "pieces of {size}");
    }
}

#[test]
fn many_messages_share_a_window() {
    let mut deflater = Deflater::new();
    let mut setup = TAKEOVER;
    setup.content_bytes = 100_000;
    // Each holds some of those before it, as far back as data may refer.
    let mut sent = Vec::<Vec<u8>>::new();
    let mut steps = Vec::new();
    for number in 0..60_usize {
        let mut content = noise(number * 97 % 9_000, number as u64);
        for back in [1, 3, 9] {
            if let Some(old) = number.checked_sub(back).and_then(|old| sent.get(old)) {
                content.extend_from_slice(&old[..old.len().min(3_000)]);
            }
        }
        let payload = deflater.message(&content);
        let (front, back) = payload.split_at(payload.len() / 2);
        steps.push(Step::Bytes(frame(0x42, front), true));
        steps.push(Step::Bytes(frame(0x80, back), true));
        sent.push(content);
    }
    for steps in [steps.clone(), super::bytewise(&steps)] {
        let (events, _) = run(setup, &steps);
        let contents: Vec<_> = events
            .into_iter()
            .map(|event| match event {
                Event::Message(message) => message.content.unwrap().to_vec(),
                event => panic!("{event:?}"),
            })
            .collect();
        assert!(contents == sent);
    }
}

#[test]
fn data_refer_back_as_far_as_they_may() {
    let mut setup = TAKEOVER;
    setup.content_bytes = 1 << 20;
    for period in [1, 3, 4_095, 4_097, 32_000, 32_768] {
        let mut deflater = Deflater::new();
        let content: Vec<u8> = noise(period, 9).into_iter().cycle().take(200_000).collect();
        let mut steps = Vec::new();
        for part in content.chunks(70_000) {
            steps.push(Step::Bytes(frame(0xc2, &deflater.message(part)), true));
        }
        for steps in [steps.clone(), super::bytewise(&steps)] {
            let (events, _) = run(setup, &steps);
            let contents = events.into_iter().map(|event| match event {
                Event::Message(message) => message.content.unwrap().to_vec(),
                event => panic!("{event:?}"),
            });
            assert!(contents.flatten().eq(content.iter().copied()), "period {period}");
        }
    }
}
