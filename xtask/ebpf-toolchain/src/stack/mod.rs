//! How much stack the programs take.
//!
//! In: the built object. Out: the deepest chain of calls of each program on uprobes, or which is too
//! deep. Always: a callback counts as called where its address is taken; no chain on uprobes reaches
//! [`LIMIT_BYTES`], none on another hook is beyond [`CHAIN_BYTES`].
//! Not here: what the verifier refuses otherwise.
//!
//! A program on a uprobe can be preempted and run again on the same processor. Where its stack reaches
//! 64 bytes, kernels from Linux 6.13 on may give it one per processor, which the second run overwrites
//! (`check_max_stack_depth_subprog` of `kernel/bpf/verifier.c`). They look at one function at a time,
//! rounded up to 16 bytes; here the sum of a chain is bounded too, so that it does not depend on what
//! the compiler inlines.
//!
//! Programs on other hooks have 512 bytes for all frames together, each rounded up to 32 bytes in kernels
//! before Linux 6.8 and with callbacks of `bpf_loop` counted: newer ones take what those refuse.

mod code;
mod frame;

#[cfg(test)]
mod tests;

use std::fmt;

use code::{Code, Function};

/// Programs on uprobes have less stack than this, in bytes.
pub const LIMIT_BYTES: u64 = 64;

/// All frames of a chain have at most so many bytes together (`MAX_BPF_STACK`).
pub const CHAIN_BYTES: u64 = 512;

/// A program with the calls that take most stack, itself first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Functions, each called by the one before.
    pub links: Vec<Link>,
}

/// One function of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name in the source.
    pub name: String,
    /// What it takes for itself, in bytes.
    pub frame_bytes: u64,
}

/// Why an object is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// Too much stack.
    #[error(
        "a program on uprobes takes {} bytes of stack, of which it may have less than {LIMIT_BYTES}: {_0}",
        _0.bytes()
    )]
    Deep(Chain),
    /// Older kernels refuse it.
    #[error(
        "a program takes {} bytes of stack, as kernels before 6.8 count, of which it may have {CHAIN_BYTES}: {_0}",
        _0.rounded_bytes()
    )]
    Long(Chain),
    /// One function alone is rounded up to the limit.
    #[error("{} takes {} bytes of stack, which kernels round up to {LIMIT_BYTES}", _0.name, _0.frame_bytes)]
    Frame(Link),
    /// A function that calls itself has no bound.
    #[error("a program on uprobes calls itself: {0}")]
    Recursion(Chain),
    /// Nothing to look at: programs are found by the names of their sections.
    #[error("the object has no program on uprobes")]
    NoProgram,
    /// No object of the kernel's, or a broken one.
    #[error("the object cannot be read: {0}")]
    Object(#[from] object::Error),
    /// A call leads to where no function begins.
    #[error("{caller} calls something that is no function, at byte {at_bytes} of {section}")]
    Target {
        /// Who calls.
        caller: String,
        /// The section that it calls into.
        section: String,
        /// Where in it.
        at_bytes: u64,
    },
}

/// The deepest chain of each program on uprobes, none of which is too deep.
pub fn check(object: &[u8]) -> Result<Vec<Chain>, StackError> {
    let code = Code::read(object)?;
    for program in code.other_programs() {
        deepest(&code, program, Link::rounded_bytes)?.bounded_together()?;
    }
    let chains = code.programs().map(|program| deepest(&code, program, |link| link.frame_bytes));
    let chains = chains.collect::<Result<Vec<_>, _>>()?;
    if chains.is_empty() {
        return Err(StackError::NoProgram);
    }
    chains.into_iter().map(Chain::bounded).collect()
}

/// `weight`: what a frame counts.
fn deepest(code: &Code, program: &Function, weight: fn(&Link) -> u64) -> Result<Chain, StackError> {
    deepest_from(code, program, weight, &mut Vec::new())
}

/// `callers`: the functions that are being looked at.
fn deepest_from<'c>(
    code: &'c Code,
    function: &'c Function,
    weight: fn(&Link) -> u64,
    callers: &mut Vec<&'c Function>,
) -> Result<Chain, StackError> {
    let begun = callers.iter().any(|caller| std::ptr::eq(*caller, function));
    callers.push(function);
    if begun {
        return Err(StackError::Recursion(callers.iter().map(|caller| caller.link()).collect()));
    }
    let mut below = Chain::default();
    for called in code.called_by(function) {
        let chain = deepest_from(code, called?, weight, callers)?;
        let sum = |chain: &Chain| chain.links.iter().map(weight).sum::<u64>();
        if sum(&chain) > sum(&below) {
            below = chain;
        }
    }
    callers.pop();
    Ok([function.link()].into_iter().chain(below.links).collect())
}

// === impl Chain ===

impl Chain {
    /// All frames together.
    pub fn bytes(&self) -> u64 {
        self.links.iter().map(|link| link.frame_bytes).sum()
    }

    /// All frames together, as older kernels count.
    pub fn rounded_bytes(&self) -> u64 {
        self.links.iter().map(Link::rounded_bytes).sum()
    }

    fn bounded_together(self) -> Result<(), StackError> {
        match self.rounded_bytes() > CHAIN_BYTES {
            true => Err(StackError::Long(self)),
            false => Ok(()),
        }
    }

    fn bounded(self) -> Result<Self, StackError> {
        let is_rounded_up =
            |link: &&Link| link.frame_bytes.next_multiple_of(ROUNDED_TO_BYTES) >= LIMIT_BYTES;
        if self.bytes() >= LIMIT_BYTES {
            return Err(StackError::Deep(self));
        }
        match self.links.iter().find(is_rounded_up) {
            Some(link) => Err(StackError::Frame(link.clone())),
            None => Ok(self),
        }
    }
}

impl Link {
    fn rounded_bytes(&self) -> u64 {
        self.frame_bytes.max(1).next_multiple_of(OLD_ROUNDED_TO_BYTES)
    }
}

impl FromIterator<Link> for Chain {
    fn from_iter<T: IntoIterator<Item = Link>>(links: T) -> Self {
        Self { links: links.into_iter().collect() }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Link { name, frame_bytes }) in self.links.iter().enumerate() {
            let arrow = if place == 0 { "" } else { " -> " };
            write!(out, "{arrow}{name} ({frame_bytes})")?;
        }
        Ok(())
    }
}

/// `round_up_stack_depth` of `kernel/bpf/verifier.c`.
const ROUNDED_TO_BYTES: u64 = 16;
/// The same before Linux 6.8.
const OLD_ROUNDED_TO_BYTES: u64 = 32;
