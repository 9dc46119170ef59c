//! Brings what builds the kernel side: a compiler with `core`'s source, and a bpf-linker that reads
//! what it writes.
//!
//! In: what `ebpf_toolchain` finds. Out: a [`Toolchain`]. Always: what is there is used before
//! anything is installed; the linker is built into the target folder and nowhere else. Where nothing
//! can be installed, the error says what to do by hand.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use ebpf_toolchain::{BPF_LINKER_VERSION, Compiler, LLVM_NEWEST, LLVM_OLDEST, Missing, Toolchain};

use crate::host::Host;
use crate::privilege::Privilege;
use crate::step::note;
use crate::workspace::Workspace;
use crate::{packages, process};

/// Finds the tool chain, or installs what it lacks and finds it then.
pub fn ensure(workspace: &Workspace, host: &Host, privilege: Privilege) -> Result<Toolchain> {
    let missing = match ebpf_toolchain::find(&workspace.root) {
        Ok(toolchain) => return Ok(noted(toolchain)),
        Err(missing) => missing,
    };
    note(missing.to_string());
    if let Missing::ChosenCompiler { .. } | Missing::ChosenLinker { .. } = missing {
        bail!("{missing}\nhint: {}", missing.by_hand());
    }
    let brought = Bringing { workspace, host, privilege }.linker();
    match (ebpf_toolchain::find(&workspace.root), brought) {
        (Ok(toolchain), _) => Ok(noted(toolchain)),
        (Err(missing), Err(error)) => Err(anyhow!("{error:#}\nhint: {}", missing.by_hand())),
        (Err(missing), Ok(())) => Err(anyhow!("{missing}\nhint: {}", missing.by_hand())),
    }
}

fn noted(toolchain: Toolchain) -> Toolchain {
    note(format!("compiler {} (LLVM {})", toolchain.rustc.display(), toolchain.llvm_major));
    note(format!("linker   {}", toolchain.linker.display()));
    toolchain
}

/// What installing needs to know.
struct Bringing<'a> {
    workspace: &'a Workspace,
    host: &'a Host,
    privilege: Privilege,
}

impl Bringing<'_> {
    /// Builds a linker for the best compiler whose LLVM can be had, installing one where none can.
    fn linker(&self) -> Result<()> {
        if let Some((compiler, prefix)) = self.buildable() {
            return self.build_linker(&compiler, prefix);
        }
        self.compiler()?;
        match self.buildable() {
            Some((compiler, prefix)) => self.build_linker(&compiler, prefix),
            None => bail!("the development files of LLVM cannot be had for any compiler here"),
        }
    }

    /// The best compiler for which LLVM's development files are here or can be installed.
    fn buildable(&self) -> Option<(Compiler, PathBuf)> {
        let compilers = ebpf_toolchain::find_compilers(&self.workspace.root).unwrap_or_default();
        compilers.into_iter().find_map(|compiler| {
            let prefix = self.llvm(compiler.llvm_major)?;
            Some((compiler, prefix))
        })
    }

    /// The prefix of LLVM's development files, installed where need be.
    fn llvm(&self, major: u32) -> Option<PathBuf> {
        if !(LLVM_OLDEST..=LLVM_NEWEST).contains(&major) {
            note(format!("bpf-linker {BPF_LINKER_VERSION} cannot be built with LLVM {major}"));
            return None;
        }
        if let Some(prefix) = llvm_prefix(major) {
            return Some(prefix);
        }
        let package = format!("llvm-{major}-dev");
        if !packages::available(&package, self.host, self.privilege) {
            return None;
        }
        if let Err(error) = packages::install(&[&package], self.host, self.privilege) {
            note(format!("{error:#}"));
        }
        llvm_prefix(major)
    }

    /// Debian's compiler where it is packaged, else a nightly by rustup.
    fn compiler(&self) -> Result<()> {
        if packages::available(DEBIAN_COMPILER[0], self.host, self.privilege) {
            return packages::install(&DEBIAN_COMPILER, self.host, self.privilege);
        }
        if let Some(rustup) = process::find("rustup") {
            let mut command = Command::new(rustup);
            return process::run(command.args(NIGHTLY)).context("asking rustup for a nightly");
        }
        bail!("neither apt nor rustup can bring a compiler with the source of `core`")
    }

    fn build_linker(&self, compiler: &Compiler, llvm_prefix: PathBuf) -> Result<()> {
        let feature = format!("llvm-{}", compiler.llvm_major);
        note(format!("building bpf-linker {BPF_LINKER_VERSION} with {feature}: 1 to 3 minutes"));
        let mut command = self.workspace.cargo();
        command
            .args(["install", "--quiet", "--locked", "--force", "bpf-linker"])
            .args([
                "--version",
                BPF_LINKER_VERSION,
                "--no-default-features",
                "--features",
                &feature,
            ])
            .arg("--root")
            .arg(self.workspace.tools())
            .env("LLVM_PREFIX", llvm_prefix);
        process::run(&mut command).context("building bpf-linker")
    }
}

/// Where an LLVM of this version keeps its development files, by what its own program says.
fn llvm_prefix(major: u32) -> Option<PathBuf> {
    let names = [
        format!("llvm-config-{major}"),
        format!("/usr/lib/llvm-{major}/bin/llvm-config"),
        format!("/usr/lib/llvm{major}/bin/llvm-config"),
        "llvm-config".to_owned(),
    ];
    names.into_iter().find_map(|name| {
        let asked = |what| process::output(Command::new(&name).arg(what)).ok();
        let version = asked("--version")?;
        let fits = version.split('.').next()?.trim().parse() == Ok(major);
        let prefix = PathBuf::from(asked("--prefix")?.trim());
        (fits && prefix.join("include/llvm-c").exists()).then_some(prefix)
    })
}

/// Debian's newest compiler, its cargo and the source of its libraries.
const DEBIAN_COMPILER: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const NIGHTLY: [&str; 7] =
    ["toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"];
