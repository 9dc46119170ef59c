//! Heads of messages: the way that well-formed ones take.
//!
//! In: a whole head, from its start line to the empty line. Out: `Parsed`, with what was odd.
//! Always: one copy of the fields and none of anything else; whatever `httparse` refuses goes to
//! `lenient`, so that a strange head is still a record. `None` only if the start line is none.
//! Not here: where a head ends (`half`), what its fields mean for the body (`framing`).

use std::mem::MaybeUninit;
use std::ops::Range;

use httparse::{Header, ParserConfig, Request, Response, Status};
use memchr::memchr_iter;

use crate::model::limits::Limits;
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{RequestHead, ResponseHead, Version};
use crate::protocol::fields::Fields;
use crate::protocol::http1::lenient;
use crate::protocol::token::METHOD_BYTES;

/// A head and what was odd about it.
pub struct Parsed<H> {
    /// The head.
    pub head: H,
    /// In order of appearance.
    pub notes: Vec<Anomaly>,
    /// A damaged line may have been one of the fields that frame the message.
    pub suspicious: bool,
}

/// Parses the head of a request. `None`: it does not begin with a request line.
pub fn request(bytes: &[u8], limits: &Limits) -> Option<Parsed<RequestHead>> {
    let mut few = [const { MaybeUninit::uninit() }; FEW_FIELDS];
    strict_request(bytes, few.get_mut(..limits.fields.min(FEW_FIELDS))?)
        .or_else(|| {
            let mut many = Vec::with_capacity(many_fields(bytes, limits)?);
            strict_request(bytes, many.spare_capacity_mut())
        })
        .or_else(|| lenient::request(bytes, limits))
}

/// Parses the head of a response. `None`: it does not begin with a status line.
pub fn response(bytes: &[u8], limits: &Limits) -> Option<Parsed<ResponseHead>> {
    let mut few = [const { MaybeUninit::uninit() }; FEW_FIELDS];
    strict_response(bytes, few.get_mut(..limits.fields.min(FEW_FIELDS))?)
        .or_else(|| {
            let mut many = Vec::with_capacity(many_fields(bytes, limits)?);
            strict_response(bytes, many.spare_capacity_mut())
        })
        .or_else(|| lenient::response(bytes, limits))
}

/// Where the head ends that begins with these bytes: after its first empty line. `from`: no end
/// was found before there, see `scan_from`.
pub fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr_iter(b'\n', rest).find_map(|at| match rest.get(at + 1..)? {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

/// Where the next search has to begin when `end` found nothing in `length` bytes.
pub fn scan_from(length: usize) -> usize {
    length.saturating_sub(2)
}

/// Notes bytes that no URI holds (RFC 3986 section 2).
pub fn check_target(target: &[u8], notes: &mut Vec<Anomaly>) {
    if !target.iter().all(|&byte| in_uri(byte)) {
        note(notes, Anomaly::InvalidTarget);
    }
}

/// Notes line ends without CR, of a head that holds no CR anywhere else.
fn check_line_ends(bytes: &[u8], notes: &mut Vec<Anomaly>) {
    // Counting is faster than looking at each line end.
    if memchr_iter(b'\n', bytes).count() != memchr_iter(b'\r', bytes).count() {
        note(notes, Anomaly::BareLf);
    }
}

/// The version with that second digit; later minor versions are read as 1.1 (RFC 9110 section 2.5).
pub fn version(minor: u8) -> Version {
    match minor {
        0 => Version::HTTP_1_0,
        _ => Version::HTTP_1_1,
    }
}

fn strict_request<'a>(
    bytes: &'a [u8],
    room: &mut [MaybeUninit<Header<'a>>],
) -> Option<Parsed<RequestHead>> {
    let mut request = Request::new(&mut []);
    let status =
        ParserConfig::default().parse_request_with_uninit_headers(&mut request, bytes, room);
    let (Ok(Status::Complete(_)), Some(method), Some(target), Some(minor)) =
        (status, request.method, request.path, request.version)
    else {
        return None;
    };
    if method.len() > METHOD_BYTES {
        return None;
    }
    let mut notes = Vec::new();
    check_target(target.as_bytes(), &mut notes);
    check_line_ends(bytes, &mut notes);
    Some(Parsed {
        head: RequestHead::of(
            method,
            target.as_bytes(),
            version(minor),
            fields(bytes, request.headers),
        ),
        notes,
        suspicious: false,
    })
}

fn strict_response<'a>(
    bytes: &'a [u8],
    room: &mut [MaybeUninit<Header<'a>>],
) -> Option<Parsed<ResponseHead>> {
    let mut response = Response::new(&mut []);
    let status =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, room);
    let (Ok(Status::Complete(_)), Some(code @ 100..), Some(minor)) =
        (status, response.code, response.version)
    else {
        return None;
    };
    let mut notes = Vec::new();
    check_line_ends(bytes, &mut notes);
    Some(Parsed {
        head: ResponseHead {
            status: Some(code),
            version: version(minor),
            fields: fields(bytes, response.headers),
        },
        notes,
        suspicious: false,
    })
}

/// How many fields to make room for, `None` if the small room was enough or more is not allowed.
fn many_fields(bytes: &[u8], limits: &Limits) -> Option<usize> {
    let lines = memchr_iter(b'\n', bytes).count();
    (lines > FEW_FIELDS && limits.fields > FEW_FIELDS).then_some(lines.min(limits.fields))
}

/// Copies the fields out, from the first name on.
fn fields(bytes: &[u8], headers: &[Header<'_>]) -> Fields {
    let place = |part: &[u8]| part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
    let Some(first) = headers.first() else {
        return Fields::default();
    };
    let start = place(first.name.as_bytes());
    let range = |part: &[u8]| -> Range<usize> {
        match part {
            // httparse's empty values need not lie in the head.
            [] => 0..0,
            _ => {
                let at = place(part).wrapping_sub(start);
                at..at.wrapping_add(part.len())
            }
        }
    };
    Fields::new(
        bytes.get(start..).unwrap_or_default().into(),
        headers.iter().map(|header| (range(header.name.as_bytes()), range(header.value))),
    )
}

fn in_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'/' | b':' | b';' | b'=' | b'?' | b'@')
        || matches!(byte, b'[' | b']' | b'_' | b'~')
}

/// Fields that fit on the stack.
const FEW_FIELDS: usize = 96;
