//! Credentials never leave the agent: not in records, not in the journal, not in its log.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::scene::Scene;
use live_tests::script::ok;
use live_tests::wire::Place;

crate::tests![
    credentials_of_ordinary_messages,
    credentials_of_broken_messages,
    credentials_cut_anywhere,
    credentials_that_a_capture_file_holds,
];

/// Every place where a credential may stand, each with a value that holds the canary.
fn credentials_of_ordinary_messages(scene: &Scene) -> Result<()> {
    let (requests, responses) = (requests(), responses());
    let count = requests.len().max(responses.len());
    let place = Place::tcp()?;
    let agent = scene.agent().verbose().port(place.port).start()?;
    let wire = place.connect()?;
    for number in 0..count {
        let ordinary = || ("GET / HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(), ok(""));
        let request = requests.get(number).cloned().unwrap_or_else(|| ordinary().0);
        let response = responses.get(number).cloned().unwrap_or_else(|| ordinary().1);
        wire.exchange(request, response)?;
    }
    drop(wire);
    let ended = agent.finish(count)?;
    ensure!(ended.exchanges().len() == count, "{} of {count} recorded", ended.exchanges().len());
    nowhere(&ended)
}

/// What cannot be followed must not be told in pieces either.
fn credentials_of_broken_messages(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().verbose().port(place.port).start()?;
    let broken = [
        format!("GET / HTTP/1.1\r\nHost: t\r\nAuthorization : Bearer {CANARY}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer\r\n {CANARY}\r\n\r\n"),
        format!("GET / HTTP/1.1\nCookie: a={CANARY}\n\n"),
        format!("GET /?token={CANARY} HTTP/9.9\r\n\r\n"),
        format!("GET /?token={CANARY}\r\n\r\n"),
        format!("{CANARY}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nAuthorization\r\n{CANARY}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nX-Api-Key: {CANARY}"),
        format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n"),
        format!("CONNECT user:{CANARY}@inner:443 HTTP/1.1\r\n\r\n"),
    ];
    for request in &broken {
        let wire = place.connect()?;
        wire.exchange(request, format!("HTTP/1.1 400 {CANARY}\r\nX-Token: {CANARY}\r\n"))?;
    }
    let wire = place.connect()?;
    wire.exchange("GET /last HTTP/1.1\r\nHost: t\r\n\r\n", ok(""))?;
    drop(wire);
    let mut agent = agent;
    agent.wait_until("the last exchange", |records| {
        records.iter().any(|record| record.target() == "/last")
    })?;
    nowhere(&agent.stop()?)
}

fn credentials_cut_anywhere(scene: &Scene) -> Result<()> {
    let request = format!(
        "GET /?access_token={CANARY} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {CANARY}\r\n\r\n"
    );
    let place = Place::tcp()?;
    let agent = scene.agent().verbose().port(place.port).start()?;
    let wire = place.connect()?;
    for at in 1..request.len() {
        let (first, second) = request.split_at(at);
        wire.ask(first)?;
        wire.ask(second)?;
        wire.answer(ok(""))?;
    }
    drop(wire);
    let ended = agent.finish(request.len() - 1)?;
    ensure!(ended.exchanges().len() == request.len() - 1, "{} came", ended.exchanges().len());
    nowhere(&ended)
}

/// A capture file is not redacted, which `record` says and the file's mode keeps; replaying it is.
fn credentials_that_a_capture_file_holds(scene: &Scene) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::tcp()?;
    let file = scene.path("capture");
    let recording = live_tests::agent::Recording::start(scene, &file, place.port)?;
    let wire = place.connect()?;
    for request in requests() {
        wire.exchange(request, ok(""))?;
    }
    drop(wire);
    let log = recording.stop()?;
    ensure!(log.contains("every secret in it"), "`record` does not warn:\n{log}");
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "the capture file has mode {mode:o}");
    ensure!(holds(&file, CANARY.as_bytes())?, "the capture file does not hold what was sent");
    let replayed = live_tests::agent::run(&["replay", &file.to_string_lossy()])?;
    nowhere_in("what replay prints", replayed.stdout.as_bytes())?;
    nowhere_in("replay's log", replayed.stderr.as_bytes())?;
    ensure!(replayed.stdout.contains("\"exchange\""), "replay gives no exchange");
    Ok(())
}

/// Fails if the canary is in any byte that the agent wrote, plain or encoded.
fn nowhere(ended: &Ended) -> Result<()> {
    nowhere_in("standard output", &ended.stdout)?;
    nowhere_in("the log", ended.stderr.as_bytes())?;
    for file in files(&ended.data_dir)? {
        nowhere_in(&file.display().to_string(), &fs::read(&file)?)?;
    }
    Ok(())
}

fn nowhere_in(what: &str, bytes: &[u8]) -> Result<()> {
    for form in [CANARY.to_owned(), CANARY_BASE64.to_owned(), hex(CANARY)] {
        let mut windows = bytes.windows(form.len());
        if let Some(at) = windows.position(|window| window == form.as_bytes()) {
            let around = bytes.get(at.saturating_sub(200)..bytes.len().min(at + 100));
            let around = String::from_utf8_lossy(around.unwrap_or_default()).into_owned();
            anyhow::bail!("{what} holds a credential, as {form}:\n…{around}…");
        }
    }
    Ok(())
}

fn holds(file: &Path, what: &[u8]) -> Result<bool> {
    let bytes = fs::read(file)?;
    Ok(bytes.windows(what.len()).any(|window| window == what))
}

/// Every file below a folder.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => found.extend(files(&entry.path())?),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    Ok(found)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn requests() -> Vec<String> {
    let fields = FIELDS.iter().map(|field| {
        let field = field.replace("CANARY", CANARY);
        format!("GET /field HTTP/1.1\r\nHost: t\r\n{field}\r\n\r\n")
    });
    let targets = TARGETS.iter().map(|target| {
        format!("GET {} HTTP/1.1\r\nHost: t\r\n\r\n", target.replace("CANARY", CANARY))
    });
    let body = format!("{{\"password\":\"{CANARY}\"}}");
    let length = body.len();
    let post = format!("POST /login HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{body}");
    fields.chain(targets).chain([post]).collect()
}

fn responses() -> Vec<String> {
    let fields = RESPONSE_FIELDS.iter().map(|field| field.replace("CANARY", CANARY));
    fields.map(|field| format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 0\r\n\r\n")).collect()
}

/// No word, so that nothing else can hold it.
const CANARY: &str = "zq7Xk2wVb9Tn4Rf6";
/// The canary in base64, as far as it does not depend on what stands around it.
const CANARY_BASE64: &str = "enE3WGsyd1ZiOVRuNFJm";
const FIELDS: [&str; 15] = [
    "Authorization: Bearer CANARY",
    "Authorization: Basic enE3WGsyd1ZiOVRuNFJmNg==",
    "authorization: AWS4-HMAC-SHA256 Credential=CANARY/x, Signature=CANARY",
    "Authorization: Basic YWxpY2U6enE3WGsyd1ZiOVRuNFJmNg==",
    "Proxy-Authorization: Digest username=\"alice\", response=\"CANARY\"",
    "Cookie: session=CANARY; theme=dark",
    "X-API-Key: CANARY",
    "X-Auth-Token: CANARY",
    "X-Vault-Token: CANARY",
    "X-Acme-Session-Id: CANARY",
    "X-Unlisted-Field: CANARY",
    "Referer: http://t/?token=CANARY",
    "User-Agent: probe token=CANARY",
    "Origin: http://user:CANARY@t",
    "X-Forwarded-For: 10.0.0.1, Bearer CANARY",
];
const TARGETS: [&str; 8] = [
    "/?token=CANARY",
    "/a?x=1&api_key=CANARY&y=2",
    "/a?access_token=CANARY#fragment",
    "/a?password=CANARY",
    "/a?X-Amz-Signature=CANARY",
    "http://user:CANARY@t/absolute",
    "/a#access_token=CANARY",
    "/a?q=Bearer%20CANARY",
];
const RESPONSE_FIELDS: [&str; 5] = [
    "Set-Cookie: session=CANARY; HttpOnly",
    "Location: http://t/callback?code=CANARY&access_token=CANARY",
    "X-CSRF-Token: CANARY",
    "Authentication-Info: nextnonce=\"CANARY\"",
    "WWW-Authenticate: Basic realm=\"t\", token=\"CANARY\"",
];
