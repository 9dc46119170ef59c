//! Libraries of this machine against `nm` and `readelf`.

use std::path::Path;
use std::process::Command;

use super::*;

#[test]
fn openssl() {
    let names = [
        (Function::SslRead, "SSL_read"),
        (Function::SslReadEx, "SSL_read_ex"),
        (Function::SslReadEarlyData, "SSL_read_early_data"),
        (Function::SslWrite, "SSL_write"),
        (Function::SslWriteEx, "SSL_write_ex"),
        (Function::SslWriteEarlyData, "SSL_write_early_data"),
        (Function::SslSendfile, "SSL_sendfile"),
        (Function::SslFree, "SSL_free"),
        (Function::SslDoHandshake, "SSL_do_handshake"),
        (Function::SslConnect, "SSL_connect"),
        (Function::SslAccept, "SSL_accept"),
    ];
    check("libssl.so.3", TlsLibrary::OpenSsl, &names);
    let names = [(Function::BioWrite, "BIO_write"), (Function::BioWriteEx, "BIO_write_ex")];
    check("libcrypto.so.3", TlsLibrary::OpenSsl, &names);
}

#[test]
fn gnutls() {
    let names = [
        (Function::GnutlsRecordRecv, "gnutls_record_recv"),
        (Function::GnutlsRecordRecv, "gnutls_record_recv_seq"),
        (Function::GnutlsRecordSend, "gnutls_record_send"),
        (Function::GnutlsRecordSend, "gnutls_record_send2"),
        (Function::GnutlsRecordSend, "gnutls_record_send_early_data"),
        (Function::GnutlsRecordRecvEarlyData, "gnutls_record_recv_early_data"),
        (Function::GnutlsDeinit, "gnutls_deinit"),
    ];
    check("libgnutls.so.30", TlsLibrary::GnuTls, &names);
}

#[test]
fn nss() {
    let names = [
        (Function::PrRead, "PR_Read"),
        (Function::PrRecv, "PR_Recv"),
        (Function::PrWrite, "PR_Write"),
        (Function::PrSend, "PR_Send"),
        (Function::PrClose, "PR_Close"),
    ];
    check("libnspr4.so", TlsLibrary::Nss, &names);
}

#[test]
fn a_front_of_another_library_is_left_alone() {
    let Some(path) = library("libgnutls-openssl.so.27") else { return };
    assert_eq!(examine(&File::open(path).unwrap()), Examined::default());
}

fn check(name: &str, library: TlsLibrary, names: &[(Function, &str)]) {
    let Some(path) = self::library(name) else { return };
    let file = File::open(&path).unwrap();
    let found = functions(&Image::open(&file).unwrap()).found.unwrap();
    assert_eq!((found.library, found.how), (library, How::Symbols));
    let nm = output("nm", &["-D", &path]);
    let loads = loads(&path);
    let mut expected: Vec<(Function, u64)> = names
        .iter()
        .map(|(function, name)| (*function, file_offset(&loads, address(&nm, name).unwrap())))
        .collect();
    expected.sort_by_key(|(_, offset)| *offset);
    assert_eq!(offsets(&found), expected);
}

pub(super) fn library(name: &str) -> Option<String> {
    let path = format!("/usr/lib/x86_64-linux-gnu/{name}");
    if Path::new(&path).exists() {
        return Some(path);
    }
    println!("SKIPPED: {path} is not on this machine");
    None
}

/// What `nm` says: address, kind, name.
pub(super) fn address(nm: &str, name: &str) -> Option<u64> {
    let line = nm.lines().find(|line| {
        line.split_once(['T', 't'])
            .is_some_and(|(_, rest)| rest.trim().split('@').next() == Some(name))
    })?;
    u64::from_str_radix(line.split_whitespace().next()?, 16).ok()
}

/// Offset, address and size of everything that is mapped.
pub(super) fn loads(path: &str) -> Vec<[u64; 3]> {
    let headers = output("readelf", &["-lW", path]);
    let lines = headers.lines().filter_map(|line| line.trim().strip_prefix("LOAD"));
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            [number(fields[0]), number(fields[1]), number(fields[3])]
        })
        .collect()
}

pub(super) fn file_offset(loads: &[[u64; 3]], address: u64) -> u64 {
    let load = loads.iter().find(|[_, start, size]| (*start..start + size).contains(&address));
    let [offset, start, _] = load.unwrap();
    address - start + offset
}

pub(super) fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
