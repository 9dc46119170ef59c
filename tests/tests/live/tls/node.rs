//! Node, which has OpenSSL in its own program and gives it memory in place of sockets.

use anyhow::{Result, ensure};
use live_tests::certificates::{Certificates, NAME};
use live_tests::compare;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::log::Entry;

use super::{Seen, fetched};

crate::tests![server, large_chunked, upload, client, client_and_server, many_connections_at_a_time];

fn server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::node_tls(scene, &certificates)?;
    let paths = ["/length/0", "/length/100000", "/chunked/10", "/none", "/chunked/300000"];
    fetched(scene, &app, &certificates, &[], &paths, "node")
}

fn large_chunked(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::node_tls(scene, &certificates)?;
    fetched(scene, &app, &certificates, &[], &["/chunked/5000000", "/length/3"], "node")
}

fn upload(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::node_tls(scene, &certificates)?;
    let data = format!("@{}", scene.file("upload", text(700_000))?.display());
    fetched(scene, &app, &certificates, &["--data-binary", &data], &["/a", "/b"], "node")
}

fn client(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    asked(scene, &app, &certificates, 1, "python3")
}

fn client_and_server(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::node_tls(scene, &certificates)?;
    asked(scene, &app, &certificates, 1, "node")
}

fn many_connections_at_a_time(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::node_tls(scene, &certificates)?;
    asked(scene, &app, &certificates, 20, "node")
}

/// So many connections of one process, each with three exchanges.
fn asked(
    scene: &Scene,
    app: &App,
    certificates: &Certificates,
    connections: usize,
    server: &str,
) -> Result<()> {
    let agent = scene.agent().port(app.port).start()?;
    let mut command = process::command("node")?;
    command.arg(scene.file("ask.js", CLIENT)?).arg(app.port.to_string());
    command.args([&certificates.file("ca.pem"), NAME, &connections.to_string()]);
    let printed = process::run(&mut command, 30)?.good()?;
    let answers = printed.lines().map(Entry::parse).collect::<Result<Vec<_>>>()?;
    ensure!(answers.len() == 3 * connections, "the client says:\n{printed}");
    let log = app.log(answers.len())?;
    compare::both_ends(&answers, &log)?;
    let ended = agent.finish(answers.len())?;
    Seen::openssl(app.port, "node", server).check(&ended, &log)
}

/// Each connection asks three times, all connections at the same time.
const CLIENT: &str = "
const https = require('https');
const [port, ca, name, connections] = process.argv.slice(2);
const trusted = require('fs').readFileSync(ca);
function ask(agent, path) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, agent, ca: trusted, servername: name };
    https.get(options, (response) => {
      let size = 0;
      const local = response.socket.localPort;
      response.on('data', (piece) => (size += piece.length));
      response.on('end', () => {
        const line = { method: 'GET', target: path, status: response.statusCode, port: local };
        console.log(JSON.stringify({ ...line, body_bytes: size }));
        setImmediate(resolve);
      });
    }).on('error', reject);
  });
}
async function talk(number) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  for (const turn of [0, 1, 2]) await ask(agent, `/length/${10 + 30000 * turn}?number=${number}&turn=${turn}`);
  agent.destroy();
}
Promise.all([...Array(Number(connections)).keys()].map(talk));
";
