//! How much stack one function takes for itself.
//!
//! In: its instructions. Out: how far below its frame pointer it reaches.
//! Always: what is reached through a copy of the frame pointer counts, be it by a moved copy or by an
//! offset. Copies are followed in the order of the instructions: compilers make an address on the stack
//! in one go. Not here: what it calls. Source: RFC 9669.

/// One instruction; of those that take two slots, the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Operation and class.
    pub code: u8,
    /// Destination register.
    pub to: u8,
    /// Source register.
    pub from: u8,
    /// Offset of a load, store or jump.
    pub offset: i16,
    /// Immediate.
    pub immediate: i32,
}

impl Instruction {
    /// Reads a slot of 8 bytes.
    pub fn read(slot: [u8; 8], little_endian: bool) -> Self {
        let [code, registers, o0, o1, i0, i1, i2, i3] = slot;
        let (low, high) = (registers & 0xf, registers >> 4);
        let (offset, immediate) = ([o0, o1], [i0, i1, i2, i3]);
        if little_endian {
            let (offset, immediate) = (i16::from_le_bytes(offset), i32::from_le_bytes(immediate));
            Self { code, to: low, from: high, offset, immediate }
        } else {
            let (offset, immediate) = (i16::from_be_bytes(offset), i32::from_be_bytes(immediate));
            Self { code, to: high, from: low, offset, immediate }
        }
    }

    /// Whether it calls a function of the object: not a helper's or a kernel function's number.
    pub fn is_local_call(&self) -> bool {
        self.code == CALL && self.from == PSEUDO_CALL
    }

    /// Whether it loads 64 bits that the next slot has the upper half of.
    pub fn is_wide(&self) -> bool {
        self.code == LOAD_WIDE
    }
}

/// Bytes below the frame pointer that a function's instructions use.
pub(super) fn frame_bytes(instructions: &[Instruction]) -> u64 {
    let mut frame = Frame::default();
    for instruction in instructions {
        frame.follow(instruction);
    }
    frame.lowest.unsigned_abs()
}

/// What registers hold of the frame pointer, by number.
#[derive(Default)]
struct Frame {
    /// For each register that points into the frame, where.
    copies: [Option<i64>; 10],
    /// Zero or below.
    lowest: i64,
}

impl Frame {
    fn follow(&mut self, instruction: &Instruction) {
        let Instruction { code, to, from, offset, immediate } = *instruction;
        match code & CLASS {
            LOAD => self.put(to, None),
            LOAD_MEMORY => {
                self.touch(self.at(from), offset.into());
                self.put(to, None);
            }
            STORE => self.touch(self.at(to), offset.into()),
            STORE_REGISTER => {
                self.touch(self.at(to), offset.into());
                if code & MODE == ATOMIC {
                    // What was there may be fetched into either.
                    self.put(from, None);
                    self.put(0, None);
                }
            }
            ARITHMETIC => self.put(to, None),
            ARITHMETIC_64 => self.arithmetic(code, to, from, immediate),
            _ if code == CALL => (0..=5).for_each(|register| self.put(register, None)),
            _ => {}
        }
    }

    fn arithmetic(&mut self, code: u8, to: u8, from: u8, immediate: i32) {
        let moved = |by: i64| self.at(to).map(|at| at + by);
        let result = match (code & OPERATION, code & BY_REGISTER != 0) {
            (MOVE, true) => self.at(from),
            (ADD, false) => moved(immediate.into()),
            (SUBTRACT, false) => moved(-i64::from(immediate)),
            // Only a place above one that is known already can be meant.
            _ => None,
        };
        self.touch(result, 0);
        self.put(to, result);
    }

    /// Where in the frame a register points to, if it does.
    fn at(&self, register: u8) -> Option<i64> {
        if register == FRAME_POINTER { Some(0) } else { *self.copies.get(usize::from(register))? }
    }

    fn put(&mut self, register: u8, at: Option<i64>) {
        if let Some(copy) = self.copies.get_mut(usize::from(register)) {
            *copy = at;
        }
    }

    fn touch(&mut self, at: Option<i64>, offset: i64) {
        self.lowest = at.map_or(self.lowest, |at| self.lowest.min(at + offset));
    }
}

const FRAME_POINTER: u8 = 10;
const PSEUDO_CALL: u8 = 1;

const CLASS: u8 = 0x07;
const LOAD: u8 = 0x00;
const LOAD_MEMORY: u8 = 0x01;
const STORE: u8 = 0x02;
const STORE_REGISTER: u8 = 0x03;
const ARITHMETIC: u8 = 0x04;
const ARITHMETIC_64: u8 = 0x07;
const LOAD_WIDE: u8 = 0x18;
const CALL: u8 = 0x85;

const MODE: u8 = 0xe0;
const ATOMIC: u8 = 0xc0;

const OPERATION: u8 = 0xf0;
const BY_REGISTER: u8 = 0x08;
const ADD: u8 = 0x00;
const SUBTRACT: u8 = 0x10;
const MOVE: u8 = 0xb0;
