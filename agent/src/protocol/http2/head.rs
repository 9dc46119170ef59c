//! Heads of messages out of header lists.
//!
//! In: `HeaderList`. Out: `Head`: what the pseudo-header fields say, the other fields, what was odd.
//! Always: a pseudo-header field is no field of the message; what is malformed is left out and noted.
//! Not here: decoding (`hpack`), streams. Source: RFC 9113 sections 8.2 and 8.3, RFC 8441 section 4.

use super::hpack::list::HeaderList;
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{RequestHead, ResponseHead, Version};
use crate::protocol::fields::Fields;
use crate::protocol::http1::head::check_target;
use crate::protocol::token::{METHOD_BYTES, is_space, is_token};

/// A field block, taken apart.
#[derive(Default)]
pub struct Head<'a> {
    method: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    scheme: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    protocol: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    /// Value of Content-Length, if there is one and it is a number.
    pub content_length: Option<u64>,
    /// All but the pseudo-header fields.
    pub fields: Fields,
    /// What was odd.
    pub notes: Vec<Anomaly>,
}

/// What a field block can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// The head of a request.
    Request,
    /// The head of a response.
    Response,
    /// Trailers, or a head whose pseudo-header fields are not known.
    Fields,
    /// Nothing that an endpoint sends.
    Nonsense,
}

impl<'a> Head<'a> {
    /// Takes a list apart.
    pub fn of(list: &'a HeaderList) -> Self {
        let mut head = Self::default();
        let mut in_front = true;
        for field in list.iter() {
            match field.name {
                [b':', ..] if in_front => head.pseudo(field.name, field.value),
                [b':', ..] => note(&mut head.notes, Anomaly::InvalidPseudoHeader),
                _ => {
                    in_front = false;
                    head.field(field.name, field.value);
                }
            }
        }
        let name = |range: &std::ops::Range<usize>| list.buffer().get(range.start);
        let is_field = |(range, _): &(std::ops::Range<usize>, _)| name(range) != Some(&b':');
        head.fields = Fields::new(list.buffer().into(), list.ranges().filter(is_field));
        head
    }

    /// Whether it can only be a response.
    pub fn is_response(&self) -> bool {
        self.status.is_some()
    }

    /// Whether it can only be a request.
    pub fn is_request(&self) -> bool {
        let parts = [self.method, self.path, self.scheme, self.authority, self.protocol];
        parts.iter().any(Option::is_some)
    }

    /// What it can be, where nothing else shows that it is a field block at all.
    pub fn shape(&self) -> Shape {
        let nonsense = [Anomaly::InvalidPseudoHeader, Anomaly::RequestSmuggling];
        let is_scheme = |text: &[u8]| {
            text.first().is_some_and(u8::is_ascii_alphabetic)
                && text.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let is_sane = self.method.is_none_or(is_method)
            && self.path.is_none_or(is_path)
            && self.scheme.is_none_or(is_scheme)
            && self.protocol.is_none_or(is_method)
            && self.authority.is_none_or(|text| text.iter().all(u8::is_ascii_graphic));
        match (self.is_request(), self.status) {
            _ if nonsense.iter().any(|anomaly| self.notes.contains(anomaly)) => Shape::Nonsense,
            (false, None) => Shape::Fields,
            (true, None) if is_sane => Shape::Request,
            (false, Some(text)) if status(text).is_some() => Shape::Response,
            _ => Shape::Nonsense,
        }
    }

    /// The head of a request. `is_whole`: no field was left out.
    pub fn request(mut self, is_whole: bool) -> (RequestHead, Vec<Anomaly>) {
        let method = self.method.filter(|text| is_method(text)).and_then(text);
        let protocol = self.protocol.and_then(text);
        let is_connect = method.as_deref() == Some("CONNECT") && protocol.is_none();
        let expected = match is_connect {
            true => self.authority.is_some() && self.path.is_none() && self.scheme.is_none(),
            false => self.path.is_some_and(|path| !path.is_empty()) && self.scheme.is_some(),
        };
        let is_http = matches!(self.scheme, Some(b"http" | b"https"));
        let is_odd = self.method.is_some() && method.is_none()
            || is_http && self.path.is_some_and(|path| !is_path(path))
            || self.protocol.is_some() && method.as_deref() != Some("CONNECT")
            || self.status.is_some()
            || is_whole && !(expected && method.is_some());
        if is_odd {
            note(&mut self.notes, Anomaly::InvalidPseudoHeader);
        }
        let mut hosts = [self.authority, self.host].into_iter().flatten();
        let (first, second) = (hosts.next(), hosts.next());
        if first.zip(second).is_some_and(|(one, other)| !one.eq_ignore_ascii_case(other)) {
            note(&mut self.notes, Anomaly::InvalidHost);
        }
        if let Some(path) = self.path {
            check_target(path, &mut self.notes);
        }
        let target = if is_connect { self.authority } else { self.path };
        let head = RequestHead {
            method,
            target: target.filter(|target| !target.is_empty()).map(Box::from),
            authority: self.authority.filter(|authority| !authority.is_empty()).map(Box::from),
            protocol,
            version: Version::HTTP_2,
            fields: self.fields,
        };
        (head, self.notes)
    }

    /// The head of a response. `is_whole`: no field was left out.
    pub fn response(mut self, is_whole: bool) -> (ResponseHead, Vec<Anomaly>) {
        let status = self.status.and_then(status);
        if status.is_none() && (is_whole || self.status.is_some()) || self.is_request() {
            note(&mut self.notes, Anomaly::InvalidPseudoHeader);
        }
        (ResponseHead { status, version: Version::HTTP_2, fields: self.fields }, self.notes)
    }

    fn pseudo(&mut self, name: &[u8], value: &'a [u8]) {
        let place = match name {
            b":method" => &mut self.method,
            b":path" => &mut self.path,
            b":scheme" => &mut self.scheme,
            b":authority" => &mut self.authority,
            b":protocol" => &mut self.protocol,
            b":status" => &mut self.status,
            _ => return note(&mut self.notes, Anomaly::InvalidPseudoHeader),
        };
        if place.is_some() {
            return note(&mut self.notes, Anomaly::InvalidPseudoHeader);
        }
        *place = Some(value);
        self.check_value(value);
    }

    fn field(&mut self, name: &[u8], value: &'a [u8]) {
        match name {
            b"content-length" => self.length(value),
            b"host" if self.host.is_some() => note(&mut self.notes, Anomaly::InvalidHost),
            b"host" => self.host = Some(value),
            b"transfer-encoding" => {
                note(&mut self.notes, Anomaly::ForbiddenField);
                note(&mut self.notes, Anomaly::RequestSmuggling);
            }
            b"connection" | b"proxy-connection" | b"keep-alive" | b"upgrade" => {
                note(&mut self.notes, Anomaly::ForbiddenField);
            }
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => {
                note(&mut self.notes, Anomaly::ForbiddenField);
            }
            _ => {}
        }
        let is_lower = |&byte: &u8| is_token(byte) && !byte.is_ascii_uppercase();
        let is_edge = |byte: Option<&u8>| byte.is_some_and(|&byte| is_space(byte));
        if name.is_empty()
            || !name.iter().all(is_lower)
            || is_edge(value.first())
            || is_edge(value.last())
        {
            note(&mut self.notes, Anomaly::ForbiddenField);
        }
        self.check_value(value);
    }

    /// What one side lets through and another reads as the end of a line.
    fn check_value(&mut self, value: &[u8]) {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            note(&mut self.notes, Anomaly::ForbiddenField);
            note(&mut self.notes, Anomaly::RequestSmuggling);
        }
    }

    fn length(&mut self, value: &[u8]) {
        let digits = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'));
        match digits.and_then(|text| text.parse().ok()) {
            None => note(&mut self.notes, Anomaly::InvalidContentLength),
            Some(length) if self.content_length.is_some_and(|before| before != length) => {
                note(&mut self.notes, Anomaly::RequestSmuggling);
            }
            Some(_) if self.content_length.is_some() => {
                note(&mut self.notes, Anomaly::RepeatedContentLength);
            }
            Some(length) => self.content_length = Some(length),
        }
    }
}

fn is_method(text: &[u8]) -> bool {
    !text.is_empty() && text.len() <= METHOD_BYTES && text.iter().all(|&byte| is_token(byte))
}

/// Of `http` and `https` (RFC 9113 section 8.3.1).
fn is_path(text: &[u8]) -> bool {
    matches!(text, [b'/', ..] | b"*")
}

fn text(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Box::from)
}

/// Three digits, the first of them no 0.
fn status(text: &[u8]) -> Option<u16> {
    match text {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
