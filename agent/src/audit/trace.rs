//! The trace that a request belongs to, and the ids that proxies give to requests.
//!
//! In: values of fields that `redact::headers` has found. Out: the record's `trace`, request ids.
//! Always: an id is taken only where its header follows its format to the last byte; what looks like something
//! to hide is left out, although it would be an id. Sources: W3C Trace Context section 3.2, B3
//! (`openzipkin/b3-propagation`), AWS X-Ray, Jaeger's client libraries, Google Cloud Trace.
//! Not here: `tracestate` and `baggage`, which hold anything.

use super::record::trace::{Format, Trace};
use super::record::value::Text;
use super::redact::value::{Place, look};

/// Values of the fields that name a trace or a request. No `Debug`: they are not redacted.
#[derive(Clone, Copy, Default)]
pub struct Named<'a> {
    values: [Seen<'a>; Name::COUNT],
}

/// A field that names a trace or a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Name {
    /// W3C.
    Traceparent,
    /// All of B3 in one.
    B3,
    /// One of B3 each.
    B3TraceId,
    /// The same.
    B3SpanId,
    /// The same.
    B3ParentSpanId,
    /// The same.
    B3Sampled,
    /// The same.
    B3Flags,
    /// AWS.
    AmznTraceId,
    /// Jaeger.
    UberTraceId,
    /// Google Cloud.
    CloudTraceContext,
    /// Of the request itself.
    RequestId,
    /// Of what it belongs to.
    CorrelationId,
}

/// How often a field was there.
#[derive(Clone, Copy, Default)]
enum Seen<'a> {
    #[default]
    Not,
    Once(&'a [u8]),
    /// With different values.
    Unsure,
}

impl Name {
    const COUNT: usize = 12;

    /// The name of the field, in lower case.
    pub const ALL: [(&'static str, Self); Self::COUNT] = [
        ("traceparent", Self::Traceparent),
        ("b3", Self::B3),
        ("x-b3-traceid", Self::B3TraceId),
        ("x-b3-spanid", Self::B3SpanId),
        ("x-b3-parentspanid", Self::B3ParentSpanId),
        ("x-b3-sampled", Self::B3Sampled),
        ("x-b3-flags", Self::B3Flags),
        ("x-amzn-trace-id", Self::AmznTraceId),
        ("uber-trace-id", Self::UberTraceId),
        ("x-cloud-trace-context", Self::CloudTraceContext),
        ("x-request-id", Self::RequestId),
        ("x-correlation-id", Self::CorrelationId),
    ];
}

impl Name {
    /// The field of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }
}

impl<'a> Named<'a> {
    /// Notes a value.
    pub fn add(&mut self, name: Name, value: &'a [u8]) {
        if let Some(seen) = self.values.get_mut(name as usize) {
            *seen = match *seen {
                Seen::Not => Seen::Once(value),
                Seen::Once(first) if first == value => Seen::Once(value),
                Seen::Once(_) | Seen::Unsure => Seen::Unsure,
            };
        }
    }

    fn value(&self, name: Name) -> Option<&'a str> {
        match self.values.get(name as usize)? {
            Seen::Once(value) => std::str::from_utf8(value).ok(),
            Seen::Not | Seen::Unsure => None,
        }
    }

    /// The trace: the first format, in the order of `Format`, whose header is as it should be.
    pub(super) fn trace(&self) -> Option<Trace<'a>> {
        let single = |name, read: fn(&'a str) -> Option<Trace<'a>>| self.value(name).and_then(read);
        single(Name::Traceparent, traceparent)
            .or_else(|| single(Name::B3, b3))
            .or_else(|| self.b3_multi())
            .or_else(|| single(Name::AmznTraceId, xray))
            .or_else(|| single(Name::UberTraceId, jaeger))
            .or_else(|| single(Name::CloudTraceContext, cloud))
            .filter(is_harmless)
    }

    /// The id of the request, if it is plain and harmless.
    pub(super) fn request_id(&self) -> Option<Text<'a>> {
        self.value(Name::RequestId).and_then(plain_id)
    }

    /// The id of what the request belongs to, if it is plain and harmless.
    pub(super) fn correlation_id(&self) -> Option<Text<'a>> {
        self.value(Name::CorrelationId).and_then(plain_id)
    }

    fn b3_multi(&self) -> Option<Trace<'a>> {
        let span_id = match self.value(Name::B3SpanId) {
            Some(text) => Some(id(text, &[16])?),
            None => None,
        };
        let sampled = match self.value(Name::B3Sampled) {
            Some("1" | "true") => Some(true),
            Some("0" | "false") => Some(false),
            _ => None,
        };
        let debug = self.value(Name::B3Flags) == Some("1");
        Some(Trace {
            id: id(self.value(Name::B3TraceId)?, &[32, 16])?.into(),
            span_id: span_id.map(Text::Borrowed),
            parent_id: self
                .value(Name::B3ParentSpanId)
                .and_then(|text| id(text, &[16]))
                .map(Text::Borrowed),
            sampled: if debug { Some(true) } else { sampled },
            format: Format::B3Multi,
        })
    }
}

// === formats ===

/// `00-TRACE-PARENT-FLAGS`; later versions may go on behind another dash.
fn traceparent(text: &str) -> Option<Trace<'_>> {
    let mut parts = text.splitn(5, '-');
    let version = hex(parts.next()?, 2)?;
    let trace_id = id(parts.next()?, &[32])?;
    let span_id = id(parts.next()?, &[16])?;
    let flags = hex(parts.next()?, 2)?;
    let ends = parts.next().is_none() || version != "00";
    if !ends || version == "ff" {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    Some(Trace {
        id: Text::Borrowed(trace_id),
        span_id: Some(Text::Borrowed(span_id)),
        parent_id: None,
        sampled: Some(sampled),
        format: Format::W3c,
    })
}

/// `TRACE-SPAN-SAMPLED-PARENT`, without the last one or two.
fn b3(text: &str) -> Option<Trace<'_>> {
    let mut parts = text.split('-');
    let trace_id = id(parts.next()?, &[32, 16])?;
    let span_id = id(parts.next()?, &[16])?;
    let sampled = match parts.next() {
        None => None,
        Some("1" | "d") => Some(true),
        Some("0") => Some(false),
        Some(_) => return None,
    };
    let parent_id = match parts.next() {
        None => None,
        Some(text) => Some(Text::Borrowed(id(text, &[16])?)),
    };
    parts.next().is_none().then_some(Trace {
        id: Text::Borrowed(trace_id),
        span_id: Some(Text::Borrowed(span_id)),
        parent_id,
        sampled,
        format: Format::B3,
    })
}

/// `Root=1-TIME-REST;Parent=SPAN;Sampled=1`, in any order, among others.
fn xray(text: &str) -> Option<Trace<'_>> {
    let (mut root, mut parent, mut sampled) = (None, None, None);
    for part in text.split(';') {
        match part.trim().split_once('=')? {
            ("Root", value) => root = Some(value),
            ("Parent", value) => parent = Some(id(value, &[16])?),
            ("Sampled", "1") => sampled = Some(true),
            ("Sampled", "0") => sampled = Some(false),
            _ => {}
        }
    }
    let (time, rest) = root?.strip_prefix("1-")?.split_once('-')?;
    let (time, rest) = (hex(time, 8)?, hex(rest, 24)?);
    Some(Trace {
        id: Text::Owned(format!("{time}{rest}")),
        span_id: parent.map(Text::Borrowed),
        parent_id: None,
        sampled,
        format: Format::XRay,
    })
}

/// `TRACE:SPAN:PARENT:FLAGS`, leading zeros left out.
fn jaeger(text: &str) -> Option<Trace<'_>> {
    let mut parts = text.split(':');
    let trace = parts.next()?;
    let trace_id = padded(trace, if trace.len() > 16 { 32 } else { 16 })?;
    let span_id = padded(parts.next()?, 16)?;
    let parent = parts.next()?;
    let flags = parts.next().filter(|flags| (1..=2).contains(&flags.len()))?;
    let flags = u8::from_str_radix(hex(flags, flags.len())?, 16).ok()?;
    parts.next().is_none().then_some(Trace {
        id: trace_id,
        span_id: Some(span_id),
        // 0: there is none.
        parent_id: padded(parent, 16),
        sampled: Some(flags & 1 == 1),
        format: Format::Jaeger,
    })
}

/// `TRACE/SPAN;o=1`, the span as a decimal number; without either of both ends.
fn cloud(text: &str) -> Option<Trace<'_>> {
    let (rest, options) = match text.split_once(';') {
        Some((rest, options)) => (rest, Some(options)),
        None => (text, None),
    };
    let (trace, span) = match rest.split_once('/') {
        Some((trace, span)) => (trace, Some(span)),
        None => (rest, None),
    };
    let span_id = match span {
        None => None,
        Some(span) if span.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(span.parse::<u64>().ok()?).filter(|&span| span != 0)
        }
        Some(_) => return None,
    };
    let sampled = match options {
        None => None,
        Some("o=1") => Some(true),
        Some("o=0") => Some(false),
        Some(_) => return None,
    };
    Some(Trace {
        id: Text::Borrowed(id(trace, &[32])?),
        span_id: span_id.map(|span| Text::Owned(format!("{span:016x}"))),
        parent_id: None,
        sampled,
        format: Format::CloudTrace,
    })
}

// === ids ===

/// Hexadecimal digits, small letters, that many of them.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then_some(text)
}

/// The same, of one of these lengths, not all zeros.
fn id<'a>(text: &'a str, digits: &[usize]) -> Option<&'a str> {
    let fits = digits.contains(&text.len()) && text.bytes().any(|byte| byte != b'0');
    if fits { hex(text, text.len()) } else { None }
}

/// An id whose leading zeros may be left out.
fn padded(text: &str, digits: usize) -> Option<Text<'_>> {
    let text = id(text, &[text.len()])?;
    match text.len() {
        length if length == digits => Some(Text::Borrowed(text)),
        length if length < digits => Some(Text::Owned(format!("{text:0>digits$}"))),
        _ => None,
    }
}

/// Sixteen digits may be the number of a payment card.
fn is_harmless(trace: &Trace<'_>) -> bool {
    let ids = [Some(&trace.id), trace.span_id.as_ref(), trace.parent_id.as_ref()];
    let harmless = |text: &Text<'_>| look(text.as_bytes(), Place::Header).kind.is_none();
    ids.into_iter().flatten().all(harmless)
}

/// An id of a request may be anything; it is taken if it is short, one word, and harmless in a query even.
fn plain_id(text: &str) -> Option<Text<'_>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@|".contains(&byte);
    let fits = (1..=ID_BYTES).contains(&text.len()) && text.bytes().all(plain);
    (fits && look(text.as_bytes(), Place::Query).kind.is_none()).then_some(Text::Borrowed(text))
}

/// Longest id of a request that is taken for one.
const ID_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    /// `Name: value` lines.
    fn named(lines: &str) -> Named<'_> {
        let mut named = Named::default();
        for line in lines.lines() {
            let (key, value) = line.split_once(": ").unwrap();
            named.add(Name::of(key).unwrap(), value.as_bytes());
        }
        named
    }

    fn show(lines: &str) -> String {
        let Some(trace) = named(lines).trace() else { return "-".to_owned() };
        let or = |text: Option<Text<'_>>| text.map_or("-".to_owned(), Text::into_owned);
        let sampled = trace.sampled.map_or("-".to_owned(), |sampled| sampled.to_string());
        let format = serde_json::to_value(trace.format).unwrap();
        let format = format.as_str().unwrap();
        format!("{format} {} {} {} {sampled}", trace.id, or(trace.span_id), or(trace.parent_id))
    }

    #[test]
    fn names_are_where_their_values_are() {
        for (place, (_, name)) in Name::ALL.iter().enumerate() {
            assert_eq!(*name as usize, place);
        }
    }

    #[test]
    fn traceparent_is_strict() {
        let w3c = |flag: &str| format!("w3c {TRACE} {SPAN} - {flag}");
        for (value, expected) in [
            (format!("00-{TRACE}-{SPAN}-01"), w3c("true")),
            (format!("00-{TRACE}-{SPAN}-00"), w3c("false")),
            (format!("00-{TRACE}-{SPAN}-03"), w3c("true")),
            (format!("cc-{TRACE}-{SPAN}-01-what-follows"), w3c("true")),
            (format!("cc-{TRACE}-{SPAN}-01"), w3c("true")),
            (format!("00-{TRACE}-{SPAN}-01-x"), "-".into()),
            (format!("ff-{TRACE}-{SPAN}-01"), "-".into()),
            (format!("cc-{TRACE}-{SPAN}-01x"), "-".into()),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), "-".into()),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), "-".into()),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), "-".into()),
            (format!("00-{TRACE}-{SPAN}-1"), "-".into()),
            (format!("00-{TRACE}-{SPAN}"), "-".into()),
            (format!("0-{TRACE}-{SPAN}-01"), "-".into()),
            (format!("00-{TRACE}g-{SPAN}-01"), "-".into()),
            (format!("00-{TRACE}-4111111111111111-01"), "-".into()),
            (format!(" 00-{TRACE}-{SPAN}-01"), "-".into()),
        ] {
            assert_eq!(show(&format!("traceparent: {value}")), expected, "{value}");
        }
        let two = format!("traceparent: 00-{TRACE}-{SPAN}-01\ntraceparent: 00-{TRACE}-{SPAN}-00");
        assert_eq!(show(&two), "-");
    }

    #[test]
    fn b3() {
        let parent = "05e3ac9a4f6e3b90";
        for (lines, expected) in [
            (format!("b3: {TRACE}-{SPAN}-1-{parent}"), format!("b3 {TRACE} {SPAN} {parent} true")),
            (format!("b3: {SPAN}-{SPAN}-0"), format!("b3 {SPAN} {SPAN} - false")),
            (format!("b3: {TRACE}-{SPAN}-d"), format!("b3 {TRACE} {SPAN} - true")),
            (format!("b3: {TRACE}-{SPAN}"), format!("b3 {TRACE} {SPAN} - -")),
            ("b3: 0".into(), "-".into()),
            (format!("b3: {TRACE}-{SPAN}-2"), "-".into()),
            (format!("b3: {TRACE}-{SPAN}-1-{parent}-x"), "-".into()),
            (
                format!(
                    "x-b3-traceid: {TRACE}\nx-b3-spanid: {SPAN}\nx-b3-parentspanid: {parent}\nx-b3-sampled: 0"
                ),
                format!("b3-multi {TRACE} {SPAN} {parent} false"),
            ),
            (
                format!(
                    "x-b3-traceid: {SPAN}\nx-b3-spanid: {SPAN}\nx-b3-flags: 1\nx-b3-sampled: 0"
                ),
                format!("b3-multi {SPAN} {SPAN} - true"),
            ),
            (format!("x-b3-traceid: {TRACE}"), format!("b3-multi {TRACE} - - -")),
            (format!("x-b3-traceid: {TRACE}\nx-b3-spanid: x"), "-".into()),
            (format!("x-b3-spanid: {SPAN}"), "-".into()),
        ] {
            assert_eq!(show(&lines), expected, "{lines}");
        }
    }

    #[test]
    fn others() {
        for (lines, expected) in [
            (
                "x-amzn-trace-id: Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1",
                "xray 67891233abcdef012345678912345678 463ac35c9f6413ad - true",
            ),
            (
                "x-amzn-trace-id: Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678",
                "xray 67891233abcdef012345678912345678 - - -",
            ),
            ("x-amzn-trace-id: Root=2-67891233-abcdef012345678912345678", "-"),
            ("x-amzn-trace-id: nonsense", "-"),
            (
                "uber-trace-id: 4bf92f3577b34da6a3ce929d0e0e4736:f067aa0ba902b7:0:1",
                "jaeger 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 - true",
            ),
            (
                "uber-trace-id: abc:def:1:2",
                "jaeger 0000000000000abc 0000000000000def 0000000000000001 false",
            ),
            ("uber-trace-id: abc:def:1", "-"),
            ("uber-trace-id: :def:1:1", "-"),
            (
                "x-cloud-trace-context: 4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1",
                "cloud-trace 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 - true",
            ),
            (
                "x-cloud-trace-context: 4bf92f3577b34da6a3ce929d0e0e4736",
                "cloud-trace 4bf92f3577b34da6a3ce929d0e0e4736 - - -",
            ),
            ("x-cloud-trace-context: 4bf92f3577b34da6a3ce929d0e0e4736/x", "-"),
            ("x-cloud-trace-context: 4bf92f3577b34da6a3ce929d0e0e4736/-1;o=1", "-"),
        ] {
            assert_eq!(show(lines), expected, "{lines}");
        }
        let both = format!("b3: {SPAN}-{SPAN}-1\ntraceparent: 00-{TRACE}-{SPAN}-01");
        assert_eq!(show(&both), format!("w3c {TRACE} {SPAN} - true"));
    }

    #[test]
    fn ids_of_requests_are_plain_and_harmless() {
        let id = |value: &str| {
            let lines = format!("x-request-id: {value}");
            named(&lines).request_id().map(|id| id.into_owned())
        };
        for value in ["7f3c", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "req_1234567890", "a/b:c|d"] {
            assert_eq!(id(value).as_deref(), Some(value));
        }
        for value in [
            "a b",
            "<script>",
            "größe",
            "4111111111111111",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            &"x".repeat(129),
        ] {
            assert_eq!(id(value), None, "{value}");
        }
        assert_eq!(named("x-correlation-id: 1\nx-correlation-id: 2").correlation_id(), None);
    }
}
