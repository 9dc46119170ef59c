//! What `[capture]` leaves in and leaves out, and how that changes while the agent runs.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::clients::curl;
use live_tests::compare;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::script::{get, ok};
use live_tests::servers::app::{App, Mode};
use live_tests::wire::Place;
use nix::sys::signal::Signal;

crate::tests![
    only_the_given_ports,
    only_an_executable,
    only_a_user,
    excluded_in_spite_of_being_included,
    policy_none_records_nothing,
    configuration_is_read_again,
    wrong_configuration_is_not_taken,
];

fn only_the_given_ports(scene: &Scene) -> Result<()> {
    let places = [Place::tcp()?, Place::tcp()?, Place::tcp()?];
    let [first, second, other] = &places;
    let agent = scene.agent().port(first.port).port(second.port).start()?;
    for (place, target) in [(first, "/first"), (other, "/other"), (second, "/second")] {
        place.connect()?.exchange(get(target), ok("1"))?;
    }
    let ended = agent.finish(2)?;
    compare::exchanges(&ended.exchanges(), &["GET /first 200 1", "GET /second 200 1"])?;
    ended.lost_nothing()
}

/// Both servers answer; only the exchanges of one program are wanted.
fn only_an_executable(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Thread, "1.1")?;
    let node = App::node(scene)?;
    let path = process::find("node")?;
    let config = format!("[capture]\ninclude = [{{ executable = {path:?} }}]\n");
    let agent = scene.agent().config(&config)?.start()?;
    curl(&[&python.url("/length/5?of=python"), &node.url("/length/6?of=node")])?;
    let ended = agent.finish(1)?;
    compare::with_log(&ended.exchanges(), &node.log(1)?)?;
    ended.lost_nothing()
}

fn only_a_user(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Thread, "1.1")?;
    let agent = scene.agent().config("[capture]\ninclude = [{ user = \"nobody\" }]\n")?.start()?;
    curl(&[&python.url("/length/5?by=root")])?;
    let mut command = process::command("setpriv")?;
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    command.arg(process::find("curl")?).args(["--silent", "--noproxy", "*"]);
    process::run(command.arg(python.url("/length/6?by=nobody")), 10)?.good()?;
    let ended = agent.finish(1)?;
    compare::exchanges(&ended.exchanges_under("/length/"), &["GET /length/6?by=nobody 200 6"])?;
    ended.lost_nothing()
}

fn excluded_in_spite_of_being_included(scene: &Scene) -> Result<()> {
    let [kept, excluded] = [Place::tcp()?, Place::tcp()?];
    let config = format!(
        "[capture]\ninclude = [{{ port = {} }}, {{ port = {} }}]\nexclude = [{{ port = {} }}]\n",
        kept.port, excluded.port, excluded.port
    );
    let agent = scene.agent().config(&config)?.start()?;
    excluded.connect()?.exchange(get("/excluded"), ok("1"))?;
    kept.connect()?.exchange(get("/kept"), ok("1"))?;
    let ended = agent.finish(1)?;
    compare::exchanges(&ended.exchanges(), &["GET /kept 200 1"])?;
    ended.lost_nothing()
}

fn policy_none_records_nothing(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let config = "[[policy.rule]]\nlevel = \"none\"\npath = \"/health/**\"\n";
    let agent = scene.agent().config(config)?.port(place.port).start()?;
    let wire = place.connect()?;
    for target in ["/health/live", "/wanted", "/health/ready"] {
        wire.exchange(get(target), ok("1"))?;
    }
    drop(wire);
    let ended = agent.finish(1)?;
    compare::exchanges(&ended.exchanges(), &["GET /wanted 200 1"])?;
    ended.lost_nothing()
}

fn configuration_is_read_again(scene: &Scene) -> Result<()> {
    let ended =
        reloaded(scene, |second| format!("[capture]\ninclude = [{{ port = {second} }}]\n"))?;
    compare::exchanges(&ended.exchanges(), &["GET /first/before 200 1", "GET /second/after 200 1"])
}

/// A mistake keeps the old configuration, and says so.
fn wrong_configuration_is_not_taken(scene: &Scene) -> Result<()> {
    let ended = reloaded(scene, |_| "[capture]\nincluded = []\n".to_owned())?;
    compare::exchanges(&ended.exchanges(), &["GET /first/before 200 1", "GET /first/after 200 1"])?;
    ensure!(
        ended.stderr.contains("included"),
        "the log does not name the mistake:\n{}",
        ended.stderr
    );
    Ok(())
}

/// An exchange on each of two ports, of which the first is watched; then the file changes, SIGHUP;
/// and the same again.
fn reloaded(scene: &Scene, change: impl Fn(u16) -> String) -> Result<Ended> {
    let [first, second] = [Place::tcp()?, Place::tcp()?];
    let config = format!("[capture]\ninclude = [{{ port = {} }}]\n", first.port);
    let mut agent = scene.agent().config(&config)?.start()?;
    first.connect()?.exchange(get("/first/before"), ok("1"))?;
    second.connect()?.exchange(get("/second/before"), ok("1"))?;
    agent.wait_for(1)?;
    scene.file("earwitness.toml", change(second.port))?;
    agent.signal(Signal::SIGHUP)?;
    agent.wait_until("a record of the configuration's change", |records| {
        records.iter().any(|record| record.text("/lifecycle/action") == Some("config"))
    })?;
    first.connect()?.exchange(get("/first/after"), ok("1"))?;
    second.connect()?.exchange(get("/second/after"), ok("1"))?;
    agent.finish(2)
}
