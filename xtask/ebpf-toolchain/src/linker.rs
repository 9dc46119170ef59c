//! The bpf-linkers of this machine.
//!
//! In: [`Places`]. Out: [`Linker`]s that run, the best first. A linker's own output does not say
//! which LLVM it carries, but the name of the shared library that it wants does. Where LLVM is
//! linked in statically it cannot be told, and the linker is taken at its word.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::compiler::Compiler;
use crate::environment::without_outer_cargo;
use crate::places::Places;
use crate::{LLVM_OLDEST, Missing};

/// A bpf-linker that runs here.
#[derive(Clone, Debug)]
pub(crate) struct Linker {
    pub path: PathBuf,
    /// Major version of its LLVM, where it can be told.
    pub llvm_major: Option<u32>,
}

impl Linker {
    /// Whether it reads bitcode of this LLVM: an LLVM reads older bitcode, not newer.
    pub fn reads(&self, llvm_major: u32) -> bool {
        self.llvm_major.is_none_or(|own| own >= llvm_major)
    }
}

/// Every bpf-linker that runs here, the best first; at least one. The compilers tell which LLVM the
/// message asks for where there is none.
pub(crate) fn candidates(places: &Places, compilers: &[Compiler]) -> Result<Vec<Linker>, Missing> {
    if let Some(linker) = &places.chosen_linker {
        let found = inspect(linker).map(|linker| vec![linker]);
        return found.ok_or_else(|| Missing::ChosenLinker { linker: linker.clone() });
    }
    let paths = places.linker_folders.iter().map(|folder| folder.join("bpf-linker"));
    let linkers: Vec<_> = paths.filter_map(|path| inspect(&path)).collect();
    if linkers.is_empty() {
        let llvm_major = compilers.first().map_or(LLVM_OLDEST, |compiler| compiler.llvm_major);
        return Err(Missing::Linker { searched: places.linker_folders.clone(), llvm_major });
    }
    Ok(linkers)
}

fn inspect(path: &Path) -> Option<Linker> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let runs = path.is_file() && without_outer_cargo(&mut command).status().ok()?.success();
    runs.then(|| Linker { path: path.to_path_buf(), llvm_major: llvm_of(path) })
}

/// The LLVM that an executable loads. The names of wanted libraries lie near a file's start.
fn llvm_of(executable: &Path) -> Option<u32> {
    let mut head = Vec::new();
    File::open(executable).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    llvm_named_in(&head)
}

/// `libLLVM.so.22.1`, or `libLLVM-17.so.1` as it was called before LLVM 18.
fn llvm_named_in(bytes: &[u8]) -> Option<u32> {
    let at = bytes.windows(NAME.len()).position(|window| window == NAME)?;
    let rest = bytes.get(at + NAME.len()..)?;
    let rest = rest.strip_prefix(b".so.").or_else(|| rest.strip_prefix(b"-"))?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
    let text: String = digits.map(|&byte| char::from(byte)).collect();
    text.parse().ok()
}

const NAME: &[u8] = b"libLLVM";
/// Far more than the headers and the dynamic symbols of a bpf-linker take, in bytes.
const HEAD_BYTES: u64 = 1 << 18;

#[cfg(test)]
mod tests {
    use super::{Linker, llvm_named_in};

    #[test]
    fn llvm_is_told_by_the_library_it_wants() {
        assert_eq!(llvm_named_in(b"\0libc.so.6\0libLLVM.so.22.1\0"), Some(22));
        assert_eq!(llvm_named_in(b"\0libLLVM-17.so.1\0"), Some(17));
        assert_eq!(llvm_named_in(b"\0libc.so.6\0"), None);
        assert_eq!(llvm_named_in(b"libLLVM"), None);
    }

    #[test]
    fn older_bitcode_is_read_and_newer_is_not() {
        let linker = |llvm_major| Linker { path: "bpf-linker".into(), llvm_major };
        assert!(linker(Some(22)).reads(22));
        assert!(linker(Some(22)).reads(21));
        assert!(!linker(Some(22)).reads(23));
        assert!(linker(None).reads(23));
    }
}
