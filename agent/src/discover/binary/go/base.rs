//! Where Go's code begins in memory.
//!
//! In: where functions begin relative to that, code. Out: the address.
//! Always: proven. Almost every function of Go begins by comparing the stack pointer with the limit
//! in its goroutine, whose address R14 holds since Go 1.17: only the true address puts such a
//! comparison at the start of every function we want and of most others. Headers do not serve: since
//! Go 1.26 they leave the address out, and in files that are moved when loaded it is not yet there.
//! Not here: what the functions are (`table`).

use memchr::memmem;

use super::super::image::Image;
use super::table::Walk;

/// The address that offsets of functions count from: 0 where a table has addresses themselves.
pub(super) fn find(image: &Image<'_>, walk: &Walk) -> Option<u64> {
    let checks = stack_checks(image);
    let is_check = |base: u64, start: u64| {
        base.checked_add(start).is_some_and(|address| checks.binary_search(&address).is_ok())
    };
    let fits = |&base: &u64| walk.functions.iter().all(|entry| is_check(base, entry.start));
    let is_base = |&base: &u64| {
        let most = walk.samples.iter().filter(|&&start| is_check(base, start)).count();
        most * 2 >= walk.samples.len()
    };
    let first = walk.functions.first()?.start;
    let bases = checks.iter().filter_map(|check| check.checked_sub(first)).filter(fits);
    let mut bases = bases.take(MOST_BASES).filter(is_base);
    let base = bases.next()?;
    bases.next().is_none().then_some(base)
}

/// Addresses of code that begins by comparing its stack, in order.
fn stack_checks(image: &Image<'_>) -> Vec<u64> {
    let mut checks = Vec::new();
    let finder = memmem::Finder::new(COMPARE);
    for segment in image.segments.iter().filter(|segment| segment.is_executable) {
        for (at, piece) in image.pieces(segment.range(), LONGEST_BYTES) {
            let starts = finder.find_iter(&piece).filter_map(|place| start(&piece, place));
            let addresses = starts.filter_map(|start| segment.address_of(at + start as u64));
            checks.extend(addresses.take(MOST_CHECKS.saturating_sub(checks.len())));
        }
    }
    checks.sort_unstable();
    checks.dedup();
    checks
}

/// Where the code begins whose comparison has its [`COMPARE`] here.
fn start(code: &[u8], place: usize) -> Option<usize> {
    let before = code.get(..place)?;
    FORMS.iter().find_map(|(begin, gap_bytes, end)| {
        let rest = before.strip_suffix(*end)?;
        let start = rest.len().checked_sub(begin.len() + gap_bytes)?;
        rest.get(start..)?.starts_with(begin).then_some(start)
    })
}

/// The end of `cmp …, [r14+0x10]`, whatever is compared.
const COMPARE: &[u8] = &[0x3b, 0x66, 0x10];

/// What precedes it: bytes, a number of any bytes, bytes. By the size of the function's frame:
/// `lea r12, [rsp-…]` with one byte or four, `cmp r12`; or `cmp rsp` at once.
const FORMS: &[(&[u8], usize, &[u8])] = &[
    (&[0x4c, 0x8d, 0x64, 0x24], 1, &[0x4d]),
    (&[0x4c, 0x8d, 0xa4, 0x24], 4, &[0x4d]),
    (&[], 0, &[0x49]),
];

const LONGEST_BYTES: u64 = 32;
/// The largest programs have a few hundred thousand functions.
const MOST_CHECKS: usize = 4 << 20;
/// Addresses that the wanted functions alone allow: hardly ever more than one.
const MOST_BASES: usize = 256;
