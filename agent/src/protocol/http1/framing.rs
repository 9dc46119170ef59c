//! How long a message's body is.
//!
//! In: a parsed head, and for responses the method of the request. Out: `Framing`, anomalies.
//! Always: wherever two readers may disagree about the end of a message, that is noted, and
//! `Framing::Unknown` is given unless RFC 9112 section 6.3 leaves one reading only.
//! Not here: following the body (`half`, `chunked`).

use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{RequestHead, ResponseHead, Version};
use crate::protocol::fields::Fields;

/// What follows a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// Nothing.
    Empty,
    /// So many bytes, more than none.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Everything until the end of the stream.
    Close,
    /// Cannot be told.
    Unknown,
}

/// What matters of a request's method for its response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// The response has no body.
    Head,
    /// A 2xx response makes the connection a tunnel.
    Connect,
    /// Any other.
    Other,
    /// The request was not seen.
    Unknown,
}

impl Method {
    /// Of a method token.
    pub fn of(token: &str) -> Self {
        match token {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Framing of a request. `suspicious`: a damaged line may have been one of its framing fields.
pub fn of_request(head: &RequestHead, suspicious: bool, notes: &mut Vec<Anomaly>) -> Framing {
    let facts = Facts::of(&head.fields);
    let hosts_expected =
        facts.hosts == 1 || (facts.hosts == 0 && head.version == Version::HTTP_1_0);
    if !hosts_expected {
        note(notes, Anomaly::InvalidHost);
    }
    let framing = facts.framing(head.version, suspicious, notes);
    if notes.contains(&Anomaly::TransferEncodingInHttp10) {
        // Readers of that version do not know the field.
        note(notes, Anomaly::RequestSmuggling);
    }
    match framing {
        Some(Framing::Close) => {
            note(notes, Anomaly::RequestSmuggling);
            Framing::Unknown
        }
        Some(framing) => framing,
        None => Framing::Empty,
    }
}

/// Framing of a final response; not for those that end HTTP on the connection.
pub fn of_response(
    head: &ResponseHead,
    method: Method,
    suspicious: bool,
    notes: &mut Vec<Anomaly>,
) -> Framing {
    if method == Method::Head || matches!(head.status, Some(100..=199 | 204 | 304)) {
        return Framing::Empty;
    }
    Facts::of(&head.fields).framing(head.version, suspicious, notes).unwrap_or(Framing::Close)
}

/// The fields that decide, in one walk.
#[derive(Default)]
struct Facts {
    hosts: usize,
    length: Length,
    codings: Codings,
}

#[derive(Default)]
enum Length {
    #[default]
    Absent,
    Once(u64),
    Repeated(u64),
    Unequal,
    Invalid,
}

/// All Transfer-Encoding values as one list.
#[derive(Default)]
struct Codings {
    fields: usize,
    /// Times that `chunked` was named.
    chunked: usize,
    /// The last coding is `chunked`.
    chunked_last: bool,
    /// Something other than `chunked` was named.
    other: bool,
    /// A coding that some readers may take for `chunked`.
    obfuscated: bool,
}

impl Facts {
    fn of(fields: &Fields) -> Self {
        let mut facts = Self::default();
        for (name, value) in fields.iter() {
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => facts.hosts += 1,
                14 if name.eq_ignore_ascii_case(b"content-length") => facts.length.add(value),
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => facts.codings.add(value),
                _ => {}
            }
        }
        facts
    }

    /// `None`: no field says anything.
    fn framing(
        &self,
        version: Version,
        suspicious: bool,
        notes: &mut Vec<Anomaly>,
    ) -> Option<Framing> {
        if suspicious {
            note(notes, Anomaly::RequestSmuggling);
        }
        let length = self.length.framing(notes);
        let framing = match self.codings.fields {
            0 => length,
            _ => Some(self.coded(version, length.is_some(), notes)),
        };
        if suspicious {
            return Some(Framing::Unknown);
        }
        framing
    }

    /// Transfer-Encoding is there and goes before Content-Length.
    fn coded(&self, version: Version, has_length: bool, notes: &mut Vec<Anomaly>) -> Framing {
        let codings = &self.codings;
        if codings.other {
            note(notes, Anomaly::UnknownTransferCoding);
        }
        if version == Version::HTTP_1_0 {
            note(notes, Anomaly::TransferEncodingInHttp10);
        }
        if has_length || codings.fields > 1 || codings.chunked > 1 || codings.obfuscated {
            note(notes, Anomaly::RequestSmuggling);
        }
        match (codings.chunked_last, codings.chunked) {
            (true, 1) => Framing::Chunked,
            (false, 0) if !codings.obfuscated => Framing::Close,
            (false, _) if !codings.obfuscated => {
                note(notes, Anomaly::RequestSmuggling);
                Framing::Close
            }
            _ => {
                note(notes, Anomaly::RequestSmuggling);
                Framing::Unknown
            }
        }
    }
}

impl Length {
    /// Adds a value, itself perhaps a list of equal ones (RFC 9110 section 8.6).
    fn add(&mut self, value: &[u8]) {
        for part in value.split(|&byte| byte == b',') {
            let part = part.trim_ascii();
            *self = match (&*self, number(part)) {
                (Self::Invalid, _) | (_, None) => Self::Invalid,
                (Self::Absent, Some(length)) => Self::Once(length),
                (&(Self::Once(one) | Self::Repeated(one)), Some(other)) if one == other => {
                    Self::Repeated(one)
                }
                _ => Self::Unequal,
            };
        }
    }

    fn framing(&self, notes: &mut Vec<Anomaly>) -> Option<Framing> {
        match *self {
            Self::Absent => return None,
            Self::Repeated(_) => note(notes, Anomaly::RepeatedContentLength),
            Self::Unequal => note(notes, Anomaly::RequestSmuggling),
            Self::Invalid => note(notes, Anomaly::InvalidContentLength),
            Self::Once(_) => {}
        }
        Some(match *self {
            Self::Once(0) | Self::Repeated(0) => Framing::Empty,
            Self::Once(length) | Self::Repeated(length) => Framing::Length(length),
            _ => Framing::Unknown,
        })
    }
}

impl Codings {
    fn add(&mut self, value: &[u8]) {
        self.fields += 1;
        for part in value.split(|&byte| byte == b',') {
            let part = part.trim_ascii();
            self.chunked_last = part.eq_ignore_ascii_case(b"chunked");
            match self.chunked_last {
                true => self.chunked += 1,
                false => {
                    self.other = true;
                    self.obfuscated |= contains(part, b"chunked");
                }
            }
        }
    }
}

/// Digits only, as `1*DIGIT` says; `None` also for what no u64 holds.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether `part` occurs, compared without case.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}
