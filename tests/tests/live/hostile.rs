//! Input that is no HTTP, or meant to hurt: the agent lives on, in bounded memory, and writes
//! nothing that did not take place.

use anyhow::{Result, ensure};
use live_tests::agent::{Agent, Ended};
use live_tests::compare;
use live_tests::random::Random;
use live_tests::scene::Scene;
use live_tests::script::{get, ok, text};
use live_tests::wire::{Place, Wire};

crate::tests![
    random_bytes,
    random_bytes_that_begin_like_messages,
    binary_protocol,
    tls_is_told_as_loss,
    frames_that_are_none_are_told_as_loss,
    ten_thousand_fields,
    head_without_end,
    odd_bytes_in_messages,
    connections_without_a_byte,
    absurd_lengths,
    messages_of_the_wrong_direction,
];

fn random_bytes(scene: &Scene) -> Result<()> {
    let mut random = Random::new(1);
    besieged(scene, CONNECTIONS, |wire| {
        for _ in 0..3 {
            wire.ask(random.bytes(4_000))?;
            wire.answer(random.bytes(4_000))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Valid beginnings keep the parsers interested. What comes of them is not foretold, but it is
/// little, and what follows on other connections is right.
fn random_bytes_that_begin_like_messages(scene: &Scene) -> Result<()> {
    let mut random = Random::new(2);
    let starts = [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "GET ",
    ];
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    for number in 0..CONNECTIONS {
        let wire = place.connect()?;
        let start = starts.get(number % starts.len()).copied().unwrap_or_default();
        wire.ask([start.as_bytes(), &random.bytes(2_000)].concat())?;
        wire.answer([start.as_bytes(), &random.bytes(2_000)].concat())?;
    }
    let ended = well_afterwards(agent, &place)?;
    ensure!(ended.exchanges().len() <= 2 * CONNECTIONS + 1, "{} records", ended.exchanges().len());
    Ok(())
}

/// As Redis talks; some of it looks like lines.
fn binary_protocol(scene: &Scene) -> Result<()> {
    besieged(scene, CONNECTIONS, |wire| {
        wire.ask("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n")?;
        wire.answer("+OK\r\n")?;
        wire.ask("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")?;
        wire.answer("$5\r\nvalue\r\n")
    })?;
    Ok(())
}

fn tls_is_told_as_loss(scene: &Scene) -> Result<()> {
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0x5a; 506]].concat();
    let ended = besieged(scene, 3, |wire| {
        wire.ask(&hello)?;
        wire.answer([&[0x16, 3, 3, 0, 100][..], &[2; 100]].concat())?;
        wire.ask([&[0x17, 3, 3, 0, 50][..], &[9; 50]].concat())
    })?;
    told(&ended, "opaque_tls")
}

fn frames_that_are_none_are_told_as_loss(scene: &Scene) -> Result<()> {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let ended = besieged(scene, 3, |wire| {
        wire.ask([&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings].concat())?;
        wire.answer(settings)?;
        wire.ask([0xff; 3_000])
    })?;
    told(&ended, "unparsed")
}

fn ten_thousand_fields(scene: &Scene) -> Result<()> {
    let fields = "a:b\r\n".repeat(10_000);
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let wire = place.connect()?;
    wire.exchange(format!("GET /fields HTTP/1.1\r\nHost: t\r\n{fields}\r\n"), ok("1"))?;
    wire.exchange(get("/after"), ok("22"))?;
    drop(wire);
    let ended = agent.finish(2)?;
    compare::exchanges(&ended.exchanges(), &["GET /fields 200 1", "GET /after 200 2"])
}

/// A megabyte of fields; the server gives up on it. A later connection is right.
fn head_without_end(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    for _ in 0..20 {
        let wire = place.connect()?;
        wire.ask(format!(
            "GET /endless HTTP/1.1\r\nHost: t\r\n{}",
            "X-More: and more\r\n".repeat(55_000)
        ))?;
        wire.answer("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n")?;
    }
    let ended = well_afterwards(agent, &place)?;
    for record in ended.exchanges() {
        let is_right = ["GET /well 200 4", "GET /endless 431 0", "GET /endless - 0", "- - 431 0"]
            .contains(&record.summary().as_str());
        ensure!(is_right, "this did not take place: {record}");
    }
    Ok(())
}

/// NUL, bytes that are no UTF-8, and control characters, in every part of a message.
fn odd_bytes_in_messages(scene: &Scene) -> Result<()> {
    let odd = b"\x00\x01\x7f\x80\xc3\x28\xff\xfe\xed\xa0\x80";
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let parts: [[&[u8]; 3]; 5] = [
        [b"GET /", odd, b" HTTP/1.1\r\nHost: t\r\n\r\n"],
        [b"GET /?q=", odd, b" HTTP/1.1\r\nHost: t\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: ", odd, b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: t\r\nUser-Agent: ", odd, b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: t\r\nX-", odd, b": value\r\n\r\n"],
    ];
    for part in parts {
        let wire = place.connect()?;
        wire.exchange(
            part.concat(),
            [b"HTTP/1.1 400 ", &odd[..], b"\r\nServer: ", odd, b"\r\n\r\n"].concat(),
        )?;
    }
    let ended = well_afterwards(agent, &place)?;
    // The harness has read every line as JSON, so each was UTF-8.
    for record in ended.exchanges() {
        ensure!(["GET", "-"].contains(&record.method()), "no such method was sent: {record}");
    }
    Ok(())
}

fn connections_without_a_byte(scene: &Scene) -> Result<()> {
    let ended = besieged(scene, 2_000, |_| Ok(()))?;
    ended.lost_nothing()
}

/// Lengths that overflow, are negative or are no numbers.
fn absurd_lengths(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let lengths = ["18446744073709551615", "18446744073709551616", "-1", "+5", "0x10", "1e9", ""];
    for length in lengths {
        let wire = place.connect()?;
        wire.ask(format!(
            "POST /length HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\nhello"
        ))?;
        wire.answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nworld"))?;
    }
    for size in ["ffffffffffffffff", "10000000000000000", "-5", "g"] {
        let wire = place.connect()?;
        wire.ask(format!(
            "POST /chunk HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nhi"
        ))?;
        wire.answer(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nhi"))?;
    }
    let ended = well_afterwards(agent, &place)?;
    for record in ended.exchanges() {
        let known = ["/length", "/chunk", "/well", "-"].contains(&record.target().as_str());
        ensure!(known, "no such target was asked for: {record}");
        ensure!(record.body_bytes() < 1 << 40, "no such content was sent: {record}");
    }
    Ok(())
}

/// Requests from the server, responses from the client: nothing that a rule of HTTP fits.
fn messages_of_the_wrong_direction(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    for _ in 0..20 {
        let wire = place.connect()?;
        wire.exchange(ok("1"), get("/reversed"))?;
        wire.exchange(get("/both"), get("/both"))?;
        wire.exchange(ok("2"), ok("2"))?;
    }
    well_afterwards(agent, &place)?;
    Ok(())
}

/// Plays `attack` on so many connections. No exchange may come of it, and an ordinary one afterwards
/// is recorded.
fn besieged(
    scene: &Scene,
    connections: usize,
    mut attack: impl FnMut(&Wire) -> Result<()>,
) -> Result<Ended> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    for _ in 0..connections {
        attack(&place.connect()?)?;
    }
    let ended = well_afterwards(agent, &place)?;
    compare::exchanges(&ended.exchanges(), &["GET /well 200 4"])?;
    Ok(ended)
}

/// The agent still records what is in order, within its memory, and stops well.
fn well_afterwards(mut agent: Agent, place: &Place) -> Result<Ended> {
    let wire = place.connect()?;
    wire.exchange(get("/well"), ok(&text(4)))?;
    drop(wire);
    agent.wait_until("the exchange after the attack", |records| {
        records.iter().any(|record| record.summary() == "GET /well 200 4")
    })?;
    let ended = agent.stop()?;
    ended.took_at_most(RSS_BYTES)?;
    Ok(ended)
}

fn told(ended: &Ended, reason: &str) -> Result<()> {
    let reasons: Vec<_> = ended.losses().iter().filter_map(|record| record.reason()).collect();
    ensure!(reasons.contains(&reason), "a loss by {reason} is expected, {reasons:?} came");
    Ok(())
}

const CONNECTIONS: usize = 200;
const RSS_BYTES: u64 = 128 << 20;
