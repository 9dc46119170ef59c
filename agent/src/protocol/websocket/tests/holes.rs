//! Holes in payloads and over headers.

use expect_test::expect;

use super::{CLIENT, SERVER, Step, calls, check, frame, masked};

/// Keys of which none is another one turned around.
fn key(number: u8) -> [u8; 4] {
    [number, 0x5a, number ^ 0x33, 0xe1]
}

/// A call with one message.
fn call(number: u8, content: &str) -> Step {
    Step::Bytes(masked(0x81, key(number), content.as_bytes()), true)
}

#[test]
fn a_hole_in_a_payload_is_exact() {
    let frame = frame(0x81, b"0123456789");
    check(
        SERVER,
        &[
            Step::Bytes(frame[..5].to_vec(), true),
            Step::Hole(4),
            Step::Bytes(frame[9..].to_vec(), false),
            Step::Bytes(frame.clone(), true),
            Step::Bytes(frame[..2].to_vec(), true),
            Step::Hole(3),
            Step::Hole(7),
            Step::Bytes(frame.clone(), true),
        ],
        expect![[r#"
            Text 12 in 1, 10 "012" cut gap 5+4
            Text 12 in 1, 10 "0123456789"
            Text 12 in 1, 10 "" cut gap 2+10
            Text 12 in 1, 10 "0123456789""#]],
    );
}

#[test]
fn a_hole_in_a_control_frame_is_in_no_message() {
    check(
        SERVER,
        &[
            Step::Bytes([frame(0x01, b"a"), vec![0x89, 4, 0]].concat(), true),
            Step::Hole(3),
            Step::Bytes([frame(0x80, b"b"), vec![0x88, 6, 3, 232, b'x']].concat(), true),
            Step::Hole(1),
            Step::Bytes(b"yz".to_vec(), false),
        ],
        expect![[r#"
            lost 3 ring_full
            Text 6 in 2, 2 "ab"
            lost 1 ring_full
            close Some(1000) "x" cut
            1 pings, 0 pongs, 0 wrong masks"#]],
    );
}

#[test]
fn a_server_is_not_followed_beyond_a_lost_header() {
    let hello = || frame(0x81, b"Hello");
    check(
        SERVER,
        &[
            Step::Bytes(hello()[..4].to_vec(), true),
            // Three bytes of the payload, and a whole frame behind it.
            Step::Hole(3 + 7),
            Step::Bytes(hello(), true),
            Step::Bytes(hello(), true),
            Step::Hole(5),
            Step::Bytes(hello(), true),
            Step::Bytes(hello(), true),
        ],
        expect![[r#"
            Text 7 in 1, 5 "He" cut gap 4+3
            lost 40 ring_full"#]],
    );
}

#[test]
fn a_message_under_way_ends_with_the_frames() {
    check(
        SERVER,
        &[Step::Bytes([frame(0x01, b"ab"), vec![0x80]].concat(), true), Step::Hole(1)],
        expect![[r#"
            Text 4 in 1, ? "ab" cut Unknown
            lost 2 ring_full"#]],
    );
}

#[test]
fn a_client_is_found_again_after_two_calls() {
    check(
        CLIENT,
        &[
            call(1, "one"),
            Step::Hole(1),
            Step::Bytes(masked(0x81, key(2), b"cut")[1..].to_vec(), false),
            call(3, "passed over"),
            Step::Bytes(
                [masked(0x81, key(4), b"over too"), masked(0x89, key(5), b"")].concat(),
                true,
            ),
            call(6, "two"),
            call(7, "three"),
        ],
        expect![[r#"
            Text 9 in 1, 3 "one"
            lost 46 ring_full
            Text 9 in 1, 3 "two"
            Text 11 in 1, 5 "three""#]],
    );
}

#[test]
fn fragments_are_found_again_at_the_end_of_their_message() {
    let fragment = |first, number| Step::Bytes(masked(first, key(number), b"x"), true);
    check(
        CLIENT,
        &[
            Step::Hole(20),
            fragment(0x00, 1),
            fragment(0x00, 2),
            fragment(0x00, 3),
            fragment(0x80, 4),
            fragment(0x01, 5),
            fragment(0x80, 6),
        ],
        expect![[r#"
            lost 48 ring_full
            Text 14 in 2, 2 "xx""#]],
    );
}

#[test]
fn what_is_no_chain_of_frames_is_passed_over() {
    let not = [
        frame(0x81, b"no mask"),
        masked(0x83, key(20), b"no opcode"),
        masked(0xc1, key(21), b"a reserved bit"),
        masked(0x88, key(22), b""),
        masked(0x81, key(3), b"a key again"),
        masked(0x81, [0xe1, 3, 0x5a, 0x30], b"a key turned around"),
        masked(0x81, [0; 4], b"no key"),
        masked(0x81, key(23), b"not whole")[..9].to_vec(),
        [masked(0x81, key(24), b"x"), vec![0x81]].concat(),
    ];
    for not in not {
        let lost = not.len() as u64 + 30 + 9 * 2;
        let steps = [Step::Hole(30), call(3, "one"), Step::Bytes(not, true), call(8, "two")];
        let (events, counts) = super::run(CLIENT, &steps);
        assert_eq!(super::render(&events, counts), format!("lost {lost} ring_full"));
    }
    // A hole in a call, or in the beginning of one.
    check(
        CLIENT,
        &[
            Step::Hole(30),
            call(1, "one"),
            call(2, "two"),
            Step::Hole(2),
            call(3, "three"),
            Step::Hole(2),
            Step::Bytes(masked(0x81, key(4), b"four"), false),
            call(5, "five"),
        ],
        expect!["lost 83 ring_full"],
    );
}

#[test]
fn content_that_repeats_is_no_chain_of_frames() {
    // A large message of zeros in small calls: the key over and over. Each call begins with what
    // may be a header with a mask, and its length fits.
    let mut content = masked(0x82, [0x81, 0x82, 7, 9], &[0; 8_000]);
    content.drain(..8);
    let mut steps = vec![Step::Hole(8)];
    steps.extend(content.chunks(64).map(|call| Step::Bytes(call.to_vec(), true)));
    check(CLIENT, &steps, expect!["lost 8008 ring_full"]);
}

#[test]
fn compressed_messages_stay_unknown() {
    let mut setup = super::TAKEOVER;
    setup.sender = CLIENT.sender;
    let hello = |number| {
        let payload = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        Step::Bytes(masked(0xc1, key(number), &payload), true)
    };
    let steps = [Step::Hole(1), hello(1), hello(2), hello(3), call(4, "plain")];
    check(
        setup,
        &steps,
        expect![[r#"
            lost 27 ring_full
            Text 13 in 1, ? unknown compressed
            Text 11 in 1, 5 "plain""#]],
    );
    setup.extensions = super::APART.extensions;
    check(
        setup,
        &steps,
        expect![[r#"
            lost 27 ring_full
            Text 13 in 1, 5 "Hello" compressed
            Text 11 in 1, 5 "plain""#]],
    );
}

#[test]
fn holes_of_any_size_are_counted() {
    check(
        CLIENT,
        &[Step::Hole(u64::MAX), Step::Hole(u64::MAX), call(1, "one")],
        expect![[r#"lost 18446744073709551615 ring_full"#]],
    );
    check(SERVER, &[Step::Hole(0)], expect![""]);
    check(SERVER, &calls([frame(0x81, b"")]), expect![[r#"Text 2 in 1, 0 """#]]);
}
