//! A record out of an exchange that is to be recorded.
//!
//! In: an exchange, its origin, the header table, the rule it met. Out: `Record`, borrowing from
//! all of them.
//! Always: every value that a peer chose goes through `audit::redact`; what is unknown is absent.
//! Not here: whether it is recorded (`audit::policy`), how much of it was seen (`audit::capture`), bytes
//! (`audit::encode`).

use super::capture;
use super::content::{self, ContentRules};
use super::identity::{Identity, Who};
use super::observer::{self, Observer};
use super::record::capture::{Extra, RouteFrom};
use super::record::message::{Body, Http, Request, Response, Url, UserAgent};
use super::record::party::{Family, Network, Party, Protocol, Transport};
use super::record::trace::Trace;
use super::record::value::{Headers, Text};
use super::record::{Event, Kind, Outcome, PolicyRef, Record};
use super::redact::body::Operations;
use super::redact::headers::{HeaderTable, Kept, Side, Value};
use super::redact::notes::Notes;
use super::redact::url::url;
use super::route::{self, Route, Routes};
use super::rpc;
use super::rule::Level;
use super::source::{self, Believed};
use super::tls;
use super::trace::Named;
use crate::model::origin::{self, Origin};
use crate::model::time::ClockOffset;
use crate::protocol::content::Front;
use crate::protocol::exchange::{Exchange, Message, Part, RequestHead, ResponseHead, Version};
use crate::protocol::fields::Fields;

/// What decides what may be written.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// Header fields.
    pub headers: &'a HeaderTable,
    /// Content.
    pub content: ContentRules<'a>,
    /// Who asked.
    pub identity: &'a Identity,
    /// Who may say for whom an exchange is.
    pub believed: &'a Believed,
    /// Templates of paths.
    pub routes: &'a Routes,
}

/// The record of an exchange, at the level of the policy that it has met.
pub(super) fn record<'a>(
    exchange: &'a Exchange,
    origin: &'a Origin,
    clock: ClockOffset,
    rules: Rules<'a>,
    observer: &'a Observer,
    policy: PolicyRef<'a>,
) -> Record<'a> {
    let mut notes = Notes::new(rules.content.actions);
    let mut extra = capture::extra(exchange, origin);
    let fields = exchange.request.as_ref().map(|message| &message.head.fields);
    let told = source::source(fields, origin, rules.believed);
    extra.anomalies.extend(told.anomaly.map(|one| Text::Borrowed(one.name())));
    let version = version(exchange).unwrap_or(Version::HTTP_1_1);
    let scheme = if origin.tls.is_some() { version.secure } else { version.protocol };
    let mut telling = Telling { rules, level: policy.level, notes: &mut notes, extra: &mut extra };
    let asked = exchange.request.as_ref().map(|message| telling.asked(message, scheme));
    let Asked { url, user_agent, request, operations, trace } = asked.unwrap_or_default();
    let answered = exchange.response.as_ref().map(|message| telling.answered(message));
    let (response, answers) = answered.unzip();
    let route = route(exchange, origin, url.as_ref(), rules.routes);
    extra.route = route.filter(|route| route.is_learned).map(|_| RouteFrom::Learned);
    let route = route.map(|route| Text::Borrowed(route.template));
    let at_ns = clock.wall_ns(first_ns(exchange));
    let Who { principal, identity } = rules.identity.look(exchange, origin, policy.level, at_ns);
    Record {
        event: Event { kind: Kind::Exchange, outcome: Some(outcome(exchange)) },
        observer: observer.group(Some(origin.side)),
        client: client(origin),
        server: Some(observer::party(&origin.server)).filter(|party| !party.is_empty()),
        source: told.source,
        network: Some(network(exchange, origin)),
        tls: origin.tls.as_ref().and_then(tls::group),
        url,
        http: Some(Http { route, request, response }),
        rpc: rpc::rpc(exchange, operations.jsonrpc, answers.and_then(|one| one.jsonrpc)),
        graphql: operations.graphql.map(rpc::graphql),
        user_agent,
        trace,
        principal,
        identity,
        duration_ns: duration_ns(exchange),
        time_to_first_byte_ns: since_request(exchange, |response| response.first_ns),
        capture: Some(capture::capture(exchange, origin)),
        redactions: notes.into_list(),
        policy: Some(policy),
        earwitness: Some(extra).filter(|extra| !extra.is_empty()),
        ..observer.record(Kind::Exchange, at_ns)
    }
}

fn outcome(exchange: &Exchange) -> Outcome {
    Outcome::of_status(exchange.response.as_ref().and_then(|message| message.head.status))
}

// === times ===

/// The request's first byte, or the response's where the request was lost.
fn first_ns(exchange: &Exchange) -> u64 {
    let request = exchange.request.as_ref().map(|request| request.first_ns);
    let response = exchange.response.as_ref().map(|response| response.first_ns);
    request.or(response).unwrap_or(0)
}

/// Until the last byte of the response, if it has come.
fn duration_ns(exchange: &Exchange) -> Option<u64> {
    match exchange.part {
        Part::Open(_) => None,
        _ => since_request(exchange, |response| response.last_ns),
    }
}

fn since_request(
    exchange: &Exchange,
    until: impl Fn(&Message<ResponseHead>) -> u64,
) -> Option<u64> {
    let (request, response) = (exchange.request.as_ref()?, exchange.response.as_ref()?);
    Some(until(response).saturating_sub(request.first_ns))
}

// === who ===

/// The asking end; a unix socket has only a process there.
fn client(origin: &Origin) -> Option<Party<'_>> {
    let mut client = observer::party(&origin.client);
    if origin.transport == origin::Transport::Unix {
        client.address = None;
        client.port = None;
    }
    Some(client).filter(|party| !party.is_empty())
}

fn network<'a>(exchange: &Exchange, origin: &Origin) -> Network<'a> {
    let version = version(exchange);
    let address = origin.server.address.as_ref().or(origin.client.address.as_ref());
    Network {
        transport: match origin.transport {
            origin::Transport::Tcp => Some(Transport::Tcp),
            origin::Transport::Unix => Some(Transport::Unix),
            origin::Transport::Udp | origin::Transport::Unknown => None,
        },
        family: match address {
            Some(origin::Address::Ip(address)) if address.is_ipv4() => Some(Family::Ipv4),
            Some(origin::Address::Ip(_)) => Some(Family::Ipv6),
            Some(origin::Address::Path(_)) | None => None,
        },
        protocol: Protocol {
            name: Text::Borrowed(version.map_or("http", |version| version.protocol)),
            version: version.map(|version| Text::Borrowed(version.number)),
        },
    }
}

/// What its request says that it is of, or else its response.
fn version(exchange: &Exchange) -> Option<Version> {
    let request = exchange.request.as_ref().map(|request| request.head.version);
    request.or_else(|| Some(exchange.response.as_ref()?.head.version))
}

// === what ===

/// The template of the path. What has succeeded teaches others.
fn route<'a>(
    exchange: &Exchange,
    origin: &Origin,
    url: Option<&Url<'_>>,
    routes: &'a Routes,
) -> Option<Route<'a>> {
    let (url, request) = (url?, exchange.request.as_ref()?);
    let status = exchange.response.as_ref().and_then(|response| response.head.status);
    let is_there = matches!(status, Some(101 | 200..=299 | 304));
    let is_asked = !matches!(request.head.method.as_deref(), None | Some("OPTIONS" | "TRACE"));
    let teaches = origin.side == origin::Side::Server && is_there && is_asked;
    routes.route(route::Asked { host: url.domain.as_deref(), path: url.path.as_deref()?, teaches })
}

/// What a request gives to a record; without one, nothing.
#[derive(Default)]
struct Asked<'a> {
    url: Option<Url<'a>>,
    user_agent: Option<UserAgent<'a>>,
    request: Option<Request<'a>>,
    operations: Operations,
    trace: Option<Trace<'a>>,
}

/// What messages are told with.
struct Telling<'a, 't> {
    rules: Rules<'a>,
    level: Level,
    notes: &'t mut Notes<'a>,
    extra: &'t mut Extra<'a>,
}

impl<'a> Telling<'a, '_> {
    fn asked(&mut self, message: &'a Message<RequestHead>, scheme: &'static str) -> Asked<'a> {
        let head = &message.head;
        let mut kept = self.rules.headers.keep(&head.fields, Side::Request, self.notes);
        let host = head.authority.as_deref().or(kept.host);
        let url = url(head.target.as_deref(), scheme, head.is_connect(), host, self.notes);
        let agent = kept.user_agent.take();
        let user_agent =
            agent.and_then(|value| named(value, "user_agent.original", self.notes, self.extra));
        let method = head.method.as_deref().map(|method| Value::new(method.as_bytes(), self.notes));
        let method =
            method.and_then(|value| named(value, "http.request.method", self.notes, self.extra));
        self.carried(head);
        let trace = kept.named.as_deref().and_then(Named::trace);
        self.ids(&kept);
        let (header, mut body) = kept_and_body(kept, message.body_bytes, self.extra);
        let content = message.content.as_ref().filter(|_| self.level.keeps_request());
        let key = "http.request.body.content";
        let operations = self.content(content, &head.fields, key, &mut body);
        let body = Some(body).filter(|body| !body.is_empty());
        Asked {
            url: Some(url),
            user_agent: user_agent.map(|original| UserAgent { original }),
            request: Some(Request { method, header, header_size: message.head_bytes, body }),
            operations,
            trace,
        }
    }

    /// What an extended CONNECT asks for.
    fn carried(&mut self, head: &'a RequestHead) {
        let protocol = head.protocol.as_deref().and_then(|value| {
            let value = Value::new(value.as_bytes(), self.notes);
            named(value, "earwitness.http2.protocol", self.notes, self.extra)
        });
        if let Some(stream) = &mut self.extra.http2 {
            stream.protocol = protocol;
        }
    }

    /// Ids that proxies give to requests: what the request has counts before what the response has.
    fn ids(&mut self, kept: &Kept<'a>) {
        if let Some(named) = &kept.named {
            let (extra, named) = (&mut *self.extra, &**named);
            extra.request_id = extra.request_id.take().or_else(|| named.request_id());
            extra.correlation_id = extra.correlation_id.take().or_else(|| named.correlation_id());
        }
    }

    fn answered(&mut self, message: &'a Message<ResponseHead>) -> (Response<'a>, Operations) {
        let fields = &message.head.fields;
        let kept = self.rules.headers.keep(fields, Side::Response, self.notes);
        self.ids(&kept);
        let (header, mut body) = kept_and_body(kept, message.body_bytes, self.extra);
        let content = message.content.as_ref().filter(|_| self.level.keeps_response());
        let key = "http.response.body.content";
        let operations = self.content(content, fields, key, &mut body);
        let body = Some(body).filter(|body| !body.is_empty());
        let (status_code, header_size) = (message.head.status, message.head_bytes);
        (Response { status_code, header, header_size, body }, operations)
    }

    fn content(
        &mut self,
        content: Option<&Front>,
        fields: &Fields,
        key: &'static str,
        body: &mut Body<'a>,
    ) -> Operations {
        let Some(front) = content else { return Operations::default() };
        let told = content::tell(front, fields, self.rules.content, key, self.notes, body);
        self.extra.anomalies.extend(told.anomaly.map(|one| Text::Borrowed(one.name())));
        told.operations
    }
}

/// A value that has a key of its own.
fn named<'a>(
    value: Value<'a>,
    key: &'static str,
    notes: &mut Notes<'a>,
    extra: &mut Extra<'a>,
) -> Option<Text<'a>> {
    if let Some((kind, action)) = value.hidden {
        notes.add(key, kind, action);
    }
    if value.escaped {
        extra.escaped.push(Text::Borrowed(key));
    }
    value.text
}

fn kept_and_body<'a>(
    kept: Kept<'a>,
    size: Option<u64>,
    extra: &mut Extra<'a>,
) -> (Headers<'a>, Body<'a>) {
    extra.escaped.extend(kept.escaped);
    let body = Body {
        size,
        media_type: kept.content_type.and_then(media_type),
        encoding: kept.content_encoding.and_then(tokens),
        ..Body::default()
    };
    (kept.headers, body)
}

/// Type and subtype in lower case; `None` if they are none.
fn media_type(value: &[u8]) -> Option<Text<'_>> {
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    let value = value.get(..end)?.trim_ascii();
    let slash = value.iter().position(|&byte| byte == b'/')?;
    (slash > 0 && slash + 1 < value.len()).then(|| tokens(value))?
}

/// Tokens in lower case, as codings and media types are written; `None` for anything else.
fn tokens(value: &[u8]) -> Option<Text<'_>> {
    let allowed = |byte: &u8| {
        let mark = matches!(byte, b'!' | b'#' | b'$' | b'&' | b'^' | b'_' | b'.' | b'+' | b'-');
        mark || byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'/' | b',' | b' ')
    };
    if value.is_empty() || value.len() > TOKENS_BYTES || !value.iter().all(allowed) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(Text::Owned(text.to_ascii_lowercase()));
    }
    Some(Text::Borrowed(text))
}

/// Longest media type or list of codings that is taken for one, in bytes (RFC 6838: 127 + 127).
const TOKENS_BYTES: usize = 255;
