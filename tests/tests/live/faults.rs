//! The agent is stopped, killed, told to end twice, run twice; and what cannot be seen is named.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::{self, Agent, Ended};
use live_tests::clients::wrk;
use live_tests::compare;
use live_tests::disk::Disk;
use live_tests::journal;
use live_tests::process::{self, Process};
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::{get, ok, text};
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wait;
use live_tests::wire::Place;
use nix::sys::signal::Signal;

crate::tests![
    stopped_for_ten_seconds_under_load,
    whole_again_after_a_loss,
    sigterm_writes_what_is_in_flight,
    sigterm_right_after_the_last_byte,
    second_sigterm_ends_at_once,
    killed_under_load_and_started_again,
    torn_line_is_taken_away,
    two_agents_on_one_data_directory,
    io_uring_is_named,
    io_uring_older_than_the_agent_is_named,
    full_disk_is_told_and_survived,
];

/// The rings fill up; every exchange that has no record is in a loss record's sum.
fn stopped_for_ten_seconds_under_load(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let url = nginx.url("/small?while=stopped");
    let load = thread::spawn(move || wrk(&url, 16, 12, &[]));
    thread::sleep(Duration::from_secs(1));
    agent.signal(Signal::SIGSTOP)?;
    thread::sleep(Duration::from_secs(10));
    agent.signal(Signal::SIGCONT)?;
    load.join().ok().context("the load panicked")??;
    let log = nginx.stop()?;
    let ended = agent.stop()?;
    ensure!(!ended.losses().is_empty(), "{} exchanges went by and none was lost", log.len());
    compare::accounted(log.len(), &ended)?;
    compare::whole_ones_took_place(&ended.exchanges(), &log)
}

/// A loss ends: exchanges that come by turns on the same connection are told whole again.
fn whole_again_after_a_loss(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let config = "[capture]\nring_bytes = 262144\n";
    let mut agent = scene.agent().config(config)?.port(place.port).start()?;
    let wire = place.connect()?;
    agent.signal(Signal::SIGSTOP)?;
    for _ in 0..3_000 {
        wire.exchange(get("/during"), ok(&text(200)))?;
    }
    agent.signal(Signal::SIGCONT)?;
    wire.exchange(get("/begins-again"), ok("1"))?;
    agent.wait_until("a record of the loss", |records| records.iter().any(Record::is_loss))?;
    for number in 0..100 {
        wire.exchange(get(&format!("/later/{number}")), ok("22"))?;
    }
    drop(wire);
    agent.wait_until("the last exchange", |records| {
        records.iter().any(|record| record.target() == "/later/99")
    })?;
    let ended = agent.stop()?;
    compare::accounted(3_101, &ended)?;
    let later = ended.exchanges_under("/later/");
    let whole = later.iter().filter(|record| record.flag("/capture/complete") == Some(true));
    let whole = whole.count();
    ensure!(whole >= 90, "of 100 exchanges long after the loss {whole} are told whole");
    Ok(())
}

/// A request whose answer is still to come when the agent is told to end.
fn sigterm_writes_what_is_in_flight(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let [asked, half_answered] = [place.connect()?, place.connect()?];
    asked.ask(get("/asked"))?;
    half_answered.ask(get("/half-answered"))?;
    half_answered.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?;
    let ended = agent.stop()?;
    let mut summaries: Vec<_> = ended.exchanges().iter().map(|record| record.summary()).collect();
    summaries.sort();
    ensure!(summaries == ["GET /asked - 0", "GET /half-answered 200 4"], "came: {summaries:?}");
    for record in ended.exchanges() {
        ensure!(record.flag("/capture/complete") == Some(false), "complete in flight: {record}");
    }
    ensure!(last_action(&ended) == Some("stop"), "the last record is not the agent's stop");
    Ok(())
}

/// No exchange that was over before the signal is missing.
fn sigterm_right_after_the_last_byte(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let wire = place.connect()?;
    for number in 0..2_000 {
        wire.exchange(get(&format!("/hurried/{number}")), ok("1"))?;
    }
    let ended = agent.stop()?;
    let expected: Vec<_> =
        (0..2_000).map(|number| format!("GET /hurried/{number} 200 1")).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    compare::exchanges(&ended.exchanges(), &expected)?;
    ended.lost_nothing()
}

/// What it had not drained is missing then; its journal is in order all the same.
fn second_sigterm_ends_at_once(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let wire = place.connect()?;
    // A backlog to drain.
    agent.signal(Signal::SIGSTOP)?;
    for _ in 0..3_000 {
        wire.exchange(get("/backlog"), ok(&text(1_000)))?;
    }
    agent.signal(Signal::SIGTERM)?;
    agent.signal(Signal::SIGCONT)?;
    thread::sleep(Duration::from_millis(20));
    let begun = Instant::now();
    // It may have drained already.
    let _ = agent.signal(Signal::SIGTERM);
    let data_dir = agent.data_dir().to_owned();
    agent.wait()?;
    ensure!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
    let again = scene.agent().port(place.port).data_dir(data_dir).start()?.stop()?;
    gapless(&again)
}

/// Number by number from the first record of the first run, although nothing was closed.
fn killed_under_load_and_started_again(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let mut agent = scene.agent().port(nginx.port).start()?;
    let url = nginx.url("/small?run=1");
    let load = thread::spawn(move || wrk(&url, 8, 2, &[]));
    agent.wait_for(1_000)?;
    agent.kill()?;
    load.join().ok().context("the load panicked")??;
    let again = scene.agent().port(nginx.port).start()?;
    wrk(&nginx.url("/small?run=2"), 1, 1, &[])?;
    let second = nginx.stop()?.iter().filter(|entry| entry.target.ends_with("run=2")).count();
    let again = again.finish(second)?;
    compare::accounted(second, &again)?;
    ensure!(actions(&again).contains(&"recovered"), "nothing tells that the agent was killed");
    ensure!(reasons(&again).contains(&"crash"), "no loss record tells of the crash");
    gapless(&again)
}

/// Half a line at the end of the journal, as a power failure leaves it.
fn torn_line_is_taken_away(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    place.connect()?.exchange(get("/first"), ok("1"))?;
    let first = agent.finish(1)?;
    let segment = journal::segments(&first.data_dir)?.pop().context("no segment")?;
    let torn = b"{\"schema\":1,\"seq\":99999,\"timestamp\":\"2026-";
    fs::File::options().append(true).open(segment)?.write_all(torn)?;
    let agent = scene.agent().port(place.port).start()?;
    place.connect()?.exchange(get("/second"), ok("1"))?;
    let second = agent.finish(1)?;
    compare::exchanges(&second.exchanges(), &["GET /second 200 1"])?;
    gapless(&second)
}

fn two_agents_on_one_data_directory(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let second = scene.agent().port(place.port).launch()?.wait()?;
    let code = second.status.code();
    ensure!(code.is_some_and(|code| code != 0), "the second agent ended with {}", second.status);
    let pid = agent.pid().to_string();
    ensure!(second.stderr.contains(&pid), "the holder's pid is not named:\n{}", second.stderr);
    ensure!(second.records.is_empty(), "the second agent recorded something");
    place.connect()?.exchange(get("/undisturbed"), ok("1"))?;
    let ended = agent.finish(1)?;
    compare::exchanges(&ended.exchanges(), &["GET /undisturbed 200 1"])?;
    gapless(&ended)
}

fn io_uring_is_named(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let mut agent = scene.agent().start()?;
    let program = ring_program(&place)?;
    named(&mut agent, program.pid())?;
    agent.stop().map(drop)
}

fn io_uring_older_than_the_agent_is_named(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let program = ring_program(&place)?;
    let mut agent = scene.agent().start()?;
    named(&mut agent, program.pid())?;
    agent.stop().map(drop)
}

/// A process that sets up a ring and holds a socket; it has both when this returns.
fn ring_program(place: &Place) -> Result<Process> {
    let mut command = process::command("python3")?;
    command.args(["-c", RING_PROGRAM, &place.port.to_string()]).stdout(Stdio::inherit());
    let program = Process::start("the io_uring program", &mut command)?;
    // It connects after its ring is there.
    place.accept()?;
    let files = format!("/proc/{}/fd", program.pid());
    let is_ring = |path: &std::path::Path| path.to_string_lossy().contains("io_uring");
    wait::until_true("a ring", 5, || {
        let entries = fs::read_dir(&files)?.flatten();
        Ok(entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|path| is_ring(&path)))
    })?;
    Ok(program)
}

fn named(agent: &mut Agent, pid: u32) -> Result<()> {
    let names = |record: &Record| {
        record.reason() == Some("io_uring")
            && record.number("/loss/process/pid") == Some(u64::from(pid))
    };
    agent
        .wait_until(&format!("a loss record that names {pid}"), |records| records.iter().any(names))
}

/// A journal on a file system with little room: told by loss records, and recording goes on.
fn full_disk_is_told_and_survived(scene: &Scene) -> Result<()> {
    let disk = Disk::mount(scene, "1m")?;
    let place = Place::tcp()?;
    let data_dir = disk.path.join("data");
    let config = "[journal]\nsync_ms = 20\n";
    let setup = scene.agent().config(config)?.port(place.port).data_dir(data_dir.clone());
    let mut agent = setup.start()?;
    let wire = place.connect()?;
    let filler = disk.path.join("filler");
    fs::write(&filler, vec![0; 900 << 10])?;
    for number in 0..200 {
        wire.exchange(get(&format!("/full/{number}")), ok("1"))?;
    }
    agent.process().must_live()?;
    thread::sleep(Duration::from_secs(1));
    agent.process().must_live()?;
    fs::remove_file(&filler)?;
    wire.exchange(get("/room-again"), ok("1"))?;
    agent.wait_until("the exchange after there was room again", |records| {
        records.iter().any(|record| record.target() == "/room-again")
    })?;
    let ended = agent.stop()?;
    compare::accounted(201, &ended)?;
    gapless(&ended)
}

/// The journal counts from 0 without a gap, as `cat` reads it.
fn gapless(ended: &Ended) -> Result<()> {
    let printed = agent::run(&["cat", "--data-dir", &ended.data_dir.to_string_lossy()])?.good()?;
    for (expected, line) in (0..).zip(printed.lines()) {
        let seq = Record::parse(line.as_bytes())?.seq()?;
        ensure!(seq == expected, "seq {expected} is expected in the journal, {seq} comes: {line}");
    }
    let first = ended.records.first().context("no record at all")?.seq()?;
    ensure!(
        printed.lines().count() as u64 == first + ended.records.len() as u64,
        "records are missing"
    );
    Ok(())
}

fn actions(ended: &Ended) -> Vec<&str> {
    ended.records.iter().filter_map(|record| record.text("/lifecycle/action")).collect()
}

fn last_action(ended: &Ended) -> Option<&str> {
    ended.records.last().and_then(|record| record.text("/lifecycle/action"))
}

fn reasons(ended: &Ended) -> Vec<&str> {
    ended.losses().iter().filter_map(|record| record.reason()).collect()
}

/// System call 425 is `io_uring_setup` on every processor.
const RING_PROGRAM: &str = "
import ctypes, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
ring = libc.syscall(425, 8, ctypes.create_string_buffer(120))
assert ring >= 0, ctypes.get_errno()
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
peer.sendall(b'hello')
time.sleep(60)
";
