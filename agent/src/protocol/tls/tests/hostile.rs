//! Input that nobody sends by mistake.

use proptest::prelude::*;

use super::*;
use crate::cases::cases;

fn client_hello(name: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let sni = [&length(name.len() + 3)[..], &[0], &length(name.len()), name].concat();
    let extensions = [&[0, 0], &length(sni.len())[..], &sni].concat();
    let mut body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    body.extend(length(extensions.len()));
    body.extend(extensions);
    let head = [&[1, 0], &length(body.len())[..]].concat();
    record(0x16, &[head, body].concat())
}

fn server_name(name: &[u8]) -> Option<String> {
    let mut handshake = Handshake::new();
    handshake.bytes(Direction::Egress, &client_hello(name));
    assert_eq!(handshake.facts().client_direction, Some(Direction::Egress));
    handshake.facts().server_name.clone()
}

#[test]
fn server_names_are_names() {
    for (name, expected) in [
        (&b"Example.ORG"[..], Some("example.org")),
        (b"example.org.", Some("example.org")),
        (b"_dav.x--y.example", Some("_dav.x--y.example")),
        (b"192.0.2.1", Some("192.0.2.1")),
        (b"2001:DB8::1", Some("2001:db8::1")),
        (b"", None),
        (b".", None),
        (b"a..b", None),
        (b"a b", None),
        (b"a\nb", None),
        ("zoë.example".as_bytes(), None),
        (b"\xff", None),
        (&[b'a'; 64], None),
    ] {
        assert_eq!(server_name(name).as_deref(), expected);
    }
    assert_eq!(server_name("a.".repeat(128).as_bytes()), None);
}

#[test]
fn a_message_that_is_too_long_ends_its_direction() {
    let mut handshake = Handshake::new();
    handshake.gap(Direction::Ingress);
    handshake.bytes(Direction::Egress, &record(0x16, &[1, 1, 0, 0]));
    assert!(handshake.is_done());
    assert_eq!(handshake.memory_bytes(), 0);
}

#[test]
fn memory_follows_what_came() {
    let mut handshake = Handshake::new();
    handshake.bytes(Direction::Egress, &record(0x16, &[1, 0, 0xff, 0xf0, 3, 3]));
    assert!(handshake.memory_bytes() < 64);
    for _ in 0..20 {
        handshake.bytes(Direction::Egress, &record(0x16, &[0; 5000]));
        assert!(handshake.memory_bytes() <= MESSAGE_BYTES);
    }
    handshake.gap(Direction::Egress);
    assert_eq!(handshake.memory_bytes(), 0);
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    for content in [&[][..], &[4, 0, 0, 0], &[4, 0, 0, 1, 9]] {
        let mut handshake = Handshake::new();
        handshake.gap(Direction::Ingress);
        handshake.bytes(Direction::Egress, &client_hello(b"example.org"));
        let mut rounds = 0;
        while !handshake.is_done() {
            handshake.bytes(Direction::Egress, &record(0x16, content));
            rounds += 1;
            assert!(rounds < 100_000);
        }
        assert_eq!(handshake.facts().server_name.as_deref(), Some("example.org"));
    }
}

#[test]
fn two_clients_are_one_too_many() {
    let mut handshake = Handshake::new();
    handshake.bytes(Direction::Egress, &client_hello(b"one.example"));
    handshake.bytes(Direction::Ingress, &client_hello(b"two.example"));
    assert_eq!(handshake.facts().server_name.as_deref(), Some("one.example"));
    assert_eq!(handshake.facts().client_direction, Some(Direction::Egress));
}

#[test]
fn a_certificate_in_the_clear_is_none_of_tls13() {
    let tls12 = script(TLS12);
    let (_, flight) = tls12.iter().filter(|(from, _)| *from == Direction::Ingress).nth(1).unwrap();
    let (_, certificate) = records(flight).find(|(_, content)| content[0] == 11).unwrap();
    let certificate = record(0x16, certificate);
    let pieces = script(TLS13);
    let mut handshake = Handshake::new();
    handshake.bytes(pieces[0].0, &pieces[0].1);
    handshake.bytes(pieces[0].0, &certificate);
    assert!(handshake.facts().client_certificate.is_some());
    handshake.bytes(pieces[1].0, &pieces[1].1);
    assert_eq!(handshake.facts().client_certificate, None);
    assert!(handshake.is_done());
}

#[test]
fn other_protocols_end_it_at_once() {
    let mut handshake = Handshake::new();
    handshake.bytes(Direction::Ingress, b"GET / HTTP/1.1\r\n\r\n");
    handshake.bytes(Direction::Egress, b"HTTP/1.1 200 OK\r\n\r\n");
    assert!(handshake.is_done());
    assert_eq!(*handshake.facts(), Facts::default());
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn random_bytes_give_the_same_however_they_are_cut(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..8),
        size in 1_usize..40,
    ) {
        let side = |up| if up { Direction::Egress } else { Direction::Ingress };
        let framed = pieces.iter().map(|(up, bytes)| (side(*up), record(0x16, bytes)));
        same(&framed.collect(), size);
        let bare = pieces.iter().map(|(up, bytes)| (side(*up), bytes.clone()));
        same(&bare.collect(), size);
    }

    #[test]
    fn damaged_captures_give_the_same_however_they_are_cut(
        which in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        size in 1_usize..40,
    ) {
        let mut script = script([TLS13, RETRY, TLS12, TLS10][which]);
        for (piece, at, byte) in changes {
            let count = script.len();
            let bytes = &mut script[piece.index(count)].1;
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        same(&script, size);
    }
}

fn same(script: &Script, piece_bytes: usize) {
    let (whole, cut) = (follow(script, usize::MAX), follow(script, piece_bytes));
    assert_eq!((whole.facts(), whole.is_done()), (cut.facts(), cut.is_done()));
}
