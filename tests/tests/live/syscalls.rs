//! Every system call that moves bytes, on TCP and on unix sockets.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::calls::{Receive, Send};
use live_tests::compare;
use live_tests::scene::Scene;
use live_tests::script::{get, ok, post, recorded, recorded_at, text};
use live_tests::wire::{Place, Wire};

crate::tests![
    every_pair_of_calls_on_tcp,
    every_pair_of_calls_on_a_unix_socket,
    response_moved_inside_the_kernel,
    request_moved_inside_the_kernel,
    head_moved_inside_the_kernel,
    peeking_moves_nothing,
    many_small_vectors,
];

fn every_pair_of_calls_on_tcp(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, pairs().count(), all_pairs)?;
    compare::exchanges(&ended.exchanges(), &expected_of_pairs().each())?;
    whole(&ended)
}

fn every_pair_of_calls_on_a_unix_socket(scene: &Scene) -> Result<()> {
    let place = Place::unix(&scene.path("calls.sock"))?;
    let ended = recorded_at(scene, &place, pairs().count(), all_pairs)?;
    compare::exchanges(&ended.exchanges_under("/calls/"), &expected_of_pairs().each())?;
    whole(&ended)
}

/// One exchange for each way to send with each way to receive, used by both ends.
fn all_pairs(wire: &Wire) -> Result<()> {
    for (send, receive) in pairs() {
        let request = post(&target(send, receive), &text(3_000));
        wire.client.send_by(send, &request)?;
        ensure!(wire.server.receive_by(receive, request.len())? == request.as_bytes());
        let response = ok(&text(5_000));
        wire.server.send_by(send, &response)?;
        ensure!(wire.client.receive_by(receive, response.len())? == response.as_bytes());
    }
    Ok(())
}

fn pairs() -> impl Iterator<Item = (Send, Receive)> {
    let sends = [Send::Write, Send::Writev, Send::Sendto, Send::Sendmsg, Send::Sendmmsg];
    sends.into_iter().flat_map(|send| {
        let receives =
            [Receive::Read, Receive::Readv, Receive::Recvfrom, Receive::Recvmsg, Receive::Recvmmsg];
        receives.into_iter().map(move |receive| (send, receive))
    })
}

fn target(send: Send, receive: Receive) -> String {
    format!("/calls/{send:?}/{receive:?}").to_lowercase()
}

fn expected_of_pairs() -> Expected {
    let line = |(send, receive)| format!("POST {} 200 5000", target(send, receive));
    Expected(pairs().map(line).collect())
}

struct Expected(Vec<String>);

impl Expected {
    fn each(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// Nothing of any exchange is missing.
fn whole(ended: &Ended) -> Result<()> {
    for record in ended.exchanges() {
        ensure!(record.flag("/capture/complete") == Some(true), "not complete: {record}");
    }
    Ok(())
}

/// `sendfile` and `splice` show a length and no bytes; the length keeps the framing in step.
fn response_moved_inside_the_kernel(scene: &Scene) -> Result<()> {
    let content = text(40_000);
    let ended = recorded(scene, 3, |wire| {
        for send in [Send::Sendfile, Send::Splice] {
            wire.ask(get("/moved"))?;
            let response = ok(&content);
            let (head, body) = response.split_at(response.len() - content.len());
            wire.answer(head)?;
            wire.server.send_by(send, body)?;
            wire.client.receive(body.len())?;
        }
        wire.exchange(get("/next"), ok("1"))
    })?;
    let expected = ["GET /moved 200 40000", "GET /moved 200 40000", "GET /next 200 1"];
    compare::exchanges(&ended.exchanges(), &expected)?;
    for record in ended.exchanges().iter().take(2) {
        ensure!(record.response_gaps() == ["sendfile"], "a gap by sendfile: {record}");
    }
    ended.lost_nothing()
}

fn request_moved_inside_the_kernel(scene: &Scene) -> Result<()> {
    let content = text(40_000);
    let ended = recorded(scene, 2, |wire| {
        let request = post("/taken", &content);
        let (head, body) = request.split_at(request.len() - content.len());
        wire.ask(head)?;
        wire.client.send(body)?;
        wire.server.receive_by(Receive::Splice, body.len())?;
        wire.answer(ok("thanks"))?;
        wire.exchange(get("/next"), ok("1"))
    })?;
    compare::exchanges(&ended.exchanges(), &["POST /taken 200 6", "GET /next 200 1"])?;
    let size =
        ended.exchanges().first().and_then(|record| record.number("/http/request/body/size"));
    ensure!(size == Some(40_000), "the request's content is {size:?} bytes");
    ended.lost_nothing()
}

/// A whole response that nobody can read: its record must not say anything that was not seen.
fn head_moved_inside_the_kernel(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        let response = ok(&text(2_000));
        wire.ask(get("/unreadable"))?;
        wire.server.send_by(Send::Sendfile, &response)?;
        wire.client.receive(response.len())?;
        wire.exchange(get("/readable"), ok("1"))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /unreadable - 0", "GET /readable 200 1"])?;
    let why = ended.exchanges().first().and_then(|record| record.text("/earwitness/lost/response"));
    ensure!(why == Some("sendfile"), "the response is lost by sendfile, not {why:?}");
    Ok(())
}

fn peeking_moves_nothing(scene: &Scene) -> Result<()> {
    let ended = recorded(scene, 2, |wire| {
        for target in ["/peeked", "/again"] {
            let request = get(target);
            wire.client.send(&request)?;
            for count in [1, 10, request.len()] {
                wire.server.peek(count)?;
            }
            wire.server.receive(request.len())?;
            wire.answer(ok("seen"))?;
        }
        Ok(())
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /peeked 200 4", "GET /again 200 4"])?;
    whole(&ended)?;
    ended.lost_nothing()
}

/// More vectors than the kernel side walks through: what is left out is told, and the length counts.
fn many_small_vectors(scene: &Scene) -> Result<()> {
    let content = text(8_000);
    let ended = recorded(scene, 2, |wire| {
        wire.ask(get("/vectors"))?;
        wire.server.send_in_vectors(ok(&content).as_bytes(), 1_000)?;
        wire.client.receive(ok(&content).len())?;
        wire.exchange(get("/next"), ok("1"))
    })?;
    compare::exchanges(&ended.exchanges(), &["GET /vectors 200 8000", "GET /next 200 1"])?;
    let reasons: Vec<_> =
        ended.exchanges().iter().flat_map(|record| record.response_gaps()).collect();
    ensure!(reasons.iter().all(|&reason| reason == "iov_limit"), "gaps: {reasons:?}");
    Ok(())
}
