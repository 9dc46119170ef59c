//! OpenSSL 1.1.1 to 4 without symbols.
//!
//! In: functions with the texts and constants they use. Out: `Examined`.
//! Always: a function is the one that raises *its own* errors: with its name (3.0 and later) or its
//! number (1.1.1), from `ssl_lib.c`, for the library's number, with the reason that it alone checks
//! for. Each must be the only one; what is missing or ambiguous is left out and reported.
//! Not here: reading code. Source: `ssl/ssl_lib.c`, `crypto/bio/bio_lib.c`, `sslerr.h`.

use std::collections::BTreeSet;

use super::super::image::Image;
use super::super::{Examined, Found, Function, How, Opaque};
use super::code::Program;
use super::function::{Argument, Code};
use super::texts::{Text, Texts};
use crate::model::tls::TlsLibrary;

/// What is certain of the library.
pub(super) fn find(image: &Image<'_>, texts: &Texts) -> Examined {
    let Some(mut program) = Program::of(image, texts) else { return Opaque::OpenSsl.into() };
    let is_there = |code: &Code| {
        code.texts.contains(&Text::OpenSslFile) && code.passes(Argument::First, LIBRARY_SSL)
    };
    if !program.has_library(is_there) {
        return Examined::default();
    }
    points(image, &mut program, texts).unwrap_or_else(|| Opaque::OpenSsl.into())
}

fn points(image: &Image<'_>, program: &mut Program<'_>, texts: &Texts) -> Option<Examined> {
    let read = program.one(|code| code.tests_length() && raises(code, &READ))?.range.start;
    let write = program.one(|code| code.tests_length() && raises(code, &WRITE))?.range.start;
    let mut starts = vec![(Function::SslRead, read), (Function::SslWrite, write)];
    let handshakes = handshakes(program);
    starts.extend(handshakes.into_iter().map(|start| (Function::SslDoHandshake, start)));
    starts.extend(free(program).map(|start| (Function::SslFree, start)));
    starts.extend(bio_write(program, texts).map(|start| (Function::BioWrite, start)));
    let read_ex = with_size(program, texts, read, &READ_INTERNAL);
    let write_ex = with_size(program, texts, write, &WRITE_INTERNAL);
    let is_whole = !read_ex.is_empty() && !write_ex.is_empty();
    starts.extend(read_ex.into_iter().map(|start| (Function::SslReadEx, start)));
    starts.extend(write_ex.into_iter().map(|start| (Function::SslWriteEx, start)));
    let points = super::points(image, starts)?;
    let found = Found { library: TlsLibrary::OpenSsl, how: How::Signature, points, queue_at: 0 };
    let opaque = (!is_whole).then_some(Opaque::OpenSsl);
    Some(Examined { found: Some(found), opaque, ..Examined::default() })
}

/// `SSL_read_ex` or `SSL_write_ex`, from what it shares with the one without `_ex`.
fn with_size(program: &mut Program<'_>, texts: &Texts, plain: u64, shared: &Error) -> Vec<u64> {
    let Some(plain_code) = program.functions.get(&plain) else { return Vec::new() };
    if raises(plain_code, shared) {
        return compiled_in(program, plain, shared);
    }
    let is_inner = |code: &Code| plain_code.calls_to(code) && raises(code, shared);
    let Some(inner) = program.one(is_inner).map(|code| code.range.start) else {
        return Vec::new();
    };
    // Since 3.3 there are flags before the place for the size.
    let has_flags = plain_code.sets_before(Argument::Fifth, inner);
    let mut callers = program.callers(inner, texts);
    callers.retain(|code| code.range.start != plain);
    if has_flags {
        let through = callers.iter().filter(|code| code.hands_on()).map(|code| code.range.start);
        for through in through.collect::<Vec<u64>>() {
            callers.extend(program.callers(through, texts));
        }
        callers.retain(Code::hands_on_with_zero);
    } else {
        callers.retain(Code::hands_on);
    }
    let starts: BTreeSet<u64> = callers.iter().map(|code| code.range.start).collect();
    Vec::from_iter(starts.first().copied().filter(|_| starts.len() == 1))
}

/// The same where the compiler put the shared function into both. It may be there by itself too,
/// uncalled, and takes the same arguments, except since 3.3 the one that writes, with its flags.
fn compiled_in(program: &Program<'_>, plain: u64, shared: &Error) -> Vec<u64> {
    let is_like = |code: &Code| {
        code.range.start != plain
            && raises_by_name(code, shared)
            && !code.texts.contains(&Text::Other)
            && !code.takes_fifth()
    };
    let starts = program.functions.values().filter(|code| is_like(code));
    let starts: Vec<u64> = starts.map(|code| code.range.start).collect();
    if starts.len() <= 2 { starts } else { Vec::new() }
}

/// Of 3.0 and later.
fn bio_write(program: &mut Program<'_>, texts: &Texts) -> Option<u64> {
    let is_raised = |code: &Code| {
        code.texts.contains(&Text::BioWriteIntern) && code.passes(Argument::First, LIBRARY_BIO)
    };
    let raising = program.functions.values().filter(|code| is_raised(code));
    let (direct, inner): (Vec<&Code>, Vec<&Code>) = raising.partition(|code| code.tests_length());
    let mut starts: BTreeSet<u64> = direct.iter().map(|code| code.range.start).collect();
    for inner in inner.iter().map(|code| code.range.start).collect::<Vec<u64>>() {
        let callers = program.callers(inner, texts);
        let callers = callers.iter().filter(|code| code.tests_length() && code.calls_at_most(2));
        starts.extend(callers.map(|code| code.range.start));
    }
    starts.first().copied().filter(|_| starts.len() == 1)
}

/// Every function of the handshake: it may be compiled into `SSL_connect` and `SSL_accept`, which
/// take and return the same.
fn handshakes(program: &Program<'_>) -> Vec<u64> {
    let is_like = |code: &&Code| raises(code, &DO_HANDSHAKE) && !code.texts.contains(&Text::Other);
    let starts: Vec<u64> =
        program.functions.values().filter(is_like).map(|code| code.range.start).collect();
    if starts.len() <= 3 { starts } else { Vec::new() }
}

/// `SSL_free` counts references down, and so does `SSL_CTX_free`, which it calls.
fn free(program: &Program<'_>) -> Option<u64> {
    let counts = |code: &&Code| code.texts.contains(&Text::OpenSslFile) && code.counts_down();
    let counting: Vec<&Code> = program.functions.values().filter(counts).collect();
    let mut frees = counting.iter().filter(|code| {
        counting.iter().any(|other| code.calls_to(other) && other.range != code.range)
    });
    let free = frees.next()?.range.start;
    frees.next().is_none().then_some(free)
}

/// An error that one function raises.
struct Error {
    /// Its function's name.
    text: Text,
    /// Its function's number in 1.1.1, `SSL_F_…`.
    number: u32,
    /// `SSL_R_…`
    reason: u32,
}

fn raises(code: &Code, error: &Error) -> bool {
    let by_number = code.texts.contains(&Text::OpenSslFile)
        && code.passes(Argument::First, LIBRARY_SSL)
        && code.passes(Argument::Second, error.number)
        && code.passes(Argument::Third, error.reason);
    by_number || raises_by_name(code, error)
}

fn raises_by_name(code: &Code, error: &Error) -> bool {
    code.texts.contains(&Text::OpenSslFile)
        && code.texts.contains(&error.text)
        && code.passes(Argument::First, LIBRARY_SSL)
        && code.passes(Argument::Second, error.reason)
}

/// `ERR_LIB_SSL`
const LIBRARY_SSL: u32 = 20;
/// `ERR_LIB_BIO`
const LIBRARY_BIO: u32 = 32;
/// `SSL_R_BAD_LENGTH`
const READ: Error = Error { text: Text::Read, number: 223, reason: 271 };
const WRITE: Error = Error { text: Text::Write, number: 208, reason: 271 };
/// `SSL_R_UNINITIALIZED`
const READ_INTERNAL: Error = Error { text: Text::ReadInternal, number: 523, reason: 276 };
const WRITE_INTERNAL: Error = Error { text: Text::WriteInternal, number: 524, reason: 276 };
/// `SSL_R_CONNECTION_TYPE_NOT_SET`
const DO_HANDSHAKE: Error = Error { text: Text::DoHandshake, number: 180, reason: 144 };
