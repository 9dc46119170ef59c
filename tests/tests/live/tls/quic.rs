//! QUIC, which cannot be read: each connection is told once, with both ends and the name that was
//! asked for. Other datagrams are no connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Held;
use live_tests::compare;
use live_tests::ports;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::app::App;
use live_tests::servers::log::Entry;
use live_tests::servers::quic::{self, Asking, Socket};

use super::opaque::{of_server, unread};

crate::tests![
    both_ends,
    client_alone_is_watched,
    connected_socket,
    connected_client_alone_is_watched,
    ipv6,
    ipv6_connected,
    many_connections,
    other_datagrams_are_no_quic,
    left_out_by_filter,
];

fn both_ends(scene: &Scene) -> Result<()> {
    told_by_server(scene, IPV4, ONE)
}

fn connected_socket(scene: &Scene) -> Result<()> {
    told_by_server(scene, IPV4, Asking { socket: Socket::Connected, ..ONE })
}

fn ipv6(scene: &Scene) -> Result<()> {
    told_by_server(scene, IPV6, ONE)
}

fn ipv6_connected(scene: &Scene) -> Result<()> {
    told_by_server(scene, IPV6, Asking { socket: Socket::Connected, ..ONE })
}

fn many_connections(scene: &Scene) -> Result<()> {
    told_by_server(scene, IPV4, Asking { connections: 20, requests: 1, ..ONE })
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    told_by_client(scene, ONE)
}

fn connected_client_alone_is_watched(scene: &Scene) -> Result<()> {
    told_by_client(scene, Asking { socket: Socket::Connected, ..ONE })
}

/// Of an agent that watches the server's port. It sees both ends, and tells of the server's.
fn told_by_server(scene: &Scene, address: IpAddr, asking: Asking) -> Result<()> {
    let traffic = Traffic::new(scene, address, asking)?;
    let (server, client) = (traffic.app.pid(), traffic.client.pid());
    let agent = scene.agent().port(traffic.app.port).start()?;
    let port = traffic.run()?;
    let ended = agent.stop()?;
    for record in told(&ended, address, port, asking)? {
        must_run(record, "/loss/process", server)?;
        must_run(record, "/loss/server/process", server)?;
        ensure!(record.at("/loss/client/address").is_some(), "no address of the client: {record}");
        // It may have ended before anybody could look.
        if record.at("/loss/client/process").is_some() {
            must_run(record, "/loss/client/process", client)?;
        }
    }
    Ok(())
}

/// Of an agent that watches the client's process only.
fn told_by_client(scene: &Scene, asking: Asking) -> Result<()> {
    let traffic = Traffic::new(scene, IPV4, asking)?;
    let client = traffic.client.pid();
    let agent = scene.agent().pid(client).start()?;
    let port = traffic.run()?;
    let ended = agent.stop()?;
    for record in told(&ended, IPV4, port, asking)? {
        must_run(record, "/loss/process", client)?;
        must_run(record, "/loss/client/process", client)?;
    }
    Ok(())
}

/// The losses, which must tell of the connections and of nothing else. Connections between
/// the same processes may share a record, so that it names no port of a client.
fn told(ended: &Ended, address: IpAddr, port: u16, asking: Asking) -> Result<Vec<&Record>> {
    let losses = unread(ended, "opaque_quic", asking.connections as u64)?;
    let others = ended.losses().len() - losses.len();
    ensure!(others == 0, "{others} losses of another kind");
    let python = process::find("python3")?;
    for record in &losses {
        of_server(record, port, &python)?;
        record.must_be("/loss/server/address", &address.to_string())?;
        // A client that is alone, with a socket for all addresses, does not say which one it had.
        if record.at("/loss/client/address").is_some() {
            record.must_be("/loss/client/address", &address.to_string())?;
        }
    }
    Ok(losses)
}

fn must_run(record: &Record, process: &str, pid: u32) -> Result<()> {
    let told = record.number(&format!("{process}/pid"));
    ensure!(told == Some(pid.into()), "{process}: {pid} expected, {told:?} came: {record}");
    Ok(())
}

/// Nothing is told of a port that nobody asked to watch.
fn left_out_by_filter(scene: &Scene) -> Result<()> {
    let traffic = Traffic::new(scene, IPV4, ONE)?;
    let agent = scene.agent().port(ports::free()?).start()?;
    traffic.run()?;
    nothing(&agent.stop()?)
}

/// Random bytes behind the head of an Initial packet, and questions like those of DNS.
fn other_datagrams_are_no_quic(scene: &Scene) -> Result<()> {
    let port = ports::free()?;
    let agent = scene.agent().port(port).start()?;
    let mut command = process::command("python3")?;
    command.args(["-c", DATAGRAMS, &port.to_string()]);
    let printed = process::run(&mut command, CLIENT_SECONDS)?.good()?;
    ensure!(printed.trim() == "400", "datagrams got lost: {printed} came back");
    nothing(&agent.stop()?)
}

fn nothing(ended: &Ended) -> Result<()> {
    ensure!(ended.exchanges().is_empty(), "exchanges of datagrams");
    ended.lost_nothing()
}

/// A server, and a client whose process is there and has not begun.
struct Traffic {
    app: App,
    client: Held,
    exchanges: usize,
}

impl Traffic {
    fn new(scene: &Scene, address: IpAddr, asking: Asking) -> Result<Self> {
        let certificates = Certificates::new(scene)?;
        let app = quic::start(scene, &certificates, address)?;
        let client = quic::client(scene, address, app.port, &certificates, asking)?;
        let client = Held::new(scene, &client)?;
        Ok(Self { app, client, exchanges: asking.connections * asking.requests })
    }

    /// Lets it run to its end, and gives the server's port.
    fn run(self) -> Result<u16> {
        let printed = self.client.go()?;
        let answers = printed.lines().map(Entry::parse).collect::<Result<Vec<_>>>()?;
        ensure!(answers.len() == self.exchanges, "the client says:\n{printed}");
        let log = self.app.log(self.exchanges)?;
        compare::both_ends(&answers, &log)?;
        Ok(self.app.port)
    }
}

const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const IPV6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const ONE: Asking = Asking { socket: Socket::Any, connections: 1, requests: 3 };
const CLIENT_SECONDS: u64 = 30;

/// Each datagram comes back as it went. Every fourth names QUIC's version 1 or 2; none is encrypted
/// with the keys that its connection id would give.
const DATAGRAMS: &str = r"
import random, socket, struct, sys
chance = random.Random(1)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', int(sys.argv[1])))
came = 0
def ping(client, payload):
    global came
    client.sendto(payload, server.getsockname())
    back, peer = server.recvfrom(65536)
    server.sendto(back, peer)
    came += client.recvfrom(65536)[0] == payload
versions = [b'\0\0\0\1', b'\x6b\x33\x43\xcf']
for number in range(200):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for each in (client, server):
        each.settimeout(5)
    first = bytes([0xc0 | chance.randrange(64)])
    version = versions[number // 4 % 2] if number % 4 == 0 else chance.randbytes(4)
    ids = b'\x08' + chance.randbytes(8) + b'\x08' + chance.randbytes(8)
    head = first + version + (ids if number % 8 == 0 else b'')
    ping(client, head + chance.randbytes(chance.randrange(1200, 1401) - len(head)))
    question = b'\7example\4test\0' + struct.pack('!HH', 1, 1)
    ping(client, struct.pack('!HHHHHH', chance.randrange(65536), 0x0100, 1, 0, 0, 0) + question)
    client.close()
print(came)
";
