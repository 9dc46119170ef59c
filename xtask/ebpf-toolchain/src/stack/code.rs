//! The functions of an object, and which of them call which.
//!
//! In: an ELF file with its relocations, before anything is linked. Out: [`Function`]s.
//! Always: a reference by section and offset counts like one by name, and an address that is taken
//! (a callback's) like a call. Not here: what instructions do to the stack (`frame`).

use std::collections::HashMap;

use object::read::elf::ElfFile64;
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionIndex,
    SymbolKind,
};

use super::frame::{self, Instruction};
use super::{Link, StackError};

/// All code of an object.
#[derive(Debug, Default)]
pub(super) struct Code {
    functions: Vec<Function>,
    /// Names of sections, for messages.
    sections: HashMap<SectionIndex, String>,
}

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    name: String,
    start: Place,
    kind: Kind,
    frame_bytes: u64,
    calls: Vec<Place>,
}

/// What calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A uprobe.
    Uprobe,
    /// Another hook.
    Other,
    /// Other functions.
    Called,
}

/// A byte of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    section: SectionIndex,
    at_bytes: u64,
}

type File<'f> = ElfFile64<'f, Endianness>;
type Section<'f, 's> = object::read::elf::ElfSection64<'f, 's, Endianness>;

// === impl Code ===

impl Code {
    pub fn read(object: &[u8]) -> Result<Self, StackError> {
        let file = File::parse(object)?;
        let mut code = Self::default();
        for section in file.sections().filter(|section| section.kind() == object::SectionKind::Text)
        {
            let name = section.name()?;
            code.sections.insert(section.index(), name.to_owned());
            code.functions.extend(functions(&file, &section, kind(name))?);
        }
        Ok(code)
    }

    pub fn programs(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(|function| function.kind == Kind::Uprobe)
    }

    /// Programs on other hooks.
    pub fn other_programs(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(|function| function.kind == Kind::Other)
    }

    pub fn called_by<'c>(
        &'c self,
        caller: &'c Function,
    ) -> impl Iterator<Item = Result<&'c Function, StackError>> {
        caller.calls.iter().map(|place| {
            let found = self.functions.iter().find(|function| function.start == *place);
            found.ok_or_else(|| StackError::Target {
                caller: caller.name.clone(),
                section: self.sections.get(&place.section).cloned().unwrap_or_default(),
                at_bytes: place.at_bytes,
            })
        })
    }
}

impl Function {
    pub fn link(&self) -> Link {
        Link { name: self.name.clone(), frame_bytes: self.frame_bytes }
    }
}

/// `uprobe`, `uretprobe`, and these with what they are put on; functions that are no programs lie in
/// `.text`.
fn kind(section: &str) -> Kind {
    match section.split(['/', '.']).next() {
        Some("uprobe" | "uretprobe") => Kind::Uprobe,
        None | Some("") => Kind::Called,
        Some(_) => Kind::Other,
    }
}

fn functions(
    file: &File<'_>,
    section: &Section<'_, '_>,
    kind: Kind,
) -> Result<Vec<Function>, StackError> {
    let bytes = section.data()?;
    let slots = bytes.as_chunks::<SLOT_BYTES>().0;
    let slots: Vec<_> =
        slots.iter().map(|slot| Instruction::read(*slot, file.is_little_endian())).collect();
    let referred = references(file, section);
    let is_here = |symbol: &object::read::elf::ElfSymbol64<'_, '_, Endianness>| {
        symbol.kind() == SymbolKind::Text && symbol.section_index() == Some(section.index())
    };
    let mut functions = Vec::new();
    for symbol in file.symbols().filter(is_here) {
        let (start, size) = (slot_of(symbol.address()), slot_of(symbol.size()));
        let own: Vec<_> = without_second_halves(slots.iter().skip(start).take(size)).collect();
        let instructions: Vec<_> = own.iter().map(|(_, instruction)| *instruction).collect();
        let calls = own.iter().filter_map(|(place, instruction)| {
            called(section.index(), start + place, instruction, &referred)
        });
        functions.push(Function {
            name: name_in_source(symbol.name()?),
            start: Place { section: section.index(), at_bytes: symbol.address() },
            kind,
            frame_bytes: frame::frame_bytes(&instructions),
            calls: calls.collect(),
        });
    }
    Ok(functions)
}

/// What relocations of a section put in, by slot: only what lies in code.
fn references(file: &File<'_>, section: &Section<'_, '_>) -> HashMap<usize, Place> {
    let found = section.relocations().filter_map(|(offset, relocation)| {
        let RelocationTarget::Symbol(index) = relocation.target() else { return None };
        let symbol = file.symbol_by_index(index).ok()?;
        let target = file.section_by_index(symbol.section_index()?).ok()?;
        let is_code = target.kind() == object::SectionKind::Text;
        let place = Place { section: target.index(), at_bytes: symbol.address() };
        is_code.then_some((slot_of(offset), place))
    });
    found.collect()
}

/// What an instruction calls, or takes the address of. What it holds itself is added to the symbol
/// that its relocation names: slots after the next one for a call, bytes for an address.
fn called(
    section: SectionIndex,
    slot: usize,
    instruction: &Instruction,
    referred: &HashMap<usize, Place>,
) -> Option<Place> {
    let own = i64::from(instruction.immediate);
    let slots = |from_bytes: u64| from_bytes.checked_add_signed((own + 1) * SLOT_BYTES as i64);
    let (base, at_bytes) = match referred.get(&slot) {
        Some(base) if instruction.is_local_call() => (*base, slots(base.at_bytes)),
        Some(base) if instruction.is_wide() => (*base, base.at_bytes.checked_add_signed(own)),
        None if instruction.is_local_call() => {
            let at_bytes = (slot * SLOT_BYTES) as u64;
            (Place { section, at_bytes }, slots(at_bytes))
        }
        _ => return None,
    };
    // Before the section: no function begins there.
    Some(Place { at_bytes: at_bytes.unwrap_or(u64::MAX), ..base })
}

/// Instructions with their slots.
fn without_second_halves<'i>(
    slots: impl Iterator<Item = &'i Instruction>,
) -> impl Iterator<Item = (usize, Instruction)> {
    let mut skips = false;
    slots.enumerate().filter_map(move |(slot, instruction)| {
        let is_second_half = skips;
        skips = !is_second_half && instruction.is_wide();
        (!is_second_half).then_some((slot, *instruction))
    })
}

fn slot_of(at_bytes: u64) -> usize {
    usize::try_from(at_bytes).unwrap_or(usize::MAX) / SLOT_BYTES
}

/// `earwitness_ebpf::tls::copy::tell` for its mangled name.
fn name_in_source(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

const SLOT_BYTES: usize = 8;
