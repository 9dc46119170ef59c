//! Multipart forms without their values.
//!
//! In: `multipart/form-data`, its boundary. Out: the same parts, with names and values that may be written.
//! Always: a part's own media type says how its value is read: text as a value of a form, JSON, XML and forms by
//! their fields; of files and of all else a length and a keyed digest are written; a part that can be read in
//! several ways, or was cut, has no value; fields of heads that are not understood are left out.
//! Not here: where parts end (`parts`), their heads (`head`), what may be written (`verdict`, `scalar`). Source:
//! RFC 7578.

mod head;
mod parts;

use std::borrow::Cow;

use memchr::memmem;

use self::head::{Disposition, Field as HeadField, Head};
use self::parts::{Part, Parts};
use super::super::MASK;
use super::super::name::Strength;
use super::form::{Field, Writer};
use super::media::Media;
use super::scalar::{self, Look};
use super::tally::Tally;
use super::verdict::{Hidden, Names, mixed};
use super::{Redact, charset};
use crate::audit::record::{Action, Sensitive};

/// Writes one form. Returns whether all of it could be read.
pub(super) fn redact<'r>(
    boundary: &[u8],
    bytes: &[u8],
    cut: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    if !is_boundary(boundary) {
        return false;
    }
    let delimiter = [b"--", boundary].concat();
    let Some((preamble, parts)) = Parts::open(bytes, &delimiter) else { return false };
    let text = std::str::from_utf8(boundary).ok();
    let shown = match text.filter(|text| suspicion(names, text).is_none()) {
        Some(_) => delimiter.clone(),
        None => ["--", MASK].concat().into_bytes(),
    };
    let line_end = parts.line_end();
    let mut form = Form { writer: Writer::new(names, tally, out), delimiter: shown, line_end };
    form.leave_out(u64::from(!preamble.is_empty()));
    form.parts(parts) && !cut
}

struct Form<'w, 'r, 'b> {
    writer: Writer<'w, 'r, 'b>,
    /// As it may be written.
    delimiter: Vec<u8>,
    line_end: &'static [u8],
}

/// How the content of a part is read.
enum Reading {
    /// A value.
    Value,
    /// By its fields.
    Fields(Redact),
    /// Not at all.
    Length,
}

impl<'b> Form<'_, '_, 'b> {
    /// Returns whether all of it could be read.
    fn parts(&mut self, mut parts: Parts<'b, '_>) -> bool {
        let mut whole = true;
        for part in parts.by_ref() {
            let Self { writer, delimiter, line_end } = self;
            writer.path.clear();
            writer.out.extend([delimiter, *line_end].into_iter().flatten());
            whole &= self.part(&part);
            self.writer.out.extend_from_slice(self.line_end);
        }
        let Some(epilogue) = parts.epilogue() else { return false };
        let Self { writer, delimiter, line_end } = self;
        writer.path.clear();
        writer.out.extend([delimiter, &b"--"[..]].into_iter().flatten());
        let ends = epilogue.starts_with(line_end);
        writer.out.extend_from_slice(if ends { line_end } else { b"" });
        self.leave_out(u64::from(!epilogue.trim_ascii().is_empty()));
        whole
    }

    /// Returns whether it could be read.
    fn part(&mut self, part: &Part<'b>) -> bool {
        let Some(head) = Head::parse(part.bytes, self.line_end) else {
            self.writer.out.extend_from_slice(self.line_end);
            let field = self.writer.top();
            self.writer.hide(field.place, Sensitive::Unlisted, None);
            return false;
        };
        let media = head.media();
        let disposition = head.disposition().unwrap_or_default();
        let field = self.head(&head, disposition);
        self.leave_out(head.others);
        if head.content.is_empty() && part.intact {
            return true;
        }
        if !part.intact {
            let kind = field.hidden.map_or(Sensitive::Unlisted, |(kind, _)| kind);
            self.writer.hide(field.place, kind, None);
            return false;
        }
        let parsed = media.map_or(Some(None), |media| Media::parse(media).map(Some));
        let charset = parsed.as_ref().and_then(|media| media.as_ref()?.charset(head.content));
        match reading(&head, disposition, parsed.as_ref()) {
            Reading::Value => self.value(head.content, charset, field),
            Reading::Fields(redact) => self.fields(head.content, charset, field, redact),
            Reading::Length => self.length(head.content, field),
        }
        true
    }

    /// Writes a head, and the empty line behind it.
    fn head(&mut self, head: &Head<'b>, disposition: Disposition<'b>) -> Field {
        let before = self.writer.out.len();
        let field = match disposition.name {
            Some(name) => self.writer.name(name, true),
            None => self.writer.top(),
        };
        let name = self.writer.out.split_off(before);
        for (title, line) in &head.fields {
            self.writer.out.extend([title.as_bytes(), b": "].into_iter().flatten());
            match line {
                HeadField::Disposition(_) => self.disposition(disposition, &name, field),
                HeadField::Media(value) => self.parameter(b"content-type", value, field, None),
                HeadField::Coding(value, true) | HeadField::Length(value) => {
                    self.writer.out.extend_from_slice(value);
                }
                HeadField::Coding(..) => self.writer.out.extend_from_slice(MASK.as_bytes()),
            }
            self.writer.out.extend_from_slice(self.line_end);
        }
        self.writer.out.extend_from_slice(self.line_end);
        field
    }

    fn disposition(&mut self, disposition: Disposition<'b>, name: &[u8], field: Field) {
        self.writer.out.extend_from_slice(b"form-data");
        if disposition.name.is_some() {
            self.writer.out.extend([b"; name=\"", name, b"\""].into_iter().flatten());
        }
        if let Some(filename) = disposition.filename {
            self.writer.out.extend_from_slice(b"; filename=\"");
            self.parameter(b"filename", filename, field, Some(field));
            self.writer.out.push(b'"');
        }
        if let Some(filename) = disposition.filename_coded {
            self.writer.out.extend_from_slice(b"; filename*=");
            self.parameter(b"filename", filename, field, Some(field));
        }
    }

    /// Writes something of a head, if it looks harmless. `above`: it is a value below this field.
    fn parameter(&mut self, name: &'static [u8], value: &[u8], at: Field, above: Option<Field>) {
        if value.is_empty() || value == BLOB {
            return self.writer.out.extend_from_slice(value);
        }
        let all = self.writer.names.keeps_all();
        let hidden = above.and_then(|above| {
            self.writer.names.judge_plain(name).verdict.hidden(above.hidden, all)
        });
        let text = std::str::from_utf8(value).ok();
        let found = match (hidden, text) {
            (Some((kind, Strength::Sure)), _) => Some(kind),
            (_, Some(text)) if !text.contains(char::is_control) => {
                suspicion(self.writer.names, text)
            }
            _ => Some(Sensitive::Unlisted),
        };
        match (found, text) {
            (None, Some(text)) => self.writer.out.extend_from_slice(text.as_bytes()),
            (kind, _) => {
                let kind = kind.unwrap_or(Sensitive::Unlisted);
                self.writer.path.push(String::from_utf8_lossy(name));
                self.writer.hide(at.place.below(mixed(name)), kind, text);
                self.writer.path.pop();
            }
        }
    }

    fn value(&mut self, content: &[u8], charset: Option<&[u8]>, field: Field) {
        let text = charset::utf8(content, charset);
        let text = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
        let kept = match (field.hidden, text) {
            (Some((kind, Strength::Sure)), _) => Err(kind),
            (_, None) => Err(Sensitive::Unlisted),
            (doubt, Some(text)) => self.judge(text, doubt).map_or(Ok(text), Err),
        };
        match kept {
            Ok(text) => self.writer.out.extend_from_slice(text.as_bytes()),
            Err(kind) => self.writer.hide(field.place, kind, text),
        }
    }

    /// Why a value is hidden; `None`: it may be written.
    fn judge(&self, text: &str, doubt: Hidden) -> Option<Sensitive> {
        let Writer { names, path, .. } = &self.writer;
        let limit = if names.keeps_all() { usize::MAX } else { scalar::VALUE_BYTES };
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let like_delimiter = || memmem::find(text.as_bytes(), &self.delimiter).is_some();
        if text.len() > limit || text.contains(odd) || like_delimiter() {
            return Some(Sensitive::Unlisted);
        }
        let name = path.last().map(|name| name.as_bytes()).unwrap_or_default();
        let look: Look<'_> = names.look(name);
        look.find(text).or_else(|| {
            let (kind, strength) = doubt?;
            scalar::is_like(kind, strength, text.trim()).then_some(kind)
        })
    }

    /// Content that has fields of its own.
    fn fields(&mut self, content: &[u8], charset: Option<&[u8]>, field: Field, redact: Redact) {
        let kind = match field.hidden {
            Some((kind, Strength::Sure)) if kind != Sensitive::Unlisted => kind,
            _ => {
                let Writer { names, tally, out, path } = &mut self.writer;
                let (before, mut inner) = (out.len(), tally.of_part());
                let text = charset::utf8(content, charset);
                if text.is_some_and(|text| redact(&text, false, names, &mut inner, out)) {
                    return tally.take(
                        inner,
                        field.place,
                        path.iter().map(|part| Cow::Borrowed(&**part)),
                    );
                }
                out.truncate(before);
                Sensitive::Unlisted
            }
        };
        self.writer.hide(field.place, kind, None);
    }

    /// Content of which nothing is written.
    fn length(&mut self, content: &[u8], field: Field) {
        let kind = field.hidden.map_or(Sensitive::Unlisted, |(kind, _)| kind);
        let digest = self.writer.tally.digest(content);
        let text = match digest {
            Some(digest) => format!("{MASK} ({} bytes, {digest})", content.len()),
            None => format!("{MASK} ({} bytes)", content.len()),
        };
        self.writer.out.extend_from_slice(text.as_bytes());
        self.writer.count_done(field.place, kind, Action::Drop);
    }

    /// So many things of this part are not written.
    fn leave_out(&mut self, count: u64) {
        let field = self.writer.top();
        for _ in 0..count {
            self.writer.count_done(field.place, Sensitive::Unlisted, Action::Drop);
        }
    }
}

/// `media`: inner `None`: the part names no media type; outer `None`: it names none that there is.
fn reading(
    head: &Head<'_>,
    disposition: Disposition<'_>,
    media: Option<&Option<Media<'_>>>,
) -> Reading {
    let is_file = disposition.filename.is_some_and(|name| name != BLOB)
        || disposition.filename_coded.is_some();
    match media {
        Some(_) if is_file || !head.is_plain() => Reading::Length,
        Some(None) if disposition.filename.is_none() => Reading::Value,
        Some(Some(media)) if media.essence == "text/plain" => Reading::Value,
        Some(Some(media)) => media.kind().by_fields().map_or(Reading::Length, Reading::Fields),
        _ => Reading::Length,
    }
}

/// What browsers call the file that a script has made: most of them are values with a media type.
const BLOB: &[u8] = b"blob";

/// Why something that is no value is hidden; `None`: it may be written.
fn suspicion(names: &Names<'_>, text: &str) -> Option<Sensitive> {
    let long = (text.len() > scalar::VALUE_BYTES).then_some(Sensitive::Unlisted);
    long.or_else(|| names.look(b"").find(text))
}

/// Whether it is one (RFC 2046 section 5.1.1).
fn is_boundary(text: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    (1..=BOUNDARY_BYTES).contains(&text.len()) && text.iter().all(part) && !text.ends_with(b" ")
}

/// Longest boundary, in bytes.
const BOUNDARY_BYTES: usize = 70;
