//! BoringSSL without symbols.
//!
//! In: functions with the texts and constants they use. Out: `Examined`.
//! Always: `SSL_write` is the one function that raises its four errors from `ssl_lib.cc`. `SSL_read`
//! has the whole of `SSL_peek` in it, with the same line of its source, and then calls more; where
//! the compiler did otherwise nothing is certain and nothing is given. Of the functions of `bio.cc` that
//! call what a method writes with, `BIO_write` takes an `int`, and `BIO_write_ex`, which TLS uses since 2025,
//! clears the place for the size; they may be missing.
//! Not here: reading code. Source: `ssl/ssl_lib.cc`, `crypto/bio/bio.cc`, `include/openssl/ssl.h`, `bio.h`,
//! `err.h`.

use std::collections::BTreeSet;

use super::super::image::Image;
use super::super::{Examined, Found, Function, How, Opaque};
use super::code::Program;
use super::function::{Argument, Code};
use super::texts::{Text, Texts};
use crate::model::tls::TlsLibrary;

/// What is certain of the library.
pub(super) fn find(image: &Image<'_>, texts: &Texts) -> Examined {
    let Some(program) = Program::of(image, texts) else { return Opaque::BoringSsl.into() };
    if !program.has_library(|code| raises(code, &[])) {
        return Examined::default();
    }
    found(image, &program).map_or(Opaque::BoringSsl.into(), Examined::from)
}

fn found(image: &Image<'_>, program: &Program<'_>) -> Option<Found> {
    let write = program.one(|code| raises(code, WRITE))?;
    let handshake = program.one(|code| write.calls_to(code) && raises(code, &[NO_SIDE]))?;
    let is_inner = |code: &Code| {
        raises(code, READ_INNER) && !raises(code, &[BAD_LENGTH]) && code.calls_to(handshake)
    };
    let inner = program.one(is_inner)?;
    let read = read(program, inner)?;
    let mut starts = vec![
        (Function::SslRead, read.range.start),
        (Function::SslWrite, write.range.start),
        (Function::SslDoHandshake, handshake.range.start),
    ];
    let bio_write = program.one(|code| writes_buffer(code) && code.tests_length());
    starts.extend(bio_write.map(|code| (Function::BioWrite, code.range.start)));
    let bio_write_ex = program.one(|code| writes_buffer(code) && code.clears_at_fourth());
    starts.extend(bio_write_ex.map(|code| (Function::BioWriteEx, code.range.start)));
    let points = super::points(image, starts)?;
    Some(Found { library: TlsLibrary::BoringSsl, how: How::Signature, points, queue_at: 0 })
}

/// The one of `SSL_peek` and `SSL_read` that also drops what it gave.
fn read<'p>(program: &'p Program<'_>, inner: &Code) -> Option<&'p Code> {
    let is_either = |code: &&Code| {
        raises(code, &[NOT_OVER_QUIC]) && code.calls_to(inner) && !raises(code, &[UNINITIALIZED])
    };
    let either: Vec<&Code> = program.functions.values().filter(is_either).collect();
    let [one, other] = *either.as_slice() else { return None };
    let calls = |code: &Code| code.calls().collect::<BTreeSet<u64>>();
    let lines = |code: &Code| code.numbers(Argument::Fifth).collect::<BTreeSet<u32>>();
    let (of_one, of_other) = (calls(one), calls(other));
    if lines(one) != lines(other) || lines(one).len() != 1 || of_one.len() == of_other.len() {
        return None;
    }
    match () {
        () if of_one.is_subset(&of_other) => Some(other),
        () if of_other.is_subset(&of_one) => Some(one),
        () => None,
    }
}

/// Whether it looks for the first of a method's functions.
fn writes_buffer(code: &Code) -> bool {
    code.texts.contains(&Text::BoringSslBioFile)
        && code.passes(Argument::First, LIBRARY_BIO)
        && code.passes(Argument::Third, UNSUPPORTED_METHOD)
        && code.passes(Argument::Third, BIO_UNINITIALIZED)
        && code.reads_behind_first(METHOD_WRITES_AT)
}

fn raises(code: &Code, reasons: &[u32]) -> bool {
    code.texts.contains(&Text::BoringSslFile)
        && code.passes(Argument::First, LIBRARY_SSL)
        && reasons.iter().all(|&reason| code.passes(Argument::Third, reason))
}

/// `ERR_LIB_SSL`
const LIBRARY_SSL: u32 = 16;
/// `ERR_LIB_BIO`
const LIBRARY_BIO: u32 = 17;
/// `BIO_R_UNINITIALIZED`
const BIO_UNINITIALIZED: u32 = 114;
/// `BIO_R_UNSUPPORTED_METHOD`
const UNSUPPORTED_METHOD: u32 = 115;
/// Offset of `bwrite` in `BIO_METHOD`: before it are a number and a name.
const METHOD_WRITES_AT: u64 = 16;
/// `ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED`
const NOT_OVER_QUIC: u32 = 66;
/// `SSL_R_BAD_LENGTH`
const BAD_LENGTH: u32 = 111;
/// `SSL_R_CONNECTION_TYPE_NOT_SET`
const NO_SIDE: u32 = 134;
/// `SSL_R_SSL_HANDSHAKE_FAILURE`
const HANDSHAKE_FAILURE: u32 = 215;
/// `SSL_R_UNINITIALIZED`
const UNINITIALIZED: u32 = 226;
/// What `SSL_write` raises.
const WRITE: &[u32] = &[NOT_OVER_QUIC, BAD_LENGTH, HANDSHAKE_FAILURE, UNINITIALIZED];
/// What `ssl_read_impl` raises, which `SSL_peek` and `SSL_read` share.
const READ_INNER: &[u32] = &[HANDSHAKE_FAILURE, UNINITIALIZED];
