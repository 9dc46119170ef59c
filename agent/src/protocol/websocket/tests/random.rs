//! Traffic made by chance, right and wrong.
//!
//! Always: no panic, memory within bounds, the same events however the bytes are cut, and with
//! holes no content but what was sent.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::deflate::Deflater;
use super::{APART, CLIENT, SERVER, Setup, Step, TAKEOVER, bytewise, masked, render, run};
use crate::cases::cases;

use crate::protocol::websocket::Event;

/// A message that somebody sends.
#[derive(Clone, Debug)]
struct Plan {
    content: Vec<u8>,
    compressed: bool,
    fragments: usize,
    ping: bool,
    /// It is in one call with the message before.
    joined: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let content = prop_oneof![
        vec(any::<u8>(), 0..40),
        (select(vec!["price", "{\"id\":", "x"]), 1..60_usize)
            .prop_map(|(word, times)| word.repeat(times).into_bytes()),
    ];
    (content, any::<bool>(), 1..4_usize, any::<Index>()).prop_map(
        |(content, compressed, fragments, chance)| Plan {
            content,
            compressed,
            fragments,
            ping: chance.index(4) == 0,
            joined: chance.index(3) == 0,
        },
    )
}

/// The calls of a sender.
fn sent(plans: &[Plan], setup: Setup, keys: &mut impl FnMut() -> [u8; 4]) -> Vec<Vec<u8>> {
    let mut deflater = Deflater::new();
    let mut calls = Vec::<Vec<u8>>::new();
    for plan in plans {
        let compressed = plan.compressed && setup.extensions.deflate.is_some();
        if setup.extensions == APART.extensions {
            deflater = Deflater::new();
        }
        let payload = match compressed {
            true => deflater.message(&plan.content),
            false => plan.content.clone(),
        };
        let mut frames = Vec::new();
        let mut rest = &payload[..];
        for number in 0..plan.fragments {
            let is_last = number + 1 == plan.fragments;
            let part = if is_last { rest.len() } else { rest.len() / 2 };
            let (piece, after) = rest.split_at(part);
            rest = after;
            let first = if number > 0 { 0 } else { 2 | if compressed { 0x40 } else { 0 } };
            let first = first | if is_last { 0x80 } else { 0 };
            frames.extend(framed(setup, first, keys(), piece));
            if plan.ping {
                frames.extend(framed(setup, 0x89, keys(), b"ping"));
            }
        }
        match calls.last_mut() {
            Some(call) if plan.joined => call.extend(frames),
            _ => calls.push(frames),
        }
    }
    calls
}

fn framed(setup: Setup, first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    match setup.sender == CLIENT.sender {
        true => masked(first, key, payload),
        false => super::frame(first, payload),
    }
}

/// Takes ranges of the stream away, and cuts what is left.
fn steps(calls: &[Vec<u8>], holes: &[(Index, usize)], cuts: &[Index]) -> Vec<Step> {
    let total: usize = calls.iter().map(Vec::len).sum();
    let is_lost = |at: usize| {
        holes
            .iter()
            .any(|(from, length)| (0..*length).contains(&at.wrapping_sub(from.index(total.max(1)))))
    };
    let is_cut = |at: usize| cuts.iter().any(|cut| cut.index(total.max(1)) == at);
    let mut steps = Vec::new();
    let mut at = 0;
    for call in calls {
        for (place, byte) in call.iter().enumerate() {
            match steps.last_mut() {
                Some(Step::Hole(bytes)) if is_lost(at) => *bytes += 1,
                _ if is_lost(at) => steps.push(Step::Hole(1)),
                Some(Step::Bytes(bytes, _)) if place > 0 && !is_cut(at) => bytes.push(*byte),
                _ => steps.push(Step::Bytes(vec![*byte], place == 0)),
            }
            at += 1;
        }
    }
    steps
}

fn setup() -> impl Strategy<Value = Setup> {
    let extensions = select(vec![SERVER.extensions, TAKEOVER.extensions, APART.extensions]);
    (select(vec![SERVER.sender, CLIENT.sender]), extensions, select(vec![0, 7, 10_000]))
        .prop_map(|(sender, extensions, content_bytes)| Setup { sender, extensions, content_bytes })
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} {:?} {}", self.sender, self.extensions, self.content_bytes)
    }
}

/// Different at each call.
fn keys(seed: u64) -> impl FnMut() -> [u8; 4] {
    let mut seed = seed | 1;
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 32) as u32).to_be_bytes()
    }
}

/// Pieces that steer chance into corners.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        vec![0x81, 1, b'a'],
        vec![0x01, 0],
        vec![0x80, 2, b'a', 0xff],
        vec![0x81, 0x81, 1, 2, 3, 4, 5],
        vec![0x81, 0x81, 5, 6, 7, 8, 5],
        vec![0x80, 0x80, 9, 6, 7, 8],
        vec![0x89, 0],
        vec![0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        vec![0xc1, 5, 0xf2, 0x00, 0x11, 0x00, 0x00],
        vec![0x41, 3, 0xf2, 0x48, 0xcd],
        vec![0x80, 4, 0xc9, 0xc9, 0x07, 0x00],
        vec![0xc2, 2, 0x03, 0x00],
        vec![0xc2, 126, 0, 20],
        vec![0x82, 127, 0, 0, 0, 0, 0, 0, 1, 0],
        vec![0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ]);
    prop_oneof![6 => known, 1 => vec(any::<u8>(), 1..20)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (vec(fragment(), 1..6), any::<bool>())
            .prop_map(|(parts, call_start)| Step::Bytes(parts.concat(), call_start)),
        1 => prop_oneof![1..20_u64, Just(u64::MAX)].prop_map(Step::Hole),
    ]
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_input_is_survived(steps in vec(step(), 1..30), setup in setup()) {
        let (events, counts) = run(setup, &steps);
        let whole = render(&events, counts);
        let (events, counts) = run(setup, &bytewise(&steps));
        prop_assert_eq!(whole, render(&events, counts));
    }

    #[test]
    fn what_was_sent_comes_out(
        plans in vec(plan(), 1..12),
        setup in setup(),
        cuts in vec(any::<Index>(), 0..20),
        seed: u64,
    ) {
        let calls = sent(&plans, setup, &mut keys(seed));
        let (events, counts) = run(setup, &steps(&calls, &[], &cuts));
        let pings: usize = plans.iter().filter(|plan| plan.ping).map(|plan| plan.fragments).sum();
        prop_assert_eq!(counts.pings, pings as u64);
        prop_assert_eq!(events.len(), plans.len());
        for (event, plan) in events.iter().zip(&plans) {
            let Event::Message(message) = event else { panic!("{event:?}") };
            let kept = plan.content.len().min(setup.content_bytes);
            let content = (setup.content_bytes > 0).then(|| &plan.content[..kept]);
            prop_assert_eq!(message.content.as_deref(), content);
            let is_cut = content.is_some() && kept < plan.content.len();
            prop_assert_eq!(message.content_cut, is_cut);
            prop_assert_eq!(message.fragments as usize, plan.fragments);
            let is_known = content.is_some() || !message.compressed;
            prop_assert_eq!(message.body_bytes, is_known.then_some(plan.content.len() as u64));
        }
    }

    #[test]
    fn holes_invent_nothing(
        plans in vec(plan(), 1..20),
        setup in setup(),
        holes in vec((any::<Index>(), 1..60_usize), 1..5),
        cuts in vec(any::<Index>(), 0..6),
        seed: u64,
    ) {
        let calls = sent(&plans, setup, &mut keys(seed));
        let steps = steps(&calls, &holes, &cuts);
        let (events, counts) = run(setup, &steps);
        let mut truth = plans.iter();
        let mut seen = 0;
        for event in &events {
            match event {
                Event::Message(message) => {
                    let was_sent = truth.any(|plan| match &message.content {
                        Some(content) if message.content_cut => plan.content.starts_with(content),
                        Some(content) => *plan.content == **content,
                        None => true,
                    });
                    prop_assert!(was_sent, "{:?} was not sent", message);
                    seen += message.wire_bytes;
                }
                Event::Lost { bytes, .. } => seen += bytes,
                Event::Close(close) => panic!("{close:?}"),
            }
        }
        // Every byte is in a message, lost, or in a ping.
        let total: usize = calls.iter().map(Vec::len).sum();
        let ping = if setup.sender == CLIENT.sender { 10 } else { 6 };
        prop_assert!(seen <= total as u64);
        prop_assert!(total as u64 - seen <= counts.pings * ping);
        let whole = render(&events, counts);
        let (events, counts) = run(setup, &bytewise(&steps));
        prop_assert_eq!(whole, render(&events, counts));
    }
}
