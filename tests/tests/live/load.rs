//! Much of it: many exchanges, many connections, large bodies. No exchange is missing that no loss
//! record tells of, and memory stays bounded.

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::{Ended, Setup};
use live_tests::clients::wrk;
use live_tests::compare;
use live_tests::host;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::script::{get, ok, recorded, text};
use live_tests::servers::log::Entry;
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wire::{self, Place};

crate::tests![
    moderate_rate_loses_nothing,
    full_rate_is_accounted_for,
    several_shards_lose_nothing,
    small_rings_are_accounted_for,
    little_memory_is_told,
    hundred_thousand_connections,
    thousands_of_open_connections,
    download_of_a_gigabyte,
    upload_of_a_gigabyte,
    chunked_download_of_100_megabytes,
];

/// A few thousand requests a second, far below what the agent must bear.
fn moderate_rate_loses_nothing(scene: &Scene) -> Result<()> {
    let (ended, log) = loaded(scene, scene.agent(), 16, Pace::Moderate)?;
    compare::with_log(&ended.exchanges(), &log)?;
    let wrk = process::find("wrk")?.to_string_lossy().into_owned();
    for record in ended.exchanges() {
        record.must_be("/client/process/executable/path", &wrk)?;
    }
    ended.lost_nothing()
}

/// As fast as it goes; what is recorded took place, and what is missing is told.
fn full_rate_is_accounted_for(scene: &Scene) -> Result<()> {
    let (ended, log) = loaded(scene, scene.agent(), 64, Pace::Full)?;
    as_logged_or_told(&ended, &log)
}

/// Both ends of a connection, and all of its bytes, meet in one ring.
fn several_shards_lose_nothing(scene: &Scene) -> Result<()> {
    let setup = scene.agent().config("[capture]\nshards = 4\n")?;
    let (ended, log) = loaded(scene, setup, 16, Pace::Moderate)?;
    compare::with_log(&ended.exchanges(), &log)?;
    ended.lost_nothing()
}

/// Rings that are far too small for the rate.
fn small_rings_are_accounted_for(scene: &Scene) -> Result<()> {
    let setup = scene.agent().config("[capture]\nring_bytes = 262144\n")?;
    let (ended, log) = loaded(scene, setup, 64, Pace::Full)?;
    as_logged_or_told(&ended, &log)
}

/// Heads that never end, on more connections than there is memory for.
fn little_memory_is_told(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let config = "[capture]\nmemory_limit_bytes = 16777216\n";
    let agent = scene.agent().config(config)?.port(place.port).start()?;
    let half = format!("GET /half HTTP/1.1\r\nHost: t\r\nX-Long: {}", text(50_000));
    let wires = (0..1_000).map(|_| place.connect()).collect::<Result<Vec<_>>>()?;
    wires.iter().try_for_each(|wire| wire.ask(&half))?;
    let wire = place.connect()?;
    wire.exchange(get("/still-there"), ok("1"))?;
    drop((wire, wires));
    let ended = agent.finish(1)?;
    ensure!(ended.exchanges_under("/still-there").len() == 1, "the last exchange is not recorded");
    let reasons: Vec<_> = ended.losses().iter().filter_map(|record| record.reason()).collect();
    ensure!(reasons.contains(&"memory_limit"), "no loss by memory_limit is told: {reasons:?}");
    ended.took_at_most(RSS_BYTES)
}

/// How fast wrk asks.
#[derive(Clone, Copy)]
enum Pace {
    /// 200 times a second on each connection, at most.
    Moderate,
    /// As fast as it can.
    Full,
}

/// Three seconds of wrk against nginx: what the agent recorded, and nginx's log.
fn loaded(
    scene: &Scene,
    setup: Setup<'_>,
    connections: usize,
    pace: Pace,
) -> Result<(Ended, Vec<Entry>)> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = setup.port(nginx.port).start()?;
    let script = scene.file("pace.lua", "function delay() return 5 end\n")?;
    let script = script.to_string_lossy();
    let more: &[&str] = match pace {
        Pace::Moderate => &["--script", &script],
        Pace::Full => &[],
    };
    let count = wrk(&nginx.url("/small?under=load"), connections, 3, more)?;
    let log = nginx.stop()?;
    let ended = agent.stop()?;
    // wrk leaves what is under way when its time is over.
    let rest = log.len().checked_sub(count).context("nginx logs fewer than wrk counts")?;
    ensure!(rest <= connections, "nginx logs {} exchanges, wrk counts {count}", log.len());
    Ok((ended, log))
}

fn as_logged_or_told(ended: &Ended, log: &[Entry]) -> Result<()> {
    compare::accounted(log.len(), ended)?;
    if ended.losses().is_empty() {
        return compare::with_log(&ended.exchanges(), log);
    }
    compare::whole_ones_took_place(&ended.exchanges(), log)
}

/// One after another, each with an exchange of its own.
fn hundred_thousand_connections(scene: &Scene) -> Result<()> {
    let connections = host::amount(100_000);
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let (request, response) = (get("/one-of-many"), ok("1"));
    for _ in 0..connections {
        let wire = place.connect()?;
        wire.exchange(&request, &response)?;
        // No port is kept waiting.
        wire.client.reset_on_close()?;
    }
    let ended = agent.finish(connections)?;
    ended.took_at_most(RSS_BYTES)?;
    compare::exchanges(&ended.exchanges(), &vec!["GET /one-of-many 200 1"; connections])?;
    ended.lost_nothing()
}

/// All open at the same time, each with an exchange, then each with another.
fn thousands_of_open_connections(scene: &Scene) -> Result<()> {
    let connections = host::amount(4_000);
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let wires = (0..connections).map(|_| place.connect()).collect::<Result<Vec<_>>>()?;
    let mut expected = Vec::new();
    for (turn, content) in [(1, "1"), (2, "22")] {
        for (number, wire) in wires.iter().enumerate() {
            let target = format!("/open/{number}/{turn}");
            wire.exchange(get(&target), ok(content))?;
            expected.push(format!("GET {target} 200 {turn}"));
        }
    }
    drop(wires);
    let ended = agent.finish(expected.len())?;
    ended.took_at_most(RSS_BYTES)?;
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    compare::exchanges(&ended.exchanges(), &expected)?;
    ended.lost_nothing()
}

fn download_of_a_gigabyte(scene: &Scene) -> Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", gigabyte());
    let ended = recorded(scene, 2, |wire| {
        wire.exchange(get("/down"), head)?;
        wire::flood(&wire.server, &wire.client, &[b'x'; PIECE_BYTES], gigabyte() / PIECE_BYTES)?;
        wire.exchange(get("/after"), ok("1"))
    })?;
    ended.took_at_most(RSS_BYTES)?;
    let expected = format!("GET /down 200 {}", gigabyte());
    compare::exchanges(&ended.exchanges(), &[&expected, "GET /after 200 1"])?;
    ended.lost_nothing()
}

fn upload_of_a_gigabyte(scene: &Scene) -> Result<()> {
    let head = format!("PUT /up HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", gigabyte());
    let ended = recorded(scene, 2, |wire| {
        wire.ask(head)?;
        wire::flood(&wire.client, &wire.server, &[b'x'; PIECE_BYTES], gigabyte() / PIECE_BYTES)?;
        wire.answer(ok("all"))?;
        wire.exchange(get("/after"), ok("1"))
    })?;
    ended.took_at_most(RSS_BYTES)?;
    compare::exchanges(&ended.exchanges(), &["PUT /up 200 3", "GET /after 200 1"])?;
    let exchanges = ended.exchanges();
    let sizes: Vec<_> =
        exchanges.iter().filter_map(|record| record.number("/http/request/body/size")).collect();
    ensure!(sizes == [gigabyte() as u64, 0], "{} bytes went up, {sizes:?} are told", gigabyte());
    ended.lost_nothing()
}

/// The framing of this has to be followed to its end.
fn chunked_download_of_100_megabytes(scene: &Scene) -> Result<()> {
    let chunk = format!("{PIECE_BYTES:x}\r\n{}\r\n", text(PIECE_BYTES));
    let chunks = host::amount(100_000_000) / PIECE_BYTES;
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let ended = recorded(scene, 2, |wire| {
        wire.exchange(get("/chunks"), head)?;
        wire::flood(&wire.server, &wire.client, chunk.as_bytes(), chunks)?;
        wire.answer("0\r\n\r\n")?;
        wire.exchange(get("/after"), ok("1"))
    })?;
    ended.took_at_most(RSS_BYTES)?;
    let expected = format!("GET /chunks 200 {}", chunks * PIECE_BYTES);
    compare::exchanges(&ended.exchanges(), &[&expected, "GET /after 200 1"])
}

/// 2^30 bytes, less where a processor is only emulated.
fn gigabyte() -> usize {
    host::amount(1 << 30).next_power_of_two()
}

const RSS_BYTES: u64 = 256 << 20;
const PIECE_BYTES: usize = 1 << 16;
