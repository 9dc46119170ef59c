//! Where this checkout and its build results lie.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout that this xtask was started from.
pub struct Workspace {
    /// The folder that holds the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

impl Workspace {
    /// Cargo tells where the package lies, both when it builds and when it runs this.
    pub fn here() -> Self {
        let told = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = told.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = package.parent().map_or_else(|| package.clone(), Path::to_path_buf);
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        Self { target: root.join(target), root }
    }

    /// A cargo command in the workspace's root, by the cargo that started this.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }

    /// Tools that set-up builds for this checkout alone.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The agent as `build --release` leaves it.
    pub fn agent(&self) -> PathBuf {
        self.target.join("release/earwitness")
    }
}
