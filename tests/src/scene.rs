//! Where one test plays: a folder of its own, and the agent's beginning.
//!
//! Always: everything that a test starts writes its logs into this folder, so a failure can show
//! them; the folder is gone after the test.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::agent::Setup;

/// One test's folder.
pub struct Scene {
    folder: TempDir,
}

impl Scene {
    /// An empty one.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("earwitness-live-").tempdir()?;
        // Servers read from it as users of their own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder })
    }

    /// A place in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in the folder. One with this content already is left alone: of a script, a program that
    /// has just been started may still be reading.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        if fs::read(&path).is_ok_and(|there| there == content.as_ref()) {
            return Ok(path);
        }
        fs::create_dir_all(path.parent().unwrap_or(self.folder.path()))?;
        fs::write(&path, content)?;
        Ok(path)
    }

    /// An agent that is still to be started, on a data directory in this folder.
    pub fn agent(&self) -> Setup<'_> {
        Setup::new(self)
    }

    /// The ends of all logs, for a person who looks into a failure.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        let entries = fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "log")) {
            let content = fs::read(path).unwrap_or_default();
            if !content.is_empty() {
                let _ = write!(text, "\n--- {} ---\n{}", name(path), tail(&content));
            }
        }
        text
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn tail(content: &[u8]) -> String {
    let start = content.len().saturating_sub(TAIL_BYTES);
    String::from_utf8_lossy(content.get(start..).unwrap_or_default()).into_owned()
}

const TAIL_BYTES: usize = 3_000;
