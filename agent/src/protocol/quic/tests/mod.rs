//! Tests of first datagrams: captures in, ClientHello out.
//!
//! In: `rfc9001.txt` and `rfc9369.txt` are the client's and the server's Initial of the appendices A.2
//! and A.3, `hello.txt` the ClientHello in them; `aioquic-*.txt` are conversations of aioquic 1.7 with
//! itself. One line a datagram, `>` from the client.
//! Always: nothing but whole packets of a client tells anything.

use super::stream::STREAM_BYTES;
use super::{Opening, Version, client_hello, sealed};

const RFC9001: &str = include_str!("rfc9001.txt");
const RFC9369: &str = include_str!("rfc9369.txt");
const HELLO: &str = include_str!("hello.txt");
const AIOQUIC_V1: &str = include_str!("aioquic-v1.txt");
const AIOQUIC_V2: &str = include_str!("aioquic-v2.txt");
const AIOQUIC_LONG: &str = include_str!("aioquic-long.txt");
const ALL: [&str; 5] = [RFC9001, RFC9369, AIOQUIC_V1, AIOQUIC_V2, AIOQUIC_LONG];

const ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// Datagrams of one end, `>` or `<`.
fn datagrams(capture: &str, from: &str) -> Vec<Vec<u8>> {
    let lines = capture.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(sender, _)| *sender == from).map(|(_, hex)| bytes(hex)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.trim_end().as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn follow(datagrams: &[Vec<u8>]) -> Opening {
    let (first, others) = datagrams.split_first().unwrap();
    let mut opening = Opening::new(first).unwrap();
    for datagram in others {
        assert!(opening.datagram(datagram));
        assert!(opening.memory_bytes() <= 2 * STREAM_BYTES);
    }
    opening
}

/// Version, server and protocols, as one line.
fn text(opening: &Opening) -> String {
    let Some(hello) = opening.hello() else {
        assert!(!opening.is_over());
        return "more".into();
    };
    let name = hello.server_name.as_deref().unwrap_or("none");
    let alpn: Vec<_> = hello.alpn.iter().map(String::as_str).collect();
    format!("{:?} {name} {}", opening.version(), alpn.join(","))
}

/// A frame with that part of the handshake.
fn crypto(offset: usize, piece: &[u8]) -> Vec<u8> {
    let offset = u32::try_from(offset).unwrap() | 0x8000_0000;
    let length = u16::try_from(piece.len()).unwrap() | 0x4000;
    [&[6], &offset.to_be_bytes()[..], &length.to_be_bytes(), piece].concat()
}

fn v1(payload: &[u8]) -> Vec<u8> {
    sealed(Version::V1, &ID, &[0, 1], payload).unwrap()
}

/// Bytes by chance (xorshift64).
fn random(seed: &mut u64, length: usize) -> Vec<u8> {
    let mut byte = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed >> 32) as u8
    };
    (0..length).map(|_| byte()).collect()
}

#[test]
fn packets_of_the_specifications_are_read() {
    for (capture, expected) in [(RFC9001, "V1 example.com alpn"), (RFC9369, "V2 example.com alpn")]
    {
        let opening = follow(&datagrams(capture, ">"));
        assert_eq!(text(&opening), expected);
        assert_eq!(opening.id(), [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08]);
    }
}

#[test]
fn clients_are_read() {
    for (capture, expected) in
        [(AIOQUIC_V1, "V1 audit.example.org h3,h3-29"), (AIOQUIC_V2, "V2 audit.example.org h3")]
    {
        // The last one goes to the connection id that the server has chosen.
        let datagrams = datagrams(capture, ">");
        assert_eq!(text(&follow(&datagrams)), expected);
        assert_eq!(text(&follow(&datagrams[..1])), expected);
    }
}

#[test]
fn a_hello_in_two_datagrams_is_put_together() {
    let datagrams = datagrams(AIOQUIC_LONG, ">");
    let [one, two, ..] = datagrams.as_slice() else { panic!("there are fewer") };
    let whole = text(&follow(&datagrams));
    assert!(whole.starts_with("V1 audit.example.org x000-a-protocol-of-a-long-name,"), "{whole}");
    assert!(whole.ends_with(",h3"), "{whole}");
    for two_datagrams in [[one, two], [two, one]] {
        let [first, second] = two_datagrams.map(Clone::clone);
        assert_eq!(text(&follow(std::slice::from_ref(&first))), "more");
        assert_eq!(text(&follow(&[first.clone(), first.clone(), second.clone()])), whole);
        // One call may send both (`UDP_SEGMENT`).
        assert_eq!(text(&follow(&[[first, second].concat()])), whole);
    }
}

#[test]
fn a_server_is_no_client() {
    for capture in ALL {
        let mut opening = follow(&datagrams(capture, ">"));
        for datagram in datagrams(capture, "<") {
            assert!(Opening::new(&datagram).is_none());
            assert!(!opening.datagram(&datagram));
        }
    }
    // Its first packet, if the client's connection id were as long as one of a server's.
    let server = [&[0xc0, 0, 0, 0, 1, 8][..], &ID, &[8], &ID, &[0, 0x40, 75], &[9; 75]].concat();
    assert!(Opening::new(&server).is_none());
}

#[test]
fn what_is_cut_off_tells_nothing() {
    for capture in ALL {
        let datagrams = datagrams(capture, ">");
        let first = &datagrams[0];
        for length in 0..first.len() {
            // A datagram may be padded behind its packet.
            if let Some(opening) = Opening::new(&first[..length]) {
                assert!(first[length..].iter().all(|byte| *byte == 0));
                assert_eq!(text(&opening), text(&follow(&datagrams[..1])));
            }
        }
    }
}

#[test]
fn what_is_changed_tells_nothing() {
    let datagram = datagrams(RFC9001, ">").remove(0);
    for at in 0..datagram.len() {
        for bit in 0..8 {
            let mut changed = datagram.clone();
            changed[at] ^= 1 << bit;
            assert!(Opening::new(&changed).is_none(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn chance_tells_nothing() {
    let mut seed = 7;
    for length in 0..1500 {
        let mut datagram = random(&mut seed, length);
        assert!(Opening::new(&datagram).is_none());
        let head = [0xc0, 0, 0, 0, 1, 8];
        let front = length.min(head.len());
        datagram[..front].copy_from_slice(&head[..front]);
        assert!(Opening::new(&datagram).is_none());
        let mut opening = follow(&[v1(&crypto(0, &random(&mut seed, length)))]);
        assert!(!opening.datagram(&datagram));
        opening.datagram(&v1(&random(&mut seed, length.max(20))));
        assert_eq!(opening.hello(), None);
    }
}

#[test]
fn a_first_connection_id_has_eight_bytes() {
    let payload = crypto(0, &bytes(HELLO));
    for length in 0..=20 {
        let id = &[7; 20][..length];
        for version in [Version::V1, Version::V2] {
            for number in [&[0][..], &[1, 0], &[0, 0, 9], &[0x80, 0, 0, 1]] {
                let opening = Opening::new(&sealed(version, id, number, &payload).unwrap());
                let expected = (length >= 8).then(|| format!("{version:?} example.com alpn"));
                assert_eq!(opening.as_ref().map(text), expected);
            }
        }
    }
    let too_long = sealed(Version::V1, &[7; 21], &[0], &payload).unwrap();
    assert!(Opening::new(&too_long).is_none());
}

#[test]
fn frames_come_in_any_order() {
    let hello = bytes(HELLO);
    // As Chromium does it: small pieces, none in its place, with others between them.
    let mut frames: Vec<Vec<u8>> = hello
        .chunks(7)
        .enumerate()
        .map(|(index, piece)| [&crypto(7 * index, piece)[..], &[1, 0, 0]].concat())
        .collect();
    let count = frames.len();
    for index in 0..count {
        frames.swap(index, index * 17 % count);
    }
    for cut in 0..=count {
        let (one, two) = frames.split_at(cut);
        let one = v1(&[one.concat(), vec![0; 20]].concat());
        let two = v1(&[two.concat(), vec![0; 20]].concat());
        for datagrams in [[one.clone(), two.clone()], [two.clone(), one.clone()]] {
            assert_eq!(text(&follow(&datagrams)), "V1 example.com alpn");
        }
        // Both packets in one datagram, another kind of packet between them.
        let handshake = [&[0xe0, 0, 0, 0, 1, 8][..], &ID, &[0, 3, 1, 2, 3]].concat();
        let datagram = [one, handshake, two].concat();
        assert_eq!(text(&follow(&[datagram])), "V1 example.com alpn");
    }
}

#[test]
fn a_hello_is_cut_anywhere() {
    let hello = bytes(HELLO);
    for at in 0..=hello.len() {
        let (front, back) = hello.split_at(at);
        let overlap = at.saturating_sub(9);
        let front = v1(&[crypto(0, front), vec![0; 20]].concat());
        let back = v1(&[crypto(overlap, &hello[overlap..at]), crypto(at, back)].concat());
        for datagrams in [[front.clone(), back.clone()], [back, front]] {
            assert_eq!(text(&follow(&datagrams)), "V1 example.com alpn");
        }
    }
}

#[test]
fn what_is_no_hello_ends_it() {
    let ended = |payload: &[u8]| {
        let opening = follow(&[v1(&[payload, &[0; 20]].concat())]);
        assert_eq!(opening.hello(), None);
        opening.is_over()
    };
    assert!(!ended(&[1]));
    assert!(!ended(&[0x1c, 0, 0, 0]));
    assert!(!ended(&crypto(1, &[2])));
    assert!(ended(&crypto(0, &[2])));
    assert!(ended(&crypto(0, &[1, 0, 0, 0])));
    // Longest one that is held, and one byte more.
    assert!(!ended(&crypto(0, &[1, 0, 0x3f, 0xfc])));
    assert!(ended(&crypto(0, &[1, 0, 0x3f, 0xfd])));
    assert_eq!(client_hello(&[1, 0, 0]), None);
    // What follows the message is another.
    let two = [&bytes(HELLO)[..], &[2, 0, 0, 0]].concat();
    assert_eq!(text(&follow(&[v1(&crypto(0, &two))])), "V1 example.com alpn");
}

#[test]
fn a_client_stays_with_its_version() {
    let hello = bytes(HELLO);
    let mut opening = follow(&[v1(&crypto(0, &hello[..50]))]);
    let other = sealed(Version::V2, &ID, &[1], &crypto(50, &hello[50..])).unwrap();
    assert!(!opening.datagram(&other));
    let stranger = sealed(Version::V1, &[9; 8], &[1], &crypto(50, &hello[50..])).unwrap();
    assert!(!opening.datagram(&stranger));
    assert_eq!(text(&opening), "more");
    assert!(opening.datagram(&v1(&crypto(50, &hello[50..]))));
    assert_eq!(text(&opening), "V1 example.com alpn");
}
