//! Where this machine may keep a compiler and a linker.
//!
//! In: the environment. Out: [`Places`], plain data that tests can make up. Not here: looking into
//! what lies there (`compiler`, `linker`).

use std::env;
use std::path::{Path, PathBuf};

/// Names the rustc to build the kernel side with, and no other is tried.
pub const ENV_RUSTC: &str = "EARWITNESS_EBPF_RUSTC";
/// Names the bpf-linker to build the kernel side with, and no other is tried.
pub const ENV_LINKER: &str = "EARWITNESS_BPF_LINKER";

/// Every place that is searched, in no order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// [`ENV_RUSTC`].
    pub chosen_rustc: Option<PathBuf>,
    /// [`ENV_LINKER`].
    pub chosen_linker: Option<PathBuf>,
    /// Where rustup keeps its toolchains.
    pub rustup_toolchains: Option<PathBuf>,
    /// The compiler of the distribution.
    pub system_rustc: PathBuf,
    /// Folders that may hold a bpf-linker, the best first.
    pub linker_folders: Vec<PathBuf>,
}

impl Places {
    /// What the environment says, and the usual places where it says nothing.
    pub fn of_this_machine(workspace_root: &Path) -> Self {
        let home = env::var_os("HOME").map(PathBuf::from);
        let under_home = |variable: &str, name: &str| {
            named(variable).or_else(|| home.as_ref().map(|home| home.join(name)))
        };
        Self {
            chosen_rustc: named(ENV_RUSTC),
            chosen_linker: named(ENV_LINKER),
            rustup_toolchains: under_home("RUSTUP_HOME", ".rustup").map(|p| p.join("toolchains")),
            system_rustc: PathBuf::from("/usr/bin/rustc"),
            linker_folders: linker_folders(workspace_root, under_home("CARGO_HOME", ".cargo")),
        }
    }
}

/// A path given by an environment variable; an empty one counts as not given.
fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn linker_folders(workspace_root: &Path, cargo_home: Option<PathBuf>) -> Vec<PathBuf> {
    let target = named("CARGO_TARGET_DIR").unwrap_or_else(|| PathBuf::from("target"));
    let mut folders = vec![workspace_root.join(target).join("tools/bin")];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders.extend(cargo_home.map(|home| home.join("bin")));
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}
