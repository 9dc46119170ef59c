//! The text of `deploy/earwitness.toml`, from the doc comments of the settings.
//!
//! In: JSON Schema of the configuration, which carries the doc comments. Out: commented TOML.
//! Always: built for tests only; the file is what users get.
//! Not here: the settings.

use std::fmt::Write;

use serde_json::Value;

use super::document::config_schema;

/// Longest line of a comment, in characters.
const LINE_CHARS: usize = 98;

/// The text of the commented default configuration.
pub(super) fn default_file() -> String {
    let schema = config_schema().to_value();
    let mut text = String::new();
    comment(&mut text, "", description(&schema));
    for (name, section) in properties(&schema) {
        let target = resolve(&schema, section);
        if section.get("type") == Some(&Value::from("array")) {
            text.push('\n');
            comment(&mut text, "", description(section));
            entries(&mut text, &schema, section);
            continue;
        }
        text.push('\n');
        comment(&mut text, "", description(section).or(description(target)));
        let _ = writeln!(text, "[{name}]");
        for (key, setting) in properties(target) {
            setting_text(&mut text, &schema, key, setting);
        }
    }
    text
}

fn setting_text(text: &mut String, schema: &Value, key: &str, setting: &Value) {
    comment(text, "", description(setting));
    entries(text, schema, setting);
    match setting.get("default") {
        None | Some(Value::Null) => {
            let _ = writeln!(text, "# {key} is not set.");
        }
        Some(value) => {
            let _ = writeln!(text, "#{key} = {}", toml_text(value));
        }
    }
}

/// The keys of the entries, where a setting is a list of tables.
fn entries(text: &mut String, schema: &Value, setting: &Value) {
    let Some(items) = setting.get("items") else { return };
    // Two lists in a row may hold the same kind of entries.
    let items = resolve(schema, items);
    let last = properties(items).last().map(|(key, _)| format!("\n#   {key}: "));
    if last.is_some_and(|last| text.contains(&last)) {
        text.push_str("# Keys of an entry: as above.\n");
        return;
    }
    for kind in items.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        // A word has no keys.
        if let Some(name) = kind.pointer("/properties/type/const") {
            comment(text, "", Some(&format!("With `type = {name}`: {}", about(schema, kind))));
            keys(text, schema, kind);
        }
    }
    if properties(items).next().is_some() {
        text.push_str("# Keys of an entry:\n");
        keys(text, schema, items);
    }
}

/// The keys of a table, but not the one that only names its kind.
fn keys(text: &mut String, schema: &Value, table: &Value) {
    for (key, value) in properties(table).filter(|(_, value)| value.get("const").is_none()) {
        comment(text, "  ", Some(&format!("{key}: {}", about(schema, value))));
    }
}

fn about<'v>(schema: &'v Value, value: &'v Value) -> &'v str {
    description(value).or(description(resolve(schema, value))).unwrap_or_default()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let map = schema.get("properties").and_then(Value::as_object);
    map.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn resolve<'v>(schema: &'v Value, value: &'v Value) -> &'v Value {
    let name = value.get("$ref").and_then(Value::as_str);
    let name = name.and_then(|path| path.strip_prefix("#/$defs/"));
    name.and_then(|name| schema.get("$defs")?.get(name)).unwrap_or(value)
}

fn description(value: &Value) -> Option<&str> {
    value.get("description").and_then(Value::as_str)
}

fn comment(text: &mut String, indent: &str, about: Option<&str>) {
    let mut line = format!("# {indent}");
    for word in about.unwrap_or_default().split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS {
            text.push_str(line.trim_end());
            text.push('\n');
            line = format!("# {indent}{}", if indent.is_empty() { "" } else { "  " });
        }
        line.push_str(word);
        line.push(' ');
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A value as TOML. Lists that do not fit a line are written over several.
fn toml_text(value: &Value) -> String {
    if let Value::Object(entries) = value {
        let entries: Vec<_> =
            entries.iter().map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
        return format!("{{ {} }}", entries.join(", "));
    }
    let Value::Array(values) = value else { return value.to_string() };
    let flat = value.to_string().replace(',', ", ");
    if flat.len() <= LINE_CHARS / 2 {
        return flat;
    }
    let mut text = String::from("[\n");
    for value in values {
        let _ = writeln!(text, "#  {value},");
    }
    text + "#]"
}
