//! Tests of handshakes: captures in, facts out.
//!
//! In: conversations of OpenSSL 3.0 with itself, one line a piece, `>` from the client.
//! Always: every capture also runs byte by byte and cut everywhere, with the same facts.

mod hostile;

use super::message::MESSAGE_BYTES;
use super::{Handshake, cipher_name, starts_record};
use crate::model::sample::Direction;
use crate::model::tls::{ClientCertificate, Facts, Version};
use crate::protocol::detect::Match;

const TLS13: &str = include_str!("tls13.txt");
const RETRY: &str = include_str!("tls13-retry.txt");
const TLS12: &str = include_str!("tls12-client-certificate.txt");
const TLS10: &str = include_str!("tls10.txt");

/// Pieces of a conversation; the client is at the other end.
type Script = Vec<(Direction, Vec<u8>)>;

fn script(text: &str) -> Script {
    let mut script: Script = Vec::new();
    for line in text.lines() {
        let (from, hex) = line.split_once(' ').unwrap();
        let direction = if from == ">" { Direction::Ingress } else { Direction::Egress };
        let bytes = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
        match script.last_mut() {
            Some((last, piece)) if *last == direction => piece.extend(bytes),
            _ => script.push((direction, bytes.collect())),
        }
    }
    script
}

fn follow(script: &Script, piece_bytes: usize) -> Handshake {
    let mut handshake = Handshake::new();
    for (direction, bytes) in script {
        for piece in bytes.chunks(piece_bytes) {
            handshake.bytes(*direction, piece);
            assert!(handshake.memory_bytes() <= 2 * MESSAGE_BYTES + 16 * 1024);
        }
    }
    handshake
}

/// Facts of a capture, the same from both ends and however it is cut.
fn check(text: &str) -> (Facts, bool) {
    let script = script(text);
    let whole = follow(&script, usize::MAX);
    let result = (whole.facts().clone(), whole.is_done());
    for piece_bytes in 1..200 {
        let cut = follow(&script, piece_bytes);
        assert_eq!((cut.facts().clone(), cut.is_done()), result, "in pieces of {piece_bytes}");
    }
    for at in 0..script.iter().map(|(_, bytes)| bytes.len()).max().unwrap() {
        let cut = script.iter().flat_map(|(direction, bytes)| {
            let (front, back) = bytes.split_at(at.min(bytes.len()));
            [(*direction, front.to_vec()), (*direction, back.to_vec())]
        });
        let cut = follow(&cut.collect(), usize::MAX);
        assert_eq!((cut.facts().clone(), cut.is_done()), result, "cut at {at}");
    }
    let mirrored = script.iter().map(|(direction, bytes)| (direction.reverse(), bytes.clone()));
    let mirrored = follow(&mirrored.collect(), usize::MAX);
    let facts = Facts { client_direction: Some(Direction::Egress), ..result.0.clone() };
    assert_eq!(*mirrored.facts(), facts);
    result
}

#[test]
fn tls13_shows_the_hellos() {
    let (facts, done) = check(TLS13);
    assert!(done);
    let expected = Facts {
        server_name: Some("audit.example.org".into()),
        version: Some(Version::Tls13),
        cipher: Some(0x1302),
        alpn: None,
        client_certificate: None,
        client_direction: Some(Direction::Ingress),
    };
    assert_eq!(facts, expected);
    assert_eq!(cipher_name(0x1302), Some("TLS_AES_256_GCM_SHA384"));
}

#[test]
fn a_retry_is_followed_to_the_hello_that_counts() {
    let (facts, done) = check(RETRY);
    assert!(done);
    assert_eq!(facts.version, Some(Version::Tls13));
    assert_eq!(facts.server_name.as_deref(), Some("audit.example.org"));

    // Another suite than the request named, which no real server does.
    let mut changed = script(RETRY);
    let hello = changed.iter_mut().filter(|(from, _)| *from == Direction::Egress).nth(1);
    hello.unwrap().1[CIPHER_AT + 1] = 0x03;
    let handshake = follow(&changed, usize::MAX);
    assert_eq!(handshake.facts().cipher, Some(0x1303));
    assert!(handshake.is_done());
}

#[test]
fn tls12_shows_the_clients_certificate() {
    let (facts, done) = check(TLS12);
    assert!(done);
    // `openssl x509 -subject -nameopt RFC2253,-esc_msb -ext subjectAltName` says the same.
    let subject = r#"CN=\#Zoë\; a=b\\c,emailAddress=zoe@example.org,2.999.55555.1=#0C04422D3137,UID=zoe,title=Clerk,OU=\"Ops\" \<night\>,O=Beispiel\, Söhne \+ Co,DC=example,DC=org,C=DE"#;
    let names = [
        "zoe.clients.example.org",
        "spiffe://example.org/ns/prod/sa/zoe",
        "zoe@example.org",
        "192.0.2.7",
        "2001:db8::7",
        "2.999.7",
        "CN=Zoe,O=Other",
        "zoe@corp.example.org",
    ];
    let expected = Facts {
        server_name: Some("audit.example.org".into()),
        version: Some(Version::Tls12),
        cipher: Some(0xc02c),
        alpn: Some("http/1.1".into()),
        client_certificate: Some(ClientCertificate {
            subject: subject.into(),
            alternative_names: names.map(String::from).into(),
        }),
        client_direction: Some(Direction::Ingress),
    };
    assert_eq!(facts, expected);
    assert_eq!(cipher_name(0xc02c), Some("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"));
}

#[test]
fn tls10_without_a_name() {
    let (facts, done) = check(TLS10);
    assert!(done);
    let expected = Facts {
        version: Some(Version::Tls10),
        cipher: Some(0xc00a),
        client_direction: Some(Direction::Ingress),
        ..Facts::default()
    };
    assert_eq!(facts, expected);
}

#[test]
fn one_direction_alone_says_what_it_can() {
    let script = script(TLS12);
    let (ingress, egress): (Script, Script) =
        script.into_iter().partition(|(from, _)| *from == Direction::Ingress);

    let mut client = follow(&ingress, usize::MAX);
    assert!(!client.is_done());
    assert!(client.facts().client_certificate.is_some());
    assert_eq!(client.facts().version, None);
    client.gap(Direction::Egress);
    assert!(client.is_done());

    let mut server = follow(&egress, usize::MAX);
    assert!(!server.is_done());
    assert_eq!(server.facts().version, Some(Version::Tls12));
    assert_eq!(server.facts().client_direction, Some(Direction::Ingress));
    assert_eq!(server.facts().server_name, None);
    server.gap(Direction::Ingress);
    assert!(server.is_done());
}

#[test]
fn the_order_of_the_directions_does_not_matter() {
    for text in [TLS13, RETRY, TLS12, TLS10] {
        let mut script = script(text);
        let expected = follow(&script, usize::MAX).facts().clone();
        script.sort_by_key(|(direction, _)| *direction == Direction::Ingress);
        assert_eq!(*follow(&script, usize::MAX).facts(), expected);
        script.sort_by_key(|(direction, _)| *direction == Direction::Egress);
        assert_eq!(*follow(&script, usize::MAX).facts(), expected);
    }
}

#[test]
fn messages_in_small_records_are_put_together() {
    let script = script(TLS12);
    for record_bytes in [1, 2, 3, 5, 50, 300] {
        let pieces = script.iter().map(|(direction, bytes)| {
            (
                *direction,
                records(bytes)
                    .flat_map(|(kind, content)| {
                        let split = if kind == 0x16 { record_bytes } else { content.len().max(1) };
                        content
                            .chunks(split)
                            .flat_map(|part| record(kind, part))
                            .collect::<Vec<_>>()
                    })
                    .collect(),
            )
        });
        let pieces: Script = pieces.collect();
        assert_eq!(follow(&pieces, 7).facts(), follow(&script, usize::MAX).facts());
    }
}

#[test]
fn records_are_known_by_their_head() {
    for (bytes, expected) in [
        (&[][..], Match::Maybe),
        (&[0x17], Match::Maybe),
        (&[0x17, 3, 3, 0x48], Match::Maybe),
        (&[0x17, 3, 3, 0x48, 0], Match::Yes),
        (&[0x14, 3, 3, 0, 1, 1], Match::Yes),
        (&[0x16, 3, 0, 0, 1], Match::Yes),
        (&[0x17, 3, 3, 0x48, 1], Match::No),
        (&[0x17, 3, 3, 0x49], Match::No),
        (&[0x18, 3], Match::No),
        (&[0x17, 3, 5], Match::No),
        (&[0x17, 2], Match::No),
        (b"GET /", Match::No),
    ] {
        assert_eq!(starts_record(bytes), expected, "{bytes:02x?}");
    }
}

#[test]
fn versions_are_named_as_opentelemetry_does() {
    assert_eq!((Version::Tls13.protocol(), Version::Tls13.as_str()), ("tls", "1.3"));
    assert_eq!((Version::Ssl3.protocol(), Version::Ssl3.as_str()), ("ssl", "3"));
}

/// Records with their types.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [kind, _, _, high, low, rest @ ..] = bytes else { return None };
        let (content, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        bytes = rest;
        Some((*kind, content))
    })
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &length[..], content].concat()
}

/// Where the suite is in a ServerHello's record: after the record's head, the message's head, the
/// version, the random bytes and the session's name.
const CIPHER_AT: usize = 5 + 4 + 2 + 32 + 33;
