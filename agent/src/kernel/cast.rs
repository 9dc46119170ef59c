//! Calls of kernel functions in the object: `bpf_rdonly_cast` and `bpf_session_is_return`.
//!
//! In: the object with stand-ins, the running kernel's BTF. Out: the object with calls that this
//! kernel knows, and the type that they cast to.
//! Always: where the kernel lacks the cast (before Linux 6.2) its stand-ins become moves, and the
//! type 0 tells the kernel side to do without. Where it lacks sessions (before 6.13) their stand-in
//! stays, and the program that has it is not loaded.
//! Not here: what is read that way (the kernel side's `kernel`).

use earwitness_common::offsets::{RDONLY_CAST, SESSION_IS_RETURN};

use super::btf::Btf;

const INSTRUCTION_BYTES: usize = 8;
/// `BPF_JMP | BPF_CALL`
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_KFUNC_CALL` as the source register.
const KERNEL_FUNCTION: u8 = 2 << 4;
/// `r0 = r1`: `BPF_ALU64 | BPF_MOV | BPF_X`, registers 0 and 1.
const MOVE: [u8; INSTRUCTION_BYTES] = [0xbf, 0x10, 0, 0, 0, 0, 0, 0];

/// Begins with a 64-bit integer, in every kernel.
const WORD_STRUCT: &str = "timespec64";

/// Replaces every stand-in. Returns the type to cast to, 0 for none.
pub fn link(object: &mut [u8], btf: &Btf<'_>) -> u32 {
    let function = btf.function_id("bpf_rdonly_cast");
    if let Some(is_return) = btf.function_id("bpf_session_is_return") {
        replace(object, SESSION_IS_RETURN, call(KERNEL_FUNCTION, is_return));
    }
    let known = function.zip(btf.struct_id(WORD_STRUCT));
    let instruction = known.map_or(MOVE, |(function, _)| call(KERNEL_FUNCTION, function));
    replace(object, RDONLY_CAST, instruction);
    known.map_or(0, |(_, word_type)| word_type)
}

/// Whether the kernel knows sessions, so that their stand-in has been replaced.
pub fn has_sessions(object: &[u8]) -> bool {
    let stand_in = call(0, SESSION_IS_RETURN.unsigned_abs());
    !object.chunks_exact(INSTRUCTION_BYTES).any(|slot| slot == stand_in)
}

fn replace(object: &mut [u8], stand_in: i32, instruction: [u8; INSTRUCTION_BYTES]) {
    let stand_in = call(0, stand_in.unsigned_abs());
    for slot in object.chunks_exact_mut(INSTRUCTION_BYTES) {
        if slot == stand_in {
            slot.copy_from_slice(&instruction);
        }
    }
}

fn call(registers: u8, target: u32) -> [u8; INSTRUCTION_BYTES] {
    let [a, b, c, d] = target.to_le_bytes();
    [CALL, registers, 0, 0, a, b, c, d]
}
