//! Where a file's symbol tables are.
//!
//! In: sections; the dynamic section if there are none. Out: ranges in the file.
//! Always: at most a few tables; a table whose texts are not to be found is left out.
//! Not here: what is in them (`symbols`, `names`). Source: elf(5).

use std::ops::Range;

use object::elf::{DT_STRSZ, DT_STRTAB, DT_SYMTAB, SHT_DYNSYM, SHT_SYMTAB};

use super::super::image::{Image, Section};

/// A symbol table and its texts, by offsets in the file.
pub(super) struct Table {
    pub(super) symbols: Range<u64>,
    pub(super) texts: Range<u64>,
}

/// Every one.
pub(super) fn of(image: &Image<'_>) -> Vec<Table> {
    if image.sections.is_empty() {
        return dynamic(image).into_iter().collect();
    }
    let is_table = |section: &&Section| [SHT_DYNSYM, SHT_SYMTAB].contains(&section.kind);
    let tables = image.sections.iter().filter(is_table).filter_map(|section| {
        let texts = image.sections.get(section.link)?;
        Some(Table { symbols: section.range(), texts: texts.range() })
    });
    tables.take(MOST_TABLES).collect()
}

/// The loader's table. Nothing tells its length: it ends where its texts begin, as every linker
/// lays them out, or at the end of what one read gives.
fn dynamic(image: &Image<'_>) -> Option<Table> {
    let (offset, size) = image.dynamic?;
    let entries = image.read(offset, size)?;
    let value = |wanted: i64| {
        entries.as_chunks::<16>().0.iter().find_map(|entry| {
            let (tag, value) = entry.split_first_chunk::<8>()?;
            (i64::from_le_bytes(*tag) == wanted)
                .then(|| Some(u64::from_le_bytes(value.try_into().ok()?)))?
        })
    };
    let symbols = image.offset(value(DT_SYMTAB)?)?;
    let texts = image.offset(value(DT_STRTAB)?)?;
    let end = if texts > symbols { texts } else { symbols.checked_add(MOST_SYMBOLS_BYTES)? };
    Some(Table { symbols: symbols..end, texts: texts..texts.checked_add(value(DT_STRSZ)?)? })
}

/// A file has two.
const MOST_TABLES: usize = 4;
const MOST_SYMBOLS_BYTES: u64 = 4 << 20;
