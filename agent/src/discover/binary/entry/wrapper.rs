//! What a wrapper hands to the function within.
//!
//! In: the first instructions of `int f(object, buffer, int size)` and of
//! `int f_ex(object, buffer, size_t size, size_t *done)`. Out: which function they call, if it must be
//! of the second kind.
//! Always: every instruction up to the call was understood; whatever writes a register that the
//! answer rests on, in whatever way, is known or there is no answer.
//! Not here: whose wrappers they are, and what is done with the answer (`entry`).
//!
//! ```text
//! f:     sub rsp, 24                       f_ex:  sub rsp, 8
//!        test edx, edx                            call inner
//!        js negative                              ...
//!        lea rcx, [rsp+8]
//!        movsxd rdx, edx
//!        call inner
//!        ...
//!        mov eax, [rsp+8]
//! ```

use iced_x86::{
    Code, ConditionCode, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind, Register,
};

/// Address of the function that is handed the object and the buffer as they came, the size widened,
/// and a place in the wrapper's own frame, which is read once it has returned. A negative size is
/// kept from it.
pub(super) fn with_own_size(code: &[Instruction]) -> Option<u64> {
    let (before, call, after) = split(code)?;
    let mut plain = Plain { call_at: call.ip(), ..Plain::default() };
    let mut writes = Writes::new();
    for instruction in before {
        plain.step(instruction, &writes.of(instruction))?;
    }
    let done_at = plain.done_at.filter(|at| plain.frame.holds(*at))?;
    let is_whole = plain.is_widened && plain.is_checked && plain.frame.is_read(after, done_at);
    is_whole.then(|| call.near_branch_target())
}

/// Address of the function that is handed all arguments as they came, whatever they are.
pub(super) fn handing_on(code: &[Instruction]) -> Option<u64> {
    let (before, call, _) = split(code)?;
    let mut writes = Writes::new();
    for instruction in before {
        let keeps = !writes.of(instruction).iter().any(|register| ARGUMENTS.contains(register));
        if instruction.flow_control() != FlowControl::Next || !keeps {
            return None;
        }
    }
    Some(call.near_branch_target())
}

/// Address of what is called first, under whatever conditions.
pub(super) fn first_call(code: &[Instruction]) -> Option<u64> {
    split(code).map(|(_, call, _)| call.near_branch_target())
}

/// Around the first direct call.
fn split(code: &[Instruction]) -> Option<(&[Instruction], &Instruction, &[Instruction])> {
    let at = code.iter().position(|instruction| instruction.code() == Code::Call_rel32_64)?;
    Some((code.get(..at)?, code.get(at)?, code.get(at.checked_add(1)?..)?))
}

/// What is known of the wrapper with an `int`.
#[derive(Default)]
struct Plain {
    call_at: u64,
    frame: Frame,
    /// The flags say whether the size is negative.
    is_tested: bool,
    /// And if it is, the call is not reached.
    is_checked: bool,
    is_widened: bool,
    /// Where the fourth argument points.
    done_at: Option<i64>,
}

impl Plain {
    fn step(&mut self, instruction: &Instruction, writes: &[Register]) -> Option<()> {
        match instruction.flow_control() {
            FlowControl::Next => {}
            FlowControl::ConditionalBranch => self.branch(instruction)?,
            _ => return None,
        }
        for register in writes {
            match register {
                Register::RDI | Register::RSI | Register::R8 | Register::R9 => return None,
                Register::RDX if !is_widening(instruction) => return None,
                Register::RDX => self.is_widened = true,
                Register::RCX => self.done_at = Some(self.frame.taken(instruction)?),
                Register::RSP => self.frame.deepen(instruction)?,
                _ => {}
            }
        }
        let keeps_flags = instruction.rflags_modified() == 0;
        self.is_tested = is_test_of_size(instruction) || (self.is_tested && keeps_flags);
        Some(())
    }

    /// The only branch is the one for a negative size.
    fn branch(&mut self, instruction: &Instruction) -> Option<()> {
        let is_js = matches!(instruction.code(), Code::Js_rel8_64 | Code::Js_rel32_64);
        let is_past_call = instruction.near_branch_target() > self.call_at;
        let is_it = is_js && is_past_call && self.is_tested && !self.is_checked;
        self.is_checked = true;
        is_it.then_some(())
    }
}

/// A function's frame. Places in it are counted from the stack pointer at its entry, where the return
/// address lies.
#[derive(Default)]
struct Frame {
    /// How far below that the stack pointer is.
    depth: i64,
}

impl Frame {
    fn deepen(&mut self, instruction: &Instruction) -> Option<()> {
        let by = match instruction.code() {
            Code::Push_r64 => 8,
            Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32 => {
                let by = instruction.immediate(1).cast_signed();
                Some(by).filter(|by| *by > 0)?
            }
            _ => return None,
        };
        self.depth = self.depth.checked_add(by)?;
        Some(())
    }

    /// The place whose address an instruction takes.
    fn taken(&self, instruction: &Instruction) -> Option<i64> {
        if is_copy_of_stack_pointer(instruction) {
            return Some(-self.depth);
        }
        let is_taken = instruction.code() == Code::Lea_r64_m;
        is_taken.then(|| self.place(instruction))?
    }

    /// The place that an instruction names. Not through `rbp`: who uses that begins by pushing it, and
    /// needs no other place for a probe.
    fn place(&self, instruction: &Instruction) -> Option<i64> {
        let is_plain = instruction.memory_base() == Register::RSP
            && instruction.memory_index() == Register::None
            && instruction.segment_prefix() == Register::None;
        let by = instruction.memory_displacement64().cast_signed();
        is_plain.then(|| by.checked_sub(self.depth))?
    }

    /// Whether there is room for a `size_t`.
    fn holds(&self, place: i64) -> bool {
        (-self.depth..=-SIZE_BYTES).contains(&place)
    }

    /// Whether a place is read, before the frame changes.
    fn is_read(&self, code: &[Instruction], place: i64) -> bool {
        let mut writes = Writes::new();
        let is_same_frame = |instruction: &&Instruction| {
            let writes = writes.of(instruction);
            matches!(instruction.flow_control(), FlowControl::Next | FlowControl::ConditionalBranch)
                && !writes.contains(&Register::RSP)
        };
        let mut code = code.iter().take_while(is_same_frame);
        code.any(|instruction| is_load(instruction) && self.place(instruction) == Some(place))
    }
}

/// Which registers instructions write.
struct Writes(InstructionInfoFactory);

impl Writes {
    fn new() -> Self {
        Self(InstructionInfoFactory::new())
    }

    /// Whole ones, also where a part is written, or only sometimes.
    fn of(&mut self, instruction: &Instruction) -> Vec<Register> {
        let used = self.0.info(instruction).used_registers().iter();
        let written = used.filter(|register| {
            !matches!(register.access(), OpAccess::None | OpAccess::Read | OpAccess::CondRead)
        });
        written.map(|register| register.register().full_register()).collect()
    }
}

/// `movsxd rdx, edx`
fn is_widening(instruction: &Instruction) -> bool {
    instruction.code() == Code::Movsxd_r64_rm32
        && instruction.op0_register() == Register::RDX
        && instruction.op1_register() == Register::EDX
}

/// `test edx, edx`
fn is_test_of_size(instruction: &Instruction) -> bool {
    instruction.code() == Code::Test_rm32_r32
        && instruction.op0_register() == Register::EDX
        && instruction.op1_register() == Register::EDX
}

/// `mov …, rsp`
fn is_copy_of_stack_pointer(instruction: &Instruction) -> bool {
    matches!(instruction.code(), Code::Mov_rm64_r64 | Code::Mov_r64_rm64)
        && instruction.op0_kind() == OpKind::Register
        && instruction.op1_register() == Register::RSP
}

/// A register gets what lies at a place, if only under a condition.
fn is_load(instruction: &Instruction) -> bool {
    let is_conditional = instruction.condition_code() != ConditionCode::None;
    (is_conditional || instruction.mnemonic() == Mnemonic::Mov)
        && instruction.op0_kind() == OpKind::Register
        && instruction.op1_kind() == OpKind::Memory
}

/// By the System V ABI.
const ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];
/// Of a `size_t`.
const SIZE_BYTES: i64 = 8;
