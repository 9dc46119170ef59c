//! Operations of a GraphQL document.
//!
//! In: the document. Out: kind and name of the operation that is asked for.
//! Always: the whole document is read; text that is no document has no operations; of several one
//! must be named. Names stand in the document in clear, values do not matter.
//! Not here: fields, arguments, types. Source: GraphQL (October 2021) sections 2.1 to 2.4 and 6.1.

use super::shown;

/// `graphql.operation.type`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OperationKind {
    /// It reads.
    Query,
    /// It changes something.
    Mutation,
    /// It asks to be told.
    Subscription,
}

/// What becomes of a document: its kind, and its name as it may be written.
type Operation = (OperationKind, Option<String>);

/// The operation of that name; without one, the only operation.
pub(super) fn operation(document: &str, name: Option<&str>) -> Option<Operation> {
    let all = operations(document)?;
    let wanted =
        |(_, own): &&(OperationKind, Option<&str>)| name.is_none_or(|name| *own == Some(name));
    let mut found = all.iter().filter(wanted);
    let (kind, own) = found.next().filter(|_| found.next().is_none())?;
    Some((*kind, own.and_then(|own| shown(own, NAME_BYTES))))
}

/// Longest name, in bytes.
const NAME_BYTES: usize = 128;

/// All operations. `None`: this is no document.
fn operations(document: &str) -> Option<Vec<(OperationKind, Option<&str>)>> {
    let mut tokens = Tokens { rest: document };
    let mut found = Vec::new();
    loop {
        match tokens.next()? {
            Token::End => return Some(found).filter(|found| !found.is_empty()),
            Token::Sign('{') => {
                tokens.selection()?;
                found.push((OperationKind::Query, None));
            }
            Token::Name("fragment") => {
                tokens.fragment()?;
            }
            Token::Name(word) => {
                let kind = OperationKind::of(word)?;
                found.push((kind, tokens.operation()?));
            }
            Token::Sign(_) | Token::Value => return None,
        }
    }
}

impl OperationKind {
    /// `query`, `mutation` or `subscription`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Query, Self::Mutation, Self::Subscription]
            .into_iter()
            .find(|kind| kind.name() == word)
    }
}

/// A piece of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token<'d> {
    Name(&'d str),
    /// A string or a number.
    Value,
    /// Punctuation; `...` is `.`.
    Sign(char),
    End,
}

struct Tokens<'d> {
    rest: &'d str,
}

impl<'d> Tokens<'d> {
    /// Behind `query`: the name, if there is one; reads to the end of the operation.
    fn operation(&mut self) -> Option<Option<&'d str>> {
        let mut token = self.next()?;
        let name = if let Token::Name(name) = token { Some(name) } else { None };
        if name.is_some() {
            token = self.next()?;
        }
        if token == Token::Sign('(') {
            self.group(')')?;
            token = self.next()?;
        }
        self.directives_and_selection(token)?;
        Some(name)
    }

    /// Behind `fragment`: `Name on Type`, and what follows.
    fn fragment(&mut self) -> Option<()> {
        let (Token::Name(_), Token::Name("on"), Token::Name(_)) =
            (self.next()?, self.next()?, self.next()?)
        else {
            return None;
        };
        let token = self.next()?;
        self.directives_and_selection(token)
    }

    fn directives_and_selection(&mut self, first: Token<'d>) -> Option<()> {
        let mut token = first;
        while token == Token::Sign('@') {
            let Token::Name(_) = self.next()? else { return None };
            token = self.next()?;
            if token == Token::Sign('(') {
                self.group(')')?;
                token = self.next()?;
            }
        }
        if token == Token::Sign('{') { self.selection() } else { None }
    }

    /// Behind the brace of a selection, which holds something.
    fn selection(&mut self) -> Option<()> {
        let before = self.rest;
        let (Token::Name(_) | Token::Sign('.')) = self.next()? else { return None };
        self.rest = before;
        self.group('}')
    }

    /// Reads to the end of a group whose bracket was just read.
    fn group(&mut self, close: char) -> Option<()> {
        let mut open = vec![close];
        while let Some(&innermost) = open.last() {
            match self.next()? {
                Token::Sign('{') => open.push('}'),
                Token::Sign('(') => open.push(')'),
                Token::Sign('[') => open.push(']'),
                Token::Sign(sign @ ('}' | ')' | ']')) => {
                    open.pop().filter(|_| sign == innermost)?;
                }
                Token::End => return None,
                Token::Name(_) | Token::Value | Token::Sign(_) => {}
            }
            if open.len() > DEPTH {
                return None;
            }
        }
        Some(())
    }

    /// `None`: nothing of GraphQL begins like this.
    fn next(&mut self) -> Option<Token<'d>> {
        self.skip_ignored();
        let Some(first) = self.rest.chars().next() else { return Some(Token::End) };
        match first {
            '_' | 'a'..='z' | 'A'..='Z' => {
                Some(Token::Name(self.take_while(|c| c == '_' || c.is_ascii_alphanumeric())))
            }
            '-' | '0'..='9' => {
                self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
                Some(Token::Value)
            }
            '"' => self.string(),
            '.' => {
                self.rest = self.rest.strip_prefix("...")?;
                Some(Token::Sign('.'))
            }
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                self.rest = self.rest.get(1..)?;
                Some(Token::Sign(first))
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<Token<'d>> {
        if let Some(mut block) = self.rest.strip_prefix(BLOCK) {
            // A block ends at three quotes without a backslash before them.
            loop {
                let (inner, after) = block.split_once(BLOCK)?;
                block = after;
                if !inner.ends_with('\\') {
                    break;
                }
            }
            self.rest = block;
            return Some(Token::Value);
        }
        let inner = self.rest.get(1..)?;
        let mut hidden = false;
        let end = inner.find(|c: char| {
            let ends = matches!(c, '"' | '\n' | '\r') && !hidden;
            hidden = c == '\\' && !hidden;
            ends
        })?;
        self.rest = inner.get(end..)?.strip_prefix('"')?;
        Some(Token::Value)
    }

    /// White space, commas and comments.
    fn skip_ignored(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}'));
            if !self.rest.starts_with('#') {
                return;
            }
            self.take_while(|c| !matches!(c, '\n' | '\r'));
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'d str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

/// Begins and ends a string of several lines.
const BLOCK: &str = "\"\"\"";
/// Most groups within each other.
const DEPTH: usize = 256;
