//! Where connections go and when they begin: address families, unix sockets, and connections that
//! are older than the agent.

use anyhow::{Result, ensure};
use live_tests::clients::curl_content;
use live_tests::compare;
use live_tests::process::{self, Process};
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::{get, ok, recorded_at, text};
use live_tests::servers::app::App;
use live_tests::servers::log;
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wire::{End, Place};

crate::tests![
    ipv6,
    ipv4_mapped_into_ipv6_is_told_as_ipv4,
    unix_socket_with_curl,
    reverse_proxy_to_unix_socket,
    connection_older_than_the_agent,
    agent_starts_within_a_response,
    same_addresses_in_two_network_namespaces,
    abstract_unix_socket,
];

fn ipv6(scene: &Scene) -> Result<()> {
    addressed(scene, &Place::tcp_on("::1", "::1")?, "::1", "ipv6")
}

fn ipv4_mapped_into_ipv6_is_told_as_ipv4(scene: &Scene) -> Result<()> {
    addressed(scene, &Place::tcp_on("::", "127.0.0.1")?, "127.0.0.1", "ipv4")
}

fn addressed(scene: &Scene, place: &Place, address: &str, family: &str) -> Result<()> {
    let mut port = 0;
    let ended = recorded_at(scene, place, 1, |wire| {
        port = wire.client.local_port()?;
        wire.exchange(get("/there"), ok("here"))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /there 200 4"])?;
    let record = ended.only_exchange()?;
    record.must_be("/network/type", family)?;
    record.must_be("/network/transport", "tcp")?;
    record.must_be("/client/address", address)?;
    record.must_be("/server/address", address)?;
    let ports = (record.number("/client/port"), record.number("/server/port"));
    ensure!(ports == (Some(port.into()), Some(place.port.into())), "ports {ports:?}: {record}");
    ended.lost_nothing()
}

fn unix_socket_with_curl(scene: &Scene) -> Result<()> {
    let socket = scene.path("app.sock");
    let app = App::python_unix(scene, &socket)?;
    let agent = scene.agent().start()?;
    let path = socket.to_string_lossy();
    curl_content(&["--unix-socket", &path, "http://app/length/7?over=unix"])?;
    let log = app.log(1)?;
    let mut agent = agent;
    agent.wait_until("the exchange", |records| {
        records.iter().any(|record| record.target() == "/length/7?over=unix")
    })?;
    let ended = agent.stop()?;
    let came = ended.exchanges_under("/length/7?over=unix");
    compare::with_log(&came, &log)?;
    for record in came {
        record.must_be("/network/transport", "unix")?;
        record.must_be("/server/address", &path)?;
        record.must_be("/observer/side", "server")?;
        record.must_be(
            "/client/process/executable/path",
            &process::find("curl")?.to_string_lossy(),
        )?;
        ensure!(record.at("/network/type").is_none(), "a unix socket has no family: {record}");
    }
    Ok(())
}

/// One request from outside makes two exchanges on this host.
fn reverse_proxy_to_unix_socket(scene: &Scene) -> Result<()> {
    let socket = scene.path("app.sock");
    let app = App::python_unix(scene, &socket)?;
    let backend = format!("proxy_pass http://unix:{}:;", socket.display());
    let server = format!("location /length/ {{ {backend} proxy_http_version 1.1; }}");
    let nginx = Nginx::start(scene, &Options { server, ..Options::default() })?;
    open_to_all(&socket)?;
    let mut agent = scene.agent().start()?;
    let target = "/length/4321?through=proxy";
    curl_content(&[&nginx.url(target)])?;
    agent.wait_until("both exchanges", |records| {
        records.iter().filter(|record| record.target() == target).count() >= 2
    })?;
    let ended = agent.stop()?;
    let transport = |record: &&Record, name| record.text("/network/transport") == Some(name);
    let came = ended.exchanges_under(target);
    let (outer, inner): (Vec<_>, _) = came.into_iter().partition(|record| transport(record, "tcp"));
    compare::with_log(&inner, &app.log(1)?)?;
    compare::with_log(&outer, &nginx.stop()?)?;
    for record in inner {
        record.must_be(
            "/client/process/executable/path",
            &process::find("nginx")?.to_string_lossy(),
        )?;
    }
    Ok(())
}

/// nginx works as a user of its own.
fn open_to_all(socket: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o777))?)
}

fn connection_older_than_the_agent(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let client = End::connect(nginx.port)?;
    client.send(get("/text?before"))?;
    client.receive_response()?;
    let agent = scene.agent().port(nginx.port).start()?;
    for target in ["/text?after=1", "/small?after=2", "/missing?after=3"] {
        client.send(get(target))?;
        client.receive_response()?;
    }
    drop(client);
    let ended = agent.finish(3)?;
    let log = nginx.stop()?;
    compare::with_log(&ended.exchanges(), log.get(1..).unwrap_or_default())?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "server")?;
    }
    ended.lost_nothing()
}

/// The first response is lost in part, and must not become a wrong record; the next is whole.
fn agent_starts_within_a_response(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let wire = place.connect()?;
    let response = ok(&text(30_000));
    let (first, second) = response.split_at(10_000);
    wire.exchange(get("/half-seen"), first)?;
    let agent = scene.agent().port(place.port).start()?;
    wire.answer(second)?;
    wire.exchange(get("/whole"), ok("seen"))?;
    wire.exchange(get("/another"), ok("seen"))?;
    drop(wire);
    let ended = agent.finish(2)?;
    compare::exchanges(&ended.exchanges(), &["GET /whole 200 4", "GET /another 200 4"])
}

/// Two worlds with the same addresses and ports at the same time: none is taken for the other.
fn same_addresses_in_two_network_namespaces(scene: &Scene) -> Result<()> {
    scene.file("app.py", include_str!("../../src/servers/app.py"))?;
    let script = scene.file("world.sh", WORLD)?;
    let agent = scene.agent().port(8_080).start()?;
    let worlds = ["one", "two"].map(|name| {
        let mut command = process::command("unshare")?;
        let log = scene.path(&format!("{name}.json"));
        command.args(["--net", "sh"]).arg(&script).arg(scene.path("")).arg(name);
        command.stdout(process::output_file(&log)?);
        command.stderr(process::output_file(&scene.path(&format!("{name}.log")))?);
        anyhow::Ok((Process::start("a network namespace", &mut command)?, log))
    });
    let mut logs = Vec::new();
    for world in worlds {
        let (mut process, log) = world?;
        ensure!(process.wait(20)?.success(), "a network namespace failed");
        logs.extend(log::read(&log)?);
    }
    let ended = agent.finish(2)?;
    ensure!(logs.len() == 2, "{} exchanges took place", logs.len());
    let line = |target: &str, pid: u64| format!("{target} answered by {pid}");
    let expected = logs.iter().map(|entry| line(&entry.target, entry.pid.unwrap_or(0)));
    let came = ended.exchanges();
    let came = came
        .iter()
        .map(|record| line(&record.target(), record.number("/server/process/pid").unwrap_or(0)));
    compare::same(expected.collect(), came.collect())?;
    for record in ended.exchanges() {
        record.must_be(
            "/client/process/executable/path",
            &process::find("curl")?.to_string_lossy(),
        )?;
        ensure!(record.number("/client/port") == Some(45_555), "the client's port: {record}");
    }
    ended.lost_nothing()
}

/// Its name begins with NUL in the kernel, and with `@` in records.
fn abstract_unix_socket(scene: &Scene) -> Result<()> {
    let name = format!("earwitness-test-{}", std::process::id());
    let place = Place::abstract_unix(&name)?;
    let ended = recorded_at(scene, &place, 1, |wire| wire.exchange(get("/abstract"), ok("1")))?;
    let came = ended.exchanges_under("/abstract");
    compare::exchanges(&came, &["GET /abstract 200 1"])?;
    came.iter().try_for_each(|record| record.must_be("/server/address", &format!("@{name}")))
}

/// A server and a client that are both there while the other world's are.
const WORLD: &str = "
ip link set lo up
/usr/bin/env python3 $1/app.py 8080 thread 1.1 &
server=$!
while ! grep -q ':1F90 00000000:0000 0A' /proc/net/tcp; do sleep 0.05; done
curl --silent --noproxy '*' --local-port 45555 --max-time 10 http://127.0.0.1:8080/sleep/500?$2 > /dev/null
# The log is written when the response is sent.
for i in $(seq 100); do [ -s $1/$2.json ] && break; sleep 0.05; done
kill $server
";
