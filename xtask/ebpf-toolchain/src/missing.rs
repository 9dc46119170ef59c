//! What lacks for building the kernel side, and what to do about it.
//!
//! Always: each text names the thing and where it was looked for; the advice is one line.

use std::path::PathBuf;

use crate::{BPF_LINKER_VERSION, ENV_LINKER, ENV_RUSTC, LLVM_NEWEST, LLVM_OLDEST};

/// The one thing that keeps the kernel side from being built here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// No compiler qualifies; `tried` says of each that was found why not.
    #[error("no rust compiler with the source of `core` was found{}", listed(tried))]
    Compiler {
        /// One line for each compiler that was looked at.
        tried: Vec<String>,
    },
    /// The compiler that the environment names does not qualify.
    #[error("{ENV_RUSTC} names {rustc}, {reason}", rustc = rustc.display())]
    ChosenCompiler {
        /// As given in the environment.
        rustc: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No bpf-linker was found.
    #[error("no bpf-linker was found in {}", joined(searched))]
    Linker {
        /// The folders that were searched.
        searched: Vec<PathBuf>,
        /// Major version of the LLVM that the linker has to read.
        llvm_major: u32,
    },
    /// The bpf-linker that the environment names does not run.
    #[error("{ENV_LINKER} names {linker}, which does not run", linker = linker.display())]
    ChosenLinker {
        /// As given in the environment.
        linker: PathBuf,
    },
    /// Linkers were found, but none that reads what a compiler here writes.
    #[error(
        "{linker} carries LLVM {linker_llvm} and cannot read the LLVM {rustc_llvm} bitcode of {rustc}",
        linker = linker.display(),
        rustc = rustc.display()
    )]
    LinkerLlvm {
        /// The preferred linker.
        linker: PathBuf,
        /// Its LLVM's major version.
        linker_llvm: u32,
        /// The preferred compiler.
        rustc: PathBuf,
        /// Its LLVM's major version.
        rustc_llvm: u32,
    },
}

impl Missing {
    /// What to do about it, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::ChosenCompiler { .. } | Self::ChosenLinker { .. } => self.by_hand(),
            _ => format!("run `cargo xtask setup`, or {}", self.by_hand()),
        }
    }

    /// What to do about it where set-up cannot.
    pub fn by_hand(&self) -> String {
        match self {
            Self::Compiler { .. } => format!(
                "install a compiler by hand: `rustup toolchain install nightly --component \
                 rust-src`, or on Debian rustc-web, cargo-web and rust-web-src (LLVM {LLVM_OLDEST} \
                 to {LLVM_NEWEST})"
            ),
            Self::ChosenCompiler { .. } => format!(
                "let {ENV_RUSTC} name a rustc that has cargo beside it and the source of `core` in \
                 its sysroot, or unset it"
            ),
            Self::Linker { llvm_major, .. } | Self::LinkerLlvm { rustc_llvm: llvm_major, .. } => {
                format!(
                    "install LLVM {llvm_major}'s development files and run: `cargo install \
                     bpf-linker --version {BPF_LINKER_VERSION} --no-default-features --features \
                     llvm-{llvm_major}`"
                )
            }
            Self::ChosenLinker { .. } => {
                format!("let {ENV_LINKER} name a bpf-linker that runs here, or unset it")
            }
        }
    }
}

fn listed(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!(": {}", tried.join("; ")) }
}

fn joined(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}
