//! Hand-made instructions, and objects of hand-made functions.

use std::collections::HashMap;

use object::write::{Object, Relocation, Section, SectionId, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

use super::frame::{Instruction, frame_bytes};
use super::{StackError, check};

#[test]
fn nothing_on_the_stack() {
    assert_eq!(frame_bytes(&[move_immediate(0, 0), EXIT]), 0);
    assert_eq!(frame_bytes(&[]), 0);
}

#[test]
fn stores_and_loads_below_the_frame_pointer() {
    assert_eq!(frame_bytes(&[store(10, -8), store(10, -24), load(1, 10, -16), EXIT]), 24);
    assert_eq!(frame_bytes(&[load(1, 10, -40)]), 40);
    assert_eq!(frame_bytes(&[Instruction { code: 0x72, ..store(10, -3) }]), 3);
}

#[test]
fn addresses_of_what_lies_there() {
    assert_eq!(frame_bytes(&[copy(2, 10), add(2, -48)]), 48);
    assert_eq!(frame_bytes(&[copy(2, 10), Instruction { code: 0x17, ..add(2, 56) }]), 56);
    assert_eq!(frame_bytes(&[copy(2, 10), copy(7, 2), add(7, -32), store(7, -8)]), 40);
    assert_eq!(frame_bytes(&[copy(2, 10), add(2, -32), add(2, 8), store(2, -8)]), 32);
}

#[test]
fn other_pointers_do_not_count() {
    assert_eq!(frame_bytes(&[store(1, -80), load(2, 1, -80), add(1, -80)]), 0);
    // No longer a copy: loaded, set, or lost in a call.
    assert_eq!(frame_bytes(&[copy(1, 10), load(1, 6, 0), add(1, -80)]), 0);
    assert_eq!(frame_bytes(&[copy(1, 10), move_immediate(1, 0), add(1, -80)]), 0);
    assert_eq!(frame_bytes(&[copy(1, 10), helper(1), add(1, -80)]), 0);
    assert_eq!(frame_bytes(&[copy(6, 10), helper(1), add(6, -80)]), 80);
}

#[test]
fn a_fetched_value_is_no_copy() {
    let exchange = Instruction { code: 0xdb, to: 6, from: 2, offset: 0, immediate: 0xe1 };
    assert_eq!(frame_bytes(&[copy(2, 10), exchange, add(2, -80)]), 0);
    assert_eq!(frame_bytes(&[Instruction { to: 10, offset: -16, ..exchange }]), 16);
}

#[test]
fn both_byte_orders_are_read() {
    let expected = Instruction { code: 0x7b, to: 10, from: 1, offset: -8, immediate: 2 };
    let (little, big) =
        ([0x7b, 0x1a, 0xf8, 0xff, 2, 0, 0, 0], [0x7b, 0xa1, 0xff, 0xf8, 0, 0, 0, 2]);
    assert_eq!(Instruction::read(little, true), expected);
    assert_eq!(Instruction::read(big, false), expected);
}

#[test]
fn the_deepest_chain_counts() {
    let object = Made::default()
        .function("uprobe", "enter", 8, &[Call::By("left"), Call::By("right")])
        .function(".text", "left", 16, &[])
        .function(".text", "right", 8, &[Call::By("left")]);
    assert_eq!(chains(&object), "enter (8) -> right (8) -> left (16)");
}

#[test]
fn calls_without_relocations_count() {
    // The next function of the same section begins after the call and the exit.
    let object = Made::default().function("uretprobe/x", "leave", 8, &[Call::Ahead(1)]).function(
        "uretprobe/x",
        "after",
        24,
        &[],
    );
    assert!(chains(&object).starts_with("leave (8) -> after (24)"), "{}", chains(&object));
}

#[test]
fn a_callback_counts_where_its_address_is_taken() {
    let object = Made::default()
        .function(".text", "before", 40, &[])
        .function(".text", "again", 16, &[])
        .function("uprobe", "enter", 8, &[Call::Address("again"), Call::Helper]);
    assert_eq!(chains(&object), "enter (8) -> again (16)");
}

#[test]
fn references_by_section_and_offset_count() {
    let object = Made { by_section: true, ..Made::default() }
        .function(".text", "before", 40, &[])
        .function(".text", "called", 16, &[])
        .function(".text", "again", 24, &[])
        .function("uprobe", "enter", 8, &[Call::By("called"), Call::Address("again")]);
    assert_eq!(chains(&object), "enter (8) -> again (24)");
}

#[test]
fn sixty_four_bytes_are_too_many() {
    let object = |frame_bytes| {
        Made::default().function("uprobe.multi", "enter", 16, &[Call::By("deep")]).function(
            ".text",
            "deep",
            frame_bytes,
            &[],
        )
    };
    assert_eq!(chains(&object(40)), "enter (16) -> deep (40)");
    let refused = "a program on uprobes takes 64 bytes of stack, of which it may have less than 64: \
                   enter (16) -> deep (48)";
    assert_eq!(chains(&object(48)), refused);
}

#[test]
fn one_frame_is_rounded_up_as_kernels_do() {
    let object = |frame_bytes| Made::default().function("uprobe", "enter", frame_bytes, &[]);
    assert_eq!(chains(&object(48)), "enter (48)");
    assert_eq!(chains(&object(56)), "enter takes 56 bytes of stack, which kernels round up to 64");
}

#[test]
fn other_hooks_may_use_the_stack() {
    let object = Made::default().function("tp_btf/sys_exit", "exit", 400, &[]).function(
        "uprobe",
        "enter",
        8,
        &[],
    );
    assert_eq!(chains(&object), "enter (8)");
}

#[test]
fn all_frames_of_a_chain_have_half_a_kilobyte() {
    let object = |frame_bytes| {
        Made::default()
            .function("tp_btf/sys_exit", "exit", 200, &[Call::By("deep"), Call::Address("again")])
            .function(".text", "deep", frame_bytes, &[])
            .function(".text", "again", 280, &[])
            .function("uprobe", "enter", 8, &[])
    };
    assert_eq!(chains(&object(288)), "enter (8)");
    let refused = "a program takes 544 bytes of stack, as kernels before 6.8 count, of which it may have \
                   512: exit (200) -> deep (290)";
    assert_eq!(chains(&object(290)), refused);
}

#[test]
fn a_function_that_calls_itself_is_refused() {
    let object = Made::default().function("uprobe", "enter", 8, &[Call::By("round")]).function(
        ".text",
        "round",
        8,
        &[Call::By("round")],
    );
    let refused = "a program on uprobes calls itself: enter (8) -> round (8) -> round (8)";
    assert_eq!(chains(&object), refused);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let nowhere = Made::default().function("uprobe", "enter", 8, &[Call::Ahead(7)]);
    let refused = "enter calls something that is no function, at byte 72 of uprobe";
    assert_eq!(chains(&nowhere), refused);
    let none = Made::default().function("tp_btf/sys_exit", "exit", 8, &[]);
    assert!(matches!(check(&none.object()), Err(StackError::NoProgram)));
    assert!(matches!(check(b"\x7fELF"), Err(StackError::Object(_))));
    assert!(matches!(check(&[]), Err(StackError::Object(_))));
}

/// What the check says: the chains, or why not.
fn chains(made: &Made) -> String {
    match check(&made.object()) {
        Ok(chains) => chains.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Err(error) => error.to_string(),
    }
}

/// Functions for an object.
#[derive(Default)]
struct Made {
    functions: Vec<(&'static str, &'static str, i16, Vec<Call>)>,
    /// References name a section and an offset in it, as to local functions.
    by_section: bool,
}

#[derive(Clone, Copy)]
enum Call {
    /// By a relocation.
    By(&'static str),
    /// So many instructions after the next.
    Ahead(i32),
    /// The address of a callback.
    Address(&'static str),
    Helper,
}

impl Made {
    /// One that stores so far below its frame pointer, and calls others.
    fn function(
        mut self,
        section: &'static str,
        name: &'static str,
        frame_bytes: i16,
        calls: &[Call],
    ) -> Self {
        self.functions.push((section, name, frame_bytes, calls.to_vec()));
        self
    }

    fn object(&self) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
        let mut sections = HashMap::new();
        let mut symbols = HashMap::new();
        for (section, name, ..) in &self.functions {
            let id = *sections.entry(*section).or_insert_with(|| {
                object.add_section(Vec::new(), section.as_bytes().to_vec(), SectionKind::Text)
            });
            symbols.insert(*name, object.add_symbol(symbol(name, id)));
        }
        for (section, name, frame_bytes, calls) in &self.functions {
            let (code, references) = code(*frame_bytes, calls);
            let bytes: Vec<u8> = code.iter().flat_map(|one| slot(*one)).collect();
            let start = object.add_symbol_data(symbols[name], sections[section], &bytes, 8);
            for (at, target, r_type) in references {
                let (offset, mut symbol) = (start + at * 8, symbols[target]);
                if self.by_section {
                    let place = object.symbol(symbol).value;
                    let own = if r_type == elf::R_BPF_64_32 { place / 8 } else { place };
                    add_to_immediate(object.section_mut(sections[section]), offset + 4, own as i32);
                    let section = object.symbol(symbol).section.id().unwrap();
                    symbol = object.section_symbol(section);
                }
                let flags = RelocationFlags::Elf { r_type };
                let relocation = Relocation { offset, symbol, addend: 0, flags };
                object.add_relocation(sections[section], relocation).unwrap();
            }
        }
        object.write().unwrap()
    }
}

fn symbol(name: &str, section: SectionId) -> Symbol {
    Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    }
}

/// A function, with where it refers to which other and how.
fn code(frame_bytes: i16, calls: &[Call]) -> (Vec<Instruction>, Vec<(u64, &'static str, u32)>) {
    let mut code = vec![store(10, -frame_bytes)];
    let mut references = Vec::new();
    for call in calls {
        let (instruction, reference) = match *call {
            Call::By(target) => (local_call(-1), Some((target, elf::R_BPF_64_32))),
            Call::Ahead(slots) => (local_call(slots), None),
            Call::Address(target) => (WIDE, Some((target, elf::R_BPF_64_64))),
            Call::Helper => (helper(181), None),
        };
        references.extend(reference.map(|(target, kind)| (code.len() as u64, target, kind)));
        code.push(instruction);
        code.extend(instruction.is_wide().then_some(SECOND_HALF));
    }
    code.push(EXIT);
    (code, references)
}

/// Adds to the immediate of an instruction that is written already.
fn add_to_immediate(section: &mut Section<'_>, at: u64, own: i32) {
    let place = &mut section.data_mut()[at as usize..][..4];
    let sum = i32::from_le_bytes(place.try_into().unwrap()) + own;
    place.copy_from_slice(&sum.to_le_bytes());
}

fn slot(instruction: Instruction) -> [u8; 8] {
    let Instruction { code, to, from, offset, immediate } = instruction;
    let ([o0, o1], [i0, i1, i2, i3]) = (offset.to_le_bytes(), immediate.to_le_bytes());
    [code, from << 4 | to, o0, o1, i0, i1, i2, i3]
}

const NOTHING: Instruction = Instruction { code: 0, to: 0, from: 0, offset: 0, immediate: 0 };
const EXIT: Instruction = Instruction { code: 0x95, ..NOTHING };
const WIDE: Instruction = Instruction { code: 0x18, to: 2, from: 4, ..NOTHING };
const SECOND_HALF: Instruction = NOTHING;

fn copy(to: u8, from: u8) -> Instruction {
    Instruction { code: 0xbf, to, from, ..NOTHING }
}

fn move_immediate(to: u8, immediate: i32) -> Instruction {
    Instruction { code: 0xb7, to, immediate, ..NOTHING }
}

fn add(to: u8, immediate: i32) -> Instruction {
    Instruction { code: 0x07, to, immediate, ..NOTHING }
}

fn store(to: u8, offset: i16) -> Instruction {
    Instruction { code: 0x7b, to, from: 1, offset, ..NOTHING }
}

fn load(to: u8, from: u8, offset: i16) -> Instruction {
    Instruction { code: 0x79, to, from, offset, ..NOTHING }
}

fn helper(number: i32) -> Instruction {
    Instruction { code: 0x85, immediate: number, ..NOTHING }
}

fn local_call(slots: i32) -> Instruction {
    Instruction { code: 0x85, from: 1, immediate: slots, ..NOTHING }
}
