//! The head of a part.
//!
//! In: a part. Out: `Head`: the name of its field, that of its file, its media type; its content.
//! Always: what can be read in two ways is not read: two fields or parameters of one name, line ends that differ,
//! quotes behind backslashes.
//! Not here: what may be written (`multipart`). Source: RFC 7578 section 4, RFC 9110 section 5.6.

use httparse::Status;

use super::super::media::is_token;

/// What the head of a part says. No `Debug`: it is not redacted.
pub(super) struct Head<'b> {
    /// The fields that are understood, in order: their names as sent.
    pub(super) fields: Vec<(&'b str, Field<'b>)>,
    /// Fields and parameters that are not understood.
    pub(super) others: u64,
    /// What stands behind it.
    pub(super) content: &'b [u8],
}

/// A field of the head.
#[derive(Clone, Copy)]
pub(super) enum Field<'b> {
    Disposition(Disposition<'b>),
    /// Content-Type.
    Media(&'b [u8]),
    /// Content-Transfer-Encoding; whether the content is as it was meant.
    Coding(&'b [u8], bool),
    /// Content-Length.
    Length(&'b [u8]),
}

/// Parameters of Content-Disposition.
#[derive(Clone, Copy, Default)]
pub(super) struct Disposition<'b> {
    /// `name`, between its quotes.
    pub(super) name: Option<&'b [u8]>,
    /// `filename`, between its quotes.
    pub(super) filename: Option<&'b [u8]>,
    /// `filename*`.
    pub(super) filename_coded: Option<&'b [u8]>,
    others: u64,
}

impl<'b> Head<'b> {
    /// `None`: it cannot be read, or in several ways.
    pub(super) fn parse(part: &'b [u8], line_end: &[u8]) -> Option<Self> {
        let mut room = [httparse::EMPTY_HEADER; FIELDS];
        let Ok(Status::Complete((length, lines))) = httparse::parse_headers(part, &mut room) else {
            return None;
        };
        let (head, content) = part.split_at_checked(length)?;
        if !has_only(head, line_end) {
            return None;
        }
        let mut parsed = Self { fields: Vec::new(), others: 0, content };
        for line in lines {
            match field(line.name, line.value)? {
                Some(field) if parsed.has(&field) => return None,
                Some(field) => parsed.fields.push((line.name, field)),
                None => parsed.others += 1,
            }
        }
        parsed.others += parsed.disposition()?.others;
        Some(parsed)
    }

    fn has(&self, field: &Field<'_>) -> bool {
        let kind = std::mem::discriminant(field);
        self.fields.iter().any(|(_, known)| std::mem::discriminant(known) == kind)
    }

    /// `None`: there is none.
    pub(super) fn disposition(&self) -> Option<Disposition<'b>> {
        self.fields.iter().find_map(|(_, field)| match field {
            Field::Disposition(disposition) => Some(*disposition),
            _ => None,
        })
    }

    /// Value of Content-Type.
    pub(super) fn media(&self) -> Option<&'b [u8]> {
        self.fields.iter().find_map(|(_, field)| match field {
            Field::Media(value) => Some(*value),
            _ => None,
        })
    }

    /// The content is what was meant, not a coding of it.
    pub(super) fn is_plain(&self) -> bool {
        !self.fields.iter().any(|(_, field)| matches!(field, Field::Coding(_, false)))
    }
}

/// Whether all lines end alike.
fn has_only(head: &[u8], line_end: &[u8]) -> bool {
    let crlf = line_end.len() > 1;
    let before = |at: usize| at.checked_sub(1).and_then(|at| head.get(at));
    memchr::memchr_iter(b'\n', head).all(|at| (before(at) == Some(&b'\r')) == crlf)
}

/// `None`: it cannot be read. `Some(None)`: it is not known.
#[expect(clippy::option_option, reason = "a field that is not known is no fault")]
fn field<'b>(name: &str, value: &'b [u8]) -> Option<Option<Field<'b>>> {
    Some(Some(match name.to_ascii_lowercase().as_str() {
        "content-disposition" => Field::Disposition(Disposition::parse(value)?),
        "content-type" => Field::Media(value),
        "content-transfer-encoding" => {
            let plain = |name: &&str| value.eq_ignore_ascii_case(name.as_bytes());
            Field::Coding(value, ["7bit", "8bit", "binary"].iter().any(plain))
        }
        "content-length" if value.iter().all(u8::is_ascii_digit) => Field::Length(value),
        _ => return Some(None),
    }))
}

impl<'b> Disposition<'b> {
    /// `form-data; name="a"; filename="b"`.
    fn parse(value: &'b [u8]) -> Option<Self> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let (kind, mut rest) = value.split_at_checked(end)?;
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return None;
        }
        let mut parsed = Self::default();
        while let Some(after) = rest.trim_ascii_start().strip_prefix(b";") {
            let parameter = after.trim_ascii_start();
            if parameter.is_empty() {
                return Some(parsed);
            }
            let (name, value) = parameter.split_at_checked(memchr::memchr(b'=', parameter)?)?;
            let (value, after) = parameter_value(value.get(1..)?)?;
            rest = after;
            let known = match name.trim_ascii_end().to_ascii_lowercase().as_slice() {
                b"name" => &mut parsed.name,
                b"filename" => &mut parsed.filename,
                b"filename*" => &mut parsed.filename_coded,
                _ => {
                    parsed.others += 1;
                    continue;
                }
            };
            if known.replace(value).is_some() {
                return None;
            }
        }
        rest.trim_ascii().is_empty().then_some(parsed)
    }
}

/// The value at the front, without its quotes, and what follows.
fn parameter_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t'));
        let (value, after) = text.split_at_checked(end.unwrap_or(text.len()))?;
        let is_plain = std::str::from_utf8(value).is_ok_and(is_token);
        return is_plain.then_some((value, after));
    };
    let (value, after) = inner.split_at_checked(memchr::memchr(b'"', inner)?)?;
    // Some take that for a quote within the value, some for a backslash and its end.
    (!value.ends_with(b"\\")).then_some((value, after.get(1..)?))
}

/// Most fields of a head.
const FIELDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, expected: &str) {
        let text = |value: Option<&[u8]>| {
            value.map_or("-".into(), |value| String::from_utf8_lossy(value).into_owned())
        };
        let shown = Head::parse(head.as_bytes(), b"\r\n").map(|head| {
            let Disposition { name, filename, filename_coded, .. } = head.disposition().unwrap();
            format!(
                "{} {} {} {} {} {}{}",
                text(name),
                text(filename),
                text(filename_coded),
                text(head.media()),
                head.others,
                text(Some(head.content)),
                if head.is_plain() { "" } else { " coded" }
            )
        });
        assert_eq!(shown.as_deref().unwrap_or("none"), expected, "{head}");
    }

    #[test]
    fn heads_are_taken_apart() {
        for (head, expected) in [
            ("Content-Disposition: form-data; name=\"a\"\r\n\r\nx", "a - - - 0 x"),
            (
                "content-type: text/plain\r\nCONTENT-DISPOSITION:Form-Data ;name=a ; filename=\"b;c\";\r\n\r\n",
                "a b;c - text/plain 0 ",
            ),
            (
                "Content-Disposition: form-data; filename*=UTF-8''x; x=1\r\nX-A: b\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\nx",
                "- - UTF-8''x - 2 x coded",
            ),
        ] {
            check(head, expected);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        for head in [
            "",
            "\r\nx",
            "Content-Type: a/b\r\n\r\n",
            "Content-Disposition: attachment; name=\"a\"\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\" b\r\n\r\n",
            "Content-Disposition: form-data; name=a\"b\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\"\n\r\nx",
            "Content-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx",
        ] {
            check(head, "none");
        }
    }
}
