//! Bodies that are conversations of HTTP/2 themselves.
//!
//! In: a conversation whose upload is what the client of another one wrote, and whose download is what its
//! server wrote, both at once (or the other way round); cut so that calls begin with the frames in the
//! bodies. Out: nothing.
//! Always: wherever we join and whatever is lost, nothing of the inner conversation comes out.
//! Not here: what cannot be told from an honest conversation (`http2::scout`): the bodies end with
//! something that does not look like frames.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::joined::{Tally, begins, slowly, with_holes};
use super::truth::Truth;
use super::wire::{Chance, Plan, Recording, Sent, Setup, View, plans, record};
use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::Output;
use crate::protocol::http2::frame::{FrameHead, HEAD_BYTES, PREFACE, kind};
use crate::protocol::tests::script::{Event, run};

/// How the bodies are made.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Frames of the inner conversation in each piece of content; 0: all in one.
    frames: usize,
    vectored: bool,
    /// The client uploads what a server wrote.
    swapped: bool,
    seed: u64,
}

/// A conversation with the other inside, cut where the frames of both begin.
struct Case {
    recording: Recording,
    events: Vec<Event>,
}

fn setup(seed: u64, vectored: bool) -> Setup {
    let (concurrent, pipe_bytes) = (6, 40_000);
    Setup { seed, concurrent, pipe_bytes, vectored, table_bytes: 4_096, window_bytes: 1 << 20 }
}

/// Offsets of the frames in what one end wrote.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut at = if bytes.starts_with(PREFACE) { PREFACE.len() } else { 0 };
    let mut starts = vec![];
    while let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<HEAD_BYTES>()) {
        starts.push(at);
        at += HEAD_BYTES + FrameHead::parse(*head).length as usize;
    }
    starts
}

fn pieces(body: &[u8], count: usize) -> Vec<Bytes> {
    let mut ends = frames(body);
    ends.push(body.len());
    if count == 0 {
        return vec![Bytes::copy_from_slice(body)];
    }
    let mut pieces = vec![Bytes::copy_from_slice(&body[..ends[0]])];
    let mut picked: Vec<usize> = ends.iter().copied().step_by(count).collect();
    picked.extend(ends.last());
    pieces.extend(picked.windows(2).map(|pair| Bytes::copy_from_slice(&body[pair[0]..pair[1]])));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn case(shape: Shape) -> Case {
    let mut chance = Chance::new(shape.seed);
    let inner = plans(&mut chance, "fake", 250, 300);
    let inner = record(&setup(shape.seed, true), inner);
    let (up, down) = (inner.written(shape.swapped), inner.written(!shape.swapped));
    let body = |bytes: &[u8]| {
        let mut pieces = pieces(bytes, shape.frames);
        pieces.push(Bytes::from("plain text at the end ".repeat(1_600)));
        Sent { fields: Vec::new(), content: pieces, trailers: Vec::new() }
    };
    let carrier = Plan {
        method: "POST".into(),
        path: "/carrier".into(),
        request: body(&up),
        status: 200,
        response: Sent { fields: vec![("x-id".into(), "/carrier".into())], ..body(&down) },
        early: true,
        ..Plan::default()
    };
    let mut all = plans(&mut chance, "before", 5, 200);
    all.push(carrier);
    all.extend(plans(&mut chance, "beside", 30, 200));
    let mut after = plans(&mut chance, "after", 60, 2_000);
    after[0].waits = true;
    all.extend(after);
    let recording = record(&setup(shape.seed, shape.vectored), all);
    let events = cut(&recording, &[(Direction::Ingress, &up), (Direction::Egress, &down)]);
    Case { recording, events }
}

/// The writes, cut where the inner frames begin, and never elsewhere.
fn cut(recording: &Recording, bodies: &[(Direction, &Vec<u8>)]) -> Vec<Event> {
    let writes = recording.events(View::Writes);
    let mut places: BTreeMap<bool, BTreeSet<usize>> = BTreeMap::new();
    for (direction, body) in bodies {
        let is_egress = *direction == Direction::Egress;
        let bytes = recording.written(is_egress);
        let inner: BTreeSet<usize> = frames(body).into_iter().collect();
        // The carrier's stream is the one with most content.
        let mut lengths: BTreeMap<u32, usize> = BTreeMap::new();
        let heads: Vec<(usize, FrameHead)> = frames(&bytes)
            .into_iter()
            .map(|at| (at, FrameHead::parse(*bytes[at..].first_chunk().unwrap())))
            .filter(|(_, head)| head.kind == kind::DATA)
            .collect();
        for (_, head) in &heads {
            *lengths.entry(head.stream).or_default() += head.length as usize;
        }
        let carrier = lengths.iter().max_by_key(|(_, length)| **length).unwrap();
        assert!(*carrier.1 > body.len());
        let mut offset = 0;
        for (at, head) in heads.into_iter().filter(|(_, head)| head.stream == *carrier.0) {
            let length = head.length as usize;
            for place in inner.range(offset..offset + length) {
                places.entry(is_egress).or_default().insert(at + HEAD_BYTES + place - offset);
            }
            offset += length;
        }
    }
    let mut events = Vec::new();
    let mut at = [0, 0];
    for event in writes {
        let Event::Bytes(direction, bytes) = event else { continue };
        let is_egress = direction == Direction::Egress;
        let from = at[usize::from(is_egress)];
        let mut begin = 0;
        for place in places[&is_egress].range(from + 1..from + bytes.len()) {
            events.push(Event::Bytes(direction, bytes[begin..place - from].to_vec()));
            begin = place - from;
        }
        events.push(Event::Bytes(direction, bytes[begin..].to_vec()));
        at[usize::from(is_egress)] += bytes.len();
    }
    events
}

fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (seed, frames) in [(1, 0), (2, 1), (3, 3), (4, 40)] {
        for vectored in [true, false] {
            for swapped in [false, true] {
                shapes.push(Shape { frames, vectored, swapped, seed });
            }
        }
    }
    shapes
}

#[test]
fn joined_within_them() {
    for shape in shapes() {
        let case = case(shape);
        let truth = Truth::of(&case.recording);
        let begins = begins(&case.events);
        let (first, after) = (begins["/carrier"], begins["/after/0"]);
        let mut chance = Chance::new(shape.seed);
        let mut tally = Tally::default();
        let count = case.events.len();
        for round in 0..150 {
            let at = match round % 3 {
                0 => chance.below(count),
                _ => first + chance.below(after - first),
            };
            let mut late = case.events[at..].to_vec();
            // Some time after it is over there is a pause.
            late.insert((after + 12).saturating_sub(at), Event::Tick(1_100));
            if round % 4 == 0 {
                late = slowly(&late, 3);
            }
            let outputs = run(&late, false, &Limits::default());
            let found = match truth.judge(&outputs) {
                Ok(found) => found,
                Err(error) => panic!("{shape:?} joined at {at} of {count}: {error}"),
            };
            tally.add(&truth.paths(), &begins, at.max(after + 12), &found);
        }
        println!("{shape:?}: {} of {}", tally.told, tally.all);
        assert!(tally.share() > 0.8, "{shape:?}: {} of {}", tally.told, tally.all);
    }
}

#[test]
fn with_holes_in_them() {
    for shape in shapes() {
        let case = case(shape);
        let truth = Truth::of(&case.recording);
        let mut chance = Chance::new(shape.seed + 3);
        let (mut told, mut all) = (0, 0);
        for round in 0..80 {
            let (mut holed, _) = with_holes(&case.events, &mut chance, 1 + round % 6);
            if round % 4 == 0 {
                holed = slowly(&holed, 3);
            }
            let outputs = run(&holed, true, &Limits::default());
            let found = match truth.judge(&outputs) {
                Ok(found) => found,
                Err(error) => panic!("{shape:?} round {round}: {error}"),
            };
            told += truth.paths().intersection(&found.requests).count();
            all += truth.paths().len();
        }
        println!("{shape:?}: {told} of {all}");
        assert!(told as f64 > 0.7 * all as f64, "{shape:?}: {told} of {all}");
    }
}

/// Not even where the hole ends in both directions just before frames of the bodies.
#[test]
fn holes_that_end_before_their_frames() {
    for shape in shapes() {
        let case = case(shape);
        let truth = Truth::of(&case.recording);
        let first = begins(&case.events)["/carrier"];
        let mut chance = Chance::new(shape.seed + 4);
        for _ in 0..80 {
            let from = first + chance.below(case.events.len() - first);
            let to = (from + 1 + chance.below(40)).min(case.events.len());
            let mut holed = case.events[..from].to_vec();
            for direction in [Direction::Ingress, Direction::Egress] {
                let lost = case.events[from..to].iter().filter_map(|event| match event {
                    Event::Bytes(one, bytes) if *one == direction => Some(bytes.len() as u64),
                    _ => None,
                });
                holed.push(Event::Gap(direction, lost.sum()));
            }
            holed.extend_from_slice(&case.events[to..]);
            let outputs = run(&holed, true, &Limits::default());
            if let Err(error) = truth.judge(&outputs) {
                panic!("{shape:?} from {from} to {to}: {error}");
            }
        }
    }
}

/// One body alone, of ever the same request; the numbers of its streams are those of real ones.
#[test]
fn one_upload_of_the_same_request_again_and_again() {
    use super::build::bytes;
    for (fake, slow) in [
        ("HEADERS 1 end : GET /fake/1", false),
        ("HEADERS 1 end : GET /fake/1", true),
        ("HEADERS 1 end : GET /fake/1 | HEADERS 3 end : GET /fake/3", false),
        ("HEADERS 5 : POST /fake/5 | DATA 5 end : abc", true),
    ] {
        let body = bytes(fake).repeat(2_000);
        let unit = bytes(fake).len();
        let mut events = super::build::script(
            "
            > preface | SETTINGS
            < SETTINGS
            > HEADERS 1 : POST /up
            ",
        );
        for content in body.chunks(16_384) {
            let frame = super::build::frame(kind::DATA, 0, 1, content);
            // The server reads as it likes.
            let mut rest = &frame[..];
            let mut is_first = true;
            while !rest.is_empty() {
                let length = if is_first { HEAD_BYTES } else { 3 * unit };
                let (front, back) = rest.split_at(length.min(rest.len()));
                events.push(Event::Bytes(Direction::Ingress, front.to_vec()));
                (rest, is_first) = (back, false);
            }
        }
        events.extend(super::build::script(
            "
            > DATA 1 end : plain
            < HEADERS 1 end : 201
            > HEADERS 3 end : GET /next
            < HEADERS 3 end : 203
            > HEADERS 5 end : GET /last
            < HEADERS 5 end : 205
            ",
        ));
        if slow {
            events = slowly(&events, 20);
        }
        for at in (0..events.len()).step_by(7) {
            let outputs = run(&events[at..], false, &Limits::default());
            for output in &outputs {
                let Output::Exchange(exchange) = output else { continue };
                let target = exchange.request.as_ref().and_then(|one| one.head.target.as_deref());
                let is_fake = target.is_some_and(|target| target.starts_with(b"/fake"));
                assert!(!is_fake, "{fake} joined at {at}");
            }
        }
    }
}

/// Frames in bodies that are made to cover the headers of the frames around them, so that nothing ever
/// breaks their chain. But where those begin, so does a call.
#[test]
fn frames_that_cover_the_ones_around_them() {
    use super::build::{bytes, frame, script};
    let mut events =
        script("> preface | SETTINGS | HEADERS 1 : POST /up\n< SETTINGS | HEADERS 1 : 201");
    for round in 0..400 {
        let id = 2 * round + 3;
        let fakes = [
            (Direction::Ingress, format!("HEADERS {id} end : GET /fake/{id}")),
            (Direction::Egress, format!("HEADERS {id} end : 200, x=fake")),
        ];
        let mut backs = Vec::new();
        for (direction, fake) in fakes {
            // What the content begins with ends the frame that covers this one's header.
            let cover_head = [&[0, 0, 9 + 1][..], &[kind::DATA, 0, 0, 1, 0, 1]].concat();
            let content = [&b"."[..], &bytes(&fake), &cover_head].concat();
            let whole = frame(kind::DATA, 0, 1, &content);
            let (front, back) = whole.split_at(HEAD_BYTES + 1);
            events.push(Event::Bytes(direction, front.to_vec()));
            backs.push(Event::Bytes(direction, back.to_vec()));
        }
        events.append(&mut backs);
    }
    for at in (3..events.len() - 200).step_by(13) {
        for ms in [0, 10] {
            let events = if ms == 0 { events[at..].to_vec() } else { slowly(&events[at..], ms) };
            for output in run(&events, false, &Limits::default()) {
                if let Output::Exchange(exchange) = output {
                    panic!("joined at {at}: {}", super::truth::show(&exchange));
                }
            }
        }
    }
}
