//! Finding, on made-up machines: folders with small scripts that answer as rustc and bpf-linker do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::places::Places;
use crate::{Missing, find_in};

#[test]
fn a_nightly_with_its_source_comes_before_the_distribution() {
    let machine = Machine::new("nightly");
    machine.rustup("nightly-x86_64-unknown-linux-gnu", "1.97.0-nightly", 22, true);
    machine.system("1.96.0", 22, true);
    machine.linker("");
    let found = find_in(&machine.places()).unwrap();
    assert!(found.nightly);
    assert!(found.rustc.starts_with(machine.folder.join("toolchains")));
    assert_eq!(found.cargo, found.rustc.with_file_name("cargo"));
    assert_eq!(found.llvm_major, 22);
}

#[test]
fn a_nightly_without_source_is_passed_over() {
    let machine = Machine::new("no-source");
    machine.rustup("nightly", "1.97.0-nightly", 22, false);
    machine.system("1.96.0", 22, true);
    machine.linker("");
    let found = find_in(&machine.places()).unwrap();
    assert!(!found.nightly);
    assert_eq!(found.rustc, machine.places().system_rustc);
}

#[test]
fn a_compiler_that_the_linker_cannot_read_is_passed_over() {
    let machine = Machine::new("newer-llvm");
    machine.rustup("nightly", "1.99.0-nightly", 23, true);
    machine.system("1.96.0", 22, true);
    machine.linker("libLLVM.so.22.1");
    assert_eq!(find_in(&machine.places()).unwrap().llvm_major, 22);
}

#[test]
fn a_linker_too_old_for_every_compiler_is_named() {
    let machine = Machine::new("old-linker");
    machine.system("1.96.0", 22, true);
    machine.linker("libLLVM.so.21.1");
    let missing = find_in(&machine.places()).unwrap_err();
    assert!(matches!(missing, Missing::LinkerLlvm { linker_llvm: 21, rustc_llvm: 22, .. }));
    assert!(missing.hint().contains("llvm-22"));
}

#[test]
fn no_linker_says_where_it_was_looked_for() {
    let machine = Machine::new("no-linker");
    machine.system("1.96.0", 22, true);
    let missing = find_in(&machine.places()).unwrap_err();
    assert!(missing.to_string().contains("tools"), "{missing}");
}

#[test]
fn no_compiler_says_why_each_was_refused() {
    let machine = Machine::new("no-compiler");
    machine.system("1.63.0", 14, true);
    machine.linker("");
    let missing = find_in(&machine.places()).unwrap_err();
    assert!(missing.to_string().contains("carries LLVM 14, older than 21"), "{missing}");
}

#[test]
fn a_chosen_compiler_is_the_only_one_tried() {
    let machine = Machine::new("chosen");
    machine.system("1.96.0", 22, true);
    machine.linker("");
    let places = Places { chosen_rustc: Some("/nowhere/rustc".into()), ..machine.places() };
    let missing = find_in(&places).unwrap_err();
    assert!(matches!(missing, Missing::ChosenCompiler { .. }), "{missing}");
}

/// A machine under a folder of its own, gone when the test ends.
///
/// One at a time: a script that one thread is still writing while another thread forks is busy to
/// whoever runs it next.
struct Machine {
    folder: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Machine {
    fn new(name: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let unique = format!("earwitness-toolchain-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(unique);
        fs::create_dir_all(&folder).unwrap();
        Self { folder, _alone: alone }
    }

    fn places(&self) -> Places {
        Places {
            rustup_toolchains: Some(self.folder.join("toolchains")),
            system_rustc: self.folder.join("usr/bin/rustc"),
            linker_folders: vec![self.folder.join("tools")],
            ..Places::default()
        }
    }

    fn rustup(&self, name: &str, release: &str, llvm_major: u32, source: bool) {
        compiler(&self.folder.join("toolchains").join(name), release, llvm_major, source);
    }

    fn system(&self, release: &str, llvm_major: u32, source: bool) {
        compiler(&self.folder.join("usr"), release, llvm_major, source);
    }

    /// A linker that runs, with `library` written where a real one names what it loads.
    fn linker(&self, library: &str) {
        script(&self.folder.join("tools/bpf-linker"), &format!("# {library}\nexit 0\n"));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn compiler(sysroot: &Path, release: &str, llvm_major: u32, source: bool) {
    let answer = format!(
        "case $1 in --print) echo {} ;; *) echo 'release: {release}'; \
         echo 'LLVM version: {llvm_major}.1.0' ;; esac\n",
        sysroot.display()
    );
    script(&sysroot.join("bin/rustc"), &answer);
    script(&sysroot.join("bin/cargo"), "exit 0\n");
    if source {
        fs::create_dir_all(sysroot.join("lib/rustlib/src/rust/library/core")).unwrap();
    }
}

fn script(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
