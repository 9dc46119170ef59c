//! Other libraries than OpenSSL, and OpenSSL inside a server with filters of its own.

use anyhow::{Result, ensure};
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::Held;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::servers::{apache, log};

use super::{Seen, fetched, told};

crate::tests![
    apache_server,
    wget_as_client,
    wget_alone_is_watched,
    gnutls_cli_pipelined,
    gnutls_server,
    nss_client,
    nss_client_alone_is_watched,
];

fn apache_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    scene.file("www/file", text(400_000))?;
    let app = apache::start(scene, &certificates)?;
    let paths = ["/small", "/file", "/missing?x=1", "/file?again", "/small?last"];
    fetched(scene, &app, &certificates, &[], &paths, "apache2")
}

/// GnuTLS at one end and OpenSSL at the other: one record an exchange, from the server's side.
fn wget_as_client(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    scene.file("www/file", text(300_000))?;
    let tls = Some(certificates.clone());
    let nginx = Nginx::start(scene, &Options { tls, ..Options::default() })?;
    let agent = scene.agent().port(nginx.port).start()?;
    let paths = ["/small", "/file", "/text?x=1"];
    process::run(&mut wget(nginx.port, &certificates, &paths)?, 20)?.good()?;
    let ended = agent.finish(paths.len())?;
    let port = nginx.port;
    let log = nginx.stop()?;
    ensure!(log.len() == paths.len(), "nginx logs {} exchanges", log.len());
    Seen { name: Some("localhost"), ..Seen::openssl(port, "wget", "nginx") }.check(&ended, &log)
}

/// Only GnuTLS is read, from a program's first call on.
fn wget_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    scene.file("www/file", text(300_000))?;
    let tls = Some(certificates.clone());
    let nginx = Nginx::start(scene, &Options { tls, ..Options::default() })?;
    let paths = ["/small", "/file", "/text?x=1"];
    let held = Held::new(scene, &wget(nginx.port, &certificates, &paths)?)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    held.go()?;
    let ended = agent.finish(paths.len())?;
    let port = nginx.port;
    let log = told(nginx.stop()?);
    ensure!(log.len() == paths.len(), "nginx logs {} exchanges", log.len());
    let seen = Seen::openssl(port, "wget", "nginx");
    Seen { library: "gnutls", name: Some("localhost"), side: "client", server: None, ..seen }
        .check(&ended, &log)
}

fn wget(port: u16, certificates: &Certificates, paths: &[&str]) -> Result<std::process::Command> {
    let mut command = process::command("wget")?;
    command.args(["--no-config", "--no-proxy", "--no-verbose", "--output-document", "/dev/null"]);
    command.args(["--inet4-only", "--ca-certificate", &certificates.file("ca.pem")]);
    command.args(paths.iter().map(|path| format!("https://localhost:{port}{path}")));
    Ok(command)
}

/// Two requests in one record of TLS.
fn gnutls_cli_pipelined(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let mut client = process::command("gnutls-cli")?;
    client.args(["--x509cafile", &certificates.file("ca.pem"), "--port", &app.port.to_string()]);
    client.args(["--sni-hostname", NAME, "--verify-hostname", NAME, "127.0.0.1"]);
    let mut command = process::command("sh")?;
    command.args(["-c", "exec \"$@\" < \"$0\""]).arg(scene.file("requests", PIPELINED)?);
    command.arg(client.get_program()).args(client.get_args());
    let held = Held::new(scene, &command)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    held.go()?;
    let log = app.log(2)?;
    let ended = agent.finish(2)?;
    let seen = Seen::openssl(app.port, "gnutls-cli", "python3");
    Seen { library: "gnutls", side: "client", server: None, ..seen }.check(&ended, &told(log))
}

/// It listens on every address, so it gets a network of its own; curl tells what happened.
fn gnutls_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let script = scene.file("world.sh", GNUTLS_WORLD)?;
    let agent = scene.agent().port(GNUTLS_PORT).start()?;
    let mut command = process::command("unshare")?;
    command.args(["--net", "sh"]).arg(script).arg(certificates.folder()).arg(scene.path(""));
    process::run(&mut command, 20)?.good()?;
    let answers = log::read(&scene.path("curl.json"))?;
    ensure!(answers.len() == 2, "curl got {} answers", answers.len());
    let ended = agent.finish(2)?;
    let answers = answers.into_iter().zip(["/first", "/second?x"]);
    let answers: Vec<_> =
        answers.map(|(entry, target)| log::Entry { target: target.to_owned(), ..entry }).collect();
    let seen = Seen::openssl(GNUTLS_PORT, "curl", "gnutls-serv");
    Seen { library: "gnutls", ..seen }.check(&ended, &answers)
}

/// The server's library is OpenSSL; the client's process is known all the same.
fn nss_client(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    process::run(&mut tstclnt(scene, app.port)?, 20)?;
    let log = app.log(2)?;
    let ended = agent.finish(2)?;
    Seen::openssl(app.port, "tstclnt", "python3").check(&ended, &log)
}

fn nss_client_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let held = Held::new(scene, &tstclnt(scene, app.port)?)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    held.go()?;
    let log = app.log(2)?;
    let ended = agent.finish(2)?;
    let seen = Seen::openssl(app.port, "tstclnt", "python3");
    Seen { library: "nss", side: "client", server: None, ..seen }.check(&ended, &told(log))
}

/// The test client of NSS, without a database, trusting anyone.
fn tstclnt(scene: &Scene, port: u16) -> Result<std::process::Command> {
    let requests = scene.file("requests", PIPELINED)?;
    let mut command = process::command("tstclnt")?;
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-a", NAME, "-o", "-D", "-A"]);
    command.arg(requests);
    Ok(command)
}

const PIPELINED: &str = "GET /length/5 HTTP/1.1\r\nHost: api.example.test\r\n\r\n\
                         GET /length/20000?last HTTP/1.1\r\nHost: api.example.test\r\n\
                         Connection: close\r\n\r\n";
const GNUTLS_PORT: u16 = 8_443;

/// A server of GnuTLS, and curl twice, each over a connection of its own: the server closes it.
const GNUTLS_WORLD: &str = r#"
set -e
ip link set lo up
gnutls-serv --http --quiet --port 8443 \
  --x509certfile "$1/server.pem" --x509keyfile "$1/server.key" > "$2/gnutls.log" 2>&1 < /dev/null &
server=$!
trap 'kill $server' EXIT
while ! grep -q ':20FB 0*:0000 0A' /proc/net/tcp /proc/net/tcp6; do sleep 0.05; done
for target in /first '/second?x'; do
  curl --silent --show-error --http1.1 --noproxy '*' --max-time 10 --output /dev/null \
    --cacert "$1/ca.pem" --connect-to ::127.0.0.1: "https://api.example.test:8443$target" \
    --write-out '{"method":"%{method}","status":%{http_code},"port":%{local_port},"body_bytes":%{size_download}}\n' \
    >> "$2/curl.json"
done
"#;
