//! Golden files: `golden/NAME/native.json` and what each format makes of it.
//!
//! `UPDATE_EXPECT=1 cargo test -p earwitness --lib export` writes them anew.

use std::path::PathBuf;

use expect_test::expect_file;
use serde_json::Value;

use super::super::Format;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/export/golden"))
}

/// Each record by its name, as a line of the journal.
pub(super) fn records() -> Vec<(String, Vec<u8>)> {
    let mut records: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let folder = entry.unwrap().path();
            let text = std::fs::read_to_string(folder.join("native.json")).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::to_vec(&value).unwrap())
        })
        .collect();
    records.sort();
    assert!(records.len() >= 9);
    records
}

#[test]
fn every_format_says_what_it_said() {
    for (name, line) in records() {
        for (format, file) in [
            (Format::Otel, "otel.json"),
            (Format::Ocsf, "ocsf.json"),
            (Format::Ecs, "ecs.json"),
            (Format::Clf, "clf.txt"),
            (Format::Cef, "cef.txt"),
        ] {
            let Some(out) = format.convert(&line) else {
                assert!(format == Format::Clf && !folder().join(&name).join(file).exists());
                continue;
            };
            let text = match serde_json::from_slice::<Value>(&out) {
                Ok(mut value) => {
                    value.sort_all_objects();
                    serde_json::to_string_pretty(&value).unwrap()
                }
                Err(_) => String::from_utf8(out.into_owned()).unwrap(),
            };
            expect_file![folder().join(&name).join(file)].assert_eq(&(text + "\n"));
        }
    }
}

#[test]
fn the_journals_lines_are_native() {
    for (_, line) in records() {
        assert_eq!(Format::Native.convert(&line).as_deref(), Some(&line[..]));
    }
}

#[test]
fn golden_records_are_records() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/record.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (name, line) in records() {
        let record = serde_json::from_slice(&line).unwrap();
        let faults: Vec<_> = schema.iter_errors(&record).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
        serde_json::from_slice::<crate::audit::record::Record>(&line).unwrap();
    }
}

/// The schema's own text for both classes and a third, by PyPI `ocsf-json-schema`.
#[test]
fn ocsf_fits_its_schema() {
    for (name, line) in records() {
        let event = Format::Ocsf.convert(&line).unwrap();
        super::read::check_ocsf(&name, &serde_json::from_slice(&event).unwrap());
    }
}
