//! Header fields that records keep, and what is taken from the others.
//!
//! In: `Fields` of a head, the names that the configuration allows. Out: the record's `header`,
//! and the values that have a key of their own in a record.
//! Always: fail closed: a name that is not allowed is left out; one that carries credentials is
//! left out and named; the value of an allowed one is replaced where it looks secret.
//! Not here: the lists (`redact::lists`), judging names and values (`name`, `value`).

use super::super::name_table::NameTable;
use super::super::record::value::{Headers, Text};
use super::super::record::{Action, Sensitive};
use super::super::trace::{self, Named};
use super::action::Replaced;
use super::notes::Notes;
use super::text::header_text;
use super::value::{Place, look};
use super::{RedactionConfig, lists, name};
use crate::protocol::fields::Fields;

/// Which message a field belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// Decides about header fields by name.
#[derive(Debug)]
pub struct HeaderTable {
    entries: NameTable<Entry>,
    added: u32,
}

/// A name that is known, and what is done with it.
#[derive(Debug)]
struct Entry {
    name: Box<str>,
    request_path: Box<str>,
    response_path: Box<str>,
    fate: Fate,
    role: Role,
    /// One bit, shared by few names: a name whose bit was not seen is new.
    bit: u128,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Keep,
    Unlisted,
    Never,
}

/// What a field is to the rest of the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    None,
    Host,
    UserAgent,
    ContentType,
    ContentEncoding,
    Named(trace::Name),
}

/// What one head gave. No `Debug`: some of it is not redacted.
#[derive(Default)]
pub struct Kept<'a> {
    /// Fields that may be written.
    pub headers: Headers<'a>,
    /// Keys of values that had to be written percent-encoded.
    pub escaped: Vec<Text<'a>>,
    /// Value of Host, not redacted; `None` if several differ.
    pub host: Option<&'a [u8]>,
    /// Value of the first User-Agent; `None` if it is empty.
    pub user_agent: Option<Value<'a>>,
    /// Value of the first Content-Type, not redacted.
    pub content_type: Option<&'a [u8]>,
    /// Value of the first Content-Encoding, not redacted.
    pub content_encoding: Option<&'a [u8]>,
    /// Values that name a trace or a request, not redacted.
    pub named: Option<Box<Named<'a>>>,
    /// `Entry::bit` of all names so far.
    seen: u128,
    /// There are several Host fields, and they are not the same.
    hosts_differ: bool,
}

/// A value that may be written.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    /// The value, or what replaces it; `None`: nothing does.
    pub text: Option<Text<'a>>,
    /// Why it is hidden, and what was done.
    pub hidden: Option<(Sensitive, Action)>,
    /// It is written percent-encoded.
    pub escaped: bool,
}

// === impl HeaderTable ===

impl HeaderTable {
    /// The table of a configuration. Names that carry credentials stay never kept.
    pub fn new(config: &RedactionConfig) -> Self {
        let mut table = Self { entries: NameTable::new(), added: 0 };
        for name in lists::NEVER {
            table.add(name, Fate::Never);
        }
        for name in &config.header_allow {
            let name = name.to_ascii_lowercase();
            table.add(&name, if lists::is_never(&name) { Fate::Never } else { Fate::Keep });
        }
        let roles = ["host", "user-agent", "content-type", "content-encoding"];
        let named = trace::Name::ALL.iter().map(|(name, _)| name);
        for name in lists::KNOWN.iter().chain(lists::ALLOW).chain(&roles).chain(named) {
            table.add(name, Fate::Unlisted);
        }
        table
    }

    /// The first word about a name counts.
    fn add(&mut self, name: &str, fate: Fate) {
        self.added += 1;
        let bit = 1 << (self.added % u128::BITS);
        self.entries.add(name, Entry::new(name, fate, bit));
    }

    /// Names that are kept, sorted: part of the policy's digest.
    pub fn kept_names(&self) -> Vec<&str> {
        let kept = self.entries.meanings().filter(|entry| entry.fate == Fate::Keep);
        let mut names: Vec<_> = kept.map(|entry| &*entry.name).collect();
        names.sort_unstable();
        names
    }

    /// Goes through the fields of one head.
    pub fn keep<'a>(&'a self, fields: &'a Fields, side: Side, notes: &mut Notes<'a>) -> Kept<'a> {
        let mut kept =
            Kept { headers: Headers::with_capacity(fields.len().min(16)), ..Kept::default() };
        let mut unlisted = 0;
        for (name, value) in fields.iter() {
            let Some(entry) = self.entries.find(name) else {
                unlisted += u64::from(!note_unknown(name, side, notes));
                continue;
            };
            kept.add(entry, value, side, notes);
            match entry.fate {
                Fate::Keep => {}
                Fate::Never => kept.never(entry, value, side, notes),
                Fate::Unlisted => unlisted += 1,
            }
        }
        notes.add_many(side.group(), Sensitive::Unlisted, Action::Drop, unlisted);
        kept
    }
}

/// Names a field that no list has, if it carries credentials by the look of its name.
fn note_unknown(name: &[u8], side: Side, notes: &mut Notes) -> bool {
    let lower = name.to_ascii_lowercase();
    let never = std::str::from_utf8(&lower).is_ok_and(lists::is_never);
    let kind = if never { Some(Sensitive::Credential) } else { name::classify(name) };
    if let Some(kind) = kind {
        notes.add_named(side.group(), name, kind, Action::Drop);
    }
    kind.is_some()
}

// === impl Entry ===

impl Entry {
    fn new(name: &str, fate: Fate, bit: u128) -> Self {
        Self {
            name: name.into(),
            request_path: format!("{}.{name}", Side::Request.group()).into(),
            response_path: format!("{}.{name}", Side::Response.group()).into(),
            fate,
            bit,
            role: match name {
                "host" => Role::Host,
                "user-agent" => Role::UserAgent,
                "content-type" => Role::ContentType,
                "content-encoding" => Role::ContentEncoding,
                _ => trace::Name::of(name).map_or(Role::None, Role::Named),
            },
        }
    }

    fn path(&self, side: Side) -> &str {
        match side {
            Side::Request => &self.request_path,
            Side::Response => &self.response_path,
        }
    }
}

// === impl Kept ===

impl<'a> Kept<'a> {
    fn add(&mut self, entry: &'a Entry, value: &'a [u8], side: Side, notes: &mut Notes<'a>) {
        match entry.role {
            Role::UserAgent => return self.add_user_agent(entry, value, side, notes),
            Role::Host => return self.add_host(entry, value, side, notes),
            Role::ContentType => self.content_type = self.content_type.or(Some(value)),
            Role::ContentEncoding => self.content_encoding = self.content_encoding.or(Some(value)),
            Role::Named(name) => self.named.get_or_insert_default().add(name, value),
            Role::None => {}
        }
        if entry.fate == Fate::Keep {
            self.push(entry, Value::new(value, notes), side, notes);
        }
    }

    /// A field that carries credentials: left out, unless there is to be a token of it, or a box.
    fn never(&mut self, entry: &'a Entry, value: &'a [u8], side: Side, notes: &mut Notes<'a>) {
        let kind = Sensitive::Credential;
        match notes.replace_unnoted(kind, Some(value)) {
            instead if matches!(instead.action, Action::Token | Action::Encrypt) => {
                self.push(entry, Value::replaced(kind, instead), side, notes);
            }
            _ => notes.add(entry.path(side), kind, Action::Drop),
        }
    }

    fn add_user_agent(
        &mut self,
        entry: &'a Entry,
        value: &'a [u8],
        side: Side,
        notes: &mut Notes<'a>,
    ) {
        let value = Value::new(value, notes);
        if self.user_agent.is_none() && value.text.as_ref().is_none_or(|text| !text.is_empty()) {
            self.user_agent = Some(value.clone());
        }
        if entry.fate == Fate::Keep {
            self.push(entry, value, side, notes);
        }
    }

    fn add_host(&mut self, entry: &'a Entry, value: &'a [u8], side: Side, notes: &mut Notes<'a>) {
        let first = self.host.is_none() && !self.hosts_differ;
        self.hosts_differ |= !first && self.host != Some(value);
        self.host = Some(value).filter(|_| !self.hosts_differ);
        if entry.fate != Fate::Keep {
            return;
        }
        // A Host field has no user: what stands there may be anything.
        let value = match value.contains(&b'@') {
            true => Value::hidden(Sensitive::UserInfo, value, notes),
            false => Value::new(value, notes),
        };
        self.push(entry, value, side, notes);
    }

    fn push(&mut self, entry: &'a Entry, value: Value<'a>, side: Side, notes: &mut Notes<'a>) {
        let path = entry.path(side);
        if let Some((kind, action)) = value.hidden {
            notes.add(path, kind, action);
        }
        let Some(text) = value.text else { return };
        if value.escaped && self.escaped.last().is_none_or(|last| last != path) {
            self.escaped.push(Text::Borrowed(path));
        }
        let name = Text::Borrowed(&*entry.name);
        if self.seen & entry.bit == 0 {
            self.seen |= entry.bit;
            return self.headers.push_new(name, text);
        }
        self.headers.push(name, text);
    }
}

// === impl Value ===

impl<'a> Value<'a> {
    /// Looks at a value.
    pub fn new(value: &'a [u8], notes: &mut Notes<'_>) -> Self {
        let look = look(value, Place::Header);
        match look.kind {
            Some(kind) => Self::hidden(kind, value, notes),
            None => {
                let (text, escaped) = header_text(value, look.plain);
                Self { text: Some(text), hidden: None, escaped }
            }
        }
    }

    fn hidden(kind: Sensitive, value: &[u8], notes: &mut Notes<'_>) -> Self {
        Self::replaced(kind, notes.replace_unnoted(kind, Some(value)))
    }

    fn replaced(kind: Sensitive, replaced: Replaced) -> Self {
        let hidden = Some((kind, replaced.action));
        Self { text: replaced.into_text(), hidden, escaped: false }
    }
}

// === impl Side ===

impl Side {
    fn group(self) -> &'static str {
        match self {
            Self::Request => "http.request.header",
            Self::Response => "http.response.header",
        }
    }
}
