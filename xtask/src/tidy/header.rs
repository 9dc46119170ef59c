//! Every Rust file begins by saying what it is.

use super::Finding;
use super::source::File;

/// Files without a `//!` header in their first lines.
pub fn check(files: &[File]) -> Vec<Finding> {
    let bare = |file: &&File| file.is_rust() && !has_header(&file.text);
    let findings = files.iter().filter(bare);
    findings.map(|file| Finding::at(file, 1, "no `//!` header in the first three lines")).collect()
}

fn has_header(text: &str) -> bool {
    text.lines().take(FIRST_LINES).any(|line| line.starts_with("//!"))
}

/// Enough for a shebang or a `#![no_std]` above the header.
const FIRST_LINES: usize = 3;

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::tests::file;

    #[test]
    fn a_header_may_follow_an_attribute() {
        assert!(check(&[file("a.rs", "//! What it is.\n")]).is_empty());
        assert!(check(&[file("a.rs", "#![no_std]\n//! What it is.\n")]).is_empty());
        assert!(check(&[file("a.sh", "echo\n")]).is_empty());
    }

    #[test]
    fn a_bare_file_is_a_fault() {
        assert_eq!(check(&[file("a.rs", "use std::fs;\n\n\n//! too late\n")]).len(), 1);
        assert_eq!(check(&[file("a.rs", "")]).len(), 1);
    }
}
