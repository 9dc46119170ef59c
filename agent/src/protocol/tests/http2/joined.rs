//! Conversations joined anywhere, and with holes anywhere.
//!
//! In: recordings (`wire`). Out: what is wrong, if anything.
//! Always: whatever was not seen, what is told is true; and most of what comes after it is told.
//! Not here: bodies that look like frames (`fakes`).

use std::collections::{BTreeMap, BTreeSet};

use super::truth::{Found, Truth, setups, show};
use super::wire::{Chance, Recording, View, plans, record};
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::sample::Direction;
use crate::protocol::Output;
use crate::protocol::tests::script::{Event, render, run};

/// Conversations that are not too long to be run many times.
pub fn recordings() -> Vec<(u64, Recording)> {
    let recording = |setup: super::wire::Setup| {
        let mut chance = Chance::new(setup.seed + 1_000);
        (setup.seed, record(&setup, plans(&mut chance, "n", 150, 12_000)))
    };
    setups().into_iter().map(recording).collect()
}

/// When each request was seen first, as the number of its event.
pub fn begins(events: &[Event]) -> BTreeMap<String, usize> {
    let mut begins = BTreeMap::new();
    for output in run(events, true, &Limits::default()) {
        let Output::Exchange(exchange) = output else { continue };
        let Some(request) = &exchange.request else { continue };
        let path = String::from_utf8_lossy(request.head.target.as_deref().unwrap()).into_owned();
        begins.insert(path, ((request.first_ns - 1_000_000_000) / 1_000) as usize);
    }
    begins
}

/// With time between the events.
pub fn slowly(events: &[Event], ms: u64) -> Vec<Event> {
    events.iter().flat_map(|event| [event.clone(), Event::Tick(ms)]).collect()
}

/// How much of what began after a place was told.
#[derive(Default)]
pub struct Tally {
    pub told: usize,
    pub all: usize,
}

impl Tally {
    /// `known`: what has to be told, if everything goes well.
    pub fn add(
        &mut self,
        known: &BTreeSet<String>,
        begins: &BTreeMap<String, usize>,
        from: usize,
        found: &Found,
    ) {
        for path in known.iter().filter(|path| begins.get(*path).is_some_and(|at| *at >= from)) {
            self.all += 1;
            self.told +=
                usize::from(found.requests.contains(path) && found.responses.contains(path));
        }
    }

    pub fn share(&self) -> f64 {
        self.told as f64 / self.all.max(1) as f64
    }
}

#[test]
fn joined_anywhere() {
    let (mut unknown, mut joins) = (0, 0);
    for (seed, recording) in recordings() {
        let truth = Truth::of(&recording);
        let mut chance = Chance::new(seed);
        for view in [View::Server, View::Client, View::Writes] {
            let events = recording.events(view);
            let begins = begins(&events);
            let mut tally = Tally::default();
            for round in 0..30 {
                let at = chance.below(events.len());
                let mut late = events[at..].to_vec();
                let from = match round % 3 {
                    0 => at + 12,
                    1 => {
                        late = slowly(&late, 50);
                        at + 12
                    }
                    _ => {
                        // Just before some request.
                        let pause = begins.values().copied().filter(|begin| *begin > at).min();
                        let pause = pause.map_or(0, |begin| begin - at);
                        late.insert(pause, Event::Tick(1_100));
                        at + pause
                    }
                };
                let outputs = run(&late, false, &Limits::default());
                let found = match truth.judge(&outputs) {
                    Ok(found) => found,
                    Err(error) => panic!("{seed} {view:?} joined at {at}: {error}"),
                };
                let is_after = |path: &&String| begins.get(*path).is_some_and(|begin| *begin >= at);
                let missing: Vec<_> = truth.paths().difference(&found.requests).cloned().collect();
                let missing: Vec<_> = missing.iter().filter(is_after).collect();
                // Of the last few frames nobody can tell that they are some.
                let is_short = outputs.is_empty() && events.len() - at < 30;
                assert!(
                    missing.is_empty() || is_short || outputs.iter().any(is_lost),
                    "{seed} {view:?} joined at {at}: {missing:?} are missing without a loss"
                );
                tally.add(&truth.paths(), &begins, from, &found);
                unknown += found.unknown;
                joins += 1;
            }
            println!("{seed} {view:?}: {} of {}", tally.told, tally.all);
            assert!(tally.share() > 0.9, "{seed} {view:?}: {} of {}", tally.told, tally.all);
        }
    }
    println!("{unknown} unknown fields in {joins} joins");
    assert!(unknown > 0);
}

/// What is missing is in an exchange or in a loss.
fn is_lost(output: &Output) -> bool {
    match output {
        Output::Loss(_) => true,
        Output::Exchange(one) => {
            one.request.as_ref().is_none_or(|one| !one.gaps.is_empty())
                || one.response.as_ref().is_none_or(|one| !one.gaps.is_empty())
                || one.lost_request.is_some()
                || one.lost_response.is_some()
        }
        Output::Message(_) => false,
    }
}

/// Bytes of a call that were not captured, at the places by chance.
pub fn with_holes(events: &[Event], chance: &mut Chance, holes: usize) -> (Vec<Event>, usize) {
    let mut places: Vec<usize> = (0..holes).map(|_| chance.below(events.len())).collect();
    places.sort_unstable();
    let last = places.last().copied().unwrap_or(0);
    let mut result = Vec::new();
    // Calls still to be missed, and bytes that were: that is learnt with the next call.
    let mut missing = [(0_u64, 0_u64); 2];
    for (at, event) in events.iter().enumerate() {
        let Event::Bytes(direction, bytes) = event else { continue };
        let direction = *direction;
        let (calls, missed) = &mut missing[usize::from(direction == Direction::Egress)];
        let is_place = places.contains(&at);
        if is_place && chance.one_in(3) {
            *calls = 1 + chance.below(4) as u64;
        }
        if *calls > 0 {
            *calls -= 1;
            *missed += bytes.len() as u64;
            continue;
        }
        match std::mem::take(missed) {
            0 => {}
            missed => result.push(Event::Gap(direction, missed)),
        }
        if !is_place {
            result.push(event.clone());
            continue;
        }
        let from = chance.below(bytes.len());
        let length = 1 + chance.below(bytes.len() - from);
        if from > 0 {
            result.push(Event::Bytes(direction, bytes[..from].to_vec()));
        }
        result.push(Event::Gap(direction, length as u64));
        if from + length < bytes.len() {
            result.push(Event::Rest(direction, bytes[from + length..].to_vec()));
        }
    }
    for (direction, (_, missed)) in [Direction::Ingress, Direction::Egress].into_iter().zip(missing)
    {
        if missed > 0 {
            result.push(Event::Gap(direction, missed));
        }
    }
    (result, last)
}

#[test]
fn holes_anywhere() {
    for (seed, recording) in recordings() {
        let truth = Truth::of(&recording);
        let mut chance = Chance::new(seed + 5);
        for view in [View::Server, View::Client, View::Writes] {
            let events = recording.events(view);
            let begins = begins(&events);
            let mut tally = Tally::default();
            for holes in (0..30).map(|at| [1, 1, 2, 5][at % 4]) {
                let (mut holed, last) = with_holes(&events, &mut chance, holes);
                if chance.one_in(3) {
                    holed = slowly(&holed, 50);
                }
                let outputs = run(&holed, true, &Limits::default());
                let found = match truth.judge(&outputs) {
                    Ok(found) => found,
                    Err(error) => panic!("{seed} {view:?} {holes} holes: {error}"),
                };
                let missing: Vec<_> = truth.paths().difference(&found.requests).cloned().collect();
                assert!(
                    missing.is_empty() || outputs.iter().any(is_lost),
                    "{seed} {view:?}: {missing:?} are missing without a loss"
                );
                tally.add(&truth.paths(), &begins, last + 12, &found);
            }
            println!("{seed} {view:?}: {} of {}", tally.told, tally.all);
            assert!(tally.share() > 0.9, "{seed} {view:?}: {} of {}", tally.told, tally.all);
        }
    }
}

/// Of a single hole the rest of the conversation is hardly touched.
#[test]
fn one_hole_costs_little() {
    for (seed, recording) in recordings() {
        let truth = Truth::of(&recording);
        let mut chance = Chance::new(seed + 9);
        let events = recording.events(View::Writes);
        let (mut told, mut all) = (0, 0);
        for _ in 0..30 {
            let (holed, _) = with_holes(&events, &mut chance, 1);
            let outputs = run(&holed, true, &Limits::default());
            let found = truth.judge(&outputs).unwrap();
            told += truth.paths().intersection(&found.requests).count();
            all += truth.paths().len();
            for output in &outputs {
                if let Output::Exchange(exchange) = output {
                    assert!(exchange.stream.is_some(), "{}", show(exchange));
                }
            }
        }
        println!("{seed}: {told} of {all}");
        assert!(told as f64 > 0.9 * all as f64, "{seed}: {told} of {all}");
    }
}

/// As `render`, apart from what was passed over in a search: that is known by pieces only.
pub fn render_late(mut outputs: Vec<Output>) -> String {
    let is_passed = |output: &Output| match output {
        Output::Loss(loss) => loss.reason == Reason::BeforeAttach,
        _ => false,
    };
    outputs.retain(|output| !is_passed(output));
    render(&outputs)
}

/// The same is found however the calls are cut.
#[test]
fn cuts_do_not_matter() {
    for (seed, recording) in recordings() {
        let mut chance = Chance::new(seed + 11);
        let events = recording.events(View::Server);
        for round in 0..12 {
            let (mut whole, _) = with_holes(&events, &mut chance, round % 3);
            if round % 2 == 0 {
                whole.drain(..chance.below(events.len() / 2));
            }
            let mut cut = Vec::new();
            for event in &whole {
                let (direction, mut rest, mut is_first) = match event {
                    Event::Bytes(direction, bytes) => (*direction, &bytes[..], true),
                    Event::Rest(direction, bytes) => (*direction, &bytes[..], false),
                    other => {
                        cut.push(other.clone());
                        continue;
                    }
                };
                while !rest.is_empty() {
                    let (front, back) = rest.split_at(rest.len().min(1 + chance.below(500)));
                    cut.push(match is_first {
                        true => Event::Bytes(direction, front.to_vec()),
                        false => Event::Rest(direction, front.to_vec()),
                    });
                    (rest, is_first) = (back, false);
                }
            }
            let is_fresh = round % 2 != 0;
            let expected = render_late(run(&whole, is_fresh, &Limits::default()));
            let actual = render_late(run(&cut, is_fresh, &Limits::default()));
            assert!(expected == actual, "{seed} {round}:\n{expected}\n\n{actual}");
        }
    }
}
