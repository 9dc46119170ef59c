//! Holes at every place: never a wrong record, and nothing missing without a loss.
//!
//! In: scripts whose targets and statuses are unique (`/7` is answered by 207). Out: nothing.
//! Always: whatever is lost, a pair is a pair of the whole script.
//! Not here: exact output after a hole, of which a few are in `pairing`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::cases::cases;
use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::Output;
use crate::protocol::exchange::{Exchange, MessageEnd};
use crate::protocol::tests::script::{Event, parse, render, run};

const SCRIPTS: [&str; 9] = [
    // One after the other.
    r"
    > GET /1 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\nhello
    > POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc
    < HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n
    > GET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\nx
    > GET /4 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 254 OK\r\nContent-Length: 1\r\n\r\nx
    ",
    // Three in one segment, twice.
    r"
    > GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nhello
    < HTTP/1.1 203 OK\r\nContent-Length: 5\r\n\r\nhello
    > GET /4 HTTP/1.1\r\nHost: h\r\n\r\nGET /5 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 254 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 205 OK\r\nContent-Length: 5\r\n\r\nhello
    > GET /6 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 206 OK\r\nContent-Length: 1\r\n\r\nx
    ",
    // Overlapping turns.
    r"
    > GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\nhello
    > GET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nhello
    > GET /4 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 203 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 254 OK\r\nContent-Length: 0\r\n\r\n
    > GET /5 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 205 OK\r\nContent-Length: 5\r\n\r\nhello
    ",
    // Chunked both ways.
    r"
    > POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n
    < HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n
    < 3\r\nabc\r\n0\r\nT: 1\r\n\r\n
    > GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n
    < 0\r\n\r\n
    > GET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\nx
    ",
    // HEAD, no content, interim responses.
    r"
    > HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 201 OK\r\nContent-Length: 30\r\n\r\n
    > GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 202 OK\r\nContent-Length: 30\r\n\r\n{30}
    > POST /3 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n
    < HTTP/1.1 100 Continue\r\n\r\n
    > 12345
    < HTTP/1.1 203 OK\r\nContent-Length: 0\r\n\r\n
    > GET /4 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n
    > GET /5 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 205 OK\r\nContent-Length: 0\r\n\r\n
    ",
    // An early response and one without a length.
    r"
    > POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nabcd
    < HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\nno
    > efgh
    > GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 202 OK\r\nConnection: close\r\n\r\nall the rest
    <end
    ",
    // The response is seen first.
    r"
    > GET /1 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\nhello
    < HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nhello
    > GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
    tick 400
    > GET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\nx
    ",
    // A tunnel.
    r"
    > CONNECT /1 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 201 OK\r\n\r\n
    > GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nhello
    > GET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\nx
    ",
    // Heads in pieces, over turns.
    r"
    > GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HT
    < HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\nhello
    > TP/1.1\r\nHost:
    > \sh\r\n\r\n
    < HTTP/1.1 202 OK\r\nContent-
    < Length: 5\r\n\r\nhello
    > GET /3 HTTP/1.1\r\nHost: h\r\n\r\n
    < HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\nx
    ",
];

/// Bytes of a direction that are lost.
pub type Lost = (Direction, u64, u64);

/// The same events with those bytes not captured.
fn with_holes(events: &[Event], lost: &[Lost]) -> Vec<Event> {
    let mut at = [0_u64; 2];
    let mut result = Vec::new();
    for event in events {
        let Event::Bytes(direction, bytes) = event else {
            result.push(event.clone());
            continue;
        };
        let at = &mut at[usize::from(*direction == Direction::Egress)];
        let is_lost = |offset: u64| {
            let hit = |&(side, from, length): &Lost| {
                side == *direction && (from..from + length).contains(&offset)
            };
            lost.iter().any(hit)
        };
        let mut start = 0;
        for end in 1..=bytes.len() {
            let here = is_lost(*at + start as u64);
            if end < bytes.len() && is_lost(*at + end as u64) == here {
                continue;
            }
            result.push(match here {
                true => Event::Gap(*direction, (end - start) as u64),
                false => Event::Bytes(*direction, bytes[start..end].to_vec()),
            });
            start = end;
        }
        *at += bytes.len() as u64;
    }
    result
}

/// What a side of an exchange is: its number and, if whole, the length of its content.
fn request_of(exchange: &Exchange) -> Option<(String, Option<u64>)> {
    let request = exchange.request.as_ref()?;
    let target =
        String::from_utf8_lossy(request.head.target.as_deref().unwrap_or_default()).into_owned();
    let whole = request.end == MessageEnd::Whole;
    Some((target, request.body_bytes.filter(|_| whole)))
}

fn response_of(exchange: &Exchange) -> Option<(u16, Option<u64>)> {
    let response = exchange.response.as_ref()?;
    let whole = response.end == MessageEnd::Whole && exchange.request.is_some();
    Some((response.head.status?, response.body_bytes.filter(|_| whole)))
}

fn exchanges(outputs: &[Output]) -> impl Iterator<Item = &Exchange> {
    outputs.iter().filter_map(|output| match output {
        Output::Message(_) => None,
        Output::Exchange(exchange) => Some(exchange.as_ref()),
        Output::Loss(_) => None,
    })
}

/// What is wrong with the outputs of a script with holes, if anything.
fn judge(truth: &[Output], outputs: &[Output]) -> Result<usize, String> {
    let mut statuses = BTreeMap::new();
    let mut requests = BTreeMap::new();
    let mut responses = BTreeMap::new();
    for exchange in exchanges(truth) {
        let (target, request_bytes) = request_of(exchange).unwrap();
        let (status, response_bytes) = response_of(exchange).unwrap();
        statuses.insert(target.clone(), status);
        requests.insert(target, request_bytes);
        responses.insert(status, response_bytes);
    }
    let mut pairs = 0;
    for exchange in exchanges(outputs) {
        let (request, response) = (request_of(exchange), response_of(exchange));
        if let (Some((target, _)), Some((status, _))) = (&request, &response) {
            pairs += 1;
            if statuses.get(target) != Some(status) {
                return Err(format!("{target} was paired with {status}"));
            }
        }
        if let Some((target, bytes)) = request {
            let expected = requests.remove(&target).ok_or(format!("a strange {target}"))?;
            if bytes.is_some() && bytes != expected {
                return Err(format!("{target} has {bytes:?} bytes, not {expected:?}"));
            }
        }
        if let Some((status, bytes)) = response {
            let expected = responses.remove(&status).ok_or(format!("a strange {status}"))?;
            if bytes.is_some() && bytes != expected {
                return Err(format!("{status} has {bytes:?} bytes, not {expected:?}"));
            }
        }
    }
    let any_loss = outputs.iter().any(|output| matches!(output, Output::Loss(_)));
    for (target, status) in statuses {
        let is_missing = requests.contains_key(&target) && responses.contains_key(&status);
        if is_missing && !any_loss {
            return Err(format!("{target} with {status} is missing without a loss"));
        }
    }
    Ok(pairs)
}

fn length_of(events: &[Event], side: Direction) -> u64 {
    let lengths = events.iter().map(|event| match event {
        Event::Bytes(direction, bytes) if *direction == side => bytes.len() as u64,
        _ => 0,
    });
    lengths.sum()
}

fn judge_script(script: &str, lost: &[Lost], fresh: bool) -> Result<usize, String> {
    judge_events(&parse(script), lost, fresh)
}

/// Runs events with holes against the same events without.
pub fn judge_events(events: &[Event], lost: &[Lost], fresh: bool) -> Result<usize, String> {
    let truth = run(events, true, &Limits::default());
    let holed = with_holes(events, lost);
    let outputs = run(&holed, fresh, &Limits::default());
    judge(&truth, &outputs)
        .map_err(|error| format!("{error}\n{lost:?}\n{holed:?}\n{}", render(&outputs)))
}

#[test]
fn one_hole_anywhere() {
    let (mut cases, mut pairs) = (0, 0);
    for script in SCRIPTS {
        let events = parse(script);
        for side in [Direction::Ingress, Direction::Egress] {
            let total = length_of(&events, side);
            for from in 0..total {
                for length in [1, 2, 3, 7, 20, 28, 60, 100, 1_000] {
                    let lost = [(side, from, length.min(total - from))];
                    match judge_script(script, &lost, true) {
                        Ok(count) => pairs += count,
                        Err(error) => panic!("{error}"),
                    }
                    cases += 1;
                }
            }
        }
    }
    // Most of the other exchanges are still pairs: this is not won by giving up.
    assert!(pairs > 2 * cases, "{pairs} pairs in {cases} cases");
}

#[test]
fn joined_anywhere() {
    for script in SCRIPTS {
        let events = parse(script);
        let truth = run(&events, true, &Limits::default());
        for skipped in 0..events.len() {
            let outputs = run(&events[skipped..], false, &Limits::default());
            let mut shown = outputs;
            // Exchanges before are missing, and that is no loss.
            shown.push(Output::Loss(crate::model::loss::Loss::hole(
                crate::model::loss::Reason::BeforeAttach,
                0,
            )));
            if let Err(error) = judge(&truth, &shown) {
                panic!("{error}\n{:?}\n{}", &events[skipped..], render(&shown));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn several_holes(
        script in 0..SCRIPTS.len(),
        fresh: bool,
        holes in proptest::collection::vec((any::<bool>(), 0_u64..400, 1_u64..60), 1..4),
    ) {
        let lost: Vec<Lost> = holes
            .iter()
            .map(|&(egress, from, length)| match egress {
                true => (Direction::Egress, from, length),
                false => (Direction::Ingress, from, length),
            })
            .collect();
        if fresh || lost.iter().any(|&(_, from, _)| from == 0) {
            judge_script(SCRIPTS[script], &lost, fresh).map_err(TestCaseError::fail)?;
        }
    }
}

/// A reader that falls behind loses samples again and again, and learns of each loss only with the
/// next sample of that direction. When it keeps up again, so does the pairing.
#[test]
fn in_step_again_after_many_losses() {
    let request = "> GET /x HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n\n";
    let response = "< HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\nx\n";
    let in_step = [request, response].concat();
    let request_lost = [response, ">gap 29\n"].concat();
    let response_lost = [request, request, "<gap 39\n", response].concat();
    let losses = [&*in_step, &*request_lost, &*in_step, &*response_lost].concat().repeat(20);
    let after = 2_500;
    let outputs = run(&parse(&[losses, in_step.repeat(after)].concat()), true, &Limits::default());
    let all: Vec<_> = exchanges(&outputs).collect();
    let paired =
        all.iter().rev().take_while(|one| one.request.is_some() && one.response.is_some()).count();
    assert!(paired > after / 2, "only the last {paired} are pairs");
}

/// A client that always has two requests under way looks orderly after a loss: once it was seen, turns
/// are never believed again.
#[test]
fn overlapping_requests_are_never_shifted() {
    let request = |number: usize| format!("> GET /{number} HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n\n");
    let status = |number: usize| 200 + number % 300;
    let response = |number: usize| {
        format!("< HTTP/1.1 {} OK\\r\\nContent-Length: 1\\r\\n\\r\\nx\n", status(number))
    };
    let count = 3_000;
    let mut script = request(0) + &request(1);
    for number in 0..count {
        script += &response(number);
        script += &request(number + 2);
    }
    for lost in [100, 300, 1_000] {
        for direction in [Direction::Ingress, Direction::Egress] {
            let events = with_holes(&parse(&script), &[(direction, lost, 60)]);
            for exchange in exchanges(&run(&events, true, &Limits::default())) {
                let (Some(request), Some(response)) = (request_of(exchange), response_of(exchange))
                else {
                    continue;
                };
                let number: usize = request.0[1..].parse().unwrap();
                assert_eq!(
                    usize::from(response.0),
                    status(number),
                    "{number}, {lost} {direction:?}"
                );
            }
        }
    }
}
