//! Python over TLS: blocking sockets, and asyncio, which encrypts in memory and moves the bytes itself.

use anyhow::Result;
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::{Asker, python};
use live_tests::compare;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::app::{App, Mode};

use super::{Seen, fetched, told};

crate::tests![
    blocking_server,
    forking_server,
    blocking_client_and_server,
    asyncio_server,
    asyncio_client,
    asyncio_at_both_ends,
    asyncio_many_at_a_time,
    asyncio_that_is_not_read_fast,
    upload_to_asyncio,
    client_alone_is_watched,
];

fn blocking_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let paths = ["/length/5", "/chunked/250000", "/none", "/length/100000", "/length/0"];
    fetched(scene, &app, &certificates, &[], &paths, "python3")
}

/// A process that has been forked calls the library that its parent has mapped.
fn forking_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Fork, &certificates)?;
    fetched(scene, &app, &certificates, &[], &["/length/5", "/length/70000"], "python3")
}

fn blocking_client_and_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    let mut asker = Asker::start_tls(&format!("127.0.0.1:{}", app.port), &certificates)?;
    for path in ["/length/7", "/chunked/30000", "/none"] {
        asker.ask(path)?;
    }
    drop(asker);
    let ended = agent.finish(3)?;
    Seen::openssl(app.port, "python3", "python3").check(&ended, &app.log(3)?)
}

fn asyncio_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::asyncio_tls(scene, &certificates)?;
    let paths = ["/length/5", "/chunked/250000", "/none", "/length/1000000", "/length/0"];
    fetched(scene, &app, &certificates, &[], &paths, "python3")
}

fn asyncio_client(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    asked_by_asyncio(scene, &app, &certificates, 1)
}

fn asyncio_at_both_ends(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::asyncio_tls(scene, &certificates)?;
    asked_by_asyncio(scene, &app, &certificates, 1)
}

/// One thread has many connections open, and none of its calls names a socket.
fn asyncio_many_at_a_time(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::asyncio_tls(scene, &certificates)?;
    asked_by_asyncio(scene, &app, &certificates, 20)
}

/// The socket takes no more: many calls of the library come before what they have written is sent.
fn asyncio_that_is_not_read_fast(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::asyncio_tls(scene, &certificates)?;
    let slowly = ["--limit-rate", "10M"];
    fetched(scene, &app, &certificates, &slowly, &["/length/5", "/chunked/8000000"], "python3")
}

fn upload_to_asyncio(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::asyncio_tls(scene, &certificates)?;
    let data = format!("@{}", scene.file("upload", text(1_500_000))?.display());
    fetched(scene, &app, &certificates, &["--data-binary", &data], &["/a", "/b"], "python3")
}

/// Only the client's library is read, so the record is from its side.
fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let mut asker = Asker::start_tls(&format!("127.0.0.1:{}", app.port), &certificates)?;
    let agent = scene.agent().pid(asker.pid()).start()?;
    for path in ["/length/7", "/length/8"] {
        asker.ask(path)?;
    }
    drop(asker);
    let ended = agent.finish(2)?;
    let seen = Seen::openssl(app.port, "python3", "python3");
    // Its handshake was over before; the server's process may be unknown.
    Seen { handshake: false, side: "client", server: None, ..seen }
        .check(&ended, &told(app.log(2)?))
}

/// So many connections at a time, each with three exchanges.
fn asked_by_asyncio(
    scene: &Scene,
    app: &App,
    certificates: &Certificates,
    connections: usize,
) -> Result<()> {
    let agent = scene.agent().port(app.port).start()?;
    let (port, ca) = (app.port.to_string(), certificates.file("ca.pem"));
    let answers = python(ASYNCIO, &[&port, &ca, NAME, &connections.to_string()])?;
    let log = app.log(answers.len())?;
    compare::both_ends(&answers, &log)?;
    let ended = agent.finish(answers.len())?;
    Seen::openssl(app.port, "python3", "python3").check(&ended, &log)
}

/// Each connection asks three times, all connections by turns.
const ASYNCIO: &str = r"
import asyncio, json, ssl, sys
port, ca, name, connections = sys.argv[1:]
async def ask(reader, writer, target, length):
    writer.write(f'GET {target} HTTP/1.1\r\nHost: {name}\r\n\r\n'.encode())
    head = (await reader.readuntil(b'\r\n\r\n')).decode()
    body = await reader.readexactly(length)
    print(json.dumps({'method': 'GET', 'target': target, 'status': int(head.split(' ')[1]),
        'port': writer.get_extra_info('sockname')[1], 'body_bytes': len(body)}), flush=True)
async def talk(number):
    context = ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection('127.0.0.1', int(port), ssl=context,
        server_hostname=name)
    for turn in range(3):
        length = 10 + 30000 * turn
        await ask(reader, writer, f'/length/{length}?number={number}&turn={turn}', length)
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.gather(*(talk(number) for number in range(int(connections))))
asyncio.run(main())
";
