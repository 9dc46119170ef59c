//! One function's code, and what can be told from it.
//!
//! In: its bytes. Out: answers about constants, arguments, calls.
//! Always: all of its instructions were understood.
//! Not here: which answers make it which function (`openssl`, `boringssl`).

use std::collections::BTreeSet;
use std::ops::Range;

use iced_x86::{
    Code as Op, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register,
};

use super::super::image::Image;
use super::texts::{Text, Texts};

/// A function.
pub(super) struct Code {
    /// Its addresses.
    pub(super) range: Range<u64>,
    pub(super) texts: BTreeSet<Text>,
    instructions: Vec<Instruction>,
}

/// Registers of arguments, by the System V ABI.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Argument {
    First,
    Second,
    Third,
    Fourth,
    Fifth,
}

impl Code {
    pub(super) fn read(image: &Image<'_>, range: Range<u64>, texts: &Texts) -> Option<Self> {
        let size = range.end.checked_sub(range.start).filter(|&size| size <= MOST_BYTES)?;
        let bytes = image.read(image.code_offset(range.start)?, size)?;
        let decoder = &mut Decoder::with_ip(64, &bytes, range.start, DecoderOptions::NONE);
        let instructions: Vec<Instruction> = decoder.into_iter().collect();
        if instructions.iter().any(|instruction| instruction.code() == Op::INVALID) {
            return None;
        }
        let taken =
            instructions.iter().filter_map(|instruction| taken(instruction, image.is_fixed));
        let texts = taken.filter_map(|address| texts.at(address));
        let texts = texts.collect();
        Some(Self { range, texts, instructions })
    }

    /// Whether it puts a number into an argument somewhere.
    pub(super) fn passes(&self, argument: Argument, number: u32) -> bool {
        self.numbers(argument).any(|passed| passed == number)
    }

    /// Every number that it puts into an argument.
    pub(super) fn numbers(&self, argument: Argument) -> impl Iterator<Item = u32> + '_ {
        let numbers = self.instructions.iter().filter(move |instruction| {
            instruction.mnemonic() == Mnemonic::Mov
                && instruction.op1_kind() == OpKind::Immediate32
                && self::argument(instruction.op0_register()) == Some(argument)
        });
        numbers.map(Instruction::immediate32)
    }

    /// Whether it looks for a negative third argument, an `int`, before anything is called.
    pub(super) fn tests_length(&self) -> bool {
        self.before_call().any(|instruction| {
            instruction.mnemonic() == Mnemonic::Test
                && instruction.op0_register() == Register::EDX
                && instruction.op1_register() == Register::EDX
        })
    }

    /// Whether it reads, before anything is called, at that offset of what a pointer points to that its
    /// first argument points to.
    pub(super) fn reads_behind_first(&self, offset: u64) -> bool {
        let mut copies = BTreeSet::from([Register::RDI]);
        let mut pointers = BTreeSet::new();
        self.before_call().any(|instruction| {
            let (to, base) = (instruction.op0_register(), instruction.memory_base());
            let is_read = pointers.contains(&base) && instruction.memory_displacement64() == offset;
            match instruction.op1_kind() {
                _ if instruction.mnemonic() != Mnemonic::Mov => false,
                OpKind::Memory if copies.contains(&base) => pointers.insert(to),
                OpKind::Register if copies.contains(&instruction.op1_register()) => {
                    copies.insert(to)
                }
                _ => false,
            };
            is_read
        })
    }

    /// Whether it writes zeros, before anything is called, where its fourth argument points to.
    pub(super) fn clears_at_fourth(&self) -> bool {
        let mut unwritten = self
            .before_call()
            .take_while(|instruction| written(instruction) != Some(Argument::Fourth));
        unwritten.any(|instruction| {
            instruction.mnemonic() == Mnemonic::Mov
                && instruction.op0_kind() == OpKind::Memory
                && instruction.memory_base() == Register::RCX
                && instruction.op1_kind() == OpKind::Immediate32to64
        })
    }

    /// Where it calls or jumps to, outside of itself.
    pub(super) fn calls(&self) -> impl Iterator<Item = u64> + '_ {
        self.instructions.iter().filter_map(|instruction| self.target(instruction))
    }

    /// Whether it calls or jumps to another one.
    pub(super) fn calls_to(&self, other: &Self) -> bool {
        self.calls().any(|to| to == other.range.start)
    }

    /// Whether it counts something down that others count too, before anything is called.
    pub(super) fn counts_down(&self) -> bool {
        self.before_call().any(|instruction| {
            instruction.has_lock_prefix()
                && matches!(instruction.mnemonic(), Mnemonic::Xadd | Mnemonic::Sub | Mnemonic::Dec)
        })
    }

    /// Whether all that it does is to call another with all its arguments as they came.
    pub(super) fn hands_on(&self) -> bool {
        self.calls_once() && !self.before_call().any(|instruction| written(instruction).is_some())
    }

    /// Whether all that it does is to call another with a zero before its last, fourth argument.
    pub(super) fn hands_on_with_zero(&self) -> bool {
        let is_moved = |instruction: &Instruction| {
            instruction.mnemonic() == Mnemonic::Mov
                && instruction.op0_register() == Register::R8
                && instruction.op1_register() == Register::RCX
        };
        let is_zeroed = |instruction: &Instruction| {
            instruction.mnemonic() == Mnemonic::Xor
                && instruction.op0_register() == Register::ECX
                && instruction.op1_register() == Register::ECX
        };
        let mut written = self.before_call().filter(|instruction| written(instruction).is_some());
        self.calls_once()
            && written.next().is_some_and(is_moved)
            && written.next().is_some_and(is_zeroed)
            && written.next().is_none()
    }

    /// Whether it sets an argument before it calls a function.
    pub(super) fn sets_before(&self, argument: Argument, function: u64) -> bool {
        let before = self.instructions.iter();
        before
            .take_while(|instruction| self.target(instruction) != Some(function))
            .any(|instruction| written(instruction) == Some(argument))
    }

    /// Whether it uses its fifth argument, as far as can be told before it calls anything.
    pub(super) fn takes_fifth(&self) -> bool {
        let mut unwritten = self
            .before_call()
            .take_while(|instruction| written(instruction) != Some(Argument::Fifth));
        unwritten.any(|instruction| instruction.op1_register() == Register::R8)
    }

    /// Whether it has few calls.
    pub(super) fn calls_at_most(&self, count: usize) -> bool {
        self.calls().count() <= count
    }

    fn calls_once(&self) -> bool {
        let is_call = |instruction: &&Instruction| {
            self.target(instruction).is_some()
                || matches!(
                    instruction.flow_control(),
                    FlowControl::IndirectCall | FlowControl::IndirectBranch
                )
        };
        self.instructions.iter().filter(is_call).count() == 1
    }

    fn before_call(&self) -> impl Iterator<Item = &Instruction> + '_ {
        self.instructions.iter().take_while(|instruction| {
            self.target(instruction).is_none()
                && instruction.flow_control() != FlowControl::IndirectCall
        })
    }

    fn target(&self, instruction: &Instruction) -> Option<u64> {
        let leaves = match instruction.flow_control() {
            FlowControl::Call => true,
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                !self.range.contains(&instruction.near_branch_target())
            }
            _ => false,
        };
        let is_near = instruction.op0_kind() == OpKind::NearBranch64;
        (leaves && is_near).then(|| instruction.near_branch_target())
    }
}

/// The address that an instruction takes.
fn taken(instruction: &Instruction, is_fixed: bool) -> Option<u64> {
    match instruction.mnemonic() {
        Mnemonic::Lea if instruction.is_ip_rel_memory_operand() => {
            Some(instruction.ip_rel_memory_address())
        }
        Mnemonic::Mov if is_fixed && instruction.op1_kind() == OpKind::Immediate32 => {
            Some(u64::from(instruction.immediate32()))
        }
        _ => None,
    }
}

/// The argument whose register an instruction changes.
fn written(instruction: &Instruction) -> Option<Argument> {
    let reads = [Mnemonic::Test, Mnemonic::Cmp, Mnemonic::Push];
    if reads.contains(&instruction.mnemonic()) || instruction.op0_kind() != OpKind::Register {
        return None;
    }
    argument(instruction.op0_register())
}

fn argument(register: Register) -> Option<Argument> {
    match register {
        Register::RDI | Register::EDI => Some(Argument::First),
        Register::RSI | Register::ESI => Some(Argument::Second),
        Register::RDX | Register::EDX => Some(Argument::Third),
        Register::RCX | Register::ECX => Some(Argument::Fourth),
        Register::R8 | Register::R8D => Some(Argument::Fifth),
        _ => None,
    }
}

/// Ours have a few hundred.
const MOST_BYTES: u64 = 1 << 14;
