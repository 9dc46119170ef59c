//! Finds what builds the kernel side, and builds it.
//!
//! In: the workspace's folder and the environment. Out: a [`Toolchain`] or the one thing that is
//! [`Missing`], and the object file. Always: nothing is installed, downloaded or changed outside the
//! target folder that the caller names. Not here: installing (`xtask setup`), embedding
//! (`agent/build.rs`).
//!
//! The kernel side wants `core` built for a target that no toolchain ships, so the compiler must
//! come with `core`'s source; and its linker must read the bitcode which that compiler writes. Any
//! compiler will do that meets the two, released or nightly: `RUSTC_BOOTSTRAP` opens the rest.

mod compile;
mod compiler;
mod environment;
mod linker;
mod missing;
mod places;
pub mod stack;

pub use compile::{BuildError, OBJECT_NAME, build};
pub use compiler::Compiler;
pub use environment::without_outer_cargo;
pub use missing::Missing;
pub use places::{ENV_LINKER, ENV_RUSTC};

use std::path::{Path, PathBuf};

use linker::Linker;
use places::Places;

/// The oldest LLVM that [`BPF_LINKER_VERSION`] can be built with.
pub const LLVM_OLDEST: u32 = 21;
/// The newest LLVM that [`BPF_LINKER_VERSION`] can be built with.
pub const LLVM_NEWEST: u32 = 23;
/// The release of bpf-linker that the project is built and tested with.
pub const BPF_LINKER_VERSION: &str = "0.13.0";

/// A compiler and a linker that fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// Full path of the cargo beside `rustc`; never one of rustup's shims.
    pub cargo: PathBuf,
    /// Full path of the compiler.
    pub rustc: PathBuf,
    /// Full path of bpf-linker.
    pub linker: PathBuf,
    /// Whether the compiler calls itself a nightly.
    pub nightly: bool,
    /// Major version of the compiler's LLVM; the linker's is this or newer.
    pub llvm_major: u32,
}

/// Finds a compiler and a linker that fit each other, or says which of the two lacks.
pub fn find(workspace_root: &Path) -> Result<Toolchain, Missing> {
    find_in(&Places::of_this_machine(workspace_root))
}

/// Finds the compilers alone, the best first and at least one: what a linker that is still to be
/// built may have to fit.
pub fn find_compilers(workspace_root: &Path) -> Result<Vec<Compiler>, Missing> {
    compiler::candidates(&Places::of_this_machine(workspace_root))
}

/// The first pair that fits, compilers in their order of preference, linkers in theirs.
fn find_in(places: &Places) -> Result<Toolchain, Missing> {
    let compilers = compiler::candidates(places)?;
    let linkers = linker::candidates(places, &compilers)?;
    let mut misfit = None;
    for (compiler, linker) in compilers.iter().flat_map(|c| linkers.iter().map(move |l| (c, l))) {
        if linker.reads(compiler.llvm_major) {
            return Ok(pair(compiler, linker));
        }
        misfit.get_or_insert_with(|| Missing::LinkerLlvm {
            linker: linker.path.clone(),
            linker_llvm: linker.llvm_major.unwrap_or_default(),
            rustc: compiler.rustc.clone(),
            rustc_llvm: compiler.llvm_major,
        });
    }
    Err(misfit.unwrap_or(Missing::Compiler { tried: Vec::new() }))
}

fn pair(compiler: &Compiler, linker: &Linker) -> Toolchain {
    Toolchain {
        cargo: compiler.cargo.clone(),
        rustc: compiler.rustc.clone(),
        linker: linker.path.clone(),
        nightly: compiler.nightly,
        llvm_major: compiler.llvm_major,
    }
}

#[cfg(test)]
mod tests;
