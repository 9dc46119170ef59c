//! An open end in the code names the issue that will close it.

use super::Finding;
use super::rust::is_word;
use super::source::File;

/// Markers without an issue's number. Prose may speak of them.
pub fn check(files: &[File]) -> Vec<Finding> {
    files.iter().filter(|file| !file.path.ends_with(".md")).flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().zip(1..).filter(|(line, _)| is_open(line));
    lines
        .map(|(_, number)| Finding::at(file, number, "an open end without `#` and a number"))
        .collect()
}

fn is_open(line: &str) -> bool {
    let mut words = line.split(|c: char| !is_word(c));
    words.any(|word| MARKERS.contains(&word)) && !names_issue(line)
}

fn names_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Spelled so that this file does not hold them.
const MARKERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

#[cfg(test)]
mod tests {
    use super::{MARKERS, check};
    use crate::tidy::source::tests::file;

    #[test]
    fn an_open_end_needs_a_number() {
        for marker in MARKERS {
            assert_eq!(check(&[file("a.rs", &format!("x\n// {marker}: later"))]).len(), 1);
            assert!(check(&[file("a.rs", &format!("// {marker}(#12): later"))]).is_empty());
            assert!(check(&[file("a.md", &format!("{marker}s carry an issue"))]).is_empty());
            assert!(check(&[file("a.rs", &format!("let my_{marker} = 1;"))]).is_empty());
        }
    }
}
