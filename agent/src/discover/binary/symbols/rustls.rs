//! rustls by its names: how Rust has them, and what else has to be known.
//!
//! In: pieces of string tables; the functions that symbols name; code and texts of the file. Out:
//! `Examined`.
//! Always: one version in the file, of those whose arguments are known, with all of its functions that
//! carry plaintext; otherwise it is opaque. Where the queue lies in its object depends on the
//! version and the compiler, so the code is asked. x86-64 only.
//! Not here: what the functions take and give (`daemon::tls::places`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Register};
use memchr::{memchr, memmem, memrchr};
use object::elf::EM_X86_64;
use regex::bytes::Regex;

use super::super::image::Image;
use super::super::{Examined, Found, Function, How, Opaque, Point};
use crate::model::tls::TlsLibrary;

/// Names of rustls's functions in a piece of a string table, by where they begin.
pub(super) fn named(piece: &[u8]) -> Vec<(usize, super::names::Name)> {
    let mut named = Vec::new();
    for name in NAMES.iter() {
        for place in name.finder.find_iter(piece) {
            let (before, after) = piece.split_at(place);
            let start = memrchr(0, before).map_or(0, |end| end + 1);
            let end = memchr(0, after).map(|end| place + end);
            let text = end.and_then(|end| piece.get(start..end));
            if text.is_some_and(|text| name.whole.is_match(text)) {
                named.push((start, name.meaning));
            }
        }
    }
    named
}

/// What functions, by their offsets, make of the file. `fillers`: where in it the code is that fills
/// queues.
pub(super) fn find(
    image: &Image<'_>,
    functions: &BTreeMap<u64, Function>,
    fillers: &[Range<u64>],
) -> Examined {
    if !functions.values().any(|function| ALL.contains(function)) {
        return Examined::default();
    }
    found(image, functions, fillers).map_or_else(|| Opaque::Rustls.into(), Examined::from)
}

fn found(
    image: &Image<'_>,
    functions: &BTreeMap<u64, Function>,
    fillers: &[Range<u64>],
) -> Option<Found> {
    let (send, receive) = match version(image)? {
        21 | 22 => (Function::RustlsSendSlice, Function::RustlsHandle),
        23 => (Function::RustlsSend, Function::RustlsTake),
        _ => return None,
    };
    let needed = [send, receive, Function::RustlsWriteTo];
    let is_there = |wanted: &Function| functions.values().any(|function| function == wanted);
    if image.machine != EM_X86_64 || !needed.iter().all(is_there) {
        return None;
    }
    let queues: BTreeSet<u16> =
        fillers.iter().filter_map(|code| queue_at(image, code.clone())).collect();
    let queue_at = queues.first().copied().filter(|_| queues.len() == 1)?;
    let kept = functions
        .iter()
        .filter(|(_, function)| needed.contains(function) || **function == Function::RustlsDrop);
    let point = |(&offset, &function)| Point { function, offset, returns: Vec::new() };
    let points = kept.map(point).collect();
    Some(Found { library: TlsLibrary::Rustls, how: How::Symbols, points, queue_at })
}

/// The version after `0.`, if the paths of source files in its texts name one only.
fn version(image: &Image<'_>) -> Option<u16> {
    let path = VERSION.as_ref()?;
    let mut versions = BTreeSet::new();
    for segment in image.with_texts() {
        for (_, piece) in image.pieces(segment.range(), LONGEST_BYTES) {
            versions.extend(path.captures_iter(&piece).filter_map(|found| {
                let text = std::str::from_utf8(found.get(1)?.as_bytes()).ok()?;
                text.parse::<u16>().ok()
            }));
        }
    }
    versions.first().copied().filter(|_| versions.len() == 1)
}

/// How many bytes into its object, the first argument, a function that fills the queue asks first
/// whether that has a limit.
fn queue_at(image: &Image<'_>, code: Range<u64>) -> Option<u16> {
    let end = code.end.min(code.start.checked_add(MOST_CODE_BYTES)?);
    let (_, code) = image.pieces(code.start..end, 0).next()?;
    let mut decoder = Decoder::with_ip(64, &code, 0, DecoderOptions::NONE);
    let mut instructions = decoder.iter().take_while(|one| !one.is_invalid());
    let asks = instructions.find(asks_for_limit)?;
    let place = u16::try_from(asks.memory_displacement64()).ok()?;
    (place % 8 == 0 && (1..MOST_PLACE).contains(&place)).then_some(place)
}

/// `cmp [object + n], 1`: the tag of an `Option`.
fn asks_for_limit(instruction: &Instruction) -> bool {
    let is_compare = [Code::Cmp_rm32_imm8, Code::Cmp_rm64_imm8].contains(&instruction.code());
    is_compare
        && instruction.immediate(1) == 1
        && instruction.memory_base().is_gpr64()
        && instruction.memory_base() != Register::RSP
        && instruction.memory_index() == Register::None
        && instruction.memory_displacement64() != 0
}

/// Those that fill the queue.
pub(super) const SENDERS: [Function; 2] = [Function::RustlsSend, Function::RustlsSendSlice];
const ALL: [Function; 6] = [
    Function::RustlsSend,
    Function::RustlsSendSlice,
    Function::RustlsTake,
    Function::RustlsHandle,
    Function::RustlsWriteTo,
    Function::RustlsDrop,
];

/// A function and its names: the older way of Rust with a hash at their end, and the newer one with
/// that of the crate inside. Either may end in what LLVM adds.
struct Name {
    meaning: super::names::Name,
    /// What all of them have.
    finder: memmem::Finder<'static>,
    whole: Regex,
}

impl Name {
    /// `None` if the pattern is not one: a test asks for all of them.
    fn new(meaning: super::names::Name, part: &'static str, whole: &str) -> Option<Self> {
        let whole = Regex::new(&format!(r"^(?:{whole})(?:\.llvm\.\d+)?$")).ok()?;
        Some(Self { meaning, finder: memmem::Finder::new(part), whole })
    }
}

static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| {
    let function = super::names::Name::Function;
    let method = |meaning, part: &'static str| {
        let whole = format!(
            r"_ZN6rustls12common_state{part}17h[0-9a-f]{{16}}E|_RNvM\w*NtC\w+_6rustls12common_stateNt\w+_{part}"
        );
        Name::new(meaning, part, &whole)
    };
    let names = [
        method(function(Function::RustlsSend), "11CommonState20send_appdata_encrypt"),
        method(function(Function::RustlsSendSlice), "11CommonState19send_some_plaintext"),
        method(super::names::Name::FillsQueue, "11CommonState10send_plain"),
        method(function(Function::RustlsTake), "11CommonState23take_received_plaintext"),
        Name::new(
            function(Function::RustlsHandle),
            "ExpectTraffic",
            r"_ZN\d+_\$LT\$rustls\.\.(?:client|server)\.\.tls1[23]\.\.ExpectTraffic\$u20\$as\$u20\$rustls\.\.common_state\.\.State\$LT\$[\w.]+\$GT\$\$GT\$6handle17h[0-9a-f]{16}E|_RNvX\w*_NtNtC\w+_6rustls6(?:client|server)5tls1[23]Nt\w+_13ExpectTrafficINt\w+_12common_state5State\w+E6handle",
        ),
        Name::new(
            function(Function::RustlsWriteTo),
            "14ChunkVecBuffer8write_to",
            r"_ZN6rustls6vecbuf14ChunkVecBuffer8write_to17h[0-9a-f]{16}E|_RNvM\w*NtC\w+_6rustls6vecbufNt\w+_14ChunkVecBuffer8write_to",
        ),
        Name::new(
            function(Function::RustlsDrop),
            "ChunkVecBuffer",
            r"_ZN4core3ptr\d+drop_in_place\$LT\$rustls\.\.vecbuf\.\.ChunkVecBuffer\$GT\$17h[0-9a-f]{16}E|_RINvNtC\w+_4core3ptr(?:9drop_glue|13drop_in_place)NtNtC\w+_6rustls6vecbuf14ChunkVecBufferE\w*",
        ),
    ];
    names.into_iter().flatten().collect()
});

/// Paths of the registry, or of who has the sources beside his own.
static VERSION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"/rustls-0\.([0-9]{1,4})\.").ok());
/// Ours have about 2,000.
const MOST_CODE_BYTES: u64 = 1 << 14;
/// The object has less than 1,000.
const MOST_PLACE: u16 = 4_096;
const LONGEST_BYTES: u64 = 64;
