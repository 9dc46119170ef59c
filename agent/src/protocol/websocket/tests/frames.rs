//! Frames without compression.

use expect_test::expect;

use super::{CLIENT, Half, SERVER, Setup, Step, calls, check, chunk, frame, masked, run};
use crate::protocol::exchange::MessageEnd;
use crate::protocol::websocket::{Event, Extensions};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[test]
fn examples_of_the_specification() {
    let large = [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &[b'x'; 65_536]].concat();
    check(
        SERVER,
        &calls([
            vec![0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            vec![0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f],
            vec![0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            [&[0x82, 0x7e, 0x01, 0x00][..], &[b'x'; 256]].concat(),
            large,
        ]),
        expect![[r#"
            Text 7 in 1, 5 "Hello"
            Text 9 in 2, 5 "Hello"
            Binary 260 in 1, 256 (256 bytes)
            Binary 65546 in 1, 65536 (1000 bytes) cut
            1 pings, 0 pongs, 0 wrong masks"#]],
    );
    check(
        CLIENT,
        &calls([
            vec![0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            vec![0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        ]),
        expect![[r#"
            Text 11 in 1, 5 "Hello"
            0 pings, 1 pongs, 0 wrong masks"#]],
    );
}

#[test]
fn control_frames_come_between_fragments() {
    check(
        CLIENT,
        &calls([
            masked(0x01, KEY, b"one "),
            masked(0x89, [1, 2, 3, 4], b"ping"),
            masked(0x00, [9, 8, 7, 6], b""),
            masked(0x00, [5, 6, 7, 8], b"two "),
            masked(0x8a, KEY, b""),
            masked(0x80, KEY, b"three"),
            masked(0x82, KEY, b""),
        ]),
        expect![[r#"
            Text 37 in 4, 13 "one two three"
            Binary 6 in 1, 0 ""
            1 pings, 1 pongs, 0 wrong masks"#]],
    );
}

#[test]
fn a_close_frame_is_the_last() {
    check(
        SERVER,
        &calls([
            frame(0x81, b"a"),
            frame(0x88, &[0x03, 0xe9, b'b', b'y', b'e']),
            frame(0x81, b"b"),
        ]),
        expect![[r#"
            Text 3 in 1, 1 "a"
            close Some(1001) "bye"
            lost 3 unparsed"#]],
    );
    check(
        CLIENT,
        &calls([masked(0x01, KEY, b"a"), masked(0x88, KEY, &[0x03, 0xe8])]),
        expect![[r#"
            Text 7 in 1, 1 "a" cut Truncated
            close Some(1000) """#]],
    );
    check(SERVER, &calls([frame(0x88, b"")]), expect![[r#"close None """#]]);
    check(SERVER, &calls([frame(0x88, b"x")]), expect![[r#"close None "x""#]]);
}

#[test]
fn masks_are_followed_also_where_they_are_wrong() {
    check(
        SERVER,
        &calls([masked(0x01, KEY, b"a"), frame(0x80, b"b"), masked(0x89, KEY, b"")]),
        expect![[r#"
            Text 10 in 2, 2 "ab" wrong_mask
            1 pings, 0 pongs, 2 wrong masks"#]],
    );
    check(
        CLIENT,
        &calls([frame(0x81, b"a"), masked(0x81, KEY, b"b")]),
        expect![[r#"
            Text 3 in 1, 1 "a" wrong_mask
            Text 7 in 1, 1 "b"
            0 pings, 0 pongs, 1 wrong masks"#]],
    );
}

#[test]
fn what_is_no_frame_ends_it() {
    for (no_frame, taken) in [
        (vec![0xc1, 1, 9], 2),
        (vec![0xa1, 1, 9], 2),
        (vec![0x91, 1, 9], 2),
        (vec![0x83, 1, 9], 2),
        (vec![0x8b, 0], 2),
        (vec![0x80, 0], 2),
        (vec![0x09, 0], 2),
        (vec![0xc9, 0], 2),
        (vec![0x89, 126, 0, 126], 4),
        (vec![0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 10),
    ] {
        let steps = calls([frame(0x81, b"a"), no_frame.clone(), frame(0x81, b"b")]);
        let (events, _) = run(SERVER, &steps);
        let [Event::Message(_), Event::Lost { bytes, .. }] = &events[..] else {
            panic!("{no_frame:x?} gave {events:?}");
        };
        assert!(taken <= no_frame.len() && *bytes == no_frame.len() as u64 + 3, "{no_frame:x?}");
    }
    // Within a message, no other may begin; a client that sends such is followed no more than a server.
    check(
        CLIENT,
        &calls([
            masked(0x01, KEY, b"a"),
            masked(0x81, KEY, b"b"),
            masked(0x81, [1; 4], b"b"),
            masked(0x81, [2; 4], b"b"),
            masked(0x81, [3; 4], b"b"),
        ]),
        expect![[r#"
            Text 7 in 1, ? "a" cut Unknown
            lost 28 unparsed"#]],
    );
}

#[test]
fn lengths_in_a_longer_form_are_noted() {
    check(
        SERVER,
        &calls([vec![0x81, 126, 0, 1, b'a'], vec![0x81, 127, 0, 0, 0, 0, 0, 0, 0, 1, b'a']]),
        expect![[r#"
            Text 5 in 1, 1 "a" long_length
            Text 11 in 1, 1 "a" long_length"#]],
    );
}

#[test]
fn a_length_beyond_all_bounds_holds_nothing() {
    check(
        SERVER,
        &[
            Step::Bytes(
                vec![0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'a'],
                true,
            ),
            Step::Hole(1 << 62),
        ],
        expect![[
            r#"Binary 4611686018427387915 in 1, 4611686018427387905 "a" cut gap 11+4611686018427387904 Truncated"#
        ]],
    );
}

#[test]
fn text_is_judged() {
    check(
        SERVER,
        &calls([
            frame(0x81, "häß".as_bytes()),
            frame(0x81, b"h\xe4"),
            frame(0x81, b"h\xffx"),
            frame(0x82, b"h\xff"),
            [frame(0x01, b"\xe2\x82"), frame(0x80, b"\xac")].concat(),
            [frame(0x01, &[b'x'; 1_200]), frame(0x80, b"\xff")].concat(),
        ]),
        expect![[r#"
            Text 7 in 1, 5 "häß"
            Text 4 in 1, 2 "h�" invalid_utf8
            Text 5 in 1, 3 "h�x" invalid_utf8
            Binary 4 in 1, 2 "h�"
            Text 7 in 2, 3 "€"
            Text 1207 in 2, 1201 (1000 bytes) cut invalid_utf8"#]],
    );
}

#[test]
fn without_content_sizes_remain() {
    check(
        Setup { content_bytes: 0, ..CLIENT },
        &calls([masked(0x81, KEY, b"\xff\xff"), masked(0x82, KEY, &[0; 300])]),
        expect![[r#"
            Text 8 in 1, 2 unknown
            Binary 308 in 1, 300 unknown"#]],
    );
}

#[test]
fn an_unknown_extension_hides_content() {
    let extensions = Extensions { deflate: None, unknown: true };
    check(
        Setup { extensions, ..SERVER },
        &calls([
            frame(0x81, b"ab"),
            frame(0xc1, b"ab"),
            frame(0x31, b"a"),
            frame(0xb0, b"b"),
            frame(0x83, b""),
        ]),
        expect![[r#"
            Text 4 in 1, ? unknown
            Text 4 in 1, ? unknown
            Text 6 in 2, ? unknown
            lost 2 unparsed"#]],
    );
}

#[test]
fn an_end_may_come_anywhere() {
    check(SERVER, &calls([vec![0x81, 126, 1]]), expect!["lost 3 unparsed"]);
    check(
        SERVER,
        &calls([frame(0x01, b"ab"), vec![0x80]]),
        expect![[r#"
            Text 4 in 1, 2 "ab" cut Truncated
            lost 1 unparsed"#]],
    );
    check(SERVER, &calls([vec![0x81, 9, b'a']]), expect![[r#"Text 3 in 1, 1 "a" cut Truncated"#]]);
    check(SERVER, &calls([vec![0x88, 9, 3, 232, b'a']]), expect!["lost 5 unparsed"]);
    check(SERVER, &calls([vec![0x89, 9, 3]]), expect!["lost 3 unparsed"]);
}

#[test]
fn the_agent_may_stop_first() {
    let mut half = Half::new(SERVER.sender, SERVER.extensions, 10);
    let mut out = Vec::new();
    half.push(chunk(&[0x01, 2, b'a', b'b', 0x80], true, 1), &mut out);
    half.end(MessageEnd::Unfinished, &mut out);
    let [Event::Message(message), Event::Lost { reason, bytes: 1 }] = &out[..] else {
        panic!("{out:?}");
    };
    assert_eq!((message.end, reason.name()), (MessageEnd::Unfinished, "agent_stop"));
    assert_eq!(half.memory_bytes(), 0);
}

#[test]
fn times_are_those_of_its_bytes() {
    let mut half = Half::new(SERVER.sender, SERVER.extensions, 10);
    let mut out = Vec::new();
    let pieces: [&[u8]; 6] = [&[0x01], &[1], b"a", &[0x89, 0], &[0x80, 1], b"b"];
    for (time_ns, piece) in (1..).zip(pieces) {
        half.push(chunk(piece, true, time_ns), &mut out);
    }
    let [Event::Message(message)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((message.first_ns, message.last_ns), (1, 6));
}
