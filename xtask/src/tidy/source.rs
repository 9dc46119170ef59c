//! The files of the checkout, read once.
//!
//! Always: text only; build results, version control and whatever else is not ours is left out.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::rust;

/// A text file of the checkout.
pub struct File {
    /// Path from the checkout's root, with slashes.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl File {
    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it holds tests alone: a module file that is only built for them, or a test program.
    pub fn is_test(&self) -> bool {
        let tests = ["tests", "tests.rs", "testing.rs"];
        self.path.split('/').any(|part| tests.contains(&part))
    }

    /// The code of a Rust file: comments, strings and test modules are blanked, lines stay.
    pub fn code(&self) -> String {
        rust::without_tests(&rust::code_of(&self.text))
    }
}

/// Every text file under the root, in the order of its path.
pub fn files(root: &Path) -> Result<Vec<File>> {
    let mut found = Vec::new();
    walk(root, root, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<File>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if !is_ours(&path) || is_lock(&path) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            found.extend(read(root, &path)?);
        }
    }
    Ok(())
}

/// The file, unless it is not text.
fn read(root: &Path, path: &Path) -> Result<Option<File>> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    Ok(String::from_utf8(bytes).ok().map(|text| File { path: name, text }))
}

/// Not version control (a file, in a worktree), and not a folder that a tool marked as holding what it can make again.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let foreign = [".git", "target", "node_modules"].iter().any(|foreign| name == *foreign);
    !foreign && !path.join("CACHEDIR.TAG").exists()
}

/// Lock files are cargo's, and name what tidy forbids.
fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
}

#[cfg(test)]
pub(super) mod tests {
    use super::{File, is_lock, is_ours};
    use std::path::Path;

    /// A file made up for a rule's test.
    pub(in crate::tidy) fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn what_is_not_ours_is_left_out() {
        assert!(!is_ours(Path::new("/x/.git")));
        assert!(!is_ours(Path::new("/x/agent-ebpf/target")));
        assert!(is_ours(Path::new("/x/.ci")));
        assert!(is_lock(Path::new("/x/Cargo.lock")));
    }

    #[test]
    fn tests_are_known_by_their_place() {
        assert!(file("agent/src/journal/tests.rs", "").is_test());
        assert!(file("tests/live/nginx.rs", "").is_test());
        assert!(!file("agent/src/journal/mod.rs", "").is_test());
    }

    #[test]
    fn code_is_what_remains_without_comments_and_tests() {
        let code = file("a.rs", "use a; // crate::b\n#[cfg(test)]\nmod tests { use c; }\n").code();
        assert!(code.contains("use a;"));
        assert!(!code.contains("crate::b") && !code.contains("use c"), "{code}");
    }
}
