//! Go's own TLS, `crypto/tls`.
//!
//! In: `.gopclntab`, or what looks like it where sections were taken out; code. Out: `Examined`.
//! Always: x86-64 from Go 1.17 on, which passes arguments in registers; the place of the code is
//! proven by the code itself, since newer tables no longer tell it.
//! Not here: programs that Go calls into through cgo (`symbols`).

mod base;
mod returns;
mod table;

use object::elf::EM_X86_64;

use super::image::Image;
use super::{Examined, Found, Function, How, Opaque, Point};
use crate::model::tls::TlsLibrary;
use table::{Entry, Table};

/// What can be probed of Go's TLS.
pub(super) fn find(image: &Image<'_>) -> Examined {
    if image.machine != EM_X86_64 {
        return Examined::default();
    }
    let mut examined = Examined::default();
    for place in table::places(image) {
        let table = Table::parse(image, place);
        let of_table = table.map(|table| of_table(image, &table)).unwrap_or_default();
        if of_table.found.is_some() {
            return of_table;
        }
        examined.opaque = examined.opaque.or(of_table.opaque);
    }
    examined
}

fn of_table(image: &Image<'_>, table: &Table) -> Examined {
    let Some(walk) = table.walk(image) else { return Examined::default() };
    let has = |of| walk.functions.iter().any(|entry| entry.function == of);
    if !has(Function::GoRead) || !has(Function::GoWrite) {
        return Examined::default();
    }
    let Some(base) = base::find(image, &walk) else {
        return if table.is_before_1_18 { Opaque::GoTooOld } else { Opaque::Go }.into();
    };
    let mut points: Vec<Point> =
        walk.functions.iter().filter_map(|entry| point(image, base, entry)).collect();
    points.sort_by_key(|point| point.offset);
    let has = |of| points.iter().any(|point| point.function == of);
    if !has(Function::GoRead) || !has(Function::GoWrite) {
        return Opaque::Go.into();
    }
    Found { library: TlsLibrary::Go, how: How::Pclntab, points, queue_at: 0 }.into()
}

fn point(image: &Image<'_>, base: u64, entry: &Entry) -> Option<Point> {
    let offset = image.code_offset(base.checked_add(entry.start)?)?;
    let size = entry.end.checked_sub(entry.start)?;
    image.code_offset(base.checked_add(entry.end)?.checked_sub(1)?)?;
    let code = image.read(offset, (size <= MOST_CODE_BYTES).then_some(size)?)?;
    let returns = returns::of(&code, offset)?;
    Some(Point { function: entry.function, offset, returns })
}

/// Ours have about 1 KiB.
const MOST_CODE_BYTES: u64 = 1 << 16;
