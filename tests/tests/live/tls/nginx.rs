//! nginx over TLS, with its access log as ground truth.

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::{Asker, named, wrk};
use live_tests::compare;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::log::Entry;
use live_tests::servers::nginx::{Nginx, Options};

use super::{Seen, curl_secure};

crate::tests![
    keep_alive,
    tls_1_2,
    large_download,
    upload,
    reverse_proxy,
    chunked_responses,
    client_certificate,
    resumed_sessions,
    many_clients,
    connection_older_than_the_agent,
    client_older_than_the_agent,
    moderate_rate_loses_nothing,
    full_rate_is_accounted_for,
];

/// Several URLs over one connection of curl.
fn keep_alive(scene: &Scene) -> Result<()> {
    let paths = ["/small", "/text?page=2&sort=a", "/missing", "/small?x", "/fault"];
    let (ended, log, port) = asked(scene, "", &[], &paths)?;
    ensure!(log.windows(2).all(|pair| port_of(pair.first()) == port_of(pair.last())));
    Seen::openssl(port, "curl", "nginx").check(&ended, &log)
}

fn port_of(entry: Option<&Entry>) -> Option<u64> {
    entry.map(|entry| entry.port)
}

fn tls_1_2(scene: &Scene) -> Result<()> {
    let (ended, log, port) = asked(scene, "ssl_protocols TLSv1.2;", &[], &["/small", "/text"])?;
    let seen = Seen { version: "1.2", ..Seen::openssl(port, "curl", "nginx") };
    seen.check(&ended, &log)
}

/// What is larger than the largest record of TLS, and than any socket's buffer.
fn large_download(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(LARGE_BYTES))?;
    let (ended, log, port) = asked(scene, "", &[], &["/file", "/small", "/file?again"])?;
    ended.took_at_most(RSS_BYTES)?;
    Seen::openssl(port, "curl", "nginx").check(&ended, &log)
}

fn upload(scene: &Scene) -> Result<()> {
    let file = scene.file("upload", text(UPLOAD_BYTES))?;
    let data = format!("@{}", file.display());
    let more = ["--header", "Expect:", "--data-binary", &data];
    let (ended, log, port) = asked(scene, "", &more, &["/text", "/text?2"])?;
    // nginx counts no content that it throws away.
    let log: Vec<_> = log.into_iter().map(|entry| Entry { request_bytes: None, ..entry }).collect();
    Seen::openssl(port, "curl", "nginx").check(&ended, &log)?;
    for record in ended.exchanges() {
        let size = record.number("/http/request/body/size");
        ensure!(size == Some(UPLOAD_BYTES as u64), "the request has {size:?} bytes: {record}");
    }
    Ok(())
}

/// One request from outside makes two exchanges, and one process has both ends of TLS.
fn reverse_proxy(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let back = secure(scene, &certificates, "")?;
    let proxy = format!(
        "location /inner/ {{ proxy_pass {}; proxy_http_version 1.1; proxy_ssl_name {NAME}; \
         proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3; }}",
        back.url("/"),
    );
    let front = secure(scene, &certificates, &proxy)?;
    let agent = scene.agent().port(front.port).port(back.port).start()?;
    let paths = ["/inner/text", "/inner/small?x", "/inner/missing"];
    let urls = paths.map(|path| named(front.port, path));
    let answers = curl_secure(&certificates, &[], &urls)?;
    let ended = agent.finish(2 * paths.len())?;
    let ports = (front.port, back.port);
    let (outer, inner) = (front.stop()?, back.stop()?);
    compare::both_ends(&answers, &outer)?;
    ensure!(inner.len() == paths.len(), "{} exchanges behind the proxy", inner.len());
    let at = |port: u16| move |record: &&Record| record.number("/server/port") == Some(port.into());
    let (before, behind): (Vec<_>, _) = ended.exchanges().into_iter().partition(at(ports.0));
    Seen::openssl(ports.0, "curl", "nginx").check_records(&before, &outer)?;
    Seen::openssl(ports.1, "nginx", "nginx").check_records(&behind, &inner)?;
    ended.lost_nothing()
}

fn chunked_responses(scene: &Scene) -> Result<()> {
    scene.file("www/page", text(300_000))?;
    let header = ["--header", "Accept-Encoding: gzip"];
    let paths = ["/gzip/page", "/gzip/small", "/gzip/page?again"];
    let (ended, log, port) = asked(scene, "", &header, &paths)?;
    Seen::openssl(port, "curl", "nginx").check(&ended, &log)
}

fn client_certificate(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let own =
        ["--cert", &certificates.file("client.pem"), "--key", &certificates.file("client.key")];
    let nginx = secure(scene, &certificates, "ssl_verify_client on;")?;
    let (ended, log, port) = asked_of(scene, nginx, &certificates, &own, &["/small", "/text"])?;
    Seen::openssl(port, "curl", "nginx").check(&ended, &log)
}

/// The second connection's handshake is short; Python's client keeps its session in between.
fn resumed_sessions(scene: &Scene) -> Result<()> {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let certificates = Certificates::new(scene)?;
        let nginx = secure(scene, &certificates, &format!("ssl_protocols {version};"))?;
        let agent = scene.agent().port(nginx.port).data_dir(scene.path(version)).start()?;
        let mut command = process::command("python3")?;
        command.args(["-c", RESUMING, &nginx.port.to_string(), &certificates.file("ca.pem"), NAME]);
        let printed = process::run(&mut command, 20)?.good()?;
        ensure!(printed == "False True True\n", "sessions resumed: {printed}");
        let ended = agent.finish(3)?;
        let seen = Seen {
            version: version.trim_start_matches("TLSv"),
            ..Seen::openssl(nginx.port, "python3", "nginx")
        };
        seen.check(&ended, &nginx.stop()?)?;
    }
    Ok(())
}

/// A process and a connection for each exchange: a library is probed before it is first called.
fn many_clients(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates, "")?;
    let agent = scene.agent().port(nginx.port).start()?;
    let mut answers = Vec::new();
    for number in 0..CLIENTS {
        let url = named(nginx.port, &format!("/text?client={number}"));
        answers.extend(curl_secure(&certificates, &[], &[url])?);
    }
    let ended = agent.finish(CLIENTS)?;
    let port = nginx.port;
    let log = nginx.stop()?;
    compare::both_ends(&answers, &log)?;
    Seen::openssl(port, "curl", "nginx").check(&ended, &log)
}

/// Neither its handshake nor its first exchange was seen; what follows is.
fn connection_older_than_the_agent(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates, "")?;
    let mut asker = Asker::start_tls(&format!("127.0.0.1:{}", nginx.port), &certificates)?;
    ensure!(asker.ask("/text?before")? == (200, 10), "no answer before the agent starts");
    let agent = scene.agent().port(nginx.port).start()?;
    let answers = ["/text?after=1", "/small?after=2", "/missing?after=3"]
        .map(|path| asker.ask(path).map(|(status, _)| status));
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    ensure!(answers == [200, 200, 404], "answers: {answers:?}");
    let ended = agent.finish(3)?;
    let port = nginx.port;
    drop(asker);
    let log = without_handshake(nginx.stop()?);
    let seen = Seen { handshake: false, ..Seen::openssl(port, "python3", "nginx") };
    seen.check(&ended, log.get(1..).unwrap_or_default())
}

/// The client has the library mapped before the agent starts, and connects after.
fn client_older_than_the_agent(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates, "")?;
    let mut command = process::command("python3")?;
    let arguments = [&nginx.port.to_string(), &certificates.file("ca.pem"), NAME];
    let mut asker = Asker::run(command.args(["-c", LATE]).args(arguments))?;
    ensure!(asker.ask("ready")? == (0, 0), "the client is not ready");
    let agent = scene.agent().port(nginx.port).start()?;
    for path in ["/text?1", "/text?2"] {
        ensure!(asker.ask(path)? == (200, 10), "no answer to {path}");
    }
    let ended = agent.finish(2)?;
    let port = nginx.port;
    drop(asker);
    Seen::openssl(port, "python3", "nginx").check(&ended, &nginx.stop()?)
}

/// A rate that the agent must bear without loss.
fn moderate_rate_loses_nothing(scene: &Scene) -> Result<()> {
    let pace = scene.file("pace.lua", "function delay() return 5 end\n")?;
    let (ended, log) = loaded(scene, 8, &["--script", &pace.to_string_lossy()])?;
    compare::with_log(&ended.exchanges(), &log)?;
    ended.lost_nothing()
}

fn full_rate_is_accounted_for(scene: &Scene) -> Result<()> {
    let (ended, log) = loaded(scene, 32, &[])?;
    compare::accounted(log.len(), &ended)?;
    if ended.losses().is_empty() {
        return compare::with_log(&ended.exchanges(), &log);
    }
    compare::whole_ones_took_place(&ended.exchanges(), &log)
}

/// Three seconds of wrk: what the agent recorded, and nginx's log.
fn loaded(scene: &Scene, connections: usize, more: &[&str]) -> Result<(Ended, Vec<Entry>)> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates, "")?;
    let agent = scene.agent().port(nginx.port).start()?;
    let count = wrk(&nginx.url("/small?under=load"), connections, 3, more)?;
    let log = nginx.stop()?;
    let ended = agent.stop()?;
    // wrk leaves what is under way when its time is over.
    let rest = log.len().checked_sub(count).context("nginx logs fewer than wrk counts")?;
    ensure!(rest <= connections, "nginx logs {} exchanges, wrk counts {count}", log.len());
    ensure!(count > 100, "wrk got {count} responses only");
    Ok((ended, log))
}

fn secure(scene: &Scene, certificates: &Certificates, server: &str) -> Result<Nginx> {
    let (tls, server) = (Some(certificates.clone()), server.to_owned());
    Nginx::start(scene, &Options { tls, server, ..Options::default() })
}

/// Asks a new nginx for each path over one connection of curl: the agent's end, the log, the port.
fn asked(
    scene: &Scene,
    server: &str,
    more: &[&str],
    paths: &[&str],
) -> Result<(Ended, Vec<Entry>, u16)> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates, server)?;
    asked_of(scene, nginx, &certificates, more, paths)
}

fn asked_of(
    scene: &Scene,
    nginx: Nginx,
    certificates: &Certificates,
    more: &[&str],
    paths: &[&str],
) -> Result<(Ended, Vec<Entry>, u16)> {
    let port = nginx.port;
    let agent = scene.agent().port(port).start()?;
    let urls: Vec<_> = paths.iter().map(|path| named(port, path)).collect();
    let answers = curl_secure(certificates, more, &urls)?;
    let ended = agent.finish(paths.len())?;
    let log = nginx.stop()?;
    compare::both_ends(&answers, &log)?;
    ensure!(answers.len() == paths.len(), "{} answers to {paths:?}", answers.len());
    Ok((ended, log, port))
}

/// What the log tells of a handshake that nobody has seen.
fn without_handshake(log: Vec<Entry>) -> Vec<Entry> {
    log.into_iter().map(|entry| Entry { tls: None, ..entry }).collect()
}

const LARGE_BYTES: usize = 5_000_000;
/// nginx answers before it has thrown the content away, so the next head comes in the same turn.
const UPLOAD_BYTES: usize = 3_000_000;
const RSS_BYTES: u64 = 128 << 20;
const CLIENTS: usize = 20;

/// Three connections, the later two by the first one's session.
const RESUMING: &str = "
import http.client, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
session, reused = None, []
for number in range(3):
    connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)
    plain = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10)
    connection.sock = context.wrap_socket(plain, server_hostname=sys.argv[3], session=session)
    connection.request('GET', '/text?number=%d' % number)
    assert connection.getresponse().read() == b'some text\\n'
    session = connection.sock.session
    reused.append(str(connection.sock.session_reused))
    connection.close()
print(*reused)
";

/// Answers the first line without a connection, each further one over a connection of its own.
pub(super) const LATE: &str = "
import http.client, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
print(0, 0, flush=True)
sys.stdin.readline()
for path in sys.stdin:
    connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)
    plain = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10)
    connection.sock = context.wrap_socket(plain, server_hostname=sys.argv[3])
    connection.request('GET', path.strip())
    response = connection.getresponse()
    print(response.status, len(response.read()), flush=True)
    connection.close()
";
