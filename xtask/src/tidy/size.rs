//! Long files and long functions: questions, not faults.

use super::source::File;
use super::{Finding, rust};

/// Rust files and functions that are longer than most; tests are not counted.
pub fn questions(files: &[File]) -> Vec<Finding> {
    let counted = files.iter().filter(|file| file.is_rust() && !file.is_test());
    counted.flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    let length = file.text.lines().count();
    if length > FILE_LINES {
        let text = format!("{length} lines; does it hold more than one thing?");
        found.push(Finding::at(file, 1, text));
    }
    for (line, name, length) in functions(&file.code()) {
        if length > FUNCTION_LINES {
            let text = format!("`{name}` has {length} lines; does it do more than one thing?");
            found.push(Finding::at(file, line, text));
        }
    }
    found
}

/// Line, name and length of every function that has a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let (before, item) = code.split_at(at);
        if before.chars().next_back().is_some_and(rust::is_word) {
            continue;
        }
        let name: String = item.chars().skip(3).take_while(|&c| rust::is_word(c)).collect();
        let body = item.get(..rust::item_end(item)).unwrap_or_default();
        if !name.is_empty() && body.ends_with('}') {
            found.push((before.matches('\n').count() + 1, name, body.matches('\n').count() + 1));
        }
    }
    found
}

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;

#[cfg(test)]
mod tests {
    use super::{functions, questions};
    use crate::tidy::source::tests::file;

    #[test]
    fn functions_are_measured_with_their_signature() {
        let code = "x\nfn a(\n  b: u8,\n) {\n  c\n}\ntrait T { fn d(&self); }\nlet f: fn (u8);";
        assert_eq!(functions(code), [(2, "a".to_owned(), 5)]);
    }

    #[test]
    fn long_ones_are_asked_about() {
        let long = format!("fn a() {{\n{}}}\n", "  b();\n".repeat(60));
        assert_eq!(questions(&[file("a.rs", &long)]).len(), 1);
        assert_eq!(questions(&[file("a.rs", &"// c\n".repeat(501))]).len(), 1);
        assert!(questions(&[file("a.rs", "fn a() {}\n")]).is_empty());
        assert!(
            questions(&[file("a.rs", &format!("#[cfg(test)]\nmod t {{\n{long}}}"))]).is_empty()
        );
    }
}
