//! Readers of the formats, for tests: each written from its specification, not from our writer.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// Fails unless the event is as OCSF 1.7.0 wants its class.
pub(super) fn check_ocsf(name: &str, event: &Value) {
    static SCHEMAS: LazyLock<Vec<(u64, Validator)>> = LazyLock::new(|| {
        let schemas: Value = serde_json::from_str(include_str!("ocsf-1.7.0.schema.json")).unwrap();
        let schemas = schemas.as_object().unwrap().iter();
        let schemas = schemas.map(|(class, schema)| (class.parse().unwrap(), schema));
        schemas.map(|(class, schema)| (class, jsonschema::validator_for(schema).unwrap())).collect()
    });
    let class = event["class_uid"].as_u64().unwrap();
    let (_, schema) = SCHEMAS.iter().find(|(uid, _)| *uid == class).unwrap();
    let fault =
        |fault: jsonschema::ValidationError<'_>| format!("at {}: {fault}", fault.instance_path());
    let faults: Vec<_> = schema.iter_errors(event).map(fault).collect();
    assert!(faults.is_empty(), "{name}: {faults:?}\n{event:#}");
    let type_uid = class * 100 + event["activity_id"].as_u64().unwrap();
    assert_eq!(event["type_uid"], type_uid);
}

/// The nine fields of a line in the combined log format, unescaped.
pub(super) fn clf(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (end, skip) = match rest.as_bytes().first()? {
            b'"' => (closing_quote(rest)?, 1),
            b'[' => (rest.find(']')?, 1),
            _ => (rest.find(' ').unwrap_or(rest.len()), 0),
        };
        fields.push(unescape_clf(&rest[skip..end])?);
        rest = &rest[end + skip..];
        if rest.is_empty() {
            return Some(fields);
        }
        rest = rest.strip_prefix(' ')?;
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = true;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        // The first byte is the opening quote.
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape_clf(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'b' => 0x08,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte @ (b'"' | b'\\') => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Keys and values in order.
pub(super) type Pairs = Vec<(String, String)>;

/// The six fields of a CEF header behind its version, then the extension's keys and values.
pub(super) fn cef(line: &str) -> Option<(Vec<String>, Pairs)> {
    let mut header = vec![String::new()];
    let mut chars = line.strip_prefix("CEF:0|")?.chars();
    while header.len() < 7 {
        match chars.next()? {
            '\\' => header.last_mut()?.push(chars.next().filter(|c| "|\\".contains(*c))?),
            '|' => header.push(String::new()),
            c => header.last_mut()?.push(c),
        }
    }
    header.pop();
    Some((header, extension(chars.as_str())?))
}

/// A key is the word before a `=` that is not escaped.
fn extension(text: &str) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    let mut text_so_far = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text_so_far.push(match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                c @ ('=' | '\\') => c,
                _ => return None,
            }),
            '=' => {
                let (value, key) = text_so_far.rsplit_once(' ').unwrap_or(("", &text_so_far));
                match pairs.last_mut() {
                    Some(last) => last.1 = value.to_owned(),
                    None if value.is_empty() => {}
                    None => return None,
                }
                pairs.push((key.to_owned(), String::new()));
                text_so_far.clear();
            }
            c => text_so_far.push(c),
        }
    }
    pairs.last_mut()?.1 = text_so_far;
    let is_key =
        |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    pairs.iter().all(|(key, _)| is_key(key)).then_some(pairs)
}
