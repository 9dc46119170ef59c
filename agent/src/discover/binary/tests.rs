//! Small files made here, broken ones, and real ones with other tools as the judge.

mod entry;
mod go;
mod libraries;
mod rustls;
mod stripped;

use std::io::Write as _;

use super::*;

#[test]
fn symbols_are_found_whatever_their_version() {
    let file = testing::elf(&[
        "SSL_read@@OPENSSL_3.0.0",
        "main",
        "SSL_write_ex",
        "XSSL_read_ex",
        "SSL_write_ex2@@OPENSSL_3.3.0",
    ]);
    let found = examine_bytes(&file).found.unwrap();
    assert_eq!((found.library, found.how), (TlsLibrary::OpenSsl, How::Symbols));
    let expected =
        [(Function::SslRead, 120), (Function::SslWriteEx, 152), (Function::SslWriteEx2, 184)];
    assert_eq!(offsets(&found), expected);
}

#[test]
fn one_direction_is_none() {
    assert_eq!(examine_bytes(&testing::elf(&["SSL_read", "SSL_free"])), Examined::default());
    assert_eq!(examine_bytes(&testing::elf(&["PR_Read", "PR_Close"])), Examined::default());
    assert_eq!(examine_bytes(&testing::elf(&["main"])), Examined::default());
}

#[test]
fn relatives_are_told_apart() {
    let boring = testing::elf(&["SSL_read", "SSL_write", "SSL_CTX_set_grease_enabled"]);
    assert_eq!(examine_bytes(&boring).found.unwrap().library, TlsLibrary::BoringSsl);
    let libre = testing::elf(&["SSL_read", "SSL_write", "SSL_CTX_use_certificate_chain_mem"]);
    assert_eq!(examine_bytes(&libre).found.unwrap().library, TlsLibrary::LibreSsl);
    let crypto = examine_bytes(&testing::elf(&["SSL_free", "BIO_write"])).found.unwrap();
    assert_eq!(offsets(&crypto), [(Function::BioWrite, 136)]);
}

#[test]
fn users_of_memory_buffers_are_told() {
    let buffers = |symbols: &[&str]| examine_bytes(&testing::elf(symbols)).buffers;
    assert!(buffers(&["U SSL_set_bio", "U BIO_ctrl_pending", "PyInit__ssl"]));
    assert!(buffers(&["SSL_read", "SSL_write", "_ZN4node6crypto7NodeBIO9GetMethodEv"]));
    // A library that has both, and a program that puts sockets there.
    assert!(!buffers(&["SSL_read", "SSL_write", "SSL_set_bio", "BIO_ctrl_pending"]));
    assert!(!buffers(&["U SSL_set_bio", "U BIO_meth_new"]));
}

#[test]
fn what_is_no_program_has_nothing() {
    for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\nexit\n", &[0x7f; 4096]] {
        assert_eq!(examine_bytes(bytes), Examined::default());
    }
    assert_eq!(examine(&File::open("/").unwrap()), Examined::default());
}

#[test]
fn broken_files_are_taken() {
    let symbols = testing::elf(&["SSL_read", "SSL_write", "BIO_write"]);
    let go = testing::go(0xf1);
    let go_1_17 = testing::go(0xfa);
    let mut random = numbers();
    for file in [symbols, go, go_1_17] {
        for length in (0..file.len()).step_by(7) {
            let _ = examine_bytes(&file[..length]);
        }
        for _ in 0..3_000 {
            let mut broken = file.clone();
            for _ in 0..=random() % 4 {
                let at = random() % broken.len();
                broken[at] = [0, 1, 0x7f, 0x80, 0xff, random() as u8][random() % 6];
            }
            let _ = examine_bytes(&broken);
        }
    }
}

/// The same numbers in every run.
fn numbers() -> impl FnMut() -> usize {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    }
}

fn examine_bytes(bytes: &[u8]) -> Examined {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    examine(&file)
}

fn offsets(found: &Found) -> Vec<(Function, u64)> {
    found.points.iter().map(|point| (point.function, point.offset)).collect()
}
