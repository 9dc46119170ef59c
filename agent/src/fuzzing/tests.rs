//! Real input with damage, the same in every run.

use std::fs;

use crate::discover::{ProcFs, maps};

use super::{EGRESS, LONG};

#[test]
fn damaged_programs_are_survived() {
    for program in programs() {
        super::program(&program);
        let mut damage = Damage::new(program.len());
        for round in 0..60 {
            super::program(&damage.done_to(&program, HEAD_BYTES, round));
        }
    }
}

#[test]
fn damaged_handshakes_are_survived() {
    for captured in [
        include_str!("../protocol/tls/tests/tls10.txt"),
        include_str!("../protocol/tls/tests/tls12-client-certificate.txt"),
        include_str!("../protocol/tls/tests/tls13.txt"),
        include_str!("../protocol/tls/tests/tls13-retry.txt"),
    ] {
        let input: Vec<u8> = captured.lines().flat_map(line_of_capture).collect();
        survived(&input, super::handshake, 1_000);
    }
}

#[test]
fn damaged_datagrams_are_survived() {
    for captured in [
        include_str!("../protocol/quic/tests/rfc9001.txt"),
        include_str!("../protocol/quic/tests/rfc9369.txt"),
    ] {
        let (_, hex) = captured.lines().next().and_then(|line| line.split_once(' ')).unwrap();
        // 1200 bytes, and 19 times 64 take them.
        let input = [&[LONG, 19][..], &bytes_of(hex)].concat();
        survived(&input, super::quic_initial, 1_000);
    }
    // A ClientHello in three frames, the last one first, among others.
    let hello = include_str!("../protocol/quic/tests/hello.txt").trim_end();
    let hello = bytes_of(hello);
    let frame = |from: usize, to: usize| {
        let offset = (from as u16 | 0x4000).to_be_bytes();
        let length = ((to - from) as u16 | 0x4000).to_be_bytes();
        [&[6], &offset[..], &length, &hello[from..to]].concat()
    };
    let first = [&frame(170, hello.len())[..], &[1, 0, 2, 5, 0, 0, 5]].concat();
    let second = [&[0; 9][..], &frame(90, 180), &frame(0, 90)].concat();
    for version in [0, EGRESS] {
        let first = piece(version | BYTES, &first);
        let input = [first, piece(version | BYTES, &second)].concat();
        survived(&input, super::quic_initial, 2_000);
    }
}

#[test]
fn damaged_content_is_survived() {
    let coded: [(u8, &[u8]); 5] = [
        (0, include_bytes!("../protocol/coding/tests/text.gz")),
        (1, include_bytes!("../protocol/coding/tests/text.zlib")),
        (1, include_bytes!("../protocol/coding/tests/text.deflate")),
        (2, include_bytes!("../protocol/coding/tests/text.br")),
        (3, include_bytes!("../protocol/coding/tests/text.zst")),
    ];
    for (which, coded) in coded {
        // Of one megabyte.
        let which = (160..).find(|number| number % 5 == which).unwrap();
        survived(&[&[which], coded].concat(), super::content, 200);
    }
}

#[test]
fn damaged_calls_are_survived() {
    let body = b"\0\0\0\0\x05hello\x01\0\0\0\0\0\0\0\0\x05again\x80\0\0\0\x0egrpc-status: 0";
    survived(&[piece(BYTES, body), piece(0, &[0; 3])].concat(), super::grpc, 2_000);
    let text = b"AAAAAAVoZWxsbw==gAAAAA5ncnBjLXN0YXR1czogMA==";
    survived(&piece(BYTES, text), super::grpc, 2_000);
}

#[test]
fn damaged_samples_are_survived() {
    let mut random = Damage::new(3);
    for kind in 0..16 {
        let mut sample: Vec<u8> = (0..400).map(|_| random.number() as u8 & 0x0f).collect();
        sample[0] = kind;
        survived(&sample, super::sample, 1_000);
        for length in 0..sample.len() {
            super::sample(&sample[..length]);
        }
    }
}

#[test]
fn damaged_conversations_are_survived() {
    for conversation in CONVERSATIONS {
        let input: Vec<u8> = conversation
            .iter()
            .flat_map(|(what, text)| piece(what | BYTES, text.as_bytes()))
            .collect();
        survived(&input, super::http1, 2_000);
    }
}

#[test]
fn damaged_frames_are_survived() {
    // SETTINGS; a request and its response, with content; a promise; a reset.
    let client: &[&[u8]] = &[
        &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x10, 0],
        &[0, 0, 6, 1, 4, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, b'h'],
        &[0, 0, 4, 0, 9, 0, 0, 0, 1, 2, b'x', 0, 0],
        &[0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 8],
    ];
    let server: &[&[u8]] = &[
        &[0, 0, 0, 4, 1, 0, 0, 0, 0],
        &[0, 0, 7, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x82, 0x86, 0x84],
        &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88],
        &[0, 0, 2, 0, 0, 0, 0, 0, 1, b'o', b'k'],
        &[0, 0, 6, 1, 5, 0, 0, 0, 1, 0x40, 1, b'a', 1, b'b', 0xbe],
        &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    ];
    let client = client.iter().flat_map(|frame| piece(BYTES, frame));
    let server = server.iter().flat_map(|frame| piece(BYTES | EGRESS, frame));
    survived(&client.chain(server).collect::<Vec<_>>(), super::http2, 4_000);
}

#[test]
fn damaged_messages_are_survived() {
    let client = [0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6f, 0x68, 0x6e];
    let compressed = [0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0];
    let close = [0x88, 2, 3, 0xe8];
    let input = [
        piece(BYTES, &client),
        piece(BYTES | EGRESS, &compressed),
        piece(EGRESS, &[0; 2]),
        piece(BYTES | EGRESS, &close),
    ]
    .concat();
    survived(&input, super::websocket, 4_000);
    let events =
        b"\xef\xbb\xbfevent: a\r\ndata: 1\rdata: 2\n\n: comment\nid: 3\nretry: 10\ndata\n\n";
    survived(&[piece(BYTES, events), piece(0, &[0; 3])].concat(), super::events, 4_000);
}

/// A target, and what it is fed.
type Case = (fn(&[u8]), &'static str);

#[test]
fn damaged_bodies_are_survived() {
    let bodies: [Case; 9] = [
        (
            super::json,
            r#"{"a":[1,-2.5e3,"x\u00e9"],"password":"hunter2","user":{"email":"a@b.example"},"t":true}"#,
        ),
        (super::json, "{\"a\":1}\n{\"b\":\"4111 1111 1111 1111\"}\n"),
        (super::form, "a=1&user%5Bpin%5D=2&b[]=c+d&e=a%40example.com&token=x&f"),
        (super::multipart, MULTIPART),
        (super::multipart, "--XX\nContent-Disposition: form-data; name=a\n\n1\n--XX--\n"),
        (super::xml, XML),
        (
            super::plain,
            "user=bob password: \"x y\"\nmail a@example.com <code>404</code> <pin>1</pin>\n-----BEGIN X-----\n",
        ),
        (
            super::detectors,
            "account\nDE89 3704 0044 0532 0130 00 4111-1111-1111-1111 123-45-6789 +49 151 12345678",
        ),
        (
            super::detectors,
            "sid\nSK0123456789abcdef0123456789abcdef eyJhbGciOiJub25lIn0.e30. 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",
        ),
    ];
    for (feed, body) in bodies {
        for flags in [0, 1] {
            survived(&[&[flags][..], body.as_bytes()].concat(), feed, 1_500);
        }
    }
}

#[test]
fn damaged_fields_of_identity_are_survived() {
    for fields in [
        "Authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwic3ViIjoiYSIsImF1ZCI6WyJiIl0sImV4cCI6MX0.c2ln\r\nCookie: session=abc; sid=\"d\"",
        "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\nX-Api-Key: AKIAIOSFODNN7EXAMPLE\r\nX-Forwarded-User: bob",
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature=0",
        "Authorization: Digest username=\"bob\", realm=\"r\\\"x\", nonce=\"n\", uri=\"/\", response=\"0\"",
        "X-Forwarded-Client-Cert: By=spiffe://a/b;Hash=00;Subject=\"CN=a,O=\\\"b\\\"\";URI=spiffe://c/d,By=e",
        "Authorization: NTLM TlRMTVNTUAADAAAAGAAYAEAAAAA=\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        survived(fields.as_bytes(), super::identity, 1_000);
    }
    for value in [
        "for=192.0.2.60;proto=http;by=203.0.113.43, for=\"[2001:db8:cafe::17]:4711\"",
        "203.0.113.9, 10.0.0.7:8080, [2001:db8::1]:443, unknown",
        "By=spiffe://a/b;Subject=\"CN=a\"",
        "a/../%2e%2e/4111111111111111?token=x&a%5B%5D=eyJhbGciOiJub25lIn0#f",
    ] {
        survived(value.as_bytes(), super::forwarded, 600);
    }
}

/// Feeds it whole and damaged.
fn survived(input: &[u8], feed: fn(&[u8]), rounds: usize) {
    feed(input);
    let mut damage = Damage::new(input.len());
    for round in 0..rounds {
        feed(&damage.done_to(input, input.len(), round));
    }
}

/// What this test itself runs, apart from its own program, and a TLS library where there is one.
fn programs() -> Vec<Vec<u8>> {
    let loaded = maps::executable(&ProcFs::host(), std::process::id());
    let loaded = loaded.into_iter().map(|mapped| mapped.path);
    let paths = loaded.chain(TLS_LIBRARIES.map(str::to_owned));
    let programs = paths.filter_map(|path| fs::read(path).ok());
    programs.filter(|program| program.len() < MOST_PROGRAM_BYTES).collect()
}

/// Its direction, then the bytes in hexadecimal.
fn line_of_capture(line: &str) -> Vec<u8> {
    let (from, hex) = line.split_once(' ').unwrap();
    piece(BYTES | u8::from(from == "<"), &bytes_of(hex))
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// As `pieces` reads it.
fn piece(what: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 256 && what & LONG == 0);
    [&[what, bytes.len() as u8], bytes].concat()
}

/// Damage by chance (xorshift64).
struct Damage(u64);

impl Damage {
    fn new(seed: usize) -> Self {
        Self((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// Bytes changed in the front, at the end or anywhere; or a piece cut out, doubled or cut off.
    fn done_to(&mut self, input: &[u8], front_bytes: usize, round: usize) -> Vec<u8> {
        let mut output = input.to_vec();
        let start = self.below(input.len());
        let length = self.below(64.min(input.len() - start));
        match round % 8 {
            0 => output.truncate(start),
            1 => drop(output.drain(start..start + length)),
            2 => {
                let twice = input[start..start + length].to_vec();
                output.splice(start..start, twice);
            }
            _ => {
                let end = input.len();
                let places =
                    [0..front_bytes.min(end), end.saturating_sub(front_bytes)..end, 0..end];
                let place = places[round % 3].clone();
                for _ in 0..=self.below(6) {
                    let at = place.start + self.below(place.len());
                    let any = self.number() as u8;
                    output[at] = [0, 1, 0x7f, 0x80, 0xff, any][self.below(6)];
                }
            }
        }
        output
    }
}

/// The head of a file with its tables; sections are told at the end.
const HEAD_BYTES: usize = 4_096;
const MOST_PROGRAM_BYTES: usize = 4 << 20;
const TLS_LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/libssl.so.3",
    "/usr/lib/x86_64-linux-gnu/libgnutls.so.30",
    "/usr/lib64/libssl.so.3",
    "/usr/lib/libssl.so.3",
];

const MULTIPART: &str = "--XX\r\nContent-Disposition: form-data; name=\"a[b]\"\r\n\r\nx y\r\n\
     --XX\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n\
     --XX\r\nContent-Disposition: form-data; name=\"j\"; filename=\"blob\"\r\nContent-Type: application/json\r\n\r\n{\"pin\":1}\r\n\
     --XX\r\nContent-Type: text/xml\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n<a b='c'>d</a>\r\n--XX--\r\n";

const XML: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<s:e xmlns:s='urn:x'><!-- c --><password a=\"b\">x&lt;y</password>\
     <p name='email'>a@b.example</p><![CDATA[4111 1111]]> 1111 1111<?p i?><f/>&#233;</s:e>\n";

/// Neither a hole nor an end.
const BYTES: u8 = 0x20;

const CONVERSATIONS: [&[(u8, &str)]; 4] = [
    &[
        (0, "GET /a?b=1 HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n"),
        (EGRESS, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        (0, "HEAD /c HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\n\r\n"),
        (EGRESS, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        (EGRESS, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    ],
    &[
        (
            EGRESS,
            "POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello",
        ),
        (EGRESS, "\r\na\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"),
        (0, "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
        (0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ],
    &[
        (0, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
        (EGRESS, "HTTP/1.1 200 Established\r\n\r\n"),
        (0, "GET /inside HTTP/1.0\r\nHost: h\r\n\r\n"),
        (EGRESS, "HTTP/1.0 200 OK\r\n\r\nto the end"),
    ],
    &[
        (0, "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
        (EGRESS, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}"),
        (0, "\u{16}\u{3}\u{1}\u{2}"),
    ],
];
