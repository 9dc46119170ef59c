//! Secrets planted everywhere in a body: no piece of them is written, wherever the body is cut.
//!
//! In: trees made by chance. Out: nothing.
//! Always: what should be written is worked out from the tree, by another way than reading JSON.
//! Not here: known cases (`json`, `others`).

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{KEY, content, rules};
use crate::audit::redact::body::{Content, operations, redact};
use crate::audit::redact::notes::Notes;
use crate::cases::cases;

/// A JSON value with what should be written of it.
#[derive(Clone, Debug)]
enum Tree {
    /// As it is sent and written.
    Word(&'static str),
    /// Raw text of a number or string; kept under allowed names, if `harmless`.
    Scalar {
        raw: String,
        shown: String,
        harmless: bool,
    },
    Array(Vec<Tree>),
    Object(Vec<(Name, Tree)>),
}

/// The name of a field.
#[derive(Clone, Debug)]
struct Name {
    raw: String,
    shown: String,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Allowed,
    Unlisted,
    /// Everything below is hidden.
    Secret,
}

/// No other text has six such characters in a row.
fn canary() -> impl Strategy<Value = String> {
    "([qxzw][0-9]){4,12}"
}

/// The text as it stands between quotes, some characters escaped.
fn escaped(text: &str, escapes: &[Index]) -> String {
    let mut raw = String::new();
    for (character, escape) in text.chars().zip(escapes.iter().cycle()) {
        match escape.index(5) {
            0 => raw += &format!("\\u{:04x}", u32::from(character)),
            1 => raw += &format!("\\u{:04X}", u32::from(character)),
            _ => raw.push(character),
        }
    }
    raw
}

fn escapes() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 1..8)
}

fn name() -> impl Strategy<Value = Name> {
    let known = select(vec![
        ("status", Fate::Allowed),
        ("PageSize", Fate::Allowed),
        ("type", Fate::Allowed),
        ("userId", Fate::Unlisted),
        ("firstName", Fate::Unlisted),
        ("$ref", Fate::Unlisted),
        ("items", Fate::Unlisted),
        ("jsonrpc", Fate::Allowed),
        ("method", Fate::Unlisted),
        ("id", Fate::Unlisted),
        ("query", Fate::Unlisted),
        ("operationName", Fate::Unlisted),
        ("access_token", Fate::Secret),
        ("email", Fate::Secret),
    ]);
    let known = known.prop_map(|(name, fate)| (name.to_owned(), name.to_owned(), fate));
    let hidden = (canary(), 0..6_usize).prop_map(|(canary, form)| {
        let name = match form {
            0 => format!("{canary}@example.com"),
            1 => format!("user {canary}"),
            2 => format!("\u{fc}{canary}"),
            3 => canary.chars().filter(char::is_ascii_digit).chain("0123456789".chars()).collect(),
            _ => canary,
        };
        (name, "***".to_owned(), Fate::Unlisted)
    });
    (prop_oneof![3 => known, 1 => hidden], escapes()).prop_map(|((name, shown, fate), escapes)| {
        Name { raw: escaped(&name, &escapes), shown, fate }
    })
}

fn scalar() -> impl Strategy<Value = Tree> {
    let text = (canary(), 0..4_usize, escapes()).prop_map(|(canary, form, escapes)| {
        let text = match form {
            0 => format!("{canary}@example.com"),
            1 => format!("Bearer {canary}"),
            2 => format!("a token: {canary} \u{e9}\u{1f600}"),
            _ => format!("password={canary}"),
        };
        Tree::Scalar {
            raw: format!("\"{}\"", escaped(&text, &escapes)),
            shown: String::new(),
            harmless: false,
        }
    });
    // Of a kind that only the list hides.
    let unlisted = (canary(), any::<bool>()).prop_map(|(canary, number)| {
        let digits: String = canary.chars().filter(char::is_ascii_digit).collect();
        let raw = if number { format!("-7{digits}.{digits}E+07") } else { format!("\"{canary}\"") };
        Tree::Scalar { raw, shown: "UNLISTED".into(), harmless: false }
    });
    let harmless =
        (select(vec!["active", "2.0", "{a}", "a b", "\u{e9}t\u{e9}", "x/y", ""]), escapes())
            .prop_map(|(text, escapes)| Tree::Scalar {
                raw: format!("\"{}\"", escaped(text, &escapes)),
                shown: String::new(),
                harmless: true,
            });
    let number = select(vec!["0", "-1.10", "12", "1e3"]).prop_map(|number| Tree::Scalar {
        raw: number.into(),
        shown: String::new(),
        harmless: true,
    });
    let word = select(vec!["true", "false", "null"]).prop_map(Tree::Word);
    prop_oneof![3 => text, 3 => unlisted, 1 => harmless, 1 => number, 1 => word]
}

fn tree() -> impl Strategy<Value = Tree> {
    scalar().prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array),
            proptest::collection::vec((name(), inner), 0..6).prop_map(Tree::Object),
        ]
    })
}

impl Tree {
    fn send(&self, blank: &str, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Scalar { raw, .. } => out.push_str(raw),
            Self::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { blank });
                    value.send(blank, out);
                    out.push_str(blank);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { blank });
                    *out += &format!("{blank}\"{}\"{blank}:{blank}", name.raw);
                    value.send(blank, out);
                    out.push_str(blank);
                }
                out.push('}');
            }
        }
    }

    /// What is written: the same with `***`, blanks and escapes as they were sent.
    fn expect(&self, fate: Fate, tainted: bool, blank: &str, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Scalar { raw, harmless: true, .. } if fate == Fate::Allowed && !tainted => {
                out.push_str(raw);
            }
            Self::Scalar { .. } => out.push_str("\"***\""),
            Self::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { blank });
                    value.expect(fate, tainted, blank, out);
                    out.push_str(blank);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    let tainted = tainted || name.fate == Fate::Secret;
                    let shown = if name.shown == "***" { "***" } else { &name.raw };
                    out.push_str(if index > 0 { "," } else { blank });
                    *out += &format!("{blank}\"{shown}\"{blank}:{blank}");
                    value.expect(name.fate, tainted, blank, out);
                    out.push_str(blank);
                }
                out.push('}');
            }
        }
    }

    /// Under an allowed name only what detectors find is hidden.
    fn without_unlisted_under_allowed(self, allowed: bool) -> Self {
        match self {
            Self::Scalar { shown, .. } if shown == "UNLISTED" && allowed => Self::Word("null"),
            Self::Array(values) => Self::Array(
                values
                    .into_iter()
                    .map(|value| value.without_unlisted_under_allowed(allowed))
                    .collect(),
            ),
            Self::Object(fields) => Self::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| {
                        let allowed = name.fate == Fate::Allowed;
                        (name, value.without_unlisted_under_allowed(allowed))
                    })
                    .collect(),
            ),
            other => other,
        }
    }
}

/// Whether six characters of a canary are in what is written of a body. Returns what is.
fn leaks(media_type: &str, body: &[u8], cut: bool, more: &[&str]) -> Option<String> {
    let mut notes = Notes::default();
    let kept = redact(&Content { cut, ..content(media_type, body) }, &rules(more), KEY, &mut notes);
    let mut written = kept.map(|kept| kept.text).unwrap_or_default();
    written += &format!("\n{:?}", operations(&content(media_type, body)));
    for note in notes.into_list() {
        written += &format!("\n{}", note.path);
    }
    let is_canary = |part: &[u8]| {
        let letters = part.iter().filter(|byte| b"qxzw".contains(byte)).count();
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        (letters == 3 && digits == 3) || digits == 6
    };
    written.as_bytes().windows(6).any(is_canary).then_some(written)
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn operations_leak_nothing(canary in canary(), escapes in escapes(), end: Index) {
        let name = escaped(&canary, &escapes);
        for body in [
            format!(r#"{{"jsonrpc":"2.0","method":"{name}","id":"{name}","params":["{name}"]}}"#),
            format!(r#"[{{"jsonrpc":"2.0","id":"{name}","result":"{name}","error":{{"code":"{name}"}}}}]"#),
            format!(r#"{{"method":"{name}","params":["{name}"],"id":"{name}"}}"#),
            format!(r#"{{"query":"query {name} {{a(b: \"{name}\")}}","operationName":"{name}"}}"#),
            format!(r#"{{"query":"mutation A {{a(b: \"{name}\")}}","variables":{{"a":"{name}"}}}}"#),
        ] {
            let cut = end.index(body.len() + 1);
            prop_assert_eq!(leaks("application/json", body.as_bytes(), false, &[]), None, "{}", body);
            prop_assert_eq!(leaks("application/json", &body.as_bytes()[..cut], true, &[]), None);
        }
        let document = format!("query {canary} {{ a }}");
        prop_assert_eq!(leaks("application/graphql", document.as_bytes(), false, &[]), None);
    }

    #[test]
    fn json_is_written_as_the_tree_says(tree in tree(), blank in "[ \t\r\n]{0,2}") {
        let tree = tree.without_unlisted_under_allowed(false);
        let mut body = String::new();
        tree.send(&blank, &mut body);
        let mut notes = Notes::default();
        let kept = redact(&content("application/json", body.as_bytes()), &rules(&[]), KEY, &mut notes);
        let kept = kept.unwrap();
        prop_assert!(!kept.truncated);
        let mut expected = String::new();
        tree.expect(Fate::Unlisted, false, &blank, &mut expected);
        prop_assert_eq!(&kept.text, &expected, "{}", body);
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&kept.text).is_ok());
    }

}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn json_that_is_cut_leaks_nothing(tree in tree()) {
        let mut body = String::new();
        tree.without_unlisted_under_allowed(false).send("", &mut body);
        for end in 0..=body.len() {
            for cut in [true, false] {
                let bytes = &body.as_bytes()[..end];
                prop_assert_eq!(leaks("application/json", bytes, cut, &[]), None, "{}", &body);
                prop_assert_eq!(leaks("application/x-ndjson", bytes, cut, &[]), None);
                prop_assert_eq!(leaks("application/x-www-form-urlencoded", bytes, cut, &[]), None);
                prop_assert_eq!(leaks("application/xml", bytes, cut, &[]), None);
            }
        }
    }

    #[test]
    fn forms_leak_nothing(
        pairs in proptest::collection::vec((0..7_usize, canary(), any::<bool>()), 0..6),
    ) {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs: Vec<_> = pairs.iter().map(|(form, canary, encoded)| {
            let canary = if *encoded { encode(canary) } else { canary.clone() };
            match form {
                0 => format!("name={canary}"),
                1 => format!("{canary}=1"),
                2 => canary,
                3 => format!("status=password:{canary}"),
                4 => format!("user[{canary}]={canary}"),
                5 => format!("token[type]={canary}"),
                _ => format!("{canary}%40example.com&type={canary}@example.com"),
            }
        }).collect();
        let body = pairs.join("&");
        for end in 0..=body.len() {
            for cut in [true, false] {
                let bytes = &body.as_bytes()[..end];
                // Without its end, an address is none.
                if cut || end == body.len() {
                    prop_assert_eq!(leaks("application/x-www-form-urlencoded", bytes, cut, &[]), None);
                }
            }
        }
    }

    #[test]
    fn allowed_text_leaks_no_named_secret(
        lines in proptest::collection::vec((0..8_usize, canary()), 0..6),
    ) {
        let lines: Vec<_> = lines.iter().map(|(form, canary)| match form {
            0 => format!("user {canary}@example.com logged in\n"),
            1 => format!("x password = \"{canary}\n{canary}\" y\n"),
            2 => format!("api_key:\n  {canary}\n"),
            3 => format!("<a:password b='c'>\n{canary}</a:password>\n"),
            4 => format!("Authorization: Bearer {canary}\n"),
            5 => format!("-----BEGIN KEY-----\n{canary}\n-----END KEY-----\n"),
            6 => format!("<input name=\"pin\" value=\"{canary}\">\n"),
            _ => "plain text\n".to_owned(),
        }).collect();
        let body = lines.concat();
        for end in 0..=body.len() {
            let bytes = &body.as_bytes()[..end];
            prop_assert_eq!(leaks("text/html", bytes, true, &["text/*"]), None, "{}", &body[..end]);
        }
        prop_assert_eq!(leaks("text/html", body.as_bytes(), false, &["text/*"]), None, "{}", body);
    }
}
