//! Builds the kernel side and puts it where `kernel::load` embeds it from.
//!
//! In: `agent-ebpf` and `agent-common`, the tool chain that `ebpf-toolchain` finds.
//! Out: `$OUT_DIR/earwitness-ebpf`. Always: without a tool chain the object is empty and a warning
//! says so, so that everything above the kernel can be built and tested anywhere.
//! Not here: installing the tool chain (`cargo xtask setup`).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = manifest.parent().ok_or("the agent lies in no workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in ["agent-ebpf/src", "agent-ebpf/Cargo.toml", "agent-common/src"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    for name in [ebpf_toolchain::ENV_LINKER, ebpf_toolchain::ENV_RUSTC] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let object = out.join("earwitness-ebpf");
    match build(root, &out) {
        Ok(built) => fs::copy(built, &object).map(drop)?,
        Err(reason) => {
            // A tool chain that is installed later is looked for again.
            println!("cargo::rerun-if-changed={}", root.join("target/tools/bin").display());
            println!("cargo::warning=the kernel side is left out: {reason}");
            println!("cargo::warning=hint: `cargo xtask setup` installs what it needs");
            fs::write(&object, [])?;
        }
    }
    Ok(())
}

/// A missing tool chain is a reason to leave the object out; a failing build is an error.
fn build(root: &Path, out: &Path) -> Result<PathBuf, String> {
    let toolchain = ebpf_toolchain::find(root).map_err(|missing| missing.to_string())?;
    let debug = env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    // Behind target/PROFILE/build/PACKAGE/out: every profile shares one build of `core`.
    let folder = out.ancestors().nth(4).unwrap_or(out).join("ebpf");
    let built = ebpf_toolchain::build(&toolchain, &root.join("agent-ebpf"), &folder, debug);
    built.map_err(|error| error.to_string()).inspect_err(|error| println!("cargo::error={error}"))
}
