//! Whole connections of the h2 crate, read along.
//!
//! In: a client and a server of h2 that talk in memory. Out: nothing.
//! Always: our fields are those that h2 received; h2 reads our encoder's blocks as we do.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use h2::client::Builder as Client;
use h2::server::Builder as Server;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

use super::encoder::{Chance, Encoder};
use super::{Decoder, Field, decode, field};
use crate::protocol::http2::hpack::Decoded;

type Shared<T> = Arc<Mutex<Vec<T>>>;
type Data = &'static [u8];

/// Frames of one direction that matter here.
enum Seen {
    Block(Vec<u8>),
    TableSize(u32),
}

/// One direction of a connection.
#[derive(Default)]
struct Half {
    wire: Vec<u8>,
    /// Header lists as they were received, with the marks of the sender.
    lists: Vec<Vec<Field>>,
}

impl Half {
    fn frames(&self) -> Vec<Seen> {
        let mut rest = self.wire.strip_prefix(PREFACE).unwrap_or(&self.wire);
        let (mut seen, mut block) = (Vec::new(), Vec::new());
        while rest.len() >= 9 {
            let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
            let (kind, flags) = (rest[3], rest[4]);
            let payload = &rest[9..9 + length];
            rest = &rest[9 + length..];
            match kind {
                HEADERS | CONTINUATION => {
                    assert_eq!(flags & 0x28, 0, "neither padding nor priority");
                    block.extend_from_slice(payload);
                    if flags & END_HEADERS != 0 {
                        seen.push(Seen::Block(std::mem::take(&mut block)));
                    }
                }
                SETTINGS => seen.extend(payload.chunks(6).filter(|one| one[1] == 1).map(|one| {
                    Seen::TableSize(u32::from_be_bytes([one[2], one[3], one[4], one[5]]))
                })),
                _ => {}
            }
        }
        seen
    }

    fn blocks(&self) -> Vec<Vec<u8>> {
        let block = |seen| match seen {
            Seen::Block(block) => Some(block),
            Seen::TableSize(_) => None,
        };
        self.frames().into_iter().filter_map(block).collect()
    }

    fn table_size(&self) -> Option<u32> {
        self.frames().iter().find_map(|seen| match seen {
            Seen::Block(_) => None,
            Seen::TableSize(bytes) => Some(*bytes),
        })
    }
}

/// An end of the connection that keeps what passes.
struct Tap {
    inner: DuplexStream,
    read: Shared<u8>,
    written: Shared<u8>,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.read.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.written.lock().unwrap().extend_from_slice(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Fields by chance, some of them secret, some again and again.
fn headers(chance: &mut Chance) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for _ in 0..chance.below(12) {
        let bytes = chance.below(60);
        let text = match chance.below(60) {
            0 => chance.text(20_000),
            1..3 => chance.text(3000),
            3..20 => chance.text(bytes),
            number => format!("value {}", number % 10),
        };
        let mut value = HeaderValue::from_str(&text).unwrap();
        if chance.one_in(20) {
            value = HeaderValue::from_bytes(b"caf\xe9 \xff\x80").unwrap();
        }
        if chance.one_in(10) {
            // A secret that is in its table h2 names by its index, like any other value.
            value = HeaderValue::from_str(&chance.text(30)).unwrap();
            value.set_sensitive(true);
        }
        headers.append(*chance.of(NAMES), value);
    }
    headers
}

/// Pseudo-header fields, then the others.
fn list(pseudo: Vec<Field>, headers: &HeaderMap) -> Vec<Field> {
    let others = headers
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.as_bytes().into(), value.is_sensitive()));
    pseudo.into_iter().chain(others).collect()
}

fn request_list(head: &request::Parts) -> Vec<Field> {
    let uri = &head.uri;
    let pseudo = vec![
        field(":method", head.method.as_str()),
        field(":scheme", uri.scheme_str().unwrap()),
        field(":authority", uri.authority().unwrap().as_str()),
        field(":path", uri.path_and_query().unwrap().as_str()),
    ];
    list(pseudo, &head.headers)
}

/// Sends trailers, if there are any, and notes them.
fn end(stream: Option<SendStream<Data>>, trailers: HeaderMap, sent: &Shared<Vec<Field>>) {
    if let Some(mut stream) = stream {
        sent.lock().unwrap().push(list(Vec::new(), &trailers));
        stream.send_trailers(trailers).unwrap();
    }
}

/// Receives trailers.
async fn trailers(mut body: RecvStream, received: &Shared<Vec<Field>>) {
    while let Some(data) = body.data().await {
        assert!(data.unwrap().is_empty());
    }
    if let Some(trailers) = body.trailers().await.unwrap() {
        received.lock().unwrap().push(list(Vec::new(), &trailers));
    }
}

/// Takes a request and answers it.
async fn serve(
    request: Request<RecvStream>,
    mut respond: SendResponse<Data>,
    seed: u64,
    [received, sent]: [Shared<Vec<Field>>; 2],
) {
    let (head, body) = request.into_parts();
    received.lock().unwrap().push(request_list(&head));
    trailers(body, &received).await;
    let mut chance = Chance::new(seed);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(*chance.of(&[200, 204, 302, 404, 418])).unwrap();
    *response.headers_mut() = headers(&mut chance);
    let status = field(":status", response.status().as_str());
    sent.lock().unwrap().push(list(vec![status], response.headers()));
    let over = !chance.one_in(4);
    let stream = respond.send_response(response, over).unwrap();
    end((!over).then_some(stream), headers(&mut chance), &sent);
}

/// Lists as they were received, with the marks that the sender has set.
fn marked(received: &Shared<Vec<Field>>, sent: &Shared<Vec<Field>>) -> Vec<Vec<Field>> {
    let [received, sent] =
        [received, sent].map(|lists| std::mem::take(&mut *lists.lock().unwrap()));
    let plain =
        |list: &[Field]| list.iter().map(|(n, v, _)| (n.clone(), v.clone(), false)).collect();
    let lists: Vec<Vec<Field>> = sent.iter().map(|list| plain(list)).collect();
    assert!(lists == received, "h2 itself");
    sent
}

/// A connection with many requests one after the other; tables of the client's and the server's
/// choice.
async fn converse(seed: u64, requests: usize, tables: [Option<u32>; 2]) -> [Half; 2] {
    let [sent, received, answers, answered] = [(); 4].map(|()| Shared::<Vec<Field>>::default());
    let [read, written] = [(); 2].map(|()| Shared::<u8>::default());
    let (near, far) = duplex(1 << 16);
    let serving = [received.clone(), answers.clone()];
    let mut server = Server::new();
    tables[1].map(|bytes| server.header_table_size(bytes));
    tokio::spawn(async move {
        let mut connection = server.handshake::<_, Data>(far).await.unwrap();
        let mut seed = !seed;
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::spawn(serve(request, respond, seed, serving.clone()));
            seed = seed.wrapping_add(1);
        }
    });
    let mut client = Client::new();
    tables[0].map(|bytes| client.header_table_size(bytes));
    let tap = Tap { inner: near, read: read.clone(), written: written.clone() };
    let (mut send, connection) = client.handshake::<_, Data>(tap).await.unwrap();
    tokio::spawn(connection);
    let mut chance = Chance::new(seed);
    for _ in 0..requests {
        let mut request = Request::new(());
        *request.method_mut() = chance.of(&[Method::GET, Method::POST, Method::DELETE]).clone();
        let host = *chance.of(&["a.example", "b.example:8080"]);
        *request.uri_mut() = format!("https://{host}/{}", chance.below(30)).parse().unwrap();
        *request.headers_mut() = headers(&mut chance);
        let over = !chance.one_in(4);
        let (head, ()) = request.clone().into_parts();
        sent.lock().unwrap().push(request_list(&head));
        send = send.ready().await.unwrap();
        let (response, stream) = send.send_request(request, over).unwrap();
        end((!over).then_some(stream), headers(&mut chance), &sent);
        let (head, body) = response.await.unwrap().into_parts();
        let status = field(":status", head.status.as_str());
        answered.lock().unwrap().push(list(vec![status], &head.headers));
        trailers(body, &answered).await;
    }
    let wires = [written, read].map(|wire| std::mem::take(&mut *wire.lock().unwrap()));
    let lists = [marked(&received, &sent), marked(&answered, &answers)];
    let [to_server, to_client] = wires;
    let [requests, responses] = lists;
    [Half { wire: to_server, lists: requests }, Half { wire: to_client, lists: responses }]
}

/// The order of fields with different names is h2's own affair.
fn sorted(mut list: Vec<Field>) -> Vec<Field> {
    list.sort_by(|one, other| one.0.cmp(&other.0));
    list
}

/// What a decoder gives for each block; with the other direction's table size it must not complain.
fn decode_all(decoder: &mut Decoder, blocks: &[Vec<u8>]) -> Vec<(usize, Vec<Field>)> {
    let decode = |block: &Vec<u8>| {
        let (decoded, fields) = decode(decoder, block);
        assert_eq!(decoded, Decoded { unknown: decoded.unknown, ..Decoded::default() });
        (decoded.unknown, fields)
    };
    blocks.iter().map(decode).collect()
}

/// Whether `part` is what is left of `whole` if some fields are taken out.
fn is_part(part: &[Field], whole: &[Field]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|field| rest.any(|other| other == field))
}

const TABLES: [[Option<u32>; 2]; 5] = [
    [None, None],
    [Some(0), Some(0)],
    [Some(100), Some(300)],
    [Some(65_536), Some(65_536)],
    [Some(1000), None],
];

#[tokio::test]
async fn both_directions_are_read_as_h2_does() {
    for (seed, tables) in (1..).zip(TABLES) {
        let halves = converse(seed, 200, tables).await;
        for (at, half) in halves.iter().enumerate() {
            let mut decoder = Decoder::new();
            if let Some(bytes) = halves[1 - at].table_size() {
                decoder.set_limit(bytes);
            }
            let decoded = decode_all(&mut decoder, &half.blocks());
            assert_eq!(decoded.len(), half.lists.len());
            for ((unknown, fields), expected) in decoded.into_iter().zip(&half.lists) {
                assert_eq!(unknown, 0);
                assert!(sorted(fields) == sorted(expected.clone()));
            }
        }
    }
}

#[tokio::test]
async fn late_and_lossy_listeners_tell_nothing_wrong() {
    for (seed, tables) in (10..).zip(TABLES) {
        for half in converse(seed, 30, tables).await {
            let blocks = half.blocks();
            let mut decoder = Decoder::new();
            decoder.set_limit(u32::MAX);
            let whole = decode_all(&mut decoder, &blocks);
            for first in 0..blocks.len() {
                let late = decode_all(&mut Decoder::late(), &blocks[first..]);
                for ((unknown, fields), (_, all)) in late.iter().zip(&whole[first..]) {
                    assert_eq!(unknown + fields.len(), all.len());
                    assert!(is_part(fields, all));
                }
                let mut decoder = Decoder::new();
                decoder.set_limit(u32::MAX);
                decode_all(&mut decoder, &blocks[..first / 2]);
                decoder.lose();
                assert!(decode_all(&mut decoder, &blocks[first..]) == late);
            }
        }
    }
}

/// A connection of which the client is our encoder; the lists that h2's server receives.
async fn received(blocks: Vec<Vec<u8>>) -> Vec<Vec<Field>> {
    let (near, far) = duplex(1 << 16);
    let (mut answers, mut requests) = tokio::io::split(near);
    let count = blocks.len();
    tokio::spawn(async move { answers.read_to_end(&mut Vec::new()).await });
    tokio::spawn(async move {
        requests.write_all(PREFACE).await.unwrap();
        requests.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        for (block, stream) in blocks.into_iter().zip((1..).step_by(2)) {
            let flags = END_HEADERS | END_STREAM;
            requests.write_all(&frame(HEADERS, flags, stream, &block)).await.unwrap();
        }
        // The connection must stay while h2 reads it.
        std::future::pending::<()>().await;
    });
    let mut connection = Server::new().handshake::<_, Data>(far).await.unwrap();
    let mut lists = Vec::new();
    while lists.len() < count {
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        respond.send_response(Response::new(()), true).unwrap();
        let (head, _) = request.into_parts();
        lists.push(list(Vec::new(), &head.headers));
    }
    lists
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn h2_reads_our_encoder_as_we_do() {
    for seed in 1..8 {
        let sent = Encoder::new(seed, 4096).blocks(200);
        // A frame has at most so many octets, and we write no other.
        let sent: Vec<_> = sent.into_iter().take_while(|one| one.block.len() <= 16_384).collect();
        let lists = received(sent.iter().map(|one| one.block.clone()).collect()).await;
        for (list, one) in lists.into_iter().zip(sent) {
            let fields = one.fields.into_iter().map(|((name, value, _), _)| (name, value, false));
            let fields = fields.filter(|field| field.0[0] != b':').collect();
            assert!(sorted(list) == sorted(fields));
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const NAMES: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "cookie",
    "etag",
    "location",
    "server",
    "user-agent",
    "vary",
    "x-a",
    "x-b",
    "x-request-id",
    "x-a-name-that-is-longer-than-most",
];
