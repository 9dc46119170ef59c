//! `unsafe` stays where the kernel is spoken to, and a library in C that tests compare with.

use super::source::File;
use super::{Finding, rust};

/// Every `unsafe` in a file that is not meant to hold any. Tests count as well.
pub fn check(files: &[File]) -> Vec<Finding> {
    let outside = files.iter().filter(|file| file.is_rust() && !is_allowed(&file.path));
    outside.flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Finding> {
    let code = rust::code_of(&file.text);
    let lines = rust::words(&code).filter(|(_, word)| *word == "unsafe").map(|(line, _)| line);
    let text = format!("`unsafe` outside {}", ALLOWED.join(" and "));
    lines.map(|line| Finding::at(file, line, &*text)).collect()
}

fn is_allowed(path: &str) -> bool {
    ALLOWED.iter().any(|allowed| path.starts_with(allowed))
}

const ALLOWED: [&str; 3] = ["agent/src/kernel", "agent-ebpf/", "tests/nghttp2/"];

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::tests::file;

    #[test]
    fn only_few_places_may_be_unsafe() {
        assert!(check(&[file("agent-ebpf/src/main.rs", "unsafe { f() }")]).is_empty());
        assert!(check(&[file("agent/src/kernel/ring.rs", "unsafe { f() }")]).is_empty());
        let found = check(&[file("agent/src/conn/stream.rs", "fn a() {}\nunsafe fn b() {}")]);
        assert_eq!(found[0].place, "agent/src/conn/stream.rs:2");
    }

    #[test]
    fn talking_of_it_is_allowed() {
        let text = "#![deny(unsafe_code)] // unsafe\nlet x = \"unsafe\";";
        assert!(check(&[file("agent/src/lib.rs", text)]).is_empty());
    }
}
