//! The examples of RFC 7541, appendix C.
//!
//! In: `rfc7541.txt`. A paragraph is one block: its section, octets (`>`), fields (`=`), and after it
//! the dynamic table (`#`, size and entry). Paragraphs of one section, as C.3, belong to one
//! connection; those of C.2 stand alone.

use super::{Decoder, Field, bytes, field, whole};

const EXAMPLES: &str = include_str!("rfc7541.txt");

/// What the lines of a paragraph that begin with `mark` hold.
fn lines<'a>(paragraph: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    paragraph.lines().filter_map(move |line| line.strip_prefix(mark))
}

/// `name: value`, where the name may begin with a colon.
fn named(text: &str) -> Field {
    let at = text[1..].find(": ").unwrap() + 1;
    field(&text[..at], &text[at + 2..])
}

/// The dynamic table, as in the file.
fn table(decoder: &mut Decoder) -> Vec<String> {
    let mut entries = Vec::new();
    while let Ok(Some(entry)) = decoder.table.entry(entries.len()) {
        let (name, value) = entry.text.split_at(entry.name_bytes);
        let [name, value] = [name, value].map(|text| str::from_utf8(text).unwrap());
        entries.push(format!("{} {name}: {value}", entry.text.len() + 32));
    }
    entries
}

#[test]
fn examples_are_decoded() {
    let (mut decoder, mut section, mut blocks) = (Decoder::new(), "", 0);
    for paragraph in EXAMPLES.split("\n\n") {
        let id = paragraph.lines().next().unwrap();
        if id.starts_with("C.2") || !id.starts_with(section) {
            section = &id[..3];
            decoder = Decoder::new();
            if matches!(section, "C.5" | "C.6") {
                // Their tables have 256 octets.
                assert!(whole(&mut decoder, &[0x3f, 0xe1, 0x01]).is_empty());
            }
        }
        let block = bytes(&lines(paragraph, "> ").collect::<String>());
        let mut expected: Vec<_> = lines(paragraph, "= ").map(named).collect();
        if id == "C.2.3" {
            expected[0].2 = true;
        }
        assert_eq!(whole(&mut decoder, &block), expected, "{id}");
        assert_eq!(table(&mut decoder), lines(paragraph, "# ").collect::<Vec<_>>(), "{id}");
        blocks += 1;
    }
    assert_eq!(blocks, 16);
}
