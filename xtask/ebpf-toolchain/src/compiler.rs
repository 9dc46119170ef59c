//! Compilers that can build `core` for the kernel.
//!
//! In: [`Places`]. Out: [`Compiler`]s, the best first. Always: each has cargo beside it, the source
//! of `core` in its sysroot, and an LLVM that bpf-linker can be built with. Rustup's toolchains are
//! called by their own path, since its shims obey variables which a build script inherits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment::without_outer_cargo;
use crate::places::Places;
use crate::{LLVM_OLDEST, Missing};

/// A compiler that can build the kernel side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// Full path of the cargo beside it.
    pub cargo: PathBuf,
    /// Full path of the compiler.
    pub rustc: PathBuf,
    /// What it calls itself, as in `1.96.0`.
    pub release: String,
    /// Whether it calls itself a nightly.
    pub nightly: bool,
    /// Major version of its LLVM.
    pub llvm_major: u32,
}

/// Every compiler that qualifies, the best first; at least one.
pub(crate) fn candidates(places: &Places) -> Result<Vec<Compiler>, Missing> {
    if let Some(rustc) = &places.chosen_rustc {
        return match inspect(rustc) {
            Ok(compiler) => Ok(vec![compiler]),
            Err(reason) => Err(Missing::ChosenCompiler { rustc: rustc.clone(), reason }),
        };
    }
    let mut fit = Vec::new();
    let mut tried = Vec::new();
    for rustc in paths(places) {
        match inspect(&rustc) {
            Ok(compiler) => fit.push(compiler),
            Err(reason) => tried.push(format!("{} {reason}", rustc.display())),
        }
    }
    if fit.is_empty() { Err(Missing::Compiler { tried }) } else { Ok(fit) }
}

/// Rustup's nightlies, its other toolchains, then the distribution's compiler.
fn paths(places: &Places) -> Vec<PathBuf> {
    let mut toolchains = folders_in(places.rustup_toolchains.as_deref());
    toolchains.sort_by_key(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (!name.starts_with("nightly"), std::cmp::Reverse(name))
    });
    let rustup = toolchains.into_iter().map(|folder| folder.join("bin/rustc"));
    rustup.chain([places.system_rustc.clone()]).filter(|rustc| rustc.exists()).collect()
}

fn folders_in(folder: Option<&Path>) -> Vec<PathBuf> {
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// What the compiler says of itself, or why it does not qualify.
fn inspect(rustc: &Path) -> Result<Compiler, String> {
    let cargo = rustc.with_file_name("cargo");
    if !cargo.exists() {
        return Err("has no cargo beside it".into());
    }
    let sysroot = asked(rustc, &["--print", "sysroot"])?;
    let core = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    if !core.exists() {
        return Err("comes without the source of `core`".into());
    }
    let version = asked(rustc, &["-vV"])?;
    let (release, llvm_major) = parse_version(&version).ok_or("does not say its LLVM version")?;
    if llvm_major < LLVM_OLDEST {
        return Err(format!("carries LLVM {llvm_major}, older than {LLVM_OLDEST}"));
    }
    let nightly = release.contains("nightly") || release.contains("-dev");
    Ok(Compiler { cargo, rustc: rustc.to_path_buf(), release, nightly, llvm_major })
}

fn asked(rustc: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = without_outer_cargo(Command::new(rustc).args(arguments))
        .output()
        .map_err(|source| format!("does not start: {source}"))?;
    if !output.status.success() {
        return Err(format!("ends with {} when asked {}", output.status, arguments.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Release and LLVM major version out of what `rustc -vV` prints.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let release = field("release: ")?.trim().to_owned();
    let llvm_major = field("LLVM version: ")?.trim().split('.').next()?.parse().ok()?;
    Some((release, llvm_major))
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn version_is_read_from_the_verbose_form() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\n\
                    binary: rustc\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(parse_version(text), Some(("1.96.0".into(), 22)));
        assert_eq!(parse_version("rustc 1.96.0\n"), None);
    }
}
