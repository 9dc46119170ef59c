//! Every exchange against what its endpoints meant.
//!
//! In: recordings (`wire`). Out: what is wrong, if anything.
//! Always: no exchange is invented, none is told twice, no field is another's.
//! Not here: losses (`joined`, `fakes`).

use std::collections::{BTreeMap, BTreeSet};

use super::wire::{Chance, Fields, Plan, Recording, Reset, Sent, Setup, View, plans, record};
use crate::model::limits::Limits;
use crate::protocol::Output;
use crate::protocol::exchange::{self, Exchange, Message, MessageEnd};
use crate::protocol::fields;
use crate::protocol::tests::script::{Event, run};

/// What the endpoints meant, by path.
pub struct Truth<'a> {
    plans: BTreeMap<&'a str, &'a Plan>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Paths of requests that were seen.
    pub requests: BTreeSet<String>,
    /// Paths of responses that were seen; of requests if their own was not told.
    pub responses: BTreeSet<String>,
    /// Requests with their responses.
    pub pairs: usize,
    /// Fields that were left out.
    pub unknown: u32,
}

impl<'a> Truth<'a> {
    pub fn of(recording: &'a Recording) -> Self {
        let all = recording.plans.iter().flat_map(Plan::all);
        Self { plans: all.map(|plan| (&*plan.path, plan)).collect() }
    }

    /// Whether each exchange is one of the plans', or a part of one.
    pub fn judge(&self, outputs: &[Output]) -> Result<Found, String> {
        let mut found = Found::default();
        for output in outputs {
            if let Output::Exchange(exchange) = output {
                self.judge_one(exchange, &mut found)
                    .map_err(|error| format!("{error}: {}", show(exchange)))?;
            }
        }
        Ok(found)
    }

    fn judge_one(&self, exchange: &Exchange, found: &mut Found) -> Result<(), String> {
        let asked = match &exchange.request {
            None => None,
            Some(message) => {
                let path = message.head.target.as_deref().ok_or("a request without a path")?;
                let path = String::from_utf8_lossy(path).into_owned();
                let plan = self.plans.get(&*path).ok_or("a strange path")?;
                request(plan, message)?;
                found.unknown += message.unknown_fields.map_or(0, |unknown| unknown.fields);
                if !found.requests.insert(path) {
                    return Err("a request told twice".into());
                }
                Some(*plan)
            }
        };
        if let Some(message) = &exchange.response {
            let id = message.head.fields.all("x-id").next();
            let id = id.map(|id| String::from_utf8_lossy(id).into_owned());
            let plan = match &id {
                Some(id) => Some(*self.plans.get(&**id).ok_or("a strange response")?),
                None => asked,
            };
            found.unknown += message.unknown_fields.map_or(0, |unknown| unknown.fields);
            if let Some(plan) = plan {
                if asked.is_some_and(|asked| asked.path != plan.path) {
                    return Err("the response of another request".into());
                }
                response(plan, message, &exchange.interim)?;
                if !found.responses.insert(plan.path.clone()) {
                    return Err("a response told twice".into());
                }
            }
            found.pairs += usize::from(asked.is_some());
        }
        if let (Some(plan), Some(reset)) = (asked, exchange.stream.and_then(|one| one.reset)) {
            // The server may have noticed first that nobody wants it any more.
            let expected = match plan.reset {
                Some(Reset::Client) => reset.code == 8,
                Some(Reset::Server) => !reset.by_client && reset.code == 7,
                Some(Reset::ServerLate) => !reset.by_client && reset.code == 2,
                None => reset.code == 0 || reset.code == 8,
            };
            if !expected {
                return Err(format!("reset as nobody did, {:?}", plan.reset));
            }
        }
        Ok(())
    }

    /// Paths that have to be found: all that were not given up.
    pub fn paths(&self) -> BTreeSet<String> {
        let kept = self.plans.values().filter(|plan| plan.reset.is_none());
        kept.map(|plan| plan.path.clone()).collect()
    }
}

fn request(plan: &Plan, message: &Message<exchange::RequestHead>) -> Result<(), String> {
    let head = &message.head;
    if head.method.as_deref().is_some_and(|method| method != plan.method) {
        return Err(format!("a {}", plan.method));
    }
    if head.authority.as_deref().is_some_and(|authority| authority != b"example.org") {
        return Err("another authority".into());
    }
    let pseudo = 1 + usize::from(head.method.is_some()) + usize::from(head.authority.is_some());
    sent(&plan.request, message, &head.fields, (pseudo + 1, 4), plan.reset)
}

fn response(
    plan: &Plan,
    message: &Message<exchange::ResponseHead>,
    interim: &[u16],
) -> Result<(), String> {
    let head = &message.head;
    if head.status.is_some_and(|status| status != plan.status) {
        return Err(format!("a {}", plan.status));
    }
    if interim.len() > plan.interim.len() || interim.iter().any(|status| *status != 103) {
        return Err("other interim responses".into());
    }
    let pseudo = usize::from(head.status.is_some());
    sent(&plan.response, message, &head.fields, (pseudo, 1), plan.reset)
}

/// `pseudo`: how many pseudo-header fields are known, of how many.
fn sent<H>(
    plan: &Sent,
    message: &Message<H>,
    fields: &fields::Fields,
    pseudo: (usize, usize),
    reset: Option<Reset>,
) -> Result<(), String> {
    let missing = missing(&plan.fields, fields)?;
    let missing_trailers = self::missing(&plan.trailers, &message.trailers)?;
    let unknown = message.unknown_fields.map_or(0, |unknown| unknown.fields) as usize;
    let is_whole = message.end == MessageEnd::Whole && message.gaps.is_empty() && reset.is_none();
    if is_whole {
        let missing = missing + missing_trailers + pseudo.1 - pseudo.0;
        // What may have been an interim response is counted too.
        let is_unsure = pseudo == (0, 1) && unknown > missing;
        if missing != unknown && !is_unsure {
            return Err(format!("{missing} fields are missing, {unknown} are counted"));
        }
        if message.body_bytes != Some(Plan::content_bytes(plan)) {
            return Err(format!("not {} bytes", Plan::content_bytes(plan)));
        }
    }
    if message.body_bytes > Some(Plan::content_bytes(plan).max(5)) {
        return Err(format!("more than {} bytes", Plan::content_bytes(plan)));
    }
    Ok(())
}

/// How many of the fields are not there; fails if there are others.
fn missing(plan: &Fields, fields: &fields::Fields) -> Result<usize, String> {
    let mut left = plan.clone();
    for (name, value) in fields.iter() {
        let at = left
            .iter()
            .position(|(one, other)| (one.as_bytes(), other.as_bytes()) == (name, value))
            .ok_or_else(|| format!("a strange field {}", name.escape_ascii()))?;
        left.swap_remove(at);
    }
    Ok(left.len())
}

/// An exchange in short.
pub fn show(exchange: &Exchange) -> String {
    let request = exchange.request.as_ref().map(|message| {
        let target = message.head.target.as_deref().unwrap_or_default();
        let (method, end) = (message.head.method.as_deref().unwrap_or("?"), message.end);
        format!("{method} {} {:?} {end:?}", target.escape_ascii(), message.body_bytes)
    });
    let response = exchange.response.as_ref().map(|message| {
        format!("{:?} {:?} {:?}", message.head.status, message.body_bytes, message.end)
    });
    let stream = exchange.stream.map(|stream| (stream.id, stream.reset));
    format!("{stream:?} {request:?} => {response:?} {:?}", exchange.anomalies)
}

/// Setups that differ in what matters.
pub fn setups() -> Vec<Setup> {
    let setup = |seed, concurrent, pipe_bytes, vectored, table_bytes, window_bytes| Setup {
        seed,
        concurrent,
        pipe_bytes,
        vectored,
        table_bytes,
        window_bytes,
    };
    vec![
        setup(1, 1, 1 << 20, true, 4_096, 65_535),
        setup(2, 20, 1 << 16, false, 4_096, 65_535),
        setup(3, 100, 4_096, true, 65_536, 1 << 20),
        setup(4, 8, 100_000, false, 0, 1_000),
        setup(5, 50, 777, true, 300, 16_384),
    ]
}

/// A conversation of several hundred streams.
pub fn conversation(setup: &Setup) -> Recording {
    let mut chance = Chance::new(setup.seed);
    record(setup, plans(&mut chance, "n", 400, 100_000))
}

#[test]
fn everything_is_told_as_it_was_meant() {
    for setup in setups() {
        let recording = conversation(&setup);
        let truth = Truth::of(&recording);
        for view in [View::Server, View::Client, View::Writes] {
            let events = recording.events(view);
            let outputs = run(&events, true, &Limits::default());
            let found = match truth.judge(&outputs) {
                Ok(found) => found,
                Err(error) => panic!("{setup:?} {view:?}: {error}"),
            };
            assert_eq!(found.unknown, 0, "{setup:?} {view:?}");
            let missing: Vec<_> = truth.paths().difference(&found.requests).cloned().collect();
            assert!(missing.is_empty(), "{setup:?} {view:?}: {missing:?} are missing");
            let missing: Vec<_> = truth.paths().difference(&found.responses).cloned().collect();
            assert!(missing.is_empty(), "{setup:?} {view:?}: responses of {missing:?} are missing");
            for output in &outputs {
                check_whole(&truth, output);
            }
        }
    }
}

/// Nothing is missing of what was not given up.
fn check_whole(truth: &Truth<'_>, output: &Output) {
    let Output::Exchange(exchange) = output else { panic!("{output:?}") };
    let (Some(request), response) = (&exchange.request, &exchange.response) else {
        panic!("{}", show(exchange));
    };
    let path = String::from_utf8_lossy(request.head.target.as_deref().unwrap()).into_owned();
    if truth.plans[&*path].reset.is_some() {
        return;
    }
    let response = response.as_ref().unwrap();
    assert_eq!(response.end, MessageEnd::Whole, "{}", show(exchange));
    assert_eq!(exchange.interim, truth.plans[&*path].interim, "{}", show(exchange));
    assert!(exchange.anomalies.is_empty(), "{}", show(exchange));
    assert!(request.gaps.is_empty() && response.gaps.is_empty());
    assert_eq!(exchange.stream.unwrap().pushed, path.contains("pushed"));
}

/// The same however each call was cut, and whichever direction was seen earlier by a little.
#[test]
fn order_and_cuts_do_not_matter() {
    for setup in setups().into_iter().take(3) {
        let recording = conversation(&setup);
        let truth = Truth::of(&recording);
        let mut chance = Chance::new(setup.seed + 77);
        let mut events = Vec::new();
        for event in recording.events(View::Server) {
            let Event::Bytes(direction, mut bytes) = event else { continue };
            let mut is_first = true;
            while !bytes.is_empty() {
                let rest = bytes.split_off(bytes.len().min(1 + chance.below(3_000)));
                events.push(match std::mem::take(&mut is_first) {
                    true => Event::Bytes(direction, bytes),
                    false => Event::Rest(direction, bytes),
                });
                bytes = rest;
            }
        }
        // Neighbours of different directions change places.
        for at in 1..events.len() {
            let side = |event: &Event| match event {
                Event::Bytes(direction, _) | Event::Rest(direction, _) => Some(*direction),
                _ => None,
            };
            if side(&events[at]) != side(&events[at - 1]) && chance.one_in(2) {
                events.swap(at - 1, at);
            }
        }
        let outputs = run(&events, true, &Limits::default());
        let found = truth.judge(&outputs).unwrap();
        assert!(truth.paths().is_subset(&found.requests));
        assert!(truth.paths().is_subset(&found.responses));
        assert!(!outputs.iter().any(|output| matches!(output, Output::Loss(_))));
    }
}
