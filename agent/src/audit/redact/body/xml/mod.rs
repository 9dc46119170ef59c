//! XML without what must not be written.
//!
//! In: an XML document, the judge of names. Out: the same document, with something else in place of names and values
//! that may not be written, and without comments and processing instructions.
//! Always: in one pass, without a tree; text is judged as a whole between two tags, whatever it is cut by; entities
//! are not expanded: after a document type, an entity that the document would have to declare, or any other fault
//! nothing more is written. At most `DEPTH` elements within each other.
//! Not here: attributes (`tag`), names (`verdict`), values (`scalar`). Source: XML 1.0, Namespaces in XML 1.0.

mod tag;

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, Event};

use self::tag::{Attribute, Name, Tag, is_blank};
use super::super::MASK;
use super::super::name::{Strength, classify_field};
use super::media::is_token;
use super::scalar::{self, Look};
use super::tally::{Place, Tally};
use super::verdict::{Hidden, Judged, Names};
use crate::audit::record::{Action, Sensitive};

/// Writes one document. Returns whether all of it could be read.
pub(super) fn redact<'r>(
    bytes: &[u8],
    cut: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    let (text, is_text) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let text = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(text).unwrap_or_default(), false)
        }
    };
    let top = Field { place: Place::default(), hidden: names.root() };
    let mut writer = Writer {
        text,
        top,
        elements: Vec::with_capacity(ELEMENTS),
        run: Run::default(),
        has_root: false,
        names,
        tally,
        out,
    };
    writer.document(cut || !is_text).is_some() && !cut && is_text
}

/// The charset that a document says it has.
pub(super) fn declared_charset(bytes: &[u8]) -> Option<&[u8]> {
    let front = bytes.get(..DECLARATION_BYTES.min(bytes.len()))?;
    let end = front.iter().position(|&byte| byte == b'>')?;
    let declaration = std::str::from_utf8(front.get(..end)?.strip_prefix(b"<?xml")?).ok()?;
    let (_, after) = declaration.split_once("encoding")?;
    let value = after.trim_start_matches(is_blank).strip_prefix('=')?.trim_start_matches(is_blank);
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (label, _) = value.get(1..)?.split_once(quote)?;
    Some(label.as_bytes())
}

struct Writer<'w, 'r, 't> {
    text: &'t str,
    /// Where values outside of all elements would be.
    top: Field,
    /// Those that are open.
    elements: Vec<Element<'t>>,
    run: Run,
    has_root: bool,
    names: &'w mut Names<'r>,
    tally: &'w mut Tally<'r>,
    out: &'w mut Vec<u8>,
}

/// Where values are.
#[derive(Clone, Copy)]
struct Field {
    place: Place,
    /// Why values here are hidden, and how sure that is.
    hidden: Hidden,
}

/// An element that is open.
struct Element<'t> {
    /// Where its text is.
    field: Field,
    name: Name<'t>,
    shown: bool,
}

/// Text between two tags.
#[derive(Default)]
struct Run {
    /// As it was sent, without comments.
    pieces: Vec<Range<usize>>,
    /// As it was meant.
    text: String,
}

// === grammar ===

impl<'t> Writer<'_, '_, 't> {
    /// `None`: it could not be read to its end.
    fn document(&mut self, cut: bool) -> Option<()> {
        let mut reader = Reader::from_str(self.text);
        reader.config_mut().check_comments = true;
        let mut start = 0;
        loop {
            let event = reader.read_event().ok()?;
            let end = usize::try_from(reader.buffer_position()).ok()?;
            let raw = self.text.get(start..end)?;
            match event {
                Event::Start(_) => self.open(raw, false)?,
                Event::Empty(_) => self.open(raw, true)?,
                Event::End(_) => self.close(raw)?,
                Event::Text(text) => self.run.push(start..end, &text),
                Event::CData(text) => self.run.push(start..end, &text),
                Event::GeneralRef(reference) => {
                    let mut room = [0; 4];
                    self.run.push(start..end, resolved(&reference, &mut room)?);
                }
                Event::Comment(_) | Event::PI(_) => self.leave_out(),
                Event::Decl(declaration) if start == 0 => self.declaration(&declaration, raw)?,
                Event::Decl(_) | Event::DocType(_) => return None,
                Event::Eof => break,
            }
            start = end;
        }
        // What stands at the end of a cut document may go on.
        if cut || !self.elements.is_empty() || !self.has_root {
            return None;
        }
        self.flush()
    }

    fn open(&mut self, raw: &'t str, is_empty: bool) -> Option<()> {
        self.flush()?;
        if self.elements.len() >= DEPTH || (self.elements.is_empty() && self.has_root) {
            return None;
        }
        self.has_root = true;
        let tag = Tag::parse(raw)?;
        let above = self.elements.last().map_or(self.top, |element| element.field);
        let inner = Field { hidden: self.below(above.hidden), ..above };
        self.out.push(b'<');
        let (field, shown) = self.name(inner, tag.name, 0);
        let named = Field { hidden: named_by(&tag.attributes, field.hidden), ..field };
        self.elements.push(Element { field: named, name: tag.name, shown });
        for (index, attribute) in tag.attributes.iter().enumerate() {
            self.attribute(attribute, index, if attribute.is_naming() { field } else { named });
        }
        self.write(tag.end);
        if is_empty {
            self.elements.pop();
        }
        Some(())
    }

    fn close(&mut self, raw: &'t str) -> Option<()> {
        self.flush()?;
        let element = self.elements.pop()?;
        let blanks = raw.strip_prefix("</")?.strip_prefix(element.name.whole)?;
        self.write("</");
        self.write(if element.shown { element.name.whole } else { HIDDEN_NAME });
        self.write(blanks);
        Some(())
    }

    fn declaration(&mut self, declaration: &BytesDecl<'_>, raw: &'t str) -> Option<()> {
        let version = declaration.version().ok()?;
        let is_known = matches!(&*version, "1.0" | "1.1");
        let is_charset = declaration.encoding().is_none_or(|encoding| {
            encoding.is_ok_and(|label| encoding_rs::Encoding::for_label(label.as_bytes()).is_some())
        });
        let is_answer = declaration.standalone().is_none_or(|standalone| {
            standalone.is_ok_and(|answer| matches!(&*answer, "yes" | "no"))
        });
        let known = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or_default();
            let value = value.trim_matches(['"', '\'']);
            matches!(name, "version" | "encoding" | "standalone") && is_token(value)
        };
        let inner = raw.strip_prefix("<?xml")?.strip_suffix("?>")?;
        let words = inner.split(is_blank).filter(|word| !word.is_empty());
        if is_known
            && is_charset
            && is_answer
            && words.clone().count() <= 3
            && words.clone().all(known)
        {
            self.write(raw);
            return Some(());
        }
        None
    }
}

/// What a reference stands for. `None`: the document would have to say so.
fn resolved<'c>(reference: &BytesRef<'_>, room: &'c mut [u8; 4]) -> Option<&'c str> {
    match reference.resolve_char_ref().ok()? {
        Some(character) => Some(character.encode_utf8(room)),
        None => resolve_xml_entity(reference),
    }
}

impl Run {
    fn push(&mut self, piece: Range<usize>, text: &str) {
        self.pieces.push(piece);
        self.text.push_str(text);
    }
}

// === what may be written ===

impl<'t> Writer<'_, '_, 't> {
    /// Why values below an element are hidden, by why its own text is: as in objects of JSON.
    fn below(&self, hidden: Hidden) -> Hidden {
        match hidden {
            Some((kind, Strength::Sure)) if self.names.keeps_all() => {
                let is_personal = kind == Sensitive::Personal;
                Some((kind, if is_personal { Strength::Doubtful } else { Strength::Sure }))
            }
            Some((Sensitive::Personal, _)) => hidden,
            other => other.filter(|(_, strength)| *strength == Strength::Sure),
        }
    }

    /// Writes a name. Returns the field that it names, and whether the name is shown. `index`: that among names
    /// that must differ.
    fn name(&mut self, above: Field, name: Name<'t>, index: usize) -> (Field, bool) {
        let Judged { verdict, number } = self.names.judge_plain(name.local.as_bytes());
        let prefix =
            name.prefix.and_then(|prefix| self.names.judge_plain(prefix.as_bytes()).verdict.name);
        let hidden_name = verdict.name.or(prefix);
        match hidden_name {
            None => self.write(name.whole),
            Some(kind) => {
                self.count(above.place, kind, Action::Mask);
                self.write(HIDDEN_NAME);
                if index > 0 {
                    self.write(&index.to_string());
                }
            }
        }
        let shown = hidden_name.is_none();
        let place = above.place.below(if shown { number } else { 0 });
        let hidden = verdict.hidden(above.hidden, self.names.keeps_all());
        (Field { place, hidden }, shown)
    }

    fn attribute(&mut self, attribute: &Attribute<'t>, index: usize, element: Field) {
        self.write(attribute.blanks);
        let above = Field { hidden: self.below(element.hidden), ..element };
        let (field, shown) = self.name(above, attribute.name, index);
        self.write(attribute.equals);
        match self.judge(field, attribute.name.local, &attribute.value) {
            None => self.write(attribute.raw),
            Some(kind) => {
                let name = if shown { attribute.name.local } else { MASK };
                self.hide(field.place, kind, &attribute.value, Some(name));
            }
        }
        self.write(attribute.quote());
    }

    /// Writes the text since the last tag. `None`: none may be here.
    fn flush(&mut self) -> Option<()> {
        let mut run = std::mem::take(&mut self.run);
        if run.pieces.is_empty() {
            return Some(());
        }
        let text = run.text.trim_matches(is_blank);
        let element = self.elements.last();
        if element.is_none() && !text.is_empty() {
            return None;
        }
        let field = element.map_or(self.top, |element| element.field);
        let name = element.map_or("", |element| element.name.local);
        let found = if text.is_empty() { None } else { self.judge(field, name, text) };
        match found {
            None => run.pieces.drain(..).for_each(|piece| {
                self.write(self.text.get(piece).unwrap_or_default());
            }),
            Some(kind) => self.hide(field.place, kind, text, None),
        }
        run.pieces.clear();
        run.text.clear();
        self.run = run;
        Some(())
    }

    /// Why a value is hidden; `None`: it may be written.
    fn judge(&self, field: Field, name: &str, value: &str) -> Option<Sensitive> {
        if value.is_empty() {
            return None;
        }
        if let Some((kind, Strength::Sure)) = field.hidden {
            return Some(kind);
        }
        let odd = |c: char| c.is_control() && !is_blank(c);
        let fits = self.names.keeps_all() || value.len() <= scalar::VALUE_BYTES;
        if !fits || value.contains(odd) {
            return Some(Sensitive::Unlisted);
        }
        let look: Look<'_> = self.names.look(name.as_bytes());
        let is_number = value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'));
        let found = look.find(value).or_else(|| is_number.then(|| look.find_in_number(value))?);
        found.or_else(|| {
            let (kind, strength) = field.hidden?;
            scalar::is_like(kind, strength, value).then_some(kind)
        })
    }

    // === writing ===

    fn write(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Hides a value. `attribute`: the name of the attribute that has it.
    fn hide(&mut self, place: Place, kind: Sensitive, value: &str, attribute: Option<&str>) {
        let Self { elements, tally, out, .. } = self;
        let names = || path(elements).chain(attribute.map(Cow::Borrowed));
        // What stands in place of a value has nothing that XML would escape.
        let replaced = tally.hide(place, kind, Some(value.as_bytes()), names);
        out.extend_from_slice(replaced.text.as_bytes());
    }

    fn count(&mut self, place: Place, kind: Sensitive, action: Action) {
        let Self { elements, tally, .. } = self;
        tally.count(place, kind, action, || path(elements));
    }

    /// A comment or an instruction is not written.
    fn leave_out(&mut self) {
        let field = self.elements.last().map_or(self.top, |element| element.field);
        self.count(field.place, Sensitive::Unlisted, Action::Drop);
    }
}

/// The names of open elements, as they may be written.
fn path<'p>(elements: &'p [Element<'_>]) -> impl Iterator<Item = Cow<'p, str>> {
    elements.iter().map(|one| Cow::Borrowed(if one.shown { one.name.local } else { MASK }))
}

/// Why an element's values are hidden, where an attribute says what they are: `<property name="password" value="x"/>`.
fn named_by(attributes: &[Attribute<'_>], hidden: Hidden) -> Hidden {
    let mut names =
        attributes.iter().filter(|one| one.is_naming() && one.value.len() <= NAME_BYTES);
    let said = names.find_map(|one| classify_field(one.value.as_bytes()));
    match (hidden, said) {
        (hidden, None) => hidden,
        (Some((kind, Strength::Sure)), _) if kind != Sensitive::Unlisted => hidden,
        (Some((_, Strength::Sure)), Some((kind, _))) => Some((kind, Strength::Sure)),
        (_, said) => said,
    }
}

impl Attribute<'_> {
    /// It holds the name of what the element holds.
    fn is_naming(&self) -> bool {
        NAMING.iter().any(|naming| naming.eq_ignore_ascii_case(self.name.local))
    }
}

const NAMING: [&str; 7] = ["attribute", "field", "id", "key", "name", "param", "property"];
/// Longest value that is taken for a name, in bytes.
const NAME_BYTES: usize = 64;
/// Stands in place of a name: what stands in place of a value is none.
const HIDDEN_NAME: &str = "___";
/// Most elements within each other.
const DEPTH: usize = 128;
/// As many as there are in most documents.
const ELEMENTS: usize = 16;
/// Longest declaration that is looked at, in bytes.
const DECLARATION_BYTES: usize = 128;
