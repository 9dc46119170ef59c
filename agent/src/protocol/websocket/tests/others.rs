//! The same frames, read by another implementation.

use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tungstenite::Message;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::{CLIENT, SERVER, Setup, Step, chunk, frame, masked, run};
use crate::cases::cases;
use crate::protocol::exchange::MessageEnd;

use crate::protocol::websocket::{Event, Half, Kind};

/// One end of a connection in memory.
#[derive(Default)]
struct Wire {
    incoming: io::Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What both say about a direction.
#[derive(Debug, Eq, PartialEq)]
enum Said {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Close(Option<(u16, Vec<u8>)>),
}

/// Up to where another would end the connection.
fn ours(setup: Setup, bytes: &[u8]) -> Option<Vec<Said>> {
    let (events, counts) = run(setup, &[Step::Bytes(bytes.to_vec(), true)]);
    let is_refused = setup.sender == SERVER.sender && counts.wrong_masks > 0;
    let mut said = Vec::new();
    for event in events {
        match event {
            Event::Message(message) if message.flags.invalid_utf8 => break,
            Event::Message(message) if message.end != MessageEnd::Whole => {}
            Event::Message(message) => {
                assert!(!message.content_cut);
                let content = message.content.unwrap().to_vec();
                said.push(match message.kind {
                    Kind::Text => Said::Text(content),
                    Kind::Binary => Said::Binary(content),
                });
            }
            Event::Close(close) => {
                // Codes and reasons that may not be sent are replaced by others.
                let is_kept = close.code.is_none_or(|code| (1000..1004).contains(&code));
                let is_half_a_code = close.code.is_none() && !close.reason.is_empty();
                if !is_kept || is_half_a_code || std::str::from_utf8(&close.reason).is_err() {
                    return None;
                }
                said.push(Said::Close(close.code.map(|code| (code, close.reason))));
            }
            Event::Lost { .. } => {}
        }
    }
    // Where the first frame with a mask was is not told.
    if is_refused { None } else { Some(said) }
}

fn theirs(setup: Setup, bytes: &[u8]) -> Vec<Said> {
    let role = if setup.sender == CLIENT.sender { Role::Server } else { Role::Client };
    let wire = Wire { incoming: io::Cursor::new(bytes.to_vec()), ..Wire::default() };
    let lenient = WebSocketConfig::default().accept_unmasked_frames(true);
    let mut socket = WebSocket::from_raw_socket(wire, role, Some(lenient));
    let mut said = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => said.push(Said::Text(text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => said.push(Said::Binary(bytes.to_vec())),
            Ok(Message::Close(close)) => {
                let close =
                    close.map(|close| (close.code.into(), close.reason.as_bytes().to_vec()));
                said.push(Said::Close(close));
                return said;
            }
            Ok(_) => {}
            Err(_) => return said,
        }
    }
}

#[test]
fn what_another_sends_is_read() {
    let mut rest = Vec::new();
    for (role, setup) in [(Role::Client, CLIENT), (Role::Server, SERVER)] {
        let mut socket = WebSocket::from_raw_socket(Wire::default(), role, None);
        let large = "ä".repeat(40_000);
        socket.send(Message::text("one")).unwrap();
        socket.send(Message::Ping(vec![1, 2].into())).unwrap();
        socket.send(Message::binary(vec![7; 300])).unwrap();
        socket.send(Message::text(large.clone())).unwrap();
        socket.close(None).unwrap();
        let bytes = std::mem::take(&mut socket.get_mut().outgoing);
        let mut half = Half::new(setup.sender, setup.extensions, 100_000);
        for piece in bytes.chunks(1_000) {
            half.push(chunk(piece, true, 1), &mut rest);
        }
        let contents: Vec<_> = rest
            .drain(..)
            .map(|event| match event {
                Event::Message(message) => message.content.unwrap().to_vec(),
                Event::Close(close) => close.reason,
                Event::Lost { .. } => panic!("lost"),
            })
            .collect();
        assert!(contents == [b"one".to_vec(), vec![7; 300], large.into_bytes(), vec![]]);
        assert_eq!((half.counts().pings, half.counts().wrong_masks), (1, 0));
    }
}

/// Frames, most of them in an order that may be.
fn frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let first = prop_oneof![
        4 => Just(0x81),
        4 => Just(0x82),
        3 => Just(0x01),
        2 => Just(0x00),
        3 => Just(0x80),
        2 => Just(0x89),
        1 => Just(0x8a),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        3 => "[a-zäöü€]{0,60}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..200),
    ];
    vec((first, payload), 1..12)
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn both_read_the_same(
        frames in frames(),
        client: bool,
        key: [u8; 4],
        damage in prop::option::of((any::<Index>(), any::<u8>())),
        close in prop::option::of((1000..1004_u16, "[a-z]{0,20}")),
    ) {
        let setup = if client { CLIENT } else { SERVER };
        let encode = |first: u8, payload: &[u8]| match client {
            true => masked(first, key, payload),
            false => frame(first, payload),
        };
        let mut bytes: Vec<u8> =
            frames.iter().flat_map(|(first, payload)| encode(*first, payload)).collect();
        if let Some((code, reason)) = close {
            let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            bytes.extend(encode(0x88, &payload));
        }
        if let Some((place, value)) = damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(ours) = ours(setup, &bytes) {
            prop_assert_eq!(ours, theirs(setup, &bytes));
        }
    }
}
