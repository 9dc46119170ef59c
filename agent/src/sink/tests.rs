//! Tests of the list of sinks as a whole.

use std::path::PathBuf;

use super::*;

fn file(name: &str, path: &str) -> SinkConfig {
    let (name, path) = (name.to_owned(), PathBuf::from(path));
    SinkConfig::File(file::FileConfig { name, path, format: Format::Native })
}

fn mistakes(sinks: &[SinkConfig]) -> Vec<String> {
    let mut found = Vec::new();
    check(sinks, &mut |index, mistake| {
        found.push(format!("{index} {}: {}", mistake.key, mistake.text));
    });
    found
}

#[test]
fn names_are_names_of_files_and_differ() {
    let sinks = [
        file("a", "/var/log/a"),
        file("../a", "/var/log/b"),
        file("", "/var/log/c"),
        file("a", "/var/log/d"),
        file(&"n".repeat(65), "/var/log/e"),
        file("Site_2-b", "/var/log/f"),
    ];
    let long = format!("4 name: `{}` cannot be the name of a sink", "n".repeat(65));
    let expected = [
        "1 name: `../a` cannot be the name of a sink",
        "2 name: `` cannot be the name of a sink",
        "3 name: another sink has the name `a`",
        &long,
    ];
    assert_eq!(mistakes(&sinks), expected);
}

#[test]
fn every_kind_checks_its_own_keys() {
    let sinks = [file("a", "out.jsonl"), file("b", "/"), file("c", "/var/log/"), file("d", "/x")];
    let expected = [
        "0 path: path is not absolute",
        "1 path: path names no file",
        "2 path: path names no file",
    ];
    assert_eq!(mistakes(&sinks), expected);
}
