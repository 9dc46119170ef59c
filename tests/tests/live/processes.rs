//! Who asked and who answered.

use anyhow::{Context as _, Result, ensure};
use live_tests::clients::{Asker, curl};
use live_tests::compare;
use live_tests::process::{self, Process};
use live_tests::scene::Scene;
use live_tests::servers::nginx::{Nginx, Options};

crate::tests![
    both_ends_of_loopback_are_one_record,
    pid_of_a_client_gives_its_side,
    short_lived_clients_are_named,
    user_of_a_client,
    program_that_was_moved,
];

fn both_ends_of_loopback_are_one_record(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    curl(&[&nginx.url("/text")])?;
    let ended = agent.finish(1)?;
    let log = nginx.log(1)?;
    compare::with_log(&ended.exchanges(), &log)?;
    let record = ended.only_exchange()?;
    record.must_be("/observer/side", "server")?;
    record.must_be("/client/process/executable/path", &path_of("curl")?)?;
    record.must_be("/server/process/executable/path", &path_of("nginx")?)?;
    record.must_be("/client/process/user/name", "root")?;
    let worker = log.first().and_then(|entry| entry.pid).context("nginx logs no pid")?;
    let (told, real) = (record.number("/server/process/user/id"), user_of(worker)?);
    ensure!(told == Some(real), "nginx's worker runs as {real}: {record}");
    ended.lost_nothing()
}

/// Where only the client is watched there is still one record, from its side.
fn pid_of_a_client_gives_its_side(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let mut asker = Asker::start(&format!("127.0.0.1:{}", nginx.port))?;
    let agent = scene.agent().pid(asker.pid()).start()?;
    curl(&[&nginx.url("/text?not=watched")])?;
    for path in ["/text", "/small", "/missing"] {
        asker.ask(path)?;
    }
    let ended = agent.finish(3)?;
    let watched: Vec<_> =
        nginx.stop()?.into_iter().filter(|entry| !entry.target.contains("watched")).collect();
    // The server is not watched, so its process may be unknown.
    let watched: Vec<_> = watched
        .into_iter()
        .map(|entry| live_tests::servers::log::Entry { pid: None, ..entry })
        .collect();
    compare::with_log(&ended.exchanges(), &watched)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "client")?;
        let pid = record.number("/client/process/pid");
        ensure!(pid == Some(asker.pid().into()), "the client is {}: {record}", asker.pid());
    }
    ended.lost_nothing()
}

/// A client that is gone before its exchange is looked at.
fn short_lived_clients_are_named(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let mut pids = Vec::new();
    for number in 0..CLIENTS {
        let url = nginx.url(&format!("/text?client={number}"));
        let mut command = process::command("curl")?;
        command.args(["--silent", "--noproxy", "*", "--output", "/dev/null", &url]);
        let mut client = Process::start("curl", &mut command)?;
        pids.push(u64::from(client.pid()));
        client.wait(10)?;
    }
    let ended = agent.finish(CLIENTS)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    let curl = path_of("curl")?;
    for (record, pid) in ended.exchanges().iter().zip(pids) {
        record.must_be("/client/process/executable/path", &curl)?;
        let told = record.number("/client/process/pid");
        ensure!(told == Some(pid), "the client was {pid}: {record}");
    }
    ended.lost_nothing()
}

fn user_of_a_client(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let curl = process::find("curl")?;
    let mut command = process::command("setpriv")?;
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    command.arg(curl).args(["--silent", "--noproxy", "*", &nginx.url("/text")]);
    process::run(&mut command, 10)?.good()?;
    let ended = agent.finish(1)?;
    let record = ended.only_exchange()?;
    record.must_be("/client/process/user/name", "nobody")?;
    // setpriv has become curl by then.
    record.must_be("/client/process/executable/path", &path_of("curl")?)
}

/// The path is the one that the program has, not the one of another with its name.
fn program_that_was_moved(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let own = scene.path("own-curl");
    std::fs::copy(process::find("curl")?, &own)?;
    let mut command = std::process::Command::new(&own);
    process::run(command.args(["--silent", "--noproxy", "*", &nginx.url("/text")]), 10)?.good()?;
    let ended = agent.finish(1)?;
    ended.only_exchange()?.must_be("/client/process/executable/path", &own.to_string_lossy())
}

fn path_of(program: &str) -> Result<String> {
    Ok(process::find(program)?.to_string_lossy().into_owned())
}

/// Real user id of a process that still runs.
fn user_of(pid: u64) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let id = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    id.with_context(|| format!("process {pid} has no user"))
}

const CLIENTS: usize = 40;
