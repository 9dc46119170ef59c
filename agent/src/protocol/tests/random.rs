//! Traffic made by chance, right and wrong.
//!
//! In: seeds. Out: nothing.
//! Always: no panic, memory within the limits, the same messages however they are cut, and with
//! holes never a wrong pair.
//! Not here: known cases (the other modules).

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::cases::cases;
use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::detect::{Grammar, Match};
use crate::protocol::http1::lenient;
use crate::protocol::http1::start::Matcher;
use crate::protocol::tests::gaps::{Lost, judge_events};
use crate::protocol::tests::script::{Event, render, run};

/// An exchange of a well-behaved client and server.
#[derive(Clone, Debug)]
struct Plan {
    /// Sent without waiting for the response before.
    pipelined: bool,
    request: usize,
    request_bytes: usize,
    response: usize,
    response_bytes: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    (any::<Index>(), 0..3_usize, 0..40_usize, 0..4_usize, 0..40_usize).prop_map(
        |(pipelined, request, request_bytes, response, response_bytes)| Plan {
            pipelined: pipelined.index(4) == 0,
            request,
            request_bytes,
            response,
            response_bytes,
        },
    )
}

fn body(kind: usize, bytes: usize) -> String {
    let data = "x".repeat(bytes);
    match kind {
        0 => "\r\n".to_owned(),
        1 => format!("Content-Length: {bytes}\r\n\r\n{data}"),
        _ if bytes == 0 => "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        _ => format!(
            "Transfer-Encoding: chunked\r\n\r\n{bytes:x};e\r\n{data}\r\n1\r\nx\r\n0\r\nT: 1\r\n\r\n"
        ),
    }
}

/// Turns of a connection on which requests come alone or in batches.
fn events(plans: &[Plan]) -> Vec<Event> {
    let (mut requests, mut responses) = (String::new(), String::new());
    let mut events = Vec::new();
    let mut flush = |requests: &mut String, responses: &mut String| {
        if !requests.is_empty() {
            events.push(Event::Bytes(Direction::Ingress, std::mem::take(requests).into()));
            events.push(Event::Bytes(Direction::Egress, std::mem::take(responses).into()));
        }
    };
    for (number, plan) in plans.iter().enumerate() {
        if !plan.pipelined {
            flush(&mut requests, &mut responses);
        }
        let method = ["GET", "HEAD", "PUT"][plan.request];
        let kind = [0, 0, 1 + plan.request_bytes % 2][plan.request];
        let content = body(kind, plan.request_bytes);
        let _ = write!(requests, "{method} /{number} HTTP/1.1\r\nHost: h\r\n{content}");
        if plan.response == 3 {
            responses.push_str("HTTP/1.1 103 Early Hints\r\n\r\n");
        }
        let content = body(1 + plan.response % 2, plan.response_bytes);
        let content = match method {
            "HEAD" => content.split_inclusive("\r\n\r\n").next().unwrap_or_default(),
            _ => &content,
        };
        let _ = write!(responses, "HTTP/1.1 {} OK\r\n{content}", 400 + number);
    }
    flush(&mut requests, &mut responses);
    events
}

/// Cuts bytes where the seeds say.
fn cut(events: &[Event], seeds: &[Index]) -> Vec<Event> {
    let mut result = events.to_vec();
    for seed in seeds {
        let at = seed.index(result.len());
        if let Event::Bytes(direction, bytes) = result[at].clone()
            && bytes.len() > 1
        {
            let (front, back) = bytes.split_at(1 + seed.index(bytes.len() - 1));
            result[at] = Event::Bytes(direction, front.to_vec());
            result.insert(at + 1, Event::Bytes(direction, back.to_vec()));
        }
    }
    result
}

fn direction(egress: bool) -> Direction {
    match egress {
        true => Direction::Egress,
        false => Direction::Ingress,
    }
}

/// Pieces that steer random input into corners.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "GET / HTTP/1.1\r\n",
        "HEAD /a HTTP/1.0\r\n",
        "CONNECT h:1 HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.0 304 Same\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Upgrade: websocket\r\n",
        "Host: h\r\n",
        " folded\r\n",
        "\r\n",
        "\n",
        "\r",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        ": \r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01",
    ]);
    prop_oneof![
        6 => known.prop_map(|text: &str| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..20),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (any::<bool>(), vec(fragment(), 1..6))
            .prop_map(|(egress, parts)| Event::Bytes(direction(egress), parts.concat())),
        1 => (any::<bool>(), prop_oneof![1..40_u64, Just(1 << 40)])
            .prop_map(|(egress, bytes)| Event::Gap(direction(egress), bytes)),
        1 => any::<bool>().prop_map(|egress| Event::End(direction(egress))),
        1 => (0..400_u64).prop_map(Event::Tick),
    ]
}

/// Limits that random input reaches.
fn tight() -> Limits {
    Limits {
        head_bytes: 60,
        fields: 3,
        chunk_line_bytes: 8,
        pipelined: 3,
        held_bytes: 200,
        ..Limits::default()
    }
}

/// Words of each line, sorted: two anomalies may be noted in either order.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| {
            let mut words: Vec<_> = line.split(' ').collect();
            words.sort_unstable();
            words
        })
        .collect()
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_input_is_survived(events in vec(event(), 1..30), fresh: bool, small: bool) {
        let limits = if small { tight() } else { Limits::default() };
        render(&run(&events, fresh, &limits));
        let endless = events.into_iter().map(|event| match event {
            Event::Gap(direction, 0x100_0000_0000) => Event::Gap(direction, u64::MAX),
            event => event,
        });
        run(&endless.collect::<Vec<_>>(), fresh, &limits);
    }

    #[test]
    fn any_cut_gives_the_same(
        plans in vec(plan(), 1..12),
        seeds in vec(any::<Index>(), 0..30),
    ) {
        let events = events(&plans);
        let whole = render(&run(&events, true, &Limits::default()));
        let pieces = render(&run(&cut(&events, &seeds), true, &Limits::default()));
        prop_assert_eq!(whole.lines().count(), plans.len());
        prop_assert!(!whole.contains(['!', '-', '?']), "{}", whole);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn any_strange_cut_gives_the_same(
        parts in vec((any::<bool>(), vec(fragment(), 1..6)), 1..6),
        seeds in vec(any::<Index>(), 0..10),
        small: bool,
    ) {
        // Turns alternate, so that a cut makes none.
        let bytes = |(turn, (_, parts)): (usize, &(bool, Vec<Vec<u8>>))| {
            Event::Bytes(direction(turn % 2 == 1), parts.concat())
        };
        let events: Vec<_> = parts.iter().enumerate().map(bytes).collect();
        let mut limits = if small { tight() } else { Limits::default() };
        limits.held_bytes = 1 << 20;
        let whole = render(&run(&events, true, &limits));
        let cut = cut(&events, &seeds);
        let pieces = render(&run(&cut, true, &limits));
        // Whether a turn ends the body of a response to an unknown request is told from one
        // piece, and what a tunnel or another protocol begins with from both directions: that much a
        // cut may change.
        if ![&whole, &pieces].iter().any(|text| text.contains("- (request") || text.contains("CONNECT") || text.contains("connections")) {
            prop_assert_eq!(words(&whole), words(&pieces), "{:?}\n\n{:?}", events, cut);
        }
    }

    #[test]
    fn any_holes_make_no_wrong_pair(
        plans in vec(plan(), 1..14),
        seeds in vec(any::<Index>(), 0..6),
        holes in vec((any::<bool>(), 0_u64..900, 1_u64..120), 1..4),
    ) {
        let events = cut(&events(&plans), &seeds);
        let lost: Vec<Lost> = holes
            .iter()
            .map(|&(egress, from, length)| (direction(egress), from, length))
            .collect();
        judge_events(&events, &lost, true).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn matcher_and_parser_agree(bytes in vec(fragment(), 1..4), seed: Index) {
        let mut bytes = bytes.concat();
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        bytes.drain(..start.unwrap_or(0));
        let at = seed.index(bytes.len());
        bytes[at] ^= (seed.index(8) == 0) as u8;
        let line = lenient::start_line(&bytes).to_vec();
        if !line.is_empty() && start.is_some() {
            let limits = Limits::default();
            let request = Matcher::request().feed(&line) == Match::Yes;
            prop_assert_eq!(request, lenient::request(&line, &limits).is_some());
            let response = Matcher::response().feed(&line) == Match::Yes;
            prop_assert_eq!(response, lenient::response(&line, &limits).is_some());
        }
    }
}
