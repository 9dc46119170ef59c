//! Input by chance, right and wrong.
//!
//! In: seeds. Out: nothing.
//! Always: no panic, memory within the limits and 0 at the end, the same exchanges however it is cut.
//! Not here: what the exchanges are (`truth`).

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::build::{bytes, frame};
use super::joined::slowly;
use super::wire::{Chance, View, plans, record};
use crate::cases::cases;
use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::Output;
use crate::protocol::tests::script::{Event, render, run, run_watched};

/// Limits that random input reaches.
fn tight() -> Limits {
    Limits { head_bytes: 200, fields: 3, streams: 3, held_bytes: 2_000, ..Limits::default() }
}

fn direction(egress: bool) -> Direction {
    if egress { Direction::Egress } else { Direction::Ingress }
}

/// Frames that steer random input into corners.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "preface | SETTINGS",
        "SETTINGS 1=0 5=1000000",
        "SETTINGS ack",
        "HEADERS 1 end : GET /a",
        "HEADERS 3 : POST /b, +x=1, content-length=3",
        "HEADERS 5 end more : +GET /c",
        "HEADERS 7 end : :method=CONNECT, :authority=h",
        "HEADERS 1 : 200, +y=2",
        "HEADERS 3 : 103",
        "HEADERS 3 end : 204",
        "HEADERS 5 end : #62, #63, #70",
        "HEADERS 1 end : t=1",
        "HEADERS 7 : 200",
        "CONT 5 : x=1",
        "CONT 5 more : {90}=1",
        "DATA 1 end : abc",
        "DATA 3 pad=3 : abc",
        "DATA 3 end :",
        "DATA 7 : {300}",
        "RST 3 8",
        "RST 9 0",
        "GOAWAY 3 0",
        "GOAWAY 0 2",
        "PUSH 1 2 : GET /p",
        "PUSH 1 4 more : GET /q",
        "HEADERS 2 end : 200",
        "PING",
        "WINDOW 0 1",
        "PRIORITY 3",
        "FRAME 99 255 5 : abc",
    ]);
    let odd = (0..12_u8, any::<u8>(), 0..10_u32, vec(any::<u8>(), 0..20))
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload));
    prop_oneof![
        8 => known.prop_map(bytes),
        2 => odd,
        1 => vec(any::<u8>(), 1..30),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => (any::<bool>(), vec(frames(), 1..6))
            .prop_map(|(egress, parts)| Event::Bytes(direction(egress), parts.concat())),
        1 => (any::<bool>(), vec(frames(), 1..3))
            .prop_map(|(egress, parts)| Event::Rest(direction(egress), parts.concat())),
        2 => (any::<bool>(), prop_oneof![1..40_u64, Just(1 << 40), Just(u64::MAX)])
            .prop_map(|(egress, bytes)| Event::Gap(direction(egress), bytes)),
        1 => any::<bool>().prop_map(|egress| Event::End(direction(egress))),
        1 => (1..1_500_u64).prop_map(Event::Tick),
        1 => Just(Event::Stop),
    ]
}

/// Runs events and looks at what is held after each.
fn watch(events: &[Event], fresh: bool, limits: &Limits, most_bytes: usize) {
    run_watched(events, fresh, limits, |connection| {
        let held_bytes = connection.memory_bytes();
        assert!(held_bytes < most_bytes, "{held_bytes} bytes are held");
        connection.check();
    });
}

/// A conversation that begins as it should.
fn begun(mut events: Vec<Event>) -> Vec<Event> {
    events.insert(0, Event::Bytes(Direction::Ingress, bytes("preface | SETTINGS")));
    events.insert(1, Event::Bytes(Direction::Egress, bytes("SETTINGS")));
    events
}

/// Cuts calls where the seeds say; turns stay what they are.
fn cut(events: &[Event], seeds: &[Index]) -> Vec<Event> {
    let mut result = events.to_vec();
    for seed in seeds {
        let at = seed.index(result.len());
        let (Event::Bytes(direction, bytes) | Event::Rest(direction, bytes)) = result[at].clone()
        else {
            continue;
        };
        if bytes.len() > 1 {
            let (front, back) = bytes.split_at(1 + seed.index(bytes.len() - 1));
            result[at] = match result[at] {
                Event::Bytes(..) => Event::Bytes(direction, front.to_vec()),
                _ => Event::Rest(direction, front.to_vec()),
            };
            result.insert(at + 1, Event::Rest(direction, back.to_vec()));
        }
    }
    result
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn any_input_is_survived(events in vec(event(), 1..40), fresh: bool, small: bool) {
        let limits = if small { tight() } else { Limits::default() };
        let most_bytes = if small { 60_000 } else { 1 << 20 };
        watch(&events, fresh, &limits, most_bytes);
        watch(&begun(events.clone()), true, &limits, most_bytes);
        run(&slowly(&events, 400), fresh, &limits);
    }

    #[test]
    fn any_cut_gives_the_same(
        events in vec(event(), 1..25),
        fresh: bool,
        seeds in vec(any::<Index>(), 1..20),
    ) {
        let events = if fresh { begun(events) } else { events };
        let whole = exchanges(run(&events, fresh, &Limits::default()));
        let pieces = exchanges(run(&cut(&events, &seeds), fresh, &Limits::default()));
        prop_assert_eq!(whole, pieces, "{:?}", events);
    }
}

/// The exchanges, a line each. What is told when time has passed may be told between two pieces of a call;
/// what a search gives up is known by pieces only.
fn exchanges(mut outputs: Vec<Output>) -> Vec<String> {
    outputs.retain(|output| !matches!(output, Output::Loss(_)));
    let mut lines: Vec<_> = render(&outputs).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// A real conversation in which bytes are changed, left out and added.
#[test]
fn mutated_conversations_are_survived() {
    let setup = super::truth::setups().remove(1);
    let mut chance = Chance::new(99);
    let recording = record(&setup, plans(&mut chance, "n", 60, 3_000));
    let events = recording.events(View::Server);
    for round in 0..400 {
        let mut mutated = events.clone();
        for _ in 0..1 + chance.below(8) {
            let at = chance.below(mutated.len());
            let Event::Bytes(_, bytes) = &mut mutated[at] else { continue };
            let place = chance.below(bytes.len());
            match chance.below(5) {
                0 => bytes[place] ^= 1 << chance.below(8),
                1 => bytes[place] = chance.below(256) as u8,
                2 => bytes.truncate(place + 1),
                3 => bytes.insert(place, chance.below(256) as u8),
                _ => drop(mutated.remove(at)),
            }
        }
        let from = if round % 3 == 0 { chance.below(mutated.len()) } else { 0 };
        watch(&mutated[from..], round % 3 != 0, &Limits::default(), 2 << 20);
    }
}
