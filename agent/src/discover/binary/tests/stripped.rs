//! Code against symbols: in files that have both, either has to say the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::stripped::find;
use super::*;

#[test]
fn a_library_gives_the_same_without_its_symbols() {
    let Some((found, named)) = by_code_and_by_name("/usr/lib/x86_64-linux-gnu/libssl.so.3") else {
        return;
    };
    assert_same(&found, &named);
    assert_eq!((found.library, found.how), (TlsLibrary::OpenSsl, How::Signature));
}

/// Debian's `node`, where the compiler put functions into others.
#[test]
fn a_program_gives_the_same_without_its_symbols() {
    let Some((found, named)) = by_code_and_by_name("/usr/bin/node") else { return };
    let must = [Function::SslRead, Function::SslWrite, Function::SslReadEx, Function::SslWriteEx];
    for function in must {
        let named = offsets(&named).into_iter().find(|(other, _)| *other == function).unwrap();
        assert!(offsets(&found).contains(&named), "{function:?}");
    }
}

#[test]
fn a_program_with_openssl_linked_in_gives_the_same_stripped() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("a.c");
    fs::write(&source, PROGRAM).unwrap();
    let built = |name: &str, arguments: &[&str]| {
        let path = directory.path().join(name).to_str().unwrap().to_owned();
        let mut gcc = Command::new("gcc");
        gcc.args(arguments).args([source.to_str().unwrap(), "-o", &path]);
        gcc.args(["-l:libssl.a", "-l:libcrypto.a", "-ldl", "-lpthread"]);
        gcc.output().is_ok_and(|output| output.status.success()).then_some(path)
    };
    for mode in ["-pie", "-no-pie", "-static"] {
        let (Some(whole), Some(stripped)) =
            (built("whole", &[mode]), built("stripped", &[mode, "-s"]))
        else {
            return println!("SKIPPED: gcc or libssl.a is not on this machine");
        };
        let files = [whole, stripped].map(|path| File::open(path).unwrap());
        let [named, examined] = files.each_ref().map(|file| functions(&Image::open(file).unwrap()));
        assert_eq!(examined.opaque, None);
        let found = examined.found.unwrap();
        assert_eq!(found.how, How::Signature);
        assert_same(&found, &named.found.unwrap());
        let has = |function| found.points.iter().any(|point| point.function == function);
        assert!(has(Function::SslFree) && has(Function::BioWrite));
        let [named, found] = files.each_ref().map(|file| offsets(&examine(file).found.unwrap()));
        assert!(found.iter().all(|point| named.contains(point)), "{found:?} of {named:?}");
    }
}

#[test]
fn broken_code_is_taken() {
    let path = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
    let Ok(file) = fs::read(path) else { return println!("SKIPPED: no {path}") };
    let mut random = numbers();
    for _ in 0..30 {
        let mut broken = file.clone();
        for _ in 0..100 {
            // Half of them in the headers of the file and of the index of functions.
            let most = if random().is_multiple_of(2) { 1 << 10 } else { broken.len() };
            let at = random() % most;
            broken[at] = random() as u8;
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&broken).unwrap();
        let _ = Image::open(&file).map(|image| find(&image));
    }
}

fn by_code_and_by_name(path: &str) -> Option<(Found, Found)> {
    if !Path::new(path).exists() {
        println!("SKIPPED: {path} is not on this machine");
        return None;
    }
    let file = File::open(path).unwrap();
    let image = Image::open(&file).unwrap();
    let named = symbols::find(&image).found.filter(|found| found.library == TlsLibrary::OpenSsl);
    let Some(named) = named else {
        println!("SKIPPED: {path} has no OpenSSL in it");
        return None;
    };
    Some((find(&image).found.unwrap(), named))
}

fn assert_same(found: &Found, named: &Found) {
    for point in offsets(found) {
        assert!(offsets(named).contains(&point), "{point:?}");
    }
    let has = |function| found.points.iter().any(|point| point.function == function);
    for function in [
        Function::SslRead,
        Function::SslReadEx,
        Function::SslWrite,
        Function::SslWriteEx,
        Function::SslDoHandshake,
    ] {
        assert!(has(function), "{function:?}");
    }
}

const PROGRAM: &str = r#"
#include <openssl/ssl.h>
int main(int count, char **arguments) {
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_method()));
    size_t done = 0;
    char bytes[16] = "";
    if (count > 1) {
        SSL_connect(ssl);
        SSL_accept(ssl);
        SSL_read(ssl, bytes, 16);
        SSL_write(ssl, bytes, 16);
        SSL_read_ex(ssl, bytes, 16, &done);
        SSL_write_ex(ssl, bytes, 16, &done);
        SSL_do_handshake(ssl);
        SSL_read_early_data(ssl, bytes, 16, &done);
        SSL_write_early_data(ssl, bytes, 16, &done);
    }
    SSL_free(ssl);
    return 0;
}
"#;
