//! An environment without the traces of the cargo that started us.
//!
//! A build script inherits its cargo's variables, and the compiler path, flags and library path among
//! them would steer the inner build, which uses another compiler. Always: what the user set for
//! cargo's network and home stays.

use std::env;
use std::process::Command;

/// Removes from `command`'s environment what an outer cargo or rustup put there.
pub fn without_outer_cargo(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_cargo) {
            command.env_remove(name);
        }
    }
    // Empty rather than absent: this also overrules a wrapper in the user's own configuration file.
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "")
}

fn belongs_to_outer_cargo(name: &str) -> bool {
    let kept = KEPT.iter().any(|kept| name.starts_with(kept));
    !kept && (EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// The user's own settings, which the inner build needs as much as the outer one.
const KEPT: [&str; 5] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_"];
const PREFIXES: [&str; 5] = ["CARGO", "DEP_", "RUSTC", "RUSTDOC", "RUSTFLAGS"];
const EXACT: [&str; 13] = [
    "DEBUG",
    "HOST",
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "MFLAGS",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTUP_TOOLCHAIN",
    "RUST_RECURSION_COUNT",
    "TARGET",
    "RUSTUP_TOOLCHAIN_SOURCE",
];

#[cfg(test)]
mod tests {
    use super::belongs_to_outer_cargo;

    #[test]
    fn what_steers_the_outer_build_goes() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PKG_NAME",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "LD_LIBRARY_PATH",
        ] {
            assert!(belongs_to_outer_cargo(name), "{name}");
        }
    }

    #[test]
    fn what_the_user_set_stays() {
        for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY", "PATH", "RUSTUP_HOME"] {
            assert!(!belongs_to_outer_cargo(name), "{name}");
        }
    }
}
