//! For whom a proxy asks: what nginx makes of the same headers is ground truth.
//!
//! In: nginx's `realip` module, which reads forwarding headers and PROXY protocol by the same trust. Out: checks of
//! `source`, `earwitness.proxy`, `trace` and `http.route`.
//! Not here: forged and broken headers one by one (unit tests of `audit::source`).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::{curl, named, trust};
use live_tests::ports;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::get;
use live_tests::servers::nginx::{Nginx, Options, is_listening};
use live_tests::wait;
use live_tests::wire::End;
use serde_json::Value;

crate::tests![
    forwarded_for_as_nginx_reads_it,
    proxy_protocol_before_http_1,
    proxy_protocol_before_tls,
    nobody_is_believed_unasked,
    routes_and_traces,
];

const TRUST: &str = "[identity]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\"]\n";
const REALIP: &str = "set_real_ip_from 127.0.0.1; set_real_ip_from 10.0.0.0/8; \
    set_real_ip_from fd00::/8; real_ip_recursive on;";

/// nginx with one more server, which logs for whom it takes its clients.
struct Realip {
    nginx: Nginx,
    log: PathBuf,
    port: u16,
}

/// What it has logged of one request.
struct Truth {
    target: String,
    source: String,
    proxy: String,
    proxy_port: String,
}

impl Realip {
    fn start(scene: &Scene, listen: &str, more: &str) -> Result<Self> {
        let (port, log) = (ports::free()?, scene.path("source.json"));
        let server = format!(
            "}}\n  log_format source escape=json '{{\"target\":\"$request_uri\",\"source\":\"$remote_addr\",\
             \"proxy\":\"$proxy_protocol_addr\",\"proxy_port\":\"$proxy_protocol_port\"}}';\n  \
             server {{\n    listen 127.0.0.1:{port} {listen};\n    access_log {} source;\n    {REALIP}\n    \
             root {};\n    {more}",
            log.display(),
            scene.path("www").display(),
        );
        let nginx = Nginx::start(scene, &Options { server, ..Options::default() })?;
        wait::until_true("nginx's other server to listen", START_SECONDS, || {
            Ok(is_listening(port))
        })?;
        Ok(Self { nginx, log, port })
    }

    fn stop(self) -> Result<Vec<Truth>> {
        self.nginx.stop()?;
        fs::read_to_string(&self.log)?.lines().map(Truth::parse).collect()
    }
}

impl Truth {
    fn parse(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
        Ok(Self {
            target: text("target"),
            source: text("source"),
            proxy: text("proxy"),
            proxy_port: text("proxy_port"),
        })
    }

    fn record<'r>(&self, ended: &'r Ended) -> Result<&'r Record> {
        let mut records = ended.exchanges().into_iter();
        let found = records.find(|record| record.target() == self.target);
        found.with_context(|| format!("no record of {}", self.target))
    }
}

/// Whom the record says it is for: nobody but the peer, if it does not say.
fn source(record: &Record) -> &str {
    record.text("/source/address").or(record.text("/client/address")).unwrap_or("-")
}

fn forwarded_for_as_nginx_reads_it(scene: &Scene) -> Result<()> {
    let nginx = Realip::start(scene, "", "real_ip_header X-Forwarded-For;")?;
    let agent = scene.agent().config(TRUST)?.port(nginx.port).start()?;
    for (number, fields) in FORWARDED_FOR.iter().enumerate() {
        let client = End::connect(nginx.port)?;
        client.send(format!("GET /small?{number} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"))?;
        client.receive_response()?;
    }
    let ended = agent.finish(FORWARDED_FOR.len())?;
    let log = nginx.stop()?;
    ensure!(log.len() == FORWARDED_FOR.len(), "nginx has logged {} requests", log.len());
    for truth in &log {
        let record = truth.record(&ended)?;
        ensure!(source(record) == truth.source, "nginx takes {} for it: {record}", truth.source);
        record.must_be("/client/address", "127.0.0.1")?;
    }
    ended.lost_nothing()
}

/// Whole fields, each with its end of line.
const FORWARDED_FOR: &[&str] = &[
    "",
    "X-Forwarded-For: 198.51.100.7\r\n",
    "X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\n",
    "X-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.2.3.4\r\n",
    "X-Forwarded-For: 6.6.6.6, 198.51.100.7,10.2.3.4,10.1.1.1\r\n",
    "X-Forwarded-For: 10.9.9.9, 198.51.100.7\r\n",
    "X-Forwarded-For: 10.3.3.3, 10.2.3.4\r\n",
    "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 198.51.100.7\r\n",
    "x-forwarded-for: 198.51.100.7, fd00::7\r\n",
    "X-Forwarded-For: 2001:db8::7\r\n",
    "X-Forwarded-For: junk, 198.51.100.7\r\n",
];

fn proxy_protocol_before_http_1(scene: &Scene) -> Result<()> {
    let nginx = Realip::start(scene, "proxy_protocol", "real_ip_header proxy_protocol;")?;
    let agent = scene.agent().config(TRUST)?.port(nginx.port).start()?;
    let headers = headers();
    for (number, header) in headers.iter().enumerate() {
        let request = get(&format!("/small?{number}"));
        let whole = [header.as_slice(), request.as_bytes()].concat();
        // In one piece, the header by itself, and cut within the request: nginx reads a header at once or not at all.
        let cut = match number % 3 {
            0 => whole.len(),
            1 => header.len(),
            _ => header.len() + 3,
        };
        let client = End::connect(nginx.port)?;
        let (front, back) = whole.split_at(cut);
        for piece in [front, back].into_iter().filter(|piece| !piece.is_empty()) {
            client.send(piece)?;
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        client.receive_response()?;
        // Another request on the same connection is for the same client.
        client.send(get(&format!("/small?{number}-again")))?;
        client.receive_response()?;
    }
    let ended = agent.finish(2 * headers.len())?;
    let log = nginx.stop()?;
    ensure!(log.len() == 2 * headers.len(), "nginx has logged {} requests", log.len());
    for truth in &log {
        let record = truth.record(&ended)?;
        ensure!(source(record) == truth.source, "nginx takes {} for it: {record}", truth.source);
        let said = record.text("/earwitness/proxy/source/address").unwrap_or("");
        ensure!(said == truth.proxy, "nginx was told {}: {record}", truth.proxy);
    }
    ended.lost_nothing()
}

/// Both versions; each three times, as they are cut in three ways.
fn headers() -> Vec<Vec<u8>> {
    let v1 = |source: &str| format!("PROXY TCP4 {source} 127.0.0.1 4711 80\r\n").into_bytes();
    let v2 = |source: [u8; 4], rest: &[u8]| {
        let length = u16::try_from(12 + rest.len()).unwrap_or_default().to_be_bytes();
        let addresses = [&source[..], &[127, 0, 0, 1, 0x12, 0x67, 0, 80], rest].concat();
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], &addresses].concat()
    };
    let v6 = b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n".to_vec();
    let kinds =
        [v1("198.51.100.7"), v6, v2([203, 0, 113, 9], b""), v2([10, 1, 1, 1], b"\x04\0\x03abc")];
    kinds.into_iter().flat_map(|kind| [kind.clone(), kind.clone(), kind]).collect()
}

/// The header stands in plaintext before the handshake, and belongs to what TLS carries.
fn proxy_protocol_before_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let files = format!(
        "ssl_certificate {}; ssl_certificate_key {}; real_ip_header proxy_protocol;",
        certificates.file("server.pem"),
        certificates.file("server.key"),
    );
    let nginx = Realip::start(scene, "ssl http2 proxy_protocol", &files)?;
    let agent = scene.agent().config(TRUST)?.port(nginx.port).start()?;
    for version in ["--http1.1", "--http2"] {
        let url = named(nginx.port, &format!("/small?{version}"));
        let mut words = trust(&certificates);
        words.extend([version, "--haproxy-protocol", &url].map(str::to_owned));
        curl(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let ended = agent.finish(2)?;
    let log = nginx.stop()?;
    ensure!(log.len() == 2, "nginx has logged {} requests", log.len());
    for truth in &log {
        let record = truth.record(&ended)?;
        record.must_be("/earwitness/proxy/source/address", &truth.proxy)?;
        let port = record.number("/earwitness/proxy/source/port").unwrap_or(0).to_string();
        ensure!(port == truth.proxy_port, "nginx was told port {}: {record}", truth.proxy_port);
        record.must_be("/source/rule", "proxy-v1")?;
        record.must_be("/url/scheme", "https")?;
    }
    ended.lost_nothing()
}

fn nobody_is_believed_unasked(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    curl(&["--header", "X-Forwarded-For: 198.51.100.7", &nginx.url("/small")])?;
    let ended = agent.finish(1)?;
    let record = ended.only_exchange()?;
    ensure!(record.at("/source").is_none(), "somebody was believed: {record}");
    record.must_be("/client/address", "127.0.0.1")?;
    ended.lost_nothing()
}

fn routes_and_traces(scene: &Scene) -> Result<()> {
    let description = "openapi: 3.0.3\nservers: [{url: /api}]\npaths: {'/orders/{order}': {}}\n";
    let description = scene.file("shop.yaml", description)?;
    let config = format!("[route]\nopenapi = [\"{}\"]\n", description.display());
    let server =
        "location /users/ { return 200 \"one\\n\"; } location /api/ { return 200 \"two\\n\"; }";
    let nginx = Nginx::start(scene, &Options { server: server.into(), ..Options::default() })?;
    let agent = scene.agent().config(&config)?.port(nginx.port).start()?;
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let paths = ["/users/7", "/users/8/files", "/api/orders/red", "/missing", "/users/9"];
    let urls = paths.map(|path| nginx.url(path));
    let words: Vec<_> =
        ["--header", trace].into_iter().chain(urls.iter().map(String::as_str)).collect();
    curl(&words)?;
    let ended = agent.finish(paths.len())?;
    let routes: Vec<_> =
        ended.exchanges().iter().map(|record| record.text("/http/route").unwrap_or("-")).collect();
    let expected = ["/users/{id}", "/users/{id}/files", "/api/orders/{order}", "-", "/users/{id}"];
    ensure!(routes == expected, "routes: {routes:?}");
    for record in ended.exchanges() {
        record.must_be("/trace/id", "4bf92f3577b34da6a3ce929d0e0e4736")?;
        record.must_be("/trace/span_id", "00f067aa0ba902b7")?;
    }
    ended.lost_nothing()
}

const START_SECONDS: u64 = 10;
