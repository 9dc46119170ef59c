//! One pass over the bytes of a value, which tells what checks could find anything in it.
//!
//! In: a value. Out: which kinds of characters it has, and how many digits and dashes.
//! Always: one look-up a byte; at most 8 388 607 digits and 512 dashes are counted apart, which is
//! more than a head can hold of the one and enough of the other.
//! Not here: the checks (`redact::value`).

/// `@`
pub(super) const AT: u32 = 1 << 24;
/// `=`
pub(super) const EQUALS: u32 = 1 << 25;
/// A space.
pub(super) const SPACE: u32 = 1 << 26;
/// `:`
pub(super) const COLON: u32 = 1 << 27;
/// `J`, which every JWT has near its begin.
pub(super) const CAPITAL_J: u32 = 1 << 28;
/// `%`
pub(super) const PERCENT: u32 = 1 << 29;
/// Not printable ASCII.
pub(super) const ODD: u32 = 1 << 30;
/// `+`
pub(super) const PLUS: u32 = 1 << 31;
/// Low bits, so that adding the classes up counts: first digits, then dashes.
const DIGIT: u32 = 1;
const DASH: u32 = 1 << 23;

/// What each byte is.
#[expect(
    clippy::indexing_slicing,
    reason = "done by the compiler, which would refuse a wrong index"
)]
const CLASSES: [u32; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class(byte as u8);
        byte += 1;
    }
    classes
};

const fn class(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'-' => DASH,
        b'@' => AT,
        b'=' => EQUALS,
        b' ' => SPACE,
        b':' => COLON,
        b'J' => CAPITAL_J,
        b'%' => PERCENT,
        b'+' => PLUS,
        ..b' ' | 0x7f.. => ODD,
        _ => 0,
    }
}

/// What one pass over a value tells.
pub(super) struct Gate {
    seen: u32,
    pub(super) digits: u32,
    pub(super) dashes: u32,
}

impl Gate {
    pub(super) fn over(value: &[u8]) -> Self {
        let (mut seen, mut counts) = (0, 0);
        for &byte in value {
            let class = CLASSES.get(usize::from(byte)).copied().unwrap_or(0);
            seen |= class;
            counts += u64::from(class & (DIGIT | DASH));
        }
        let dash = u64::from(DASH);
        Self { seen, digits: (counts % dash) as u32, dashes: (counts / dash) as u32 }
    }

    pub(super) fn has(&self, class: u32) -> bool {
        self.seen & class != 0
    }
}
