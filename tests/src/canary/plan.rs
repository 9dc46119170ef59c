//! Messages with secrets in them: from the description of a place to what both ends send.
//!
//! In: a `Place`, whose texts hold `@KIND@` where a secret stands, or `@CODING:KIND@`. Out: `Case`s,
//! each with secrets of its own, as JSON for `servers::canary`.
//! Always: the path of a case begins with `/canary/ID`, which is no secret.
//! Not here: kinds of secrets (`secret`).

use anyhow::{Context as _, Result};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::secret::{Maker, Secret};

/// Where secrets stand in an exchange, and what of it a record must still show.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its name.
    pub name: &'static str,
    /// What the target has before the path: a host, with a user.
    pub host: &'static str,
    /// What it has behind the path.
    pub target: &'static str,
    /// The request: lines of fields, an empty line, the content. Without content it is a GET.
    pub ask: &'static str,
    /// The response alike.
    pub answer: &'static str,
    /// Fields behind the content of both.
    pub trailers: &'static str,
    /// The reason behind the status of the response; HTTP/1.1 only.
    pub reason: &'static str,
    /// Content-Encoding of both.
    pub coding: &'static str,
    /// What the contents are wrapped in.
    pub wrap: Wrap,
    /// Which versions of HTTP can carry it.
    pub only: Only,
    /// What the record must show: a JSON pointer, and a text within.
    pub shows: &'static [(&'static str, &'static str)],
}

/// What contents are wrapped in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wrap {
    /// Nothing.
    No,
    /// A message of gRPC that holds one string.
    Grpc,
    /// Two fragments of a message of WebSocket, after the connection was handed over.
    WebSocket,
}

/// Versions of HTTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Only {
    /// All.
    Any,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Place {
    /// A request and a response without anything.
    pub const PLAIN: Self = Self {
        name: "",
        host: "",
        target: "",
        ask: "",
        answer: "",
        trailers: "",
        reason: "",
        coding: "",
        wrap: Wrap::No,
        only: Only::Any,
        shows: &[],
    };

    /// The exchange, with new secrets. `cut`: how it is sent in pieces.
    pub fn case(&self, maker: &mut Maker, id: &str, cut: &'static str) -> Result<Case> {
        let mut filler = Filler { maker, secrets: Vec::new(), sent: Vec::new() };
        let target = filler.fill(&format!("/canary/{id}{}", self.target))?;
        let host = filler.fill(self.host)?;
        let reason = filler.fill(self.reason)?;
        let ask = filler.message(self, self.ask, true)?;
        let answer = filler.message(self, self.answer, false)?;
        let plan = json!({
            "id": id, "cut": cut, "mark": filler.sent.first(), "coding": self.coding,
            "target": target, "host": host, "reason": reason, "ask": ask, "answer": answer,
            "websocket": self.wrap == Wrap::WebSocket,
        });
        Ok(Case { id: id.to_owned(), place: *self, secrets: filler.secrets, plan })
    }
}

/// An exchange that is to take place.
#[derive(Clone, Debug)]
pub struct Case {
    /// Stands in its path.
    pub id: String,
    /// What it was made from.
    pub place: Place,
    /// What is in it, each with its kind and coding.
    pub secrets: Vec<(String, Secret)>,
    /// What both ends are told.
    pub plan: Value,
}

/// Puts secrets into texts.
struct Filler<'m> {
    maker: &'m mut Maker,
    secrets: Vec<(String, Secret)>,
    /// The secrets as they stand there.
    sent: Vec<String>,
}

impl Filler<'_> {
    fn message(&mut self, place: &Place, text: &str, asks: bool) -> Result<Value> {
        let (head, content) = text.split_once("\n\n").unwrap_or((text, ""));
        let content = self.fill(content)?;
        let content = match place.wrap {
            Wrap::No => content.into_bytes(),
            Wrap::Grpc => grpc(&content),
            Wrap::WebSocket => websocket(&content, asks),
        };
        Ok(json!({
            "fields": self.fields(head)?, "content": BASE64.encode(&content),
            "trailers": self.fields(place.trailers)?,
        }))
    }

    fn fields(&mut self, lines: &str) -> Result<Vec<(String, String)>> {
        let field = |line: &str| {
            let (name, value) =
                line.split_once(": ").with_context(|| format!("no field: {line}"))?;
            Ok((name.to_owned(), self.fill(value)?))
        };
        lines.lines().map(field).collect()
    }

    /// The text, with a secret in place of each `@…@` that names one.
    fn fill(&mut self, text: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('@') {
            out.push_str(before);
            let name = after.split_once('@');
            rest = match name.and_then(|(name, rest)| Some((self.secret(name)?, rest))) {
                Some((sent, rest)) => {
                    out.push_str(&sent);
                    rest
                }
                None => {
                    out.push('@');
                    after
                }
            };
        }
        Ok(out + rest)
    }

    /// A new secret, as it is sent; `None` if this names none.
    fn secret(&mut self, name: &str) -> Option<String> {
        let (coding, kind) = name.split_once(':').unwrap_or(("", name));
        let secret = self.maker.make(kind)?;
        let sent = encode(coding, &secret.text)?;
        self.secrets.push((name.to_owned(), secret));
        self.sent.push(sent.clone());
        Some(sent)
    }
}

fn encode(coding: &str, text: &str) -> Option<String> {
    let each = |form: fn(u8) -> String| text.bytes().map(form).collect();
    Some(match coding {
        "" => text.to_owned(),
        "base64" => BASE64.encode(text.as_bytes()),
        "percent" => each(|byte| format!("%{byte:02X}")),
        "escaped" => each(|byte| format!("\\u{byte:04x}")),
        // As a program that writes JSON would.
        "json" => text.replace('\n', "\\n"),
        _ => return None,
    })
}

/// Not compressed; field 1, of less than 128 bytes.
fn grpc(text: &str) -> Vec<u8> {
    let length = text.len() as u8;
    [&[0, 0, 0, 0, length + 2, 0x0a, length], text.as_bytes()].concat()
}

/// Text in two fragments (RFC 6455 section 5.2), masked if a client sends it.
fn websocket(text: &str, masked: bool) -> Vec<u8> {
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    let frame = |start: u8, part: &[u8]| {
        let key = if masked { [0x5a, 0x17, 0xc3, 0x88] } else { [0; 4] };
        let bytes = part.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        let mut frame = vec![start, part.len() as u8 | if masked { 0x80 } else { 0 }];
        frame.extend(masked.then_some(key).into_iter().flatten());
        frame.extend(bytes);
        frame
    };
    [frame(0x01, first), frame(0x80, second)].concat()
}

#[cfg(test)]
mod tests {
    use super::{Maker, Place};

    #[test]
    fn only_names_of_secrets_are_replaced() {
        let place = Place { target: "?a=@word@&b=x@example.org&c=@percent:card@", ..Place::PLAIN };
        let case = place.case(&mut Maker::new(1), "7", "whole").unwrap();
        let target = case.plan["target"].as_str().unwrap();
        assert!(target.starts_with("/canary/7?a=") && target.contains("&b=x@example.org&c=%34"));
        assert_eq!(case.secrets.len(), 2);
        assert!(target.contains(&case.secrets[0].1.text));
    }
}
