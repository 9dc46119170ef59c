//! Where a function returns.
//!
//! In: a function's code, all of it. Out: offsets of its RET instructions.
//! Always: every instruction was understood, or there is no answer.
//! Not here: where functions begin and end (`table`).

use iced_x86::{Code, Decoder, DecoderOptions, Mnemonic};

/// Offsets in the file, `None` if the code is not understood or never returns.
pub(super) fn of(code: &[u8], offset: u64) -> Option<Vec<u64>> {
    let mut returns = Vec::new();
    for instruction in &mut Decoder::with_ip(64, code, offset, DecoderOptions::NONE) {
        match (instruction.code(), instruction.mnemonic()) {
            (Code::INVALID, _) => return None,
            (_, Mnemonic::Ret) => returns.push(instruction.ip()),
            _ => {}
        }
    }
    (!returns.is_empty()).then_some(returns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_told_from_bytes_that_look_like_them() {
        // mov eax, 0xc3c3c3c3; ret; int3; ret 8; int3
        let code = [0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xcc, 0xc2, 8, 0, 0xcc];
        assert_eq!(of(&code, 100), Some(vec![105, 107]));
        assert_eq!(of(&code[..5], 0), None);
        assert_eq!(of(&[0xc3, 0x06], 0), None, "no instruction in 64 bits");
        assert_eq!(of(&[0xc3, 0x48], 0), None, "cut off");
    }
}
