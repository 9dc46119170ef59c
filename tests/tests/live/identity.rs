//! Who asked: what the agent concludes, against what servers say that they have understood.

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::{curl, curl_content, named, trust};
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::issuer::{self, ISSUER};
use live_tests::servers::nginx::{Nginx, Options};
use nix::unistd::Uid;

crate::tests![
    users_that_nginx_asks_for,
    certificates_that_nginx_asks_for,
    tokens_and_sessions_of_a_server,
    users_that_nobody_trusted_names,
];

/// Right and wrong passwords, and none.
fn users_that_nginx_asks_for(scene: &Scene) -> Result<()> {
    let users = scene.file("users", "alice:{PLAIN}right\n")?;
    let server = format!("auth_basic \"t\"; auth_basic_user_file {};", users.display());
    let nginx = Nginx::start(scene, &Options { server, ..Options::default() })?;
    let agent = scene.agent().port(nginx.port).start()?;
    let url = nginx.url("/small");
    curl(&["--user", "alice:right", &url])?;
    curl(&["--user", "alice:wrong-zq7Xk2wVb9", &url])?;
    curl(&["--user", "mallory:right", &url])?;
    curl(&[&url])?;
    let ended = agent.finish(4)?;
    let log = nginx.stop()?;
    ensure!(log.len() == 4, "nginx logs {} exchanges", log.len());
    for (record, entry) in ended.exchanges().iter().zip(&log) {
        match &entry.user {
            Some(user) => principal(record, "basic", user, "unverified")?,
            None => local(record)?,
        }
        let accepted = record.flag("/principal/accepted");
        ensure!(accepted == Some(entry.status == 200), "{}: {record}", entry.status);
    }
    ensure!(!text(&ended).contains("zq7Xk2wVb9"), "a password is recorded");
    ended.lost_nothing()
}

/// TLS 1.3 hides the certificate, so it is asked over 1.2.
fn certificates_that_nginx_asks_for(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = "ssl_verify_client on; ssl_protocols TLSv1.2;".to_owned();
    let tls = Some(certificates.clone());
    let nginx = Nginx::start(scene, &Options { tls, server, ..Options::default() })?;
    let agent = scene.agent().port(nginx.port).start()?;
    let (own, key) = (certificates.file("client.pem"), certificates.file("client.key"));
    let (trusted, url) = (trust(&certificates), named(nginx.port, "/small"));
    let mut arguments = vec!["--cert", &own, "--key", &key, &url, &url];
    arguments.extend(trusted.iter().map(String::as_str));
    curl(&arguments)?;
    let ended = agent.finish(2)?;
    let log = nginx.stop()?;
    ensure!(log.len() == 2, "nginx logs {} exchanges", log.len());
    for (record, entry) in ended.exchanges().iter().zip(&log) {
        let subject = entry.subject.as_deref().context("nginx logs no subject")?;
        principal(record, "client_certificate", subject, "transport")?;
    }
    ended.lost_nothing()
}

/// A token that holds, one that was changed, one that is over; a session, and one that nobody began.
fn tokens_and_sessions_of_a_server(scene: &Scene) -> Result<()> {
    let (server, keys) = (issuer::start(scene)?, issuer::keys(scene)?);
    let keys = keys.display();
    let config = format!(
        "[policy]\ndefault = \"request\"\n[identity]\njwks = [{{ issuer = \"{ISSUER}\", file = \"{keys}\" }}]\n"
    );
    let agent = scene.agent().config(&config)?.port(server.port).start()?;
    let post = |path: &str, body: &str, more: &[&str]| {
        let url = server.url(path);
        let json = ["--header", "Content-Type: application/json", "--data", body, &url];
        curl_content(&[&json, more].concat())
    };
    let token = post("/token", r#"{"user":"alice","password":"right"}"#, &[])?;
    let old = post("/token", r#"{"user":"alice","password":"right","seconds":-600}"#, &[])?;
    let (front, end) = token.rsplit_once('.').context("no token came")?;
    let other = if end.starts_with('A') { "B" } else { "A" };
    let forged = format!("{front}.{other}{}", end.get(1..).unwrap_or_default());
    let me = server.url("/me");
    for token in [&token, &forged, &old] {
        curl(&["--header", &format!("Authorization: Bearer {token}"), &me])?;
    }
    let jar = scene.path("jar").display().to_string();
    post("/login", r#"{"user":"bob","password":"right"}"#, &["--cookie-jar", &jar])?;
    curl(&["--cookie", &jar, &me])?;
    curl(&["--cookie", "sessionid=nobody", &me])?;
    let ended = agent.finish(8)?;
    let log = server.log(8)?;
    let asked = |record: &&&Record| record.target() == "/me";
    let records: Vec<_> = ended.exchanges();
    let records: Vec<_> = records.iter().filter(asked).collect();
    let [held, changed, over, session, unknown] = records.as_slice() else {
        anyhow::bail!("{} requests for /me are recorded", records.len());
    };
    let mut users = log.iter().filter(|entry| entry.target == "/me").map(|entry| &entry.user);
    let mut next = || users.next().cloned().flatten();
    principal(held, "jwt", &next().context("the server did not know the token")?, "crypto")?;
    held.must_be("/principal/issuer", ISSUER)?;
    ensure!(next().is_none() && next().is_none(), "the server took a bad token");
    ensure!(flaws(changed) == ["bad_signature"], "a changed token: {changed}");
    ensure!(changed.text("/principal/kind") != Some("jwt"), "a changed token counts: {changed}");
    ensure!(flaws(over) == ["expired"], "an old token: {over}");
    principal(over, "jwt", "alice", "unverified")?;
    ensure!(over.flag("/principal/accepted") == Some(false), "an old token is accepted: {over}");
    principal(session, "session", &next().context("the server has no session")?, "unverified")?;
    ensure!(next().is_none(), "the server knows a session that it did not begin");
    let id = unknown.text("/principal/id").unwrap_or_default();
    ensure!(id.starts_with("hmac:"), "a session that nobody began has a user: {unknown}");
    for secret in [end, "\"password\":\"right\"", &token] {
        ensure!(!text(&ended).contains(secret), "{secret} is recorded");
    }
    ended.lost_nothing()
}

/// Without trusted proxies the header is told and counts for nothing; with them it does.
fn users_that_nobody_trusted_names(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    for (number, config, expected) in [
        (0, "", None),
        (1, "[identity]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", None),
        (2, "[identity]\ntrusted_proxies = [\"127.0.0.1\"]\n", Some("root")),
    ] {
        let setup = scene.agent().config(config)?.port(nginx.port);
        let agent = setup.data_dir(scene.path(&format!("data-{number}"))).start()?;
        curl(&["--header", "X-Forwarded-User: root", &nginx.url("/small")])?;
        let ended = agent.finish(1)?;
        let record = ended.only_exchange()?;
        match expected {
            Some(user) => principal(record, "identity_header", user, "asserted")?,
            None => local(record)?,
        }
        ensure!(record.text("/identity/0/id") == Some("root"), "the header is not told: {record}");
    }
    Ok(())
}

fn principal(record: &Record, kind: &str, id: &str, verified: &str) -> Result<()> {
    record.must_be("/principal/kind", kind)?;
    record.must_be("/principal/id", id)?;
    record.must_be("/principal/verified", verified)
}

/// The client is on this host, so its process is known.
fn local(record: &Record) -> Result<()> {
    principal(record, "process", &format!("uid {}", Uid::current()), "kernel")
}

fn flaws(record: &Record) -> Vec<&str> {
    record.texts("/identity/0/invalid")
}

/// All that the agent has printed.
fn text(ended: &Ended) -> String {
    String::from_utf8_lossy(&ended.stdout).into_owned()
}
