//! Exchanges that do not go the ordinary way: interim responses, hand-overs, aborts, and messages
//! that two readers may read in two ways.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::compare;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::{get, ok, recorded, text};
use live_tests::wire::Place;

crate::tests![
    early_hints,
    half_close_by_the_client,
    aborted_download,
    request_without_response,
    answer_before_the_request_is_whole,
    response_read_before_its_request,
    connect_hands_over,
    upgrade_hands_over,
    transfer_encoding_with_content_length,
    unequal_content_lengths,
    equal_content_lengths,
    folded_fields,
    lenient_messages,
];

fn early_hints(scene: &Scene) -> Result<()> {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let ended = recorded(scene, 2, |wire| {
        wire.ask(get("/hinted"))?;
        wire.answer(hints)?;
        wire.answer(hints)?;
        wire.answer(ok("done"))?;
        wire.exchange(get("/next"), format!("{hints}{}", ok("")))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /hinted 200 4", "GET /next 200 0"])?;
    let interim = ended.exchanges().first().and_then(|record| record.at("/earwitness/interim"));
    let interim = interim.map(ToString::to_string);
    ensure!(interim.as_deref() == Some("[103,103]"), "interim responses: {interim:?}");
    ended.lost_nothing()
}

/// The client says that it will ask nothing more and still reads the answer.
fn half_close_by_the_client(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| {
        wire.ask(get("/last"))?;
        wire.client.finish_sending()?;
        ensure!(wire.server.receive_all()?.is_empty(), "something came after the end");
        wire.answer(ok(&text(5_000)))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /last 200 5000"])?;
    let record = ended.only_exchange()?;
    ensure!(record.flag("/capture/complete") == Some(true), "it is complete: {record}");
    ensure!(record.anomalies().is_empty(), "nothing is odd about it: {record}");
    ended.lost_nothing()
}

/// The server dies in the midst of its answer.
fn aborted_download(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        wire.exchange(get("/aborted"), format!("{head}{}", text(3_000)))?;
        wire.client.reset_on_close()
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /aborted 200 3000"])?;
    odd(ended.only_exchange()?, "response_truncated")?;
    ended.lost_nothing()
}

fn request_without_response(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| wire.ask(get("/unanswered")))?;
    compare::exchanges(&ended.exchanges(), &["GET /unanswered - 0"])?;
    let record = ended.only_exchange()?;
    let outcome = record.text("/event/outcome");
    ensure!(outcome == Some("unknown"), "outcome is {outcome:?}: {record}");
    ensure!(record.at("/duration_ns").is_none(), "a duration without a response: {record}");
    ended.lost_nothing()
}

/// 413 while the body is on its way; the rest of it is never read.
fn answer_before_the_request_is_whole(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| {
        let head = "POST /big HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n";
        wire.ask(format!("{head}{}", text(2_000)))?;
        let refused =
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        wire.answer(refused)
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /big 413 0"])?;
    odd(ended.only_exchange()?, "early_response")?;
    ended.lost_nothing()
}

/// The server answers before it reads: the agent sees the response first.
fn response_read_before_its_request(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        for (target, content) in [("/first", "1"), ("/second", "22")] {
            let request = get(target);
            wire.client.send(&request)?;
            wire.answer(ok(content))?;
            wire.server.receive(request.len())?;
        }
        Ok(())
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /first 200 1", "GET /second 200 2"])?;
    ended.lost_nothing()
}

/// What goes through a tunnel is not taken for messages of the connection that carries it.
fn connect_hands_over(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| {
        let request = "CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n\r\n";
        wire.exchange(request, "HTTP/1.1 200 Connection established\r\n\r\n")?;
        wire.exchange([7; 3_000], [9; 5_000])
    })?;
    compare::exchanges(&ended.exchanges(), &["CONNECT inner.example:443 200 0"])?;
    only_lost(&ended, &["upgraded", "opaque_tls"])
}

fn upgrade_hands_over(scene: &Scene) -> Result<()> {
    let upgrade = "Connection: Upgrade\r\nUpgrade: chat/2\r\n";
    let ended = recorded(scene, 2, |wire| {
        wire.exchange(get("/before"), ok(""))?;
        let request = format!("GET /socket HTTP/1.1\r\nHost: t\r\n{upgrade}\r\n");
        wire.exchange(request, format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n"))?;
        wire.exchange(b"\x81\x05hello", b"\x81\x05world")?;
        wire.exchange([0; 3_000], [1; 5_000])
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /before 200 0", "GET /socket 101 0"])?;
    only_lost(&ended, &["upgraded"])
}

fn transfer_encoding_with_content_length(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| {
        let head =
            "POST /both HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked";
        wire.exchange(format!("{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), ok("seen"))
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /both 200 4"])?;
    odd(ended.only_exchange()?, "request_smuggling")?;
    ended.lost_nothing()
}

fn unequal_content_lengths(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 1, |wire| {
        let head = "POST /two HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6";
        wire.exchange(format!("{head}\r\n\r\nhello"), ok("seen"))
    })?;
    let record = ended.only_exchange()?;
    ensure!(record.summary() == "POST /two 200 4", "another exchange took place: {record}");
    odd(record, "request_smuggling")
}

fn equal_content_lengths(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        let head = "POST /same HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 5";
        wire.exchange(format!("{head}\r\n\r\nhello"), ok("seen"))?;
        wire.exchange(get("/after"), ok(""))
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /same 200 4", "GET /after 200 0"])?;
    for record in ended.exchanges().iter().take(1) {
        odd(record, "repeated_content_length")?;
    }
    ended.lost_nothing()
}

fn folded_fields(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        let request =
            "GET /folded HTTP/1.1\r\nHost: t\r\nAccept: text/plain,\r\n  text/html\r\n\r\n";
        wire.exchange(request, ok("1"))?;
        wire.exchange(get("/after"), ok(""))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /folded 200 1", "GET /after 200 0"])?;
    for record in ended.exchanges().iter().take(1) {
        odd(record, "obs_fold")?;
    }
    ended.lost_nothing()
}

/// What servers accept although it is not in order: each is recorded, with a note.
fn lenient_messages(scene: &Scene) -> Result<()> {
    let cases = [
        ("GET /bare HTTP/1.1\nHost: t\n\n", "bare_lf"),
        ("GET /colon HTTP/1.1\r\nHost : t\r\n\r\n", "space_before_colon"),
        ("GET /hosts HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "invalid_host"),
        ("GET  /spaces  HTTP/1.1\r\nHost: t\r\n\r\n", "invalid_start_line"),
        ("GET /caret|<> HTTP/1.1\r\nHost: t\r\n\r\n", "invalid_target"),
    ];
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    for (request, _) in cases {
        // Each on a connection of its own, so that none is judged by what came before.
        let wire = place.connect()?;
        wire.exchange(request, ok("1"))?;
        wire.exchange(get("/after"), ok(""))?;
    }
    let ended = agent.finish(2 * cases.len())?;
    ensure!(ended.exchanges().len() == 2 * cases.len(), "{} records", ended.exchanges().len());
    for ((_, anomaly), record) in cases.iter().zip(ended.exchanges().iter().step_by(2)) {
        odd(record, anomaly)?;
    }
    ended.lost_nothing()
}

fn odd(record: &Record, anomaly: &str) -> Result<()> {
    let found = record.anomalies();
    ensure!(found.contains(&anomaly), "`{anomaly}` expected, {found:?} came: {record}");
    Ok(())
}

fn only_lost(ended: &Ended, reasons: &[&str]) -> Result<()> {
    for record in ended.losses() {
        let reason = record.reason().unwrap_or_default();
        ensure!(reasons.contains(&reason), "only {reasons:?} may be lost here: {record}");
    }
    Ok(())
}
