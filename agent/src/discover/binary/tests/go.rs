//! Go: a small file made here, and programs that a Go compiler builds, against its own `nm`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::libraries::{address, file_offset, loads, output};
use super::*;

#[test]
fn functions_and_their_returns_are_found() {
    // Go 1.20 and later, 1.18, 1.17.
    for magic in [0xf1, 0xf0, 0xfa] {
        let found = examine_bytes(&testing::go(magic)).found.unwrap();
        assert_eq!((found.library, found.how), (TlsLibrary::Go, How::Pclntab));
        let functions = [Function::GoRead, Function::GoWrite, Function::GoClose];
        for (index, (point, function)) in found.points.iter().zip(functions).enumerate() {
            let offset = testing::GO_CODE_AT + 64 + 16 * index as u64;
            let returns = vec![offset + 6, offset + 10];
            assert_eq!(*point, Point { function, offset, returns }, "{magic:x}");
        }
    }
}

#[test]
fn code_that_passes_arguments_on_the_stack_is_too_old() {
    let mut file = testing::go(0xfa);
    for at in 0..file.len() {
        if file[at..].starts_with(&[0x49, 0x3b, 0x66, 0x10]) {
            // cmp rsp, [rcx+0x10]: before Go 1.17.
            file[at..at + 4].copy_from_slice(&[0x48, 0x3b, 0x61, 0x10]);
        }
    }
    assert_eq!(examine_bytes(&file), Opaque::GoTooOld.into());
}

#[test]
fn built_programs_agree_with_their_symbols() {
    if Command::new("go").arg("version").output().is_err() {
        return println!("SKIPPED: no Go compiler in PATH");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("main.go"), PROGRAM).unwrap();
    fs::write(directory.path().join("go.mod"), "module x\n").unwrap();
    for mode in ["exe", "pie"] {
        let plain = build(directory.path(), mode, "");
        let found = examine(&File::open(&plain).unwrap()).found.unwrap();
        let (nm, loads) = (output("go", &["tool", "nm", &plain]), loads(&plain));
        for (function, name) in NAMES {
            let point = found.points.iter().find(|point| point.function == *function).unwrap();
            assert_eq!(point.offset, file_offset(&loads, address(&nm, name).unwrap()));
            assert_eq!(point.returns, returns(&plain, &loads, name), "{name}");
        }
        let stripped = build(directory.path(), mode, "-s -w");
        assert_eq!(examine(&File::open(stripped).unwrap()).found.unwrap(), found);
    }
}

fn build(directory: &Path, mode: &str, flags: &str) -> String {
    let path = directory.join(format!("{mode}{}", flags.len())).to_str().unwrap().to_owned();
    let built = Command::new("go")
        .args(["build", "-buildmode", mode, "-ldflags", flags, "-o", &path, "."])
        .envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=mod")])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    path
}

/// What Go's disassembler says: `file.go:line address bytes instruction`.
fn returns(path: &str, loads: &[[u64; 3]], name: &str) -> Vec<u64> {
    let name = regex::escape(name);
    let code = output("go", &["tool", "objdump", "-s", &format!("^{name}$"), path]);
    let returns = code.lines().filter(|line| line.trim_end().ends_with("RET"));
    let addresses = returns.map(|line| line.split_whitespace().nth(1).unwrap().to_owned());
    let address = |text: String| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    addresses.map(|text| file_offset(loads, address(text))).collect()
}

const NAMES: &[(Function, &str)] = &[
    (Function::GoRead, "crypto/tls.(*Conn).Read"),
    (Function::GoWrite, "crypto/tls.(*Conn).Write"),
    (Function::GoClose, "crypto/tls.(*Conn).Close"),
];

const PROGRAM: &str = r#"package main

import "crypto/tls"

func main() {
	c, err := tls.Dial("tcp", "127.0.0.1:1", nil)
	if err != nil {
		return
	}
	c.Write([]byte("a"))
	c.Read(make([]byte, 1))
	c.Close()
}
"#;
