//! gRPC and gRPC-Web: which calls there are, and the messages in their bodies.
//!
//! In: values of fields, a path, a body's bytes and the lengths of holes in it. Out: service and
//! method, messages, status.
//! Always: sans-IO; never fails, never panics; the same messages however the body was cut; memory
//! of one direction is bounded by the payload that is wanted (`Messages::new`).
//! Not here: connections and streams; what messages mean; which fields a call has.
//! Source: PROTOCOL-HTTP2.md and PROTOCOL-WEB.md of gRPC.

mod base64;
mod messages;
mod status;
#[cfg(test)]
mod tests;

use crate::protocol::coding::{self, CodingLimits, State, Unknown};

pub use messages::{Counts, End, Frame, FrameKind, Messages};
pub use status::{Status, fields, trailers};

/// What a Content-Type says of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContentType<'a> {
    /// How messages are framed.
    pub kind: Kind,
    /// How messages are written, as sent: `proto`, `json`. `None`: it is not said.
    pub subtype: Option<&'a str>,
}

/// How messages are framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// gRPC: a call's status is in the trailer fields.
    Grpc,
    /// gRPC-Web: it is in a last frame of the body.
    Web,
    /// gRPC-Web in base64.
    WebText,
}

impl<'a> ContentType<'a> {
    /// `None`: not of a call.
    pub fn of(value: &'a [u8]) -> Option<Self> {
        let value = value.split(|byte| *byte == b';').next()?.trim_ascii();
        let (media, subtype) = match memchr::memchr(b'+', value) {
            Some(plus) => (value.get(..plus)?, value.get(plus + 1..)?),
            None => (value, &[][..]),
        };
        let kinds = [
            ("application/grpc", Kind::Grpc),
            ("application/grpc-web", Kind::Web),
            ("application/grpc-web-text", Kind::WebText),
        ];
        let is_media = |(name, _): &(&str, Kind)| media.eq_ignore_ascii_case(name.as_bytes());
        let (_, kind) = kinds.into_iter().find(is_media)?;
        let is_token = subtype.iter().all(|byte| byte.is_ascii_graphic());
        let subtype = str::from_utf8(subtype).ok().filter(|_| is_token)?;
        Some(Self { kind, subtype: Some(subtype).filter(|subtype| !subtype.is_empty()) })
    }
}

/// Service, with its package, and method out of a `:path`. `None`: it has not the shape that the
/// path of a call has, `/package.Service/Method`, or has characters that no name has.
pub fn method(path: &[u8]) -> Option<(&str, &str)> {
    let path = str::from_utf8(path).ok()?.strip_prefix('/')?;
    let (service, method) = path.split_once('/')?;
    let is_call = service.split('.').all(is_name) && is_name(method);
    is_call.then_some((service, method))
}

/// A name in the language of Protocol Buffers.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_part) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// The message in a payload that is compressed (`Frame::is_compressed`), or in the front of one.
/// `encoding`: value of `grpc-encoding`; such a payload cannot have the encoding `identity`.
pub fn decompress(
    payload: &[u8],
    encoding: &[u8],
    limits: CodingLimits,
) -> Result<(Vec<u8>, State), Unknown> {
    let name = encoding.trim_ascii();
    if name.is_empty() || name.contains(&b',') || name.eq_ignore_ascii_case(b"identity") {
        return Err(Unknown::of(name));
    }
    coding::decode(std::iter::once(name), payload, limits)
}
