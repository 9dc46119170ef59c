//! The fields of a JSON body that tell whether it is a call, and of what.
//!
//! In: a JSON text. Out: `Body`: the fields of the first object, and how many objects there are.
//! Always: one pass, nothing is copied; a field that comes twice is none; what follows a cut is unknown.
//! Not here: what the fields mean (`graphql`, `jsonrpc`).

use std::borrow::Cow;

use memchr::memmem;

use super::super::json::scan::{Group, Token, Tokens};
use super::super::json::text::decoded;

/// The calls of a body.
pub(super) struct Body<'b> {
    pub(super) first: Envelope<'b>,
    /// How many there are, if it is a list that was read to its end.
    pub(super) batch: Option<u32>,
}

/// The fields of an object that matter here.
#[derive(Default)]
pub(super) struct Envelope<'b> {
    pub(super) query: Field<'b>,
    pub(super) operation_name: Field<'b>,
    pub(super) jsonrpc: Field<'b>,
    pub(super) method: Field<'b>,
    pub(super) id: Field<'b>,
    pub(super) params: Field<'b>,
    pub(super) result: Field<'b>,
    pub(super) error: Field<'b>,
    /// `code` within `error`.
    pub(super) code: Field<'b>,
    /// There are other fields.
    pub(super) others: bool,
    /// It was read to its end.
    pub(super) whole: bool,
}

/// A field of an object.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub(super) enum Field<'b> {
    #[default]
    Absent,
    Once(Value<'b>),
    /// Two readers may take two values.
    Twice,
}

/// The value of a field.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Value<'b> {
    String(&'b [u8]),
    Number(&'b [u8]),
    Word(&'static str),
    Group(Group),
}

/// Every call and every answer has one of these.
const TELLING: [&[u8]; 5] = [b"\"query\"", b"\"jsonrpc\"", b"\"method\"", b"\"result\"", b"\\u"];

impl<'b> Body<'b> {
    /// `None`: it is neither an object nor a list of objects, or no name in it is that of a call or an answer.
    pub(super) fn read(text: &'b [u8], cut: bool) -> Option<Self> {
        // Most JSON is neither, and is not read at all. A name may be written with escapes.
        if !TELLING.iter().any(|name| memmem::find(text, name).is_some()) {
            return None;
        }
        let mut tokens = Tokens::new(text, cut);
        match tokens.next()?.ok()? {
            Token::Open(Group::Object) => {
                let first = Envelope::read(&mut tokens);
                let alone = !first.whole || tokens.next().is_none();
                alone.then_some(Self { first, batch: None })
            }
            Token::Open(Group::Array) => Self::list(&mut tokens),
            _ => None,
        }
    }

    fn list(tokens: &mut Tokens<'b>) -> Option<Self> {
        let Token::Open(Group::Object) = tokens.next()?.ok()? else { return None };
        let first = Envelope::read(tokens);
        if !first.whole {
            return Some(Self { first, batch: None });
        }
        let mut count = 1_u32;
        let batch = loop {
            match tokens.next() {
                Some(Ok(Token::Open(Group::Object))) if skip(tokens).is_some() => {
                    count = count.saturating_add(1);
                }
                Some(Ok(Token::Close(_))) => {}
                Some(Err(_) | Ok(Token::Open(Group::Object))) => break None,
                Some(Ok(_)) => return None,
                None => break Some(count),
            }
        };
        Some(Self { first, batch })
    }
}

impl<'b> Envelope<'b> {
    /// Reads on behind the brace of an object.
    fn read(tokens: &mut Tokens<'b>) -> Self {
        let mut envelope = Self::default();
        envelope.whole = envelope.fields(tokens).is_some();
        envelope
    }

    /// `None`: the object does not end.
    fn fields(&mut self, tokens: &mut Tokens<'b>) -> Option<()> {
        loop {
            let Token::Name(name) = tokens.next()?.ok()? else { return Some(()) };
            let name = decoded(name);
            let value = self.value(name.as_deref(), tokens)?;
            match self.field(name.as_deref()) {
                Some(field) => field.add(value),
                None => self.others = true,
            }
        }
    }

    /// The value of a field, read to its end.
    fn value(&mut self, name: Option<&str>, tokens: &mut Tokens<'b>) -> Option<Value<'b>> {
        Some(match tokens.next()?.ok()? {
            Token::String(text) => Value::String(text),
            Token::Number(number) => Value::Number(number),
            Token::Word(word) => Value::Word(word),
            Token::Open(Group::Object) if name == Some("error") => {
                self.error_fields(tokens)?;
                Value::Group(Group::Object)
            }
            Token::Open(group) => {
                skip(tokens)?;
                Value::Group(group)
            }
            Token::Close(_) | Token::Name(_) => return None,
        })
    }

    fn error_fields(&mut self, tokens: &mut Tokens<'b>) -> Option<()> {
        let depth = tokens.depth();
        loop {
            match tokens.next()?.ok()? {
                Token::Name(name) if decoded(name).as_deref() == Some("code") => {
                    let value = self.value(None, tokens)?;
                    self.code.add(value);
                }
                Token::Open(_) => skip(tokens)?,
                Token::Close(_) if tokens.depth() < depth => return Some(()),
                _ => {}
            }
        }
    }

    fn field(&mut self, name: Option<&str>) -> Option<&mut Field<'b>> {
        Some(match name? {
            "query" => &mut self.query,
            "operationName" => &mut self.operation_name,
            "jsonrpc" => &mut self.jsonrpc,
            "method" => &mut self.method,
            "id" => &mut self.id,
            "params" => &mut self.params,
            "result" => &mut self.result,
            "error" => &mut self.error,
            _ => return None,
        })
    }
}

impl<'b> Field<'b> {
    fn add(&mut self, value: Value<'b>) {
        *self = if *self == Self::Absent { Self::Once(value) } else { Self::Twice };
    }

    /// Its text, if it is a string and comes once.
    pub(super) fn text(&self) -> Option<Cow<'b, str>> {
        match self {
            Self::Once(Value::String(raw)) => decoded(raw),
            _ => None,
        }
    }
}

/// Reads to the end of the group whose bracket was just read. `None`: it does not end.
fn skip(tokens: &mut Tokens<'_>) -> Option<()> {
    let depth = tokens.depth();
    while tokens.depth() >= depth {
        tokens.next()?.ok()?;
    }
    Some(())
}
