//! Cheaper places for the same probes.
//!
//! In: points at the beginnings of functions. Out: the same calls seen at instructions that the kernel
//! does itself (`push`, `nop`), where it would have to run others out of line, at twice the price.
//! Always: a point moves only where the code proves that no call is missed, added or misread: behind
//! an `endbr64`, or to the one function that two wrappers hand everything to. Otherwise it stays.
//! x86-64 only; not Go, whose functions begin with neither.
//! Not here: reading the wrappers (`wrapper`). Source: `arch/x86/kernel/uprobes.c`,
//! `push_setup_xol_ops` (since Linux 4.16) and `branch_setup_xol_ops`; `ssl/ssl_lib.c` of OpenSSL.

mod wrapper;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use object::elf::EM_X86_64;

use super::image::Image;
use super::{Found, Function, How, Point};
use crate::model::tls::TlsLibrary;

/// Moves the points that can be moved.
pub(super) fn refine(image: &Image<'_>, found: &mut Found) {
    if image.machine != EM_X86_64 || found.how == How::Pclntab {
        return;
    }
    if found.library == TlsLibrary::OpenSsl {
        merge(image, &mut found.points);
    }
    for index in 0..found.points.len() {
        skip_mark(image, &mut found.points, index);
    }
    found.points.sort_by_key(|point| point.offset);
}

/// Two wrappers of one function that does what both are for.
struct Pair {
    /// Gives or takes an `int`.
    plain: Function,
    /// Gives a `size_t` through its fourth argument, as does the function within.
    sized: Function,
}

/// The function in two wrappers takes the place of both.
fn merge(image: &Image<'_>, points: &mut Vec<Point>) {
    let inner = PAIRS.each_ref().map(|pair| inner(image, points, pair));
    for (pair, inner) in PAIRS.iter().zip(inner) {
        let Some(offset) = inner else { continue };
        points.retain(|point| point.function != pair.plain && point.function != pair.sized);
        points.push(Point { function: pair.sized, offset, returns: Vec::new() });
    }
}

/// Offset of the function within, if a probe there costs less than on its wrappers.
fn inner(image: &Image<'_>, points: &[Point], pair: &Pair) -> Option<u64> {
    let plain = instructions(image, one(points, pair.plain)?)?;
    let sized = instructions(image, one(points, pair.sized)?)?;
    if unmarked(&plain).is_none_or(is_done_by_kernel) {
        return None;
    }
    let address = wrapper::with_own_size(&plain)?;
    if wrapper::handing_on(&sized) != Some(address)
        || is_used_by_other(image, points, pair, address)
    {
        return None;
    }
    let offset = image.code_offset(address).filter(|offset| !is_point(points, *offset))?;
    unmarked(&instructions(image, offset)?).filter(|first| is_push(first)).map(|_| offset)
}

/// Whether the wrappers of the other direction call it first of all: then it is something else.
fn is_used_by_other(image: &Image<'_>, points: &[Point], pair: &Pair, address: u64) -> bool {
    let others = PAIRS.iter().filter(|other| other.plain != pair.plain);
    let mut others = others.flat_map(|other| [other.plain, other.sized]);
    others.any(|function| {
        let points = points.iter().filter(|point| point.function == function);
        let mut code = points.filter_map(|point| instructions(image, point.offset));
        code.any(|code| wrapper::first_call(&code) == Some(address))
    })
}

/// Moves a point behind the mark of a branch target that its function begins with. Registers and
/// stack are the same there, and no call begins there: it lies in front of the function's own code.
fn skip_mark(image: &Image<'_>, points: &mut [Point], index: usize) {
    let offset = points.get(index).and_then(|point| behind_mark(image, point.offset));
    let Some(offset) = offset.filter(|offset| !is_point(points, *offset)) else { return };
    if let Some(point) = points.get_mut(index) {
        point.offset = offset;
    }
}

fn behind_mark(image: &Image<'_>, offset: u64) -> Option<u64> {
    let code = instructions(image, offset)?;
    let (mark, rest) = code.split_first().filter(|(first, _)| is_mark(first))?;
    // What else the kernel does itself are branches, and a loop may begin at one.
    rest.first().filter(|next| is_push(next) || is_nop(next))?;
    offset.checked_add(mark.len() as u64)
}

/// Offset of a function that has one point only.
fn one(points: &[Point], function: Function) -> Option<u64> {
    let mut such = points.iter().filter(|point| point.function == function);
    let one = such.next()?.offset;
    such.next().is_none().then_some(one)
}

fn is_point(points: &[Point], offset: u64) -> bool {
    points.iter().any(|point| point.offset == offset)
}

/// The first few that are mapped executable from an offset on, at their addresses.
fn instructions(image: &Image<'_>, offset: u64) -> Option<Vec<Instruction>> {
    let mut code = image.segments.iter().filter(|segment| segment.is_executable);
    let segment = code.find(|segment| segment.range().contains(&offset))?;
    let size = segment.range().end.checked_sub(offset)?.min(MOST_BYTES);
    let bytes = image.read(offset, size)?;
    let address = segment.address_of(offset)?;
    let decoder = &mut Decoder::with_ip(64, &bytes, address, DecoderOptions::NONE);
    let understood = decoder.into_iter().take_while(|instruction| !instruction.is_invalid());
    Some(understood.take(MOST_INSTRUCTIONS).collect())
}

/// The first instruction that does something.
fn unmarked(code: &[Instruction]) -> Option<&Instruction> {
    code.iter().find(|instruction| !is_mark(instruction))
}

fn is_mark(instruction: &Instruction) -> bool {
    instruction.code() == Code::Endbr64
}

/// `push` of a register in its shortest form, the only one that the kernel does itself.
fn is_push(instruction: &Instruction) -> bool {
    instruction.code() == Code::Push_r64 && instruction.len() <= 2
}

/// The long ones only since Linux 6.18; before, they cost what the mark costs.
fn is_nop(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Nop
}

fn is_done_by_kernel(instruction: &Instruction) -> bool {
    let is_branch = instruction.is_jmp_short_or_near()
        || instruction.is_jcc_short_or_near()
        || instruction.is_call_near();
    let is_direct = is_branch && instruction.op0_kind() == OpKind::NearBranch64;
    is_direct || is_push(instruction) || is_nop(instruction)
}

const PAIRS: [Pair; 2] = [
    Pair { plain: Function::SslRead, sized: Function::SslReadEx },
    Pair { plain: Function::SslWrite, sized: Function::SslWriteEx },
];
/// A wrapper is shorter.
const MOST_INSTRUCTIONS: usize = 32;
const MOST_BYTES: u64 = 160;
