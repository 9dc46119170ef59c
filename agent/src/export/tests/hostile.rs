//! Whatever a record holds, each format makes one line of it that reads back.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::Format;
use super::golden::records;
use super::read;
use crate::cases::cases;

/// Texts with everything in them that ends a field or a line somewhere.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9./:-]{1,6}",
        r#"[\n\r\t"\\|= \[\]%{}&?\x00\x07\x7f]{1,4}"#,
        Just("\u{2028}é\u{85}".to_owned()),
        Just("\\n key=value CEF:0|".to_owned()),
    ];
    vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4)
                .prop_map(|group| Value::Object(group.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A golden record, some of whose texts are replaced by hostile ones.
fn record() -> impl Strategy<Value = Value> {
    let golden: Vec<Value> =
        records().iter().map(|(_, line)| serde_json::from_slice(line).unwrap()).collect();
    (proptest::sample::select(golden), vec(proptest::option::of(text()), 40)).prop_map(
        |(mut record, texts)| {
            replace(&mut record, &mut texts.into_iter());
            record
        },
    )
}

fn replace(value: &mut Value, texts: &mut impl Iterator<Item = Option<String>>) {
    match value {
        Value::String(text) => {
            if let Some(Some(fresh)) = texts.next() {
                *text = fresh;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, texts)),
        Value::Object(group) => {
            for (key, value) in group {
                // What a record cannot have otherwise.
                if !["timestamp", "event", "rule", "schema"].contains(&key.as_str()) {
                    replace(value, texts);
                }
            }
        }
        _ => {}
    }
}

fn lines(record: &Value) -> Vec<(Format, String)> {
    let line = serde_json::to_vec(record).unwrap();
    let converted = Format::ALL.into_iter().filter_map(|format| {
        let out = format.convert(&line)?.into_owned();
        assert!(!out.contains(&b'\n') && !out.contains(&b'\r'), "{format:?}");
        // Native lines are as they came.
        assert!(format == Format::Native || out.starts_with(format.line_start()), "{format:?}");
        Some((format, String::from_utf8(out).unwrap()))
    });
    converted.collect()
}

fn texts_of<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts_of(value, found)),
        Value::Object(group) => group.values().for_each(|value| texts_of(value, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_record_reads_back(record in record()) {
        for (format, line) in lines(&record) {
            match format {
                Format::Clf => {
                    let fields = read::clf(&line).unwrap_or_else(|| panic!("{line}"));
                    prop_assert_eq!(fields.len(), 9, "{}", line);
                    if let Some(agent) = record.pointer("/user_agent/original") {
                        let agent = agent.as_str().filter(|agent| !agent.is_empty());
                        prop_assert_eq!(&fields[8], agent.unwrap_or("-"));
                    }
                }
                Format::Cef => {
                    let (header, pairs) = read::cef(&line).unwrap_or_else(|| panic!("{line}"));
                    prop_assert_eq!(header.len(), 6);
                    let method = record.pointer("/http/request/method").and_then(Value::as_str);
                    if let Some(method) = method.filter(|method| !method.is_empty()) {
                        let plain = |c: char| {
                            let kept = c == '\n' || c == '\r' || !c.is_ascii_control();
                            if kept { c } else { ' ' }
                        };
                        let found = pairs.iter().find(|(key, _)| key == "requestMethod");
                        let plain: String = method.chars().map(plain).collect();
                        prop_assert_eq!(&found.unwrap().1, &plain);
                    }
                }
                Format::Native | Format::Otel | Format::Ocsf | Format::Ecs => {
                    let value: Value = serde_json::from_str(&line).unwrap();
                    if format == Format::Ocsf {
                        read::check_ocsf("any", &value);
                    }
                    // Nothing that a record says is left out.
                    let (mut had, mut has) = (Vec::new(), Vec::new());
                    texts_of(&record, &mut had);
                    texts_of(&value, &mut has);
                    // A record has no empty text: what is unknown is absent.
                    for text in had.into_iter().filter(|text| !text.is_empty()) {
                        // The time is a number there, the kind part of a name, the outcome capitalized.
                        let is_time = format == Format::Otel && record["timestamp"] == text;
                        let is_part = |other: &&str| {
                            other.strip_prefix("earwitness.").unwrap_or(other).eq_ignore_ascii_case(text)
                        };
                        let is_there = is_time || has.iter().any(is_part);
                        prop_assert!(is_there, "{:?}: {:?} in {}", format, text, line);
                    }
                }
            }
        }
    }

    /// Lines that no agent writes: other versions, damage that is still JSON.
    #[test]
    fn any_json_is_a_line_or_none(record in any_json(), kind in 0..5_usize) {
        let kind = ["exchange", "message", "loss", "lifecycle", "other"][kind];
        let with_kind = json!({"event": {"kind": kind}, "http": record, "client": record,
            "principal": record, "source": record, "earwitness": record, "x": record});
        for (format, line) in lines(&record).into_iter().chain(lines(&with_kind)) {
            match format {
                Format::Clf => prop_assert_eq!(read::clf(&line).map(|fields| fields.len()), Some(9)),
                Format::Cef => prop_assert!(read::cef(&line).is_some(), "{}", line),
                _ => prop_assert!(serde_json::from_str::<Value>(&line).is_ok()),
            }
        }
    }

    #[test]
    fn any_bytes_are_no_record(bytes in vec(any::<u8>(), 0..40)) {
        for format in [Format::Otel, Format::Ocsf, Format::Ecs, Format::Clf, Format::Cef] {
            prop_assert_eq!(format.convert(&bytes), None);
        }
    }
}
