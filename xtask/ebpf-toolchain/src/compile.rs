//! Builds the kernel side with a [`Toolchain`].
//!
//! In: the crate's folder. Out: the path of an object file with BTF. Always: its own target folder,
//! so the outer cargo's lock and artefacts are not touched; always optimised, since the verifier
//! refuses much of what an unoptimised build holds; the object's programs keep within their stack
//! (`stack`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::{env, fs};

use crate::Toolchain;
use crate::environment::without_outer_cargo;
use crate::stack::{self, StackError};

/// The binary's name in the kernel side's crate, and so the object file's.
pub const OBJECT_NAME: &str = "earwitness-ebpf";

/// Why the kernel side could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The cargo of the toolchain cannot be run.
    #[error("{} does not start", cargo.display())]
    Start {
        /// Full path of that cargo.
        cargo: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The build ended with another status than success.
    #[error("building the kernel side ended with {status}:\n{log}")]
    Failed {
        /// How cargo ended.
        status: ExitStatus,
        /// Everything that cargo and the compiler said.
        log: String,
    },
    /// Cargo was content, and yet there is no object.
    #[error("the build left no object at {}", .0.display())]
    NoObject(PathBuf),
    /// The object cannot be read back.
    #[error("{} cannot be read", object.display())]
    Read {
        /// Where it is.
        object: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program takes too much stack for where it is attached.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// Builds the crate in `crate_dir` into `out_target_dir` and returns the object's path.
///
/// `debug_log` turns on the crate's feature `debug-log`.
pub fn build(
    toolchain: &Toolchain,
    crate_dir: &Path,
    out_target_dir: &Path,
    debug_log: bool,
) -> Result<PathBuf, BuildError> {
    let target = target();
    let mut command = Command::new(&toolchain.cargo);
    without_outer_cargo(&mut command)
        .current_dir(crate_dir)
        .args(["build", "--release", "--target", target, "-Z", "build-std=core"])
        .args(debug_log.then_some(["--features", "debug-log"]).into_iter().flatten())
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&toolchain.linker))
        .env("CARGO_TARGET_DIR", out_target_dir);
    let output = command
        .output()
        .map_err(|source| BuildError::Start { cargo: toolchain.cargo.clone(), source })?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        return Err(BuildError::Failed { status: output.status, log });
    }
    let object = out_target_dir.join(target).join("release").join(OBJECT_NAME);
    if !object.is_file() {
        return Err(BuildError::NoObject(object));
    }
    match fs::read(&object) {
        Ok(bytes) => stack::check(&bytes)?,
        Err(source) => return Err(BuildError::Read { object, source }),
    };
    Ok(object)
}

/// The BPF target of the machine that the agent is built for.
fn target() -> &'static str {
    let named = env::var("CARGO_CFG_TARGET_ENDIAN");
    let big = named.map_or(cfg!(target_endian = "big"), |endian| endian == "big");
    if big { "bpfeb-unknown-none" } else { "bpfel-unknown-none" }
}

/// Compiler flags in cargo's encoded form, where a path may hold spaces.
fn rustflags(linker: &Path) -> OsString {
    let named = env::var("CARGO_CFG_TARGET_ARCH");
    let arch = named.unwrap_or_else(|_| env::consts::ARCH.to_owned());
    let mut linker_flag = OsString::from("linker=");
    linker_flag.push(linker);
    let flags = [
        // Which registers a traced process has; the eBPF library asks for it by this name.
        OsString::from(format!("--cfg=bpf_target_arch=\"{arch}\"")),
        "-C".into(),
        "debuginfo=2".into(),
        // Atomic additions that return the old value (Linux 5.12).
        "-C".into(),
        "target-cpu=v3".into(),
        "-C".into(),
        "link-arg=--btf".into(),
        "-C".into(),
        linker_flag,
    ];
    flags.join(&OsString::from("\x1f"))
}
