//! Conversations of the h2 crate's client and server, with what they meant.
//!
//! In: a seed, plans. Out: the bytes of both directions as they were written or read, in order; the plans.
//! Always: a path is used once, and so is a response's `x-id`; nothing but these endpoints made the bytes.
//! Not here: what the connection makes of them (`truth`).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::model::sample::Direction;
use crate::protocol::tests::script::Event;

/// Names and values.
pub type Fields = Vec<(String, String)>;

/// One exchange, as its endpoints mean it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub method: String,
    pub path: String,
    pub request: Sent,
    pub status: u16,
    pub response: Sent,
    pub interim: Vec<u16>,
    /// It is given up.
    pub reset: Option<Reset>,
    /// The server answers before it has read the request.
    pub early: bool,
    /// The client begins it when all before are over.
    pub waits: bool,
    /// The server promises it.
    pub pushed: Vec<Plan>,
}

/// One message.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub fields: Fields,
    /// Content as it is handed over.
    pub content: Vec<Bytes>,
    pub trailers: Fields,
}

/// Who gives a stream up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reset {
    /// The client, once it has sent its head.
    Client,
    /// The server, before it answers.
    Server,
    /// The server, within its content.
    ServerLate,
}

/// How a conversation goes.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    /// Requests under way at once.
    pub concurrent: usize,
    /// What the pipe between them holds.
    pub pipe_bytes: usize,
    /// Frame header and content are written in one go.
    pub vectored: bool,
    pub table_bytes: u32,
    pub window_bytes: u32,
}

/// What was moved.
pub struct Recording {
    pub plans: Vec<Plan>,
    moves: Vec<Move>,
}

/// One call.
struct Move {
    by_server: bool,
    is_read: bool,
    bytes: Vec<u8>,
}

/// Whose calls are seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// The server's reads and writes.
    Server,
    /// The client's.
    Client,
    /// Both ends' writes.
    Writes,
}

impl Recording {
    /// Calls as that view shows them, and where requests come from.
    pub fn events(&self, view: View) -> Vec<Event> {
        let seen = self.moves.iter().filter(|one| match view {
            View::Server => one.by_server,
            View::Client => !one.by_server,
            View::Writes => !one.is_read,
        });
        let direction = |one: &Move| match (view, one.is_read) {
            (View::Server | View::Client, true) => Direction::Ingress,
            (View::Server | View::Client, false) => Direction::Egress,
            (View::Writes, _) if one.by_server => Direction::Egress,
            (View::Writes, _) => Direction::Ingress,
        };
        seen.map(|one| Event::Bytes(direction(one), one.bytes.clone())).collect()
    }

    /// All bytes that the client, or the server, has written.
    pub fn written(&self, by_server: bool) -> Vec<u8> {
        let writes = self.moves.iter().filter(|one| one.by_server == by_server && !one.is_read);
        writes.flat_map(|one| one.bytes.iter().copied()).collect()
    }
}

impl Plan {
    /// Length of a message's content.
    pub fn content_bytes(sent: &Sent) -> u64 {
        sent.content.iter().map(|piece| piece.len() as u64).sum()
    }

    /// It, and what is promised with it.
    pub fn all(&self) -> impl Iterator<Item = &Plan> {
        std::iter::once(self).chain(&self.pushed)
    }
}

/// Numbers by chance, the same for the same seed.
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    /// One in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn text(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    fn fields(&mut self, most: usize) -> Fields {
        let count = self.below(most + 1);
        (0..count)
            .map(|_| {
                let name = format!("x-{}", self.below(40));
                let length = if self.one_in(20) { self.below(3_000) } else { self.below(30) };
                let value = if self.one_in(2) { "usual".into() } else { self.text(length) };
                (name, value)
            })
            .collect()
    }

    fn content(&mut self, most: usize) -> Vec<Bytes> {
        let mut left = match self.below(4) {
            0 => 0,
            1 => self.below(100),
            2 => self.below(3_000),
            _ => self.below(most),
        };
        let mut pieces = Vec::new();
        while left > 0 {
            let length = (1 + self.below(20_000)).min(left);
            pieces.push(
                Bytes::from(self.text(length.min(97)).repeat(length / 97 + 1)).slice(..length),
            );
            left -= length;
        }
        pieces
    }
}

/// Plans by chance. `most`: longest content.
pub fn plans(chance: &mut Chance, prefix: &str, count: usize, most: usize) -> Vec<Plan> {
    (0..count)
        .map(|number| {
            let path = format!("/{prefix}/{number}");
            let mut plan = plan(chance, &path, most);
            plan.reset = match chance.below(30) {
                0 => Some(Reset::Client),
                1 => Some(Reset::Server),
                2 if plan.method != "HEAD" => Some(Reset::ServerLate),
                _ => None,
            };
            if plan.reset.is_none() && chance.one_in(15) {
                let pushed = (0..1 + chance.below(2)).map(|at| {
                    let mut pushed = self::plan(chance, &format!("{path}/pushed/{at}"), most / 10);
                    pushed.method = "GET".into();
                    pushed.request.content.clear();
                    pushed.request.trailers.clear();
                    pushed.response.trailers.clear();
                    pushed.interim.clear();
                    pushed
                });
                plan.pushed = pushed.collect();
            }
            plan
        })
        .collect()
}

fn plan(chance: &mut Chance, path: &str, most: usize) -> Plan {
    let method = ["GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD"][chance.below(7)];
    let has_content = matches!(method, "POST" | "PUT");
    let mut request = Sent { fields: chance.fields(8), ..Sent::default() };
    if has_content {
        request.content = chance.content(most);
        if chance.one_in(4) {
            request.trailers = chance.fields(3);
        }
    }
    let mut response = Sent { fields: chance.fields(8), ..Sent::default() };
    response.fields.push(("x-id".into(), path.into()));
    if method != "HEAD" {
        response.content = chance.content(most);
        if chance.one_in(4) {
            response.trailers = chance.fields(3);
        }
    }
    let interim = if chance.one_in(10) { vec![103; 1 + chance.below(2)] } else { Vec::new() };
    let status = [200, 200, 200, 201, 206, 301, 400, 404, 418, 500][chance.below(10)];
    let (method, path) = (method.into(), path.into());
    Plan { method, path, request, status, response, interim, ..Plan::default() }
}

/// Holds the conversation.
pub fn record(setup: &Setup, plans: Vec<Plan>) -> Recording {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let moves = Arc::new(Mutex::new(Vec::new()));
    let (client, server) = tokio::io::duplex(setup.pipe_bytes);
    let tap =
        |io, by_server| Tap { io, by_server, vectored: setup.vectored, moves: Arc::clone(&moves) };
    let (client, server) = (tap(client, false), tap(server, true));
    let plans = Arc::new(plans);
    let talk = async {
        let serving = tokio::spawn(serve(server, setup.clone(), Arc::clone(&plans)));
        ask(client, setup.clone(), Arc::clone(&plans)).await;
        serving.await.unwrap();
    };
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(120), talk).await.expect("it hangs");
    });
    drop(runtime);
    let moves = std::mem::take(&mut *moves.lock().unwrap());
    Recording { plans: plans.to_vec(), moves }
}

// === the client ===

async fn ask(io: Tap, setup: Setup, plans: Arc<Vec<Plan>>) {
    let mut builder = h2::client::Builder::new();
    builder
        .header_table_size(setup.table_bytes)
        .initial_window_size(setup.window_bytes)
        .initial_connection_window_size(setup.window_bytes.max(65_535) * 2)
        .max_concurrent_reset_streams(10_000)
        .max_local_error_reset_streams(None);
    let (sender, connection) = builder.handshake::<_, Bytes>(io).await.unwrap();
    let connection = tokio::spawn(connection);
    let places = Arc::new(Semaphore::new(setup.concurrent));
    let mut tasks = Vec::new();
    for number in 0..plans.len() {
        if plans[number].waits {
            drop(places.acquire_many(setup.concurrent as u32).await);
        }
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let (sender, plans) = (sender.clone(), Arc::clone(&plans));
        let mut chance = Chance::new(setup.seed + number as u64);
        tasks.push(tokio::spawn(async move {
            ask_one(sender, &plans[number], &mut chance).await;
            drop(place);
        }));
        yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    drop(sender);
    let _ = connection.await;
}

async fn ask_one(sender: h2::client::SendRequest<Bytes>, plan: &Plan, chance: &mut Chance) {
    let mut sender = sender.ready().await.unwrap();
    let is_over = plan.request.content.is_empty() && plan.request.trailers.is_empty();
    let Ok((mut response, mut stream)) = sender.send_request(request(plan), is_over) else {
        return;
    };
    let pushes = response.push_promises();
    let pushes = tokio::spawn(read_pushes(pushes, plan.pushed.len()));
    if plan.reset == Some(Reset::Client) {
        for _ in 0..chance.below(30) {
            yield_now().await;
        }
        stream.send_reset(h2::Reason::CANCEL);
        return;
    }
    if !is_over {
        // What the server has given up takes no more.
        let _ = send(&mut stream, &plan.request, chance).await;
    }
    if let Ok(response) = response.await {
        let mut body = response.into_body();
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
        }
        let _ = body.trailers().await;
    }
    let _ = pushes.await;
}

async fn read_pushes(mut pushes: h2::client::PushPromises, count: usize) {
    for _ in 0..count {
        let Some(Ok(push)) = pushes.push_promise().await else { return };
        let (_, response) = push.into_parts();
        let Ok(response) = response.await else { continue };
        let mut body = response.into_body();
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
        }
    }
}

fn request(plan: &Plan) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(plan.method.as_bytes()).unwrap();
    *request.uri_mut() = format!("http://example.org{}", plan.path).parse().unwrap();
    *request.headers_mut() = map(&plan.request.fields);
    request
}

// === the server ===

async fn serve(io: Tap, setup: Setup, plans: Arc<Vec<Plan>>) {
    let mut builder = h2::server::Builder::new();
    builder
        .header_table_size(setup.table_bytes)
        .initial_window_size(setup.window_bytes)
        .initial_connection_window_size(setup.window_bytes.max(65_535) * 2)
        .max_concurrent_streams(1_000)
        .max_concurrent_reset_streams(10_000)
        .max_pending_accept_reset_streams(10_000)
        .max_local_error_reset_streams(None);
    let mut connection = builder.handshake::<_, Bytes>(io).await.unwrap();
    let mut number = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        let plans = Arc::clone(&plans);
        number += 1;
        let chance = Chance::new(setup.seed ^ 0xffff ^ (number << 20));
        tokio::spawn(async move {
            let plan = plans.iter().find(|plan| plan.path == request.uri().path()).unwrap();
            answer(request, respond, plan, chance).await;
        });
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    plan: &Plan,
    mut chance: Chance,
) {
    if plan.reset == Some(Reset::Server) {
        return respond.send_reset(h2::Reason::REFUSED_STREAM);
    }
    for status in &plan.interim {
        let mut interim = Response::new(());
        *interim.status_mut() = (*status).try_into().unwrap();
        let _ = respond.send_informational(interim);
    }
    let pushing = plan.pushed.iter().filter_map(|pushed| {
        let sender = respond.push_request(self::request(pushed)).ok()?;
        Some((sender, pushed.clone()))
    });
    for (mut sender, pushed) in pushing.collect::<Vec<_>>() {
        let mut chance = chance.clone();
        tokio::spawn(async move {
            let is_over = pushed.response.content.is_empty();
            if let Ok(mut stream) = sender.send_response(response(&pushed), is_over)
                && !is_over
            {
                let _ = send(&mut stream, &pushed.response, &mut chance).await;
            }
        });
    }
    // Sometimes the answer comes before the request is whole.
    let mut body = request.into_body();
    let reading = async move {
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
        }
        let _ = body.trailers().await;
    };
    let is_early = plan.early || chance.one_in(3);
    let reading = tokio::spawn(reading);
    if !is_early {
        let _ = reading.await;
    }
    let is_over = plan.response.content.is_empty() && plan.response.trailers.is_empty();
    let is_over = is_over && plan.reset.is_none();
    let Ok(mut stream) = respond.send_response(response(plan), is_over) else { return };
    if plan.reset == Some(Reset::ServerLate) {
        let _ = stream.send_data(Bytes::from_static(b"front"), false);
        yield_now().await;
        return stream.send_reset(h2::Reason::INTERNAL_ERROR);
    }
    if !is_over {
        let _ = send(&mut stream, &plan.response, &mut chance).await;
    }
}

fn response(plan: &Plan) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = plan.status.try_into().unwrap();
    *response.headers_mut() = map(&plan.response.fields);
    response
}

// === both ===

async fn send(
    stream: &mut h2::SendStream<Bytes>,
    sent: &Sent,
    chance: &mut Chance,
) -> Result<(), h2::Error> {
    for (at, piece) in sent.content.iter().enumerate() {
        let is_last = at + 1 == sent.content.len() && sent.trailers.is_empty();
        stream.reserve_capacity(piece.len());
        let mut left = piece.clone();
        while !left.is_empty() {
            let Some(capacity) = poll_fn(|context| stream.poll_capacity(context)).await else {
                return Ok(());
            };
            let front = left.split_to(capacity?.min(left.len()));
            stream.send_data(front, is_last && left.is_empty())?;
        }
        for _ in 0..chance.below(3) {
            yield_now().await;
        }
    }
    if !sent.trailers.is_empty() {
        stream.send_trailers(map(&sent.trailers))?;
    }
    Ok(())
}

fn map(fields: &Fields) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
    };
    fields.iter().map(pair).collect()
}

/// One end of the pipe, whose calls are noted.
struct Tap {
    io: DuplexStream,
    by_server: bool,
    vectored: bool,
    moves: Arc<Mutex<Vec<Move>>>,
}

impl Tap {
    fn note(&self, is_read: bool, bytes: &[u8]) {
        if !bytes.is_empty() {
            let bytes = bytes.to_vec();
            self.moves.lock().unwrap().push(Move { by_server: self.by_server, is_read, bytes });
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        self.note(true, &buffer.filled()[before..]);
        result
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = result {
            self.note(false, &bytes[..count]);
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let result = Pin::new(&mut self.io).poll_write(context, &bytes);
        if let Poll::Ready(Ok(count)) = result {
            self.note(false, &bytes[..count]);
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
