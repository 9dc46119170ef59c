//! Nothing in the checkout belongs to one machine or names where packages come from.
//!
//! A path of the machine that something was written on breaks on every other; and which registry or
//! mirror serves packages is for each machine's own settings to say.

use super::Finding;
use super::rust::is_word;
use super::source::File;

/// Lines with a machine's own path, or a registry's host.
pub fn check(files: &[File]) -> Vec<Finding> {
    files.iter().flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        if let Some(path) = PATHS.iter().find(|path| holds_path(line, path)) {
            findings.push(Finding::at(file, number, format!("`{path}` is a path of one machine")));
        }
        if let Some(host) = HOSTS.iter().find(|host| line.contains(*host)) {
            findings.push(Finding::at(file, number, format!("`{host}` is a registry's host")));
        }
    }
    findings
}

/// Whether the path stands there from the root on, not as the middle of another.
fn holds_path(line: &str, path: &str) -> bool {
    let inside = |c: char| is_word(c) || "./-}$*".contains(c);
    line.match_indices(path)
        .any(|(at, _)| !line.get(..at).unwrap_or_default().chars().next_back().is_some_and(inside))
}

// All spelled so that this file does not hold them.
const PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/user/")];
const HOSTS: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("registry.npm", "js.org"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
    concat!("archive.ubuntu", ".com"),
];

#[cfg(test)]
mod tests {
    use super::{HOSTS, PATHS, check};
    use crate::tidy::source::tests::file;

    #[test]
    fn a_path_of_one_machine_is_a_fault() {
        for path in PATHS {
            assert_eq!(check(&[file("a.md", &format!("cd {path}main"))]).len(), 1, "{path}");
            assert!(check(&[file("a.md", &format!("/mnt{path}main"))]).is_empty(), "{path}");
            assert!(check(&[file("a.sh", &format!("cd \"$R{path}x\""))]).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_registry_is_a_fault() {
        for host in HOSTS {
            assert_eq!(check(&[file("a.md", &format!("from {host}/x"))]).len(), 1, "{host}");
        }
        assert!(check(&[file("a.md", "cargo install")]).is_empty());
    }
}
