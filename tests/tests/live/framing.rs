//! Messages cut anywhere, and every way to say where one ends.

use anyhow::{Result, ensure};
use live_tests::compare;
use live_tests::scene::Scene;
use live_tests::script::{chunked, get, ok, post, recorded, text};

crate::tests![
    request_cut_at_every_byte,
    response_cut_at_every_byte,
    single_bytes_both_ways,
    chunks_cut_anywhere,
    chunked_requests,
    forms_of_the_target,
    version_1_0_kept_alive,
    content_ended_by_close,
    empty_lines_between_requests,
    many_turns_on_one_connection,
    head_of_60_kib,
];

fn request_cut_at_every_byte(scene: &Scene) -> Result<()> {
    let request = post("/cut?here=1", "content");
    let ended = recorded(scene, request.len() - 1, |wire| {
        for at in 1..request.len() {
            let (first, second) = request.split_at(at);
            wire.ask(first)?;
            wire.ask(second)?;
            wire.answer(ok("ok"))?;
        }
        Ok(())
    })?;
    compare::exchanges(&ended.exchanges(), &vec!["POST /cut?here=1 200 2"; request.len() - 1])?;
    ended.lost_nothing()
}

fn response_cut_at_every_byte(scene: &Scene) -> Result<()> {
    let response = ok("some content");
    let ended = recorded(scene, response.len() - 1, |wire| {
        for at in 1..response.len() {
            let (first, second) = response.split_at(at);
            wire.ask(get("/whole"))?;
            wire.answer(first)?;
            wire.answer(second)?;
        }
        Ok(())
    })?;
    compare::exchanges(&ended.exchanges(), &vec!["GET /whole 200 12"; response.len() - 1])?;
    ended.lost_nothing()
}

fn single_bytes_both_ways(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        for target in ["/one", "/two"] {
            wire.ask_in_pieces(post(target, "by and by"), 1)?;
            wire.answer_in_pieces(ok("little by little"), 1)?;
        }
        Ok(())
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /one 200 16", "POST /two 200 16"])?;
    ended.lost_nothing()
}

/// Chunk sizes with extensions, and trailers, cut in the midst of each.
fn chunks_cut_anywhere(scene: &Scene) -> Result<()> {
    let response = format!("{CHUNKED_HEAD}{}", chunked(&text(500), 50));
    let pieces = [1, 2, 3, 5, 7, 11, 64, 100_000];
    let ended = recorded(scene, pieces.len(), |wire| {
        for piece in pieces {
            wire.ask(get(&format!("/pieces/{piece}")))?;
            wire.answer_in_pieces(&response, piece)?;
        }
        Ok(())
    })?;
    let expected = pieces.map(|piece| format!("GET /pieces/{piece} 200 500"));
    compare::exchanges(&ended.exchanges(), &expected.each_ref().map(String::as_str))?;
    let wire_bytes = response.len() - CHUNKED_HEAD.len();
    for record in ended.exchanges() {
        ensure!(record.wire_bytes() == wire_bytes as u64, "{wire_bytes} bytes went: {record}");
    }
    ended.lost_nothing()
}

fn chunked_requests(scene: &Scene) -> Result<()> {
    let head = "POST /up HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    let ended = recorded(scene, 3, |wire| {
        for bytes in [0, 1, 40_000] {
            wire.ask(format!("{head}{}", chunked(&text(bytes), 1_000)))?;
            wire.answer(ok("taken"))?;
        }
        Ok(())
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /up 200 5"; 3])?;
    let sizes: Vec<_> = ended
        .exchanges()
        .iter()
        .map(|record| record.number("/http/request/body/size").unwrap_or(0))
        .collect();
    ensure!(sizes == [0, 1, 40_000], "sizes of the requests' content: {sizes:?}");
    ended.lost_nothing()
}

/// RFC 9112 section 3.2: origin, absolute and asterisk form.
fn forms_of_the_target(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 3, |wire| {
        wire.exchange(get("/origin?a=b"), ok(""))?;
        wire.exchange(get("http://Other.Example:81/absolute?c=d"), ok(""))?;
        wire.exchange("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", ok(""))
    })?;
    let expected = ["GET /origin?a=b 200 0", "GET /absolute?c=d 200 0", "OPTIONS * 200 0"];
    compare::exchanges(&ended.exchanges(), &expected)?;
    let exchanges = ended.exchanges();
    let domains: Vec<_> = exchanges.iter().map(|record| record.text("/url/domain")).collect();
    ensure!(domains == [Some("test"), Some("other.example"), Some("test")], "{domains:?}");
    ended.lost_nothing()
}

fn version_1_0_kept_alive(scene: &Scene) -> Result<()> {
    let request = "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let response = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold";
    let ended = recorded(scene, 2, |wire| {
        wire.exchange(request, response)?;
        wire.exchange(request, response)
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /old 200 3"; 2])?;
    let version =
        ended.exchanges().first().and_then(|record| record.text("/network/protocol/version"));
    ensure!(version == Some("1.0"), "version is {version:?}");
    ended.lost_nothing()
}

fn content_ended_by_close(scene: &Scene) -> Result<()> {
    let response = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", text(30_000));
    let ended = recorded(scene, 1, |wire| wire.exchange(get("/until-close"), response))?;
    compare::exchanges(&ended.exchanges(), &["GET /until-close 200 30000"])?;
    let record = ended.only_exchange()?;
    ensure!(record.anomalies().is_empty(), "nothing is odd about it: {record}");
    ended.lost_nothing()
}

/// RFC 9112 section 2.2 lets clients send an empty line before a request.
fn empty_lines_between_requests(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        wire.exchange(post("/first", "x") + "\r\n", ok("1"))?;
        wire.exchange(format!("\r\n\r\n{}", get("/second")), ok("2"))
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /first 200 1", "GET /second 200 1"])?;
    ended.lost_nothing()
}

fn many_turns_on_one_connection(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, TURNS, |wire| {
        (0..TURNS).try_for_each(|turn| {
            wire.exchange(post(&format!("/turn/{turn}"), &text(turn % 700)), ok(&text(turn % 900)))
        })
    })?;
    let expected: Vec<_> =
        (0..TURNS).map(|turn| format!("POST /turn/{turn} 200 {}", turn % 900)).collect();
    compare::exchanges(
        &ended.exchanges(),
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;
    ended.lost_nothing()
}

fn head_of_60_kib(scene: &Scene) -> Result<()> {
    let fields: String = (0..600).map(|n| format!("X-Field-{n}: {}\r\n", text(85))).collect();
    let request = format!("GET /fields HTTP/1.1\r\nHost: t\r\n{fields}\r\n");
    ensure!(request.len() > 58 * 1024, "the head has {} bytes only", request.len());
    let ended = recorded(scene, 2, |wire| {
        wire.exchange(&request, ok("1"))?;
        wire.exchange(get("/after"), ok("22"))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /fields 200 1", "GET /after 200 2"])?;
    let size =
        ended.exchanges().first().and_then(|record| record.number("/http/request/header_size"));
    ensure!(size == Some(request.len() as u64), "{} bytes of head, {size:?} told", request.len());
    ended.lost_nothing()
}

const CHUNKED_HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const TURNS: usize = 500;
