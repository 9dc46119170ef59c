//! The other commands, beside a running daemon and without one.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::{self, Recording};
use live_tests::clients::curl;
use live_tests::compare;
use live_tests::journal;
use live_tests::process::{self, Process};
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::{get, ok};
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wait;
use live_tests::wire::Place;
use nix::sys::signal::Signal;

crate::tests![
    cat_prints_what_stdout_did,
    cat_reads_many_segments,
    cat_filters,
    cat_follows_a_running_daemon,
    recording_replays_to_the_same_exchanges,
    doctor_names_the_probes,
    configuration_mistakes_have_their_place,
    default_configuration_is_right,
    usage_errors,
    without_rights,
    watch_shows_a_daemons_exchange,
    watch_captures_by_itself,
];

fn cat_prints_what_stdout_did(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let wire = place.connect()?;
    for number in 0..50 {
        wire.exchange(get(&format!("/cat/{number}?a=b")), ok("1"))?;
    }
    drop(wire);
    let ended = agent.finish(50)?;
    let printed = agent::run(&["cat", "--data-dir", &ended.data_dir.to_string_lossy()])?.good()?;
    ensure!(printed.as_bytes() == ended.stdout, "cat printed something else:\n{printed}");
    Ok(())
}

fn cat_reads_many_segments(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let config = "[journal]\nsegment_bytes = 65536\n";
    let agent = scene.agent().config(config)?.port(place.port).start()?;
    let wire = place.connect()?;
    for number in 0..500 {
        wire.exchange(get(&format!("/many/{number}")), ok("1"))?;
    }
    drop(wire);
    let ended = agent.finish(500)?;
    let segments = journal::segments(&ended.data_dir)?.len();
    ensure!(segments >= 4, "{segments} segments of 64 KiB for {} bytes", ended.stdout.len());
    let printed = agent::run(&["cat", "--data-dir", &ended.data_dir.to_string_lossy()])?.good()?;
    ensure!(printed.as_bytes() == ended.stdout, "cat printed something else");
    Ok(())
}

fn cat_filters(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let urls = ["/text", "/missing", "/fault", "/small"].map(|path| nginx.url(path));
    curl(&urls.each_ref().map(String::as_str))?;
    let ended = agent.finish(4)?;
    let data_dir = ended.data_dir.to_string_lossy();
    let chosen = |filter: &str| -> Result<Vec<Record>> {
        let printed = agent::run(&["cat", "--data-dir", &data_dir, filter])?.good()?;
        printed.lines().map(|line| Record::parse(line.as_bytes())).collect()
    };
    let failures = chosen("http.response.status_code >= 400")?;
    let failures: Vec<_> = failures.iter().collect();
    compare::exchanges(&failures, &["GET /missing 404 153", "GET /fault 500 3"])?;
    let by_path = chosen("url.path ~ \"^/(text|small)$\" and event.kind == exchange")?;
    let by_path: Vec<_> = by_path.iter().collect();
    compare::exchanges(&by_path, &["GET /text 200 10", "GET /small 200 6"])
}

fn cat_follows_a_running_daemon(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    let out = scene.path("cat.jsonl");
    let mut command = agent::command()?;
    command.arg("cat").arg("--follow").arg("--data-dir").arg(agent.data_dir());
    command.stdout(process::output_file(&out)?);
    let mut cat = Process::start("earwitness cat", &mut command)?;
    place.connect()?.exchange(get("/followed"), ok("1"))?;
    wait::until_true("the exchange in the output of cat", 10, || {
        cat.must_live()?;
        Ok(std::fs::read_to_string(&out)?.contains("/followed"))
    })?;
    cat.signal(Signal::SIGINT)?;
    cat.wait(5)?;
    agent.stop().map(drop)
}

/// The same exchanges as nginx has logged come out of the file again.
fn recording_replays_to_the_same_exchanges(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let file = scene.path("capture");
    let recording = Recording::start(scene, &file, nginx.port)?;
    for _ in 0..5 {
        let urls = ["/text?a=b", "/missing", "/small"].map(|path| nginx.url(path));
        curl(&urls.each_ref().map(String::as_str))?;
    }
    let log = nginx.stop()?;
    recording.stop()?;
    let replayed = agent::run(&["replay", &file.to_string_lossy()])?.good()?;
    let records: Result<Vec<_>> =
        replayed.lines().map(|line| Record::parse(line.as_bytes())).collect();
    let records = records?;
    records.iter().try_for_each(Record::check)?;
    let exchanges: Vec<_> = records.iter().filter(|record| record.is_exchange()).collect();
    compare::with_log(&exchanges, &log)?;
    for record in exchanges {
        record.must_be(
            "/client/process/executable/path",
            &process::find("curl")?.to_string_lossy(),
        )?;
    }
    Ok(())
}

/// 0 or 1, nothing else on a machine where the agent runs; each base program is in its answer.
fn doctor_names_the_probes(_: &Scene) -> Result<()> {
    let printed = agent::run(&["doctor", "--json"])?;
    ensure!([0, 1].contains(&printed.code()), "exit code {}:\n{}", printed.code(), printed.stderr);
    let answer: serde_json::Value = serde_json::from_str(&printed.stdout).context("no JSON")?;
    let text = answer.to_string();
    for probe in ["sys_exit", "inet_sock_set_state", "sched_process_exec"] {
        ensure!(text.contains(probe), "{probe} is not named: {text}");
    }
    let plain = agent::run(&["doctor"])?;
    ensure!(plain.code() == printed.code(), "the codes differ: {}", plain.code());
    ensure!(plain.stdout.contains("sys_exit"), "for a person it says:\n{}", plain.stdout);
    Ok(())
}

fn configuration_mistakes_have_their_place(scene: &Scene) -> Result<()> {
    let text = "[capture]\nincluded = []\n\n[journal]\nsync_ms = \"often\"\n";
    let file = scene.file("bad.toml", text)?;
    let path = file.to_string_lossy();
    let printed = agent::run(&["config", "check", &path])?;
    ensure!(printed.code() == 2, "exit code {}", printed.code());
    let told = format!("{}{}", printed.stdout, printed.stderr);
    for place in ["bad.toml:2:", "bad.toml:5:"] {
        ensure!(told.contains(place), "{place} is not named:\n{told}");
    }
    let run = process::run(agent::command()?.args(["run", "--config", &path]), 20)?;
    ensure!(run.code() == 2, "run with that file ended with {}", run.code());
    Ok(())
}

fn default_configuration_is_right(scene: &Scene) -> Result<()> {
    let default = agent::run(&["config", "default"])?.good()?;
    let file = scene.file("default.toml", default)?;
    agent::run(&["config", "check", &file.to_string_lossy()])?.good()?;
    let schema = agent::run(&["config", "schema", "--record"])?.good()?;
    let schema: serde_json::Value = serde_json::from_str(&schema)?;
    ensure!(schema.is_object(), "no schema: {schema}");
    Ok(())
}

fn usage_errors(_: &Scene) -> Result<()> {
    for arguments in [&["no-such-command"][..], &["run", "--port", "many"], &["cat", "seq >"]] {
        let printed = agent::run(arguments)?;
        ensure!(printed.code() == 2, "{arguments:?} ended with {}", printed.code());
        ensure!(printed.stdout.is_empty(), "messages on standard output: {}", printed.stdout);
    }
    for command in ["run", "watch", "cat", "record", "replay", "doctor", "config"] {
        let help = agent::run(&[command, "--help"])?.good()?;
        ensure!(help.contains("Example"), "the help of {command} has no example:\n{help}");
    }
    Ok(())
}

/// A message that says what lacks, and a code; no backtrace.
fn without_rights(scene: &Scene) -> Result<()> {
    // Where the test's folder can be reached, so that the lack of rights is the only obstacle.
    let program = scene.path("earwitness");
    std::fs::copy(agent::program()?, &program)?;
    let data_dir = scene.path("nobodys");
    std::fs::create_dir(&data_dir)?;
    std::os::unix::fs::chown(&data_dir, Some(65_534), Some(65_534))?;
    let mut command = process::command("setpriv")?;
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
    let printed = process::run(command.args(["run", "--data-dir"]).arg(data_dir), 20)?;
    ensure!(![0, 101].contains(&printed.code()), "exit code {}", printed.code());
    let told = printed.stderr.to_ascii_lowercase();
    let says = ["root", "privilege", "capabilit", "cap_bpf"].iter().any(|word| told.contains(word));
    ensure!(says, "it does not say that rights lack:\n{}", printed.stderr);
    ensure!(told.contains("hint:"), "it gives no advice:\n{}", printed.stderr);
    Ok(())
}

fn watch_shows_a_daemons_exchange(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let data_dir = agent.data_dir().to_string_lossy().into_owned();
    let mut screen = Screen::start(&["watch", "--data-dir", &data_dir])?;
    screen.shows_soon(&nginx)?;
    screen.end()?;
    agent.stop().map(drop)
}

/// With no daemon on that data directory.
fn watch_captures_by_itself(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let data_dir = scene.path("no-daemon").to_string_lossy().into_owned();
    let mut screen = Screen::start(&["watch", "--data-dir", &data_dir])?;
    screen.waits_for("ready")?;
    screen.shows_soon(&nginx)?;
    screen.end()
}

/// The agent on a terminal of its own.
struct Screen {
    process: Process,
    terminal: File,
    text: String,
}

impl Screen {
    fn start(arguments: &[&str]) -> Result<Self> {
        let size = nix::pty::Winsize { ws_row: 40, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = nix::pty::openpty(Some(&size), None)?;
        let mut command = agent::command()?;
        command.args(arguments).env("TERM", "xterm").env("LANG", "C.UTF-8");
        command.stdin(stdio(&pair.slave)?).stdout(stdio(&pair.slave)?).stderr(stdio(&pair.slave)?);
        let process = Process::start_with_input("earwitness watch", &mut command)?;
        let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
        nix::fcntl::fcntl(&pair.master, flags)?;
        Ok(Self { process, terminal: pair.master.into(), text: String::new() })
    }

    /// Asks nginx again and again until the view shows it: it may not have begun to look yet.
    fn shows_soon(&mut self, nginx: &Nginx) -> Result<()> {
        wait::until_true("the view to show an exchange", 10, || {
            curl(&[&nginx.url("/missing/on-the-screen")])?;
            self.read()?;
            Ok(self.line("/missing/on-the-screen").is_some_and(|line| line.contains("404")))
        })
        .with_context(|| format!("on the screen:\n{}", self.text))?;
        let line = self.line("/missing/on-the-screen").unwrap_or_default();
        for word in ["GET", "curl", "nginx"] {
            ensure!(line.contains(word), "the line has no {word}: {line:?}");
        }
        Ok(())
    }

    fn waits_for(&mut self, word: &str) -> Result<()> {
        wait::until_true(&format!("{word:?} on the screen"), 20, || {
            self.process.must_live()?;
            self.read()?;
            Ok(self.text.contains(word))
        })
        .with_context(|| format!("on the screen:\n{}", self.text))
    }

    fn end(mut self) -> Result<()> {
        self.process.signal(Signal::SIGINT)?;
        let status = self.process.wait(10)?;
        ensure!(status.success(), "after SIGINT the view ended with {status}");
        Ok(())
    }

    fn line(&self, word: &str) -> Option<&str> {
        self.text.lines().find(|line| line.contains(word))
    }

    fn read(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        match self.terminal.read_to_end(&mut bytes) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                return Err(error.into());
            }
            _ => self.text.push_str(&String::from_utf8_lossy(&bytes)),
        }
        Ok(())
    }
}

fn stdio(terminal: &OwnedFd) -> Result<Stdio> {
    Ok(Stdio::from(terminal.try_clone()?))
}
