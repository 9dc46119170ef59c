//! Sections of an ELF file, as far as telling programs apart needs them.
//!
//! In: a file. Out: sections by name.
//! Always: bounded reads; any bytes give `None` or sections, never a panic.
//! Not here: symbols' addresses. Source: elf(5); 64 bits, little-endian only.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// One section.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// Every section of the file, `None` if it is no such ELF file.
pub(super) fn sections(file: &File) -> Option<Vec<Section>> {
    let head = read(file, 0, HEAD_BYTES)?;
    if !head.starts_with(MAGIC) {
        return None;
    }
    let table_at = u64_at(&head, 0x28)?;
    let entry_bytes = usize::from(u16_at(&head, 0x3a)?);
    let count = usize::from(u16_at(&head, 0x3c)?);
    if entry_bytes != ENTRY_BYTES || count > MOST_SECTIONS {
        return None;
    }
    let table = read(file, table_at, ENTRY_BYTES * count)?;
    let entries: Vec<&[u8]> = table.chunks_exact(ENTRY_BYTES).collect();
    let names = entries.get(usize::from(u16_at(&head, 0x3e)?))?;
    let names = read(file, u64_at(names, 24)?, usize::try_from(u64_at(names, 32)?).ok()?)?;
    entries.iter().map(|entry| section(entry, &names)).collect()
}

fn section(entry: &[u8], names: &[u8]) -> Option<Section> {
    let name = names.get(u32_at(entry, 0)? as usize..).unwrap_or_default();
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    Some(Section { name: name.to_vec(), offset: u64_at(entry, 24)?, size: u64_at(entry, 32)? })
}

/// Bytes of the file, `None` if they are not there or too many.
pub(super) fn read(file: &File, at: u64, len_bytes: usize) -> Option<Vec<u8>> {
    if len_bytes > MOST_BYTES {
        return None;
    }
    // A file may claim more than it has; nothing is set aside for what is not there.
    let left_bytes = file.metadata().ok()?.len().checked_sub(at)?;
    if len_bytes as u64 > left_bytes {
        return None;
    }
    let mut bytes = vec![0; len_bytes];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// `ELFMAG`, `ELFCLASS64`, `ELFDATA2LSB`.
const MAGIC: &[u8] = b"\x7fELF\x02\x01";
const HEAD_BYTES: usize = 64;
const ENTRY_BYTES: usize = 64;
const MOST_SECTIONS: usize = 4_096;
const MOST_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn our_own_sections_are_found() {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let found = sections(&file).unwrap();
        assert!(found.iter().any(|section| section.name == b".text" && section.size > 0));
    }

    #[test]
    fn any_bytes_are_taken() {
        let mut state = 1_u32;
        for round in 0..500 {
            let mut bytes = MAGIC.to_vec();
            for _ in 0..400 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push((state >> 24) as u8 & if round % 2 == 0 { 1 } else { 0x7f });
            }
            bytes.splice(0x3a..0x3c, [64, 0]);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let _ = sections(&file);
        }
    }
}
