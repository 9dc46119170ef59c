//! HTTP over TLS: every exchange is recorded as if it had come in the clear, once, with the right
//! ends, and with what the handshake told.
//!
//! In: servers' own logs, which are ground truth as elsewhere. Out: what all files here check alike.

mod connections;
mod doctor;
mod faults;
mod go;
mod libraries;
mod linked;
mod nginx;
mod node;
mod opaque;
mod places;
mod program;
mod python;
mod quic;
mod rustls;
mod spared;

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::{curl, named, trust};
use live_tests::compare;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::app::App;
use live_tests::servers::log::Entry;

/// Every test of these files.
pub fn tests() -> Vec<crate::Test> {
    let files = [
        nginx::tests(),
        python::tests(),
        node::tests(),
        libraries::tests(),
        go::tests(),
        rustls::tests(),
        linked::tests(),
        connections::tests(),
        opaque::tests(),
        quic::tests(),
        places::tests(),
        spared::tests(),
        faults::tests(),
    ];
    files.into_iter().flatten().collect()
}

/// Asks a server for each path over one connection of curl, and checks the records.
fn fetched(
    scene: &Scene,
    app: &App,
    certificates: &Certificates,
    more: &[&str],
    paths: &[&str],
    server: &str,
) -> Result<()> {
    let agent = scene.agent().port(app.port).start()?;
    let answers = curl_answers(app.port, certificates, more, paths)?;
    let ended = agent.finish(paths.len())?;
    let log = app.log(paths.len())?;
    compare::both_ends(&answers, &log)?;
    Seen::openssl(app.port, "curl", server).check(&ended, &log)
}

/// Asks for each path over one connection of curl.
fn curl_answers(
    port: u16,
    certificates: &Certificates,
    more: &[&str],
    paths: &[&str],
) -> Result<Vec<Entry>> {
    let urls: Vec<_> = paths.iter().map(|path| named(port, path)).collect();
    let answers = curl_secure(certificates, more, &urls)?;
    ensure!(answers.len() == paths.len(), "{} answers to {paths:?}", answers.len());
    Ok(answers)
}

/// Asks for several URLs over HTTP/1.1, on loopback by the test's own authority.
fn curl_secure(certificates: &Certificates, more: &[&str], urls: &[String]) -> Result<Vec<Entry>> {
    let trust = trust(certificates);
    let words = trust.iter().map(String::as_str).chain(["--http1.1"]);
    let words = words.chain(more.iter().copied()).chain(urls.iter().map(String::as_str));
    curl(&words.collect::<Vec<_>>())
}

/// What the log tells less the handshake and the process: nobody watched them.
fn told(log: Vec<Entry>) -> Vec<Entry> {
    log.into_iter().map(|entry| Entry { tls: None, pid: None, ..entry }).collect()
}

/// What records of exchanges over TLS tell besides the exchanges.
struct Seen<'a> {
    library: &'a str,
    version: &'a str,
    /// The name that the client asks for, if any.
    name: Option<&'a str>,
    /// Whether the handshake was seen. If not, what it says may be absent, not wrong.
    handshake: bool,
    side: &'a str,
    port: u16,
    /// Programs by name or path, where both ends are known.
    client: Option<&'a str>,
    server: Option<&'a str>,
}

impl<'a> Seen<'a> {
    /// OpenSSL at both ends of a connection that asks for the test's name.
    fn openssl(port: u16, client: &'a str, server: &'a str) -> Self {
        Self {
            library: "openssl",
            version: "1.3",
            name: Some(NAME),
            handshake: true,
            side: "server",
            port,
            client: Some(client),
            server: Some(server),
        }
    }

    /// Fails unless the records are those of the log, tell all this, and nothing was lost.
    fn check(&self, ended: &Ended, log: &[Entry]) -> Result<()> {
        self.check_records(&ended.exchanges(), log)?;
        ended.lost_nothing()
    }

    /// The same for some of the records.
    fn check_records(&self, records: &[&Record], log: &[Entry]) -> Result<()> {
        compare::with_log(records, log)?;
        records.iter().try_for_each(|record| self.check_one(record))
    }

    fn check_one(&self, record: &Record) -> Result<()> {
        // CONNECT names a host and a port, and no scheme.
        if record.method() != "CONNECT" {
            record.must_be("/url/scheme", "https")?;
        }
        record.must_be("/tls/library", self.library)?;
        record.must_be("/network/protocol/version", "1.1")?;
        record.must_be("/observer/side", self.side)?;
        let told = [("/tls/protocol/version", Some(self.version)), ("/tls/server_name", self.name)];
        for (key, expected) in told {
            let found = record.text(key);
            let is_unseen = !self.handshake && found.is_none();
            ensure!(
                is_unseen || found == expected,
                "{key}: {expected:?} expected, {found:?} came: {record}"
            );
        }
        let port = record.number("/server/port");
        ensure!(port == Some(self.port.into()), "the server's port is {}: {record}", self.port);
        let attribution = record.text("/capture/attribution").unwrap_or("absent");
        ensure!(ATTRIBUTIONS.contains(&attribution), "attribution is {attribution}: {record}");
        let programs = [("client", self.client), ("server", self.server)];
        for (end, program) in programs {
            let Some(program) = program else { continue };
            let is_path = program.starts_with('/');
            let path = if is_path { program.into() } else { process::find(program)? };
            let key = format!("/{end}/process/executable/path");
            record.must_be(&key, &path.to_string_lossy())?;
        }
        Ok(())
    }
}

/// Inside the call that moved the bytes, or by the bytes themselves.
const ATTRIBUTIONS: [&str; 2] = ["syscall", "ciphertext"];
