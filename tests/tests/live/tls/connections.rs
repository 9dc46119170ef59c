//! Which connection a call of the library belongs to, where that is not plain to see.

use std::time::Duration;

use anyhow::{Result, ensure};
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::{Asker, Held, curl, named, python};
use live_tests::compare;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::nginx::{Nginx, Options};

use super::{Seen, told};

crate::tests![
    interleaved_on_one_thread,
    reader_and_writer_threads,
    two_requests_in_one_record_of_tls,
    tls_inside_tls,
    descriptor_used_again,
    descriptor_used_again_client_alone,
    killed_while_reading,
];

/// Three connections of one thread by turns; answers are read in another order than asked for.
fn interleaved_on_one_thread(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    asked_by(scene, &app, &certificates, INTERLEAVED, 9)
}

/// One TLS object: a thread waits for answers in it while another writes requests to it.
fn reader_and_writer_threads(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    asked_by(scene, &app, &certificates, TWO_THREADS, 20)
}

/// The first call takes a few bytes of it, and the others find the rest decrypted in the library.
fn two_requests_in_one_record_of_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::script(scene, "sip", SIP, &certificates)?;
    asked_by(scene, &app, &certificates, PIPELINED, 2)
}

/// Runs a client, which prints what it was answered, and compares.
fn asked_by(
    scene: &Scene,
    app: &App,
    certificates: &Certificates,
    script: &str,
    exchanges: usize,
) -> Result<()> {
    let agent = scene.agent().port(app.port).start()?;
    let script = format!("{COMMON}{script}");
    let answers = python(&script, &[&certificates.file("ca.pem"), NAME, &app.port.to_string()])?;
    ensure!(answers.len() == exchanges, "{} answers", answers.len());
    let log = app.log(exchanges)?;
    compare::both_ends(&answers, &log)?;
    let ended = agent.finish(exchanges)?;
    Seen::openssl(app.port, "python3", "python3").check(&ended, &log)
}

/// curl speaks TLS with a proxy, and through it TLS with nginx; the proxy reads the outer one only.
/// curl's own view of the inner one may be a record too, from its side.
fn tls_inside_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates)?;
    let proxy = App::script(scene, "tunnel", TUNNEL, &certificates)?;
    let agent = scene.agent().port(nginx.port).port(proxy.port).start()?;
    let through = format!("https://127.0.0.1:{}", proxy.port);
    let ca = certificates.file("ca.pem");
    let urls = ["/text?1", "/small?2"].map(|path| named(nginx.port, path));
    let [first, second] = urls.each_ref().map(String::as_str);
    let trust = ["--http1.1", "--cacert", &ca, "--proxy-cacert", &ca];
    let way = ["--noproxy", "", "--proxy", &through, first, second];
    let answers = curl(&[trust.as_slice(), &way].concat())?;
    let tunnelled = proxy.log(1)?;
    let ended = agent.finish(3)?;
    let ports = (nginx.port, proxy.port);
    let log = nginx.stop()?;
    ensure!(answers.len() == 2 && log.len() == 2, "{answers:?} are answers, {log:?} is logged");
    let exchanges = ended.exchanges();
    let inner = Seen::openssl(ports.0, "python3", "nginx");
    inner.check_records(&at_port(&exchanges, ports.0), &log)?;
    let (connect, own): (Vec<_>, Vec<_>) =
        at_port(&exchanges, ports.1).into_iter().partition(|record| record.method() == "CONNECT");
    let outer = Seen { name: None, ..Seen::openssl(ports.1, "curl", "python3") };
    outer.check_records(&connect, &tunnelled)?;
    ensure!(own.len() <= answers.len(), "{} records of curl's two exchanges", own.len());
    own.iter().try_for_each(|record| record.must_be("/observer/side", "client"))?;
    ended.lost_nothing()
}

/// 200 connections of one process, all with the same descriptor, to two servers by turns.
fn descriptor_used_again(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let servers = (secure(scene, &certificates)?, secure(scene, &certificates)?);
    let agent = scene.agent().port(servers.0.port).port(servers.1.port).start()?;
    let [ca, port, other] = by_turns(&certificates, &servers);
    let answers = python(&format!("{COMMON}{BY_TURNS}"), &[&ca, NAME, &port, &other])?;
    ensure!(answers.len() == CONNECTIONS, "{} answers", answers.len());
    let ended = agent.finish(CONNECTIONS)?;
    for nginx in [servers.0, servers.1] {
        let port = nginx.port;
        let log = nginx.stop()?;
        ensure!(log.len() == CONNECTIONS / 2, "nginx logs {} exchanges", log.len());
        let records = at_port(&ended.exchanges(), port);
        Seen::openssl(port, "python3", "nginx").check_records(&records, &log)?;
    }
    ended.lost_nothing()
}

/// The same where no server's own view could put it right.
fn descriptor_used_again_client_alone(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let servers = (secure(scene, &certificates)?, secure(scene, &certificates)?);
    let mut command = process::command("python3")?;
    command.args(["-c", &format!("{COMMON}{BY_TURNS}")]);
    let [ca, port, other] = by_turns(&certificates, &servers);
    command.args([&ca, NAME, &port, &other]);
    let held = Held::new(scene, &command)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    held.go()?;
    let ended = agent.finish(CONNECTIONS)?;
    for nginx in [servers.0, servers.1] {
        let port = nginx.port;
        let log = told(nginx.stop()?);
        ensure!(log.len() == CONNECTIONS / 2, "nginx logs {} exchanges", log.len());
        let records = at_port(&ended.exchanges(), port);
        let seen = Seen::openssl(port, "python3", "nginx");
        Seen { side: "client", server: None, ..seen }.check_records(&records, &log)?;
    }
    ended.lost_nothing()
}

/// What a call has left unfinished is not taken for another's.
fn killed_while_reading(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    let host = format!("127.0.0.1:{}", app.port);
    let mut expected = 0;
    for number in 0..5 {
        let mut victim = Asker::start_tls(&host, &certificates)?;
        victim.ask(&format!("/length/1?victim={number}"))?;
        victim.send("/sleep/60000")?;
        std::thread::sleep(ASKING);
        victim.kill()?;
        let mut other = Asker::start_tls(&host, &certificates)?;
        for length in [2, 3] {
            other.ask(&format!("/length/{length}?after={number}"))?;
        }
        expected += 3;
    }
    let log = app.log(expected)?;
    // A request without a response may be a record or not.
    let mut agent = agent;
    let is_answered = |record: &Record| record.target().starts_with("/length/");
    let came = agent.wait_until("what was answered", |records| {
        records.iter().filter(|record| is_answered(record)).count() >= expected
    });
    let ended = agent.stop()?;
    let answered = ended.exchanges_under("/length/");
    let result = Seen::openssl(app.port, "python3", "python3").check_records(&answered, &log);
    result.and(came)
}

fn secure(scene: &Scene, certificates: &Certificates) -> Result<Nginx> {
    let tls = Some(certificates.clone());
    Nginx::start(scene, &Options { tls, ..Options::default() })
}

fn by_turns(certificates: &Certificates, servers: &(Nginx, Nginx)) -> [String; 3] {
    [certificates.file("ca.pem"), servers.0.port.to_string(), servers.1.port.to_string()]
}

fn at_port<'r>(records: &[&'r Record], port: u16) -> Vec<&'r Record> {
    let is_there = |record: &&Record| record.number("/server/port") == Some(port.into());
    records.iter().copied().filter(is_there).collect()
}

const SIP: &str = include_str!("../../../src/servers/sip.py");
const TUNNEL: &str = include_str!("../../../src/servers/tunnel.py");
const CONNECTIONS: usize = 200;
/// Time for a request to be sent and an answer to be waited for.
const ASKING: Duration = Duration::from_millis(200);

/// Connections, what is sent over them, and lines about what came back.
const COMMON: &str = r"
import json, socket, ssl, sys, threading, time
ca, name, port, *more = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
def connect(port):
    plain = socket.create_connection(('127.0.0.1', int(port)))
    return context.wrap_socket(plain, server_hostname=name)
def request(target):
    return f'GET {target} HTTP/1.1\r\nHost: {name}\r\n\r\n'.encode()
def response(connection, target):
    text = b''
    while b'\r\n\r\n' not in text:
        text += connection.recv(1)
    head = text.decode().lower()
    left = length = int(head.partition('content-length: ')[2].partition('\r')[0])
    while left:
        left -= len(connection.recv(left))
    print(json.dumps({'method': 'GET', 'target': target, 'status': int(head.split(' ')[1]),
        'port': connection.getsockname()[1], 'body_bytes': length}), flush=True)
";

const INTERLEAVED: &str = r"
connections = [connect(port) for _ in range(3)]
for turn in range(3):
    targets = [f'/length/{100 + turn}?connection={number}' for number in range(3)]
    for connection, target in zip(connections, targets):
        connection.sendall(request(target))
    for number in (2, 0, 1):
        response(connections[number], targets[number])
";

/// By turns: OpenSSL's objects bear no two threads at a time.
const TWO_THREADS: &str = r"
import select
connection = connect(port)
connection.setblocking(False)
lock = threading.Lock()
class Shared:
    def recv(self, size):
        while True:
            with lock:
                try:
                    return connection.recv(size)
                except ssl.SSLWantReadError:
                    pass
            select.select([connection], [], [])
    def getsockname(self):
        return connection.getsockname()
targets = [f'/length/{number * 100}' for number in range(20)]
def write():
    for target in targets:
        time.sleep(0.005)
        with lock:
            connection.sendall(request(target))
writer = threading.Thread(target=write)
writer.start()
for target in targets:
    response(Shared(), target)
writer.join()
";

const PIPELINED: &str = r"
connection = connect(port)
connection.sendall(request('/first') + request('/second?' + 'x' * 300))
response(connection, '/first')
response(connection, '/second?' + 'x' * 300)
";

const BY_TURNS: &str = r"
ports = [port, more[0]]
numbers = set()
for turn in range(200):
    with connect(ports[turn % 2]) as connection:
        numbers.add(connection.fileno())
        connection.sendall(request(f'/text?turn={turn}'))
        response(connection, f'/text?turn={turn}')
assert len(numbers) == 1, numbers
";
