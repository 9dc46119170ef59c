//! Headers of the PROXY protocol, cut at every byte and compared with another reader of them (`ppp`).

use std::net::Ipv6Addr;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::cases::cases;
use crate::model::limits::Limits;
use crate::protocol::connection::Connection;
use crate::protocol::tests::script::{self, Event};

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn v2(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2, &[version_command, family], &length, rest].concat()
}

fn v2_tcp4(tlvs: &[u8]) -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 10, 0, 0, 4, 0xc8, 0, 0x1f, 0x90];
    v2(0x21, 0x11, &[&addresses, tlvs].concat())
}

/// What is said by bytes that come in one piece, in two cut anywhere, and one by one.
fn said(bytes: &[u8]) -> Option<(Option<Proxied>, Vec<u8>)> {
    let mut pieces: Vec<Vec<&[u8]>> = vec![vec![bytes], bytes.chunks(1).collect()];
    pieces.extend((1..bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]));
    let mut results = pieces.into_iter().map(|pieces| {
        let (mut prelude, mut passed) = (Prelude::default(), Vec::new());
        for (at, piece) in pieces.into_iter().enumerate() {
            let mut span = Span::within(piece, 0);
            span.turn_start = at == 0;
            let mut input = Input::Bytes(span);
            let back = prelude.push(Direction::Ingress, &mut input);
            for input in [back.as_ref().map(Back::input), Some(input)].into_iter().flatten() {
                let Input::Bytes(span) = input else { panic!("no bytes") };
                assert!(span.rest.is_empty() || span.turn_start == passed.is_empty(), "turn");
                passed.extend_from_slice(span.rest);
            }
            assert!(prelude.memory_bytes() <= 400);
        }
        (prelude.said(), passed)
    });
    let first = results.next()?;
    results.for_each(|result| assert!(result == first, "a cut changes what {bytes:?} says"));
    Some(first)
}

fn check(header: &[u8], expected: Expect) {
    let (said, passed) = said(&[header, REQUEST].concat()).unwrap();
    let is_header = passed == REQUEST;
    assert!(is_header || passed == [header, REQUEST].concat());
    assert_eq!(is_header, said.is_some());
    let end = |end: Option<SocketAddr>| end.map_or("-".to_owned(), |end| end.to_string());
    let text = said.map_or("none".to_owned(), |one| {
        format!("v{} {:?} {} {}", one.version, one.command, end(one.source), end(one.destination))
    });
    expected.assert_eq(&text);
}

#[test]
fn version_1_says() {
    check(
        b"PROXY TCP4 192.0.2.7 10.0.0.4 51200 8080\r\n",
        expect!["v1 Proxy 192.0.2.7:51200 10.0.0.4:8080"],
    );
    check(
        b"PROXY TCP6 2001:db8::7 ::ffff:10.0.0.4 1 65535\r\n",
        expect!["v1 Proxy [2001:db8::7]:1 10.0.0.4:65535"],
    );
    check(b"PROXY UNKNOWN\r\n", expect!["v1 Proxy - -"]);
    check(b"PROXY UNKNOWN ffff:f::1 ffff::1 65535 65535\r\n", expect!["v1 Proxy - -"]);
}

#[test]
fn version_2_says() {
    check(&v2_tcp4(b""), expect!["v2 Proxy 192.0.2.7:51200 10.0.0.4:8080"]);
    // PP2_TYPE_AUTHORITY, PP2_TYPE_UNIQUE_ID, PP2_TYPE_SSL with a version, and a long one without a meaning.
    let tlvs = [
        &b"\x02\0\x05h.com\x05\0\x02id\x20\0\x0d\x01\0\0\0\0\x21\0\x05TLSv1"[..],
        b"\xe0\x0f\xa0",
        &[b'G'; 4_000],
    ];
    check(&v2_tcp4(&tlvs.concat()), expect!["v2 Proxy 192.0.2.7:51200 10.0.0.4:8080"]);
    let address = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
    let v6 = [&address[..], &[0; 16], &[0, 1, 0, 2]].concat();
    check(&v2(0x21, 0x21, &v6), expect!["v2 Proxy [2001:db8::7]:1 [::]:2"]);
    check(&v2(0x21, 0x22, &v6), expect!["v2 Proxy [2001:db8::7]:1 [::]:2"]);
    check(&v2(0x21, 0x31, &[b'/'; 216]), expect!["v2 Proxy - -"]);
    check(&v2(0x20, 0x00, b""), expect!["v2 Local - -"]);
    check(&v2(0x20, 0x11, &[7; 30]), expect!["v2 Local - -"]);
    check(&v2(0x21, 0x00, b""), expect!["v2 Proxy - -"]);
}

#[test]
fn what_breaks_the_protocol_says_nothing_or_so() {
    for text in [
        "PROXY / HTTP/1.1\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.4 51200\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.4 51200 8080 \r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.4 51200 8080\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.4 051200 8080\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.4 +1 8080\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.4 1 2\r\n",
        "PROXY TCP4 192.0.2.007 10.0.0.4 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.4 1 65536\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.4 1 2\n",
        "PROXYTCP4 192.0.2.7 10.0.0.4 1 2\r\n",
        "\r\n\r\n\0\r\nQUIX\n",
    ] {
        check(text.as_bytes(), expect!["none"]);
    }
    check(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100], b"\r\n"].concat(), expect!["none"]);
    check(&v2(0x11, 0x11, &[7; 12]), expect!["none"]);
    check(&v2(0x22, 0x11, &[7; 12]), expect!["v2 Invalid - -"]);
    check(&v2(0x21, 0x11, &[7; 11]), expect!["v2 Invalid - -"]);
    check(&v2(0x21, 0x10, &[7; 12]), expect!["v2 Invalid - -"]);
    check(&v2(0x21, 0x41, &[7; 12]), expect!["v2 Invalid - -"]);
    check(&v2(0x21, 0x31, &[7; 12]), expect!["v2 Invalid - -"]);
}

/// A conversation over HTTP/1, HTTP/2 or anything else goes on behind the header.
fn conversation(header: &[u8], request: &[u8], response: &[u8]) -> Vec<Event> {
    let request = Event::Bytes(Direction::Ingress, [header, request].concat());
    vec![request, Event::Bytes(Direction::Egress, response.to_vec())]
}

#[test]
fn exchanges_behind_a_header() {
    let headers = [v2_tcp4(&[0; 300]), b"PROXY TCP4 192.0.2.7 10.0.0.4 51200 8080\r\n".to_vec()];
    for header in headers {
        let events = conversation(&header, REQUEST, RESPONSE);
        script::check_events(
            &events,
            true,
            &Limits::default(),
            expect![[r"
                GET /a 1.1 [1] 28+0/28 => 204 1.1 [0] 27+0/27
            "]],
        );
    }
}

#[test]
fn a_connection_knows_what_was_said() {
    let header = v2_tcp4(&[0; 40]);
    let client_hello = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03";
    let (mut out, limits) = (Vec::new(), Limits::default());
    for cut in 1..header.len() + client_hello.len() {
        let bytes = [&header[..], client_hello].concat();
        let mut connection = Connection::new(true);
        for piece in [&bytes[..cut], &bytes[cut..]] {
            let input = Input::Bytes(Span::within(piece, 0));
            connection.push(Direction::Ingress, input, &limits, &mut out);
        }
        let proxied = connection.proxied().unwrap();
        assert_eq!(proxied.source, Some("192.0.2.7:51200".parse().unwrap()));
        assert!(connection.tls().is_some(), "cut at {cut}");
    }
    let mut late = Connection::new(false);
    late.push(Direction::Ingress, Input::Bytes(Span::within(&header, 0)), &limits, &mut out);
    assert!(late.proxied().is_none());
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn headers_say_what_another_reader_says(
        ports in any::<(u16, u16)>(),
        source in any::<u32>(),
        destination in any::<u32>(),
        tlv in proptest::collection::vec(any::<u8>(), 0..200),
        is_text in any::<bool>(),
    ) {
        let (source, destination) = (source.to_be_bytes().into(), destination.to_be_bytes().into());
        let addresses = ppp::v1::Addresses::new_tcp4::<std::net::Ipv4Addr>(source, destination, ports.0, ports.1);
        let header = match is_text {
            true => addresses.to_string().into_bytes(),
            false => {
                let addresses = ppp::v2::IPv4::new(source, destination, ports.0, ports.1);
                ppp::v2::Builder::with_addresses(0x21, ppp::v2::Protocol::Stream, addresses)
                    .write_tlv(0xe5, &tlv)
                    .and_then(ppp::v2::Builder::build)
                    .unwrap()
            }
        };
        let (said, passed) = said(&[&header[..], REQUEST].concat()).unwrap();
        let said = said.unwrap();
        prop_assert_eq!(said.source, Some(SocketAddr::new(source.into(), ports.0)));
        prop_assert_eq!(said.destination, Some(SocketAddr::new(destination.into(), ports.1)));
        prop_assert_eq!(passed, REQUEST);
    }

    #[test]
    fn damage_is_taken_the_same_however_it_is_cut(
        place in 0..90_usize,
        byte in any::<u8>(),
        is_text in any::<bool>(),
    ) {
        let mut header = match is_text {
            true => b"PROXY TCP4 192.0.2.7 10.0.0.4 51200 8080\r\n".to_vec(),
            false => v2_tcp4(&[1; 40]),
        };
        let place = place % header.len();
        header[place] = byte;
        prop_assert!(said(&[&header[..], REQUEST].concat()).is_some());
    }
}
