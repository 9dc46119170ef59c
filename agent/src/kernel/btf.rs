//! Member offsets out of BTF, the kernel's own description of its types.
//!
//! In: the bytes of `/sys/kernel/btf/vmlinux`. Out: byte offsets of members, dots and anonymous
//! structures and unions followed.
//! Always: never panics on any bytes; a bit field or a missing member is an error that names it.
//! Not here: which members are wanted (`earwitness_common::offsets`).
//! Source: Documentation/bpf/btf.rst in the kernel's tree. The crates at hand either keep members
//! private (aya-obj) or come under a licence that static linking does not suit (btf-rs, LGPL).

use std::ops::Range;

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: usize = 24;
const TYPE_BYTES: usize = 12;
const MEMBER_BYTES: usize = 12;

const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// How deep anonymous members and modifiers are followed.
const DEPTH: u32 = 16;

/// What can be wrong with BTF or a look-up in it.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum BtfError {
    /// Not BTF of this machine's byte order, or cut short.
    #[error("kernel type information is malformed at byte {0}")]
    Malformed(usize),
    /// A structure that this kernel does not have.
    #[error("kernel has no `struct {0}`")]
    NoStruct(String),
    /// A member that this kernel's structure does not have.
    #[error("kernel has no member `{member}` in `struct {structure}`")]
    NoMember {
        /// Structure.
        structure: String,
        /// Member path.
        member: String,
    },
    /// A member that does not begin at a byte.
    #[error("kernel member `{member}` of `struct {structure}` is a bit field")]
    BitField {
        /// Structure.
        structure: String,
        /// Member path.
        member: String,
    },
}

/// BTF with an index of its types.
pub struct Btf<'a> {
    bytes: &'a [u8],
    strings: Range<usize>,
    /// Where type `i + 1` begins.
    types: Vec<u32>,
}

/// One type's fixed part.
#[derive(Clone, Copy)]
struct Type {
    at: usize,
    name: u32,
    kind: u32,
    vlen: usize,
    /// Members tell bit-field sizes.
    flag: bool,
    target: u32,
}

impl<'a> Btf<'a> {
    /// Indexes `bytes`.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let malformed = |at| move || BtfError::Malformed(at);
        let magic = bytes.get(..2).and_then(|pair| pair.try_into().ok());
        if magic.map(u16::from_ne_bytes) != Some(MAGIC) {
            return Err(BtfError::Malformed(0));
        }
        let field = |at| word(bytes, at).map(|value| value as usize);
        let head = field(4).ok_or_else(malformed(4))?.max(HEADER_BYTES);
        let (types_at, types_len) = (field(8), field(12));
        let (strings_at, strings_len) = (field(16), field(20));
        let (Some(types_at), Some(types_len), Some(strings_at), Some(strings_len)) =
            (types_at, types_len, strings_at, strings_len)
        else {
            return Err(BtfError::Malformed(8));
        };
        let end = head + types_at + types_len;
        let mut btf = Self {
            bytes,
            strings: head + strings_at..head + strings_at + strings_len,
            types: Vec::new(),
        };
        let mut at = head + types_at;
        while at < end {
            let found = btf.type_at(at).ok_or_else(malformed(at))?;
            btf.types.push(u32::try_from(at).map_err(|_| BtfError::Malformed(at))?);
            at += TYPE_BYTES + extra_bytes(&found).ok_or_else(malformed(at))?;
        }
        Ok(btf)
    }

    /// Offset in bytes of `member` (a dotted path) in `struct structure`.
    ///
    /// # Errors
    /// `NoStruct`, `NoMember`, `BitField`.
    pub fn offset(&self, structure: &str, member: &str) -> Result<u32, BtfError> {
        let mut inside =
            self.structure(structure).ok_or_else(|| BtfError::NoStruct(structure.to_owned()))?;
        let mut bits = 0;
        for part in member.split('.') {
            let (at, kind) = self.member(&inside, part, DEPTH).ok_or_else(|| {
                BtfError::NoMember { structure: structure.to_owned(), member: member.to_owned() }
            })?;
            bits += at;
            inside = kind;
        }
        if bits % 8 != 0 {
            return Err(BtfError::BitField {
                structure: structure.to_owned(),
                member: member.to_owned(),
            });
        }
        Ok(bits / 8)
    }

    /// Id of a structure.
    pub fn struct_id(&self, name: &str) -> Option<u32> {
        self.id(KIND_STRUCT, name)
    }

    /// Id of a function that programs may call.
    pub fn function_id(&self, name: &str) -> Option<u32> {
        self.id(KIND_FUNC, name)
    }

    fn id(&self, kind: u32, name: &str) -> Option<u32> {
        let is_it = |found: Type| found.kind == kind && self.name(found.name) == name.as_bytes();
        let index = self.all().position(is_it)?;
        u32::try_from(index + 1).ok()
    }

    fn all(&self) -> impl Iterator<Item = Type> {
        self.types.iter().filter_map(|&at| self.type_at(at as usize))
    }

    fn structure(&self, name: &str) -> Option<Type> {
        self.all()
            .find(|found| found.kind == KIND_STRUCT && self.name(found.name) == name.as_bytes())
    }

    /// Bit offset and type of a member, looked for in anonymous members too.
    fn member(&self, inside: &Type, name: &str, depth: u32) -> Option<(u32, Type)> {
        if !matches!(inside.kind, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        for index in 0..inside.vlen {
            let at = inside.at + TYPE_BYTES + index * MEMBER_BYTES;
            let label = self.name(word(self.bytes, at)?);
            let kind = self.resolved(word(self.bytes, at + 4)?, DEPTH);
            let raw = word(self.bytes, at + 8)?;
            let bits = if inside.flag { raw & 0x00ff_ffff } else { raw };
            if label == name.as_bytes() {
                return Some((bits, kind?));
            }
            if let (true, Some(kind), 1..) = (label.is_empty(), kind, depth)
                && let Some((inner, found)) = self.member(&kind, name, depth - 1)
            {
                return Some((bits + inner, found));
            }
        }
        None
    }

    /// A type without typedefs and qualifiers.
    fn resolved(&self, id: u32, depth: u32) -> Option<Type> {
        let at = self.types.get(id.checked_sub(1)? as usize)?;
        let found = self.type_at(*at as usize)?;
        match found.kind {
            KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                self.resolved(found.target, depth.checked_sub(1)?)
            }
            _ => Some(found),
        }
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let info = word(self.bytes, at + 4)?;
        Some(Type {
            at,
            name: word(self.bytes, at)?,
            kind: info >> 24 & 0x1f,
            vlen: (info & 0xffff) as usize,
            flag: info >> 31 != 0,
            target: word(self.bytes, at + 8)?,
        })
    }

    fn name(&self, offset: u32) -> &[u8] {
        let strings = self.bytes.get(self.strings.clone()).unwrap_or_default();
        let rest = strings.get(offset as usize..).unwrap_or_default();
        rest.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// Bytes after a type's fixed part; `None` for a kind that this version does not know.
fn extra_bytes(found: &Type) -> Option<usize> {
    Some(match found.kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => found.vlen * 12,
        KIND_ENUM | KIND_FUNC_PROTO => found.vlen * 8,
        2 | 7..=11 | KIND_FUNC | 16 | KIND_TYPE_TAG => 0,
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_never_panic() {
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for seed in 0..2_000_u32 {
            bytes.truncate(4);
            let mut state = seed;
            for _ in 0..200 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push((state >> 24) as u8 & if seed % 2 == 0 { 0x1f } else { 0xff });
            }
            if let Ok(btf) = Btf::parse(&bytes) {
                let _ = btf.offset("task_struct", "files");
            }
        }
    }

    /// One hand-made structure: `struct s { int a; struct { struct { int b; } named; }; int c:3; }`.
    #[test]
    fn nested_and_anonymous_members_resolve() {
        let strings = b"\0s\0a\0b\0named\0c\0int\0";
        let name = |text: &str| {
            let needle = [b"\0", text.as_bytes(), b"\0"].concat();
            let found = strings.windows(needle.len()).position(|part| part == needle);
            found.map_or(0, |at| at as u32 + 1)
        };
        let mut types: Vec<u32> = Vec::new();
        types.extend([name("int"), 1 << 24, 4, 32]); // 1: int
        types.extend([0, 4 << 24 | 1, 4, name("b"), 1, 0]); // 2: struct { int b }
        types.extend([0, 4 << 24 | 1, 4, name("named"), 2, 0]); // 3: struct { 2 named }
        let flagged = 1 << 31 | 4 << 24 | 3;
        types.extend([name("s"), flagged, 12]); // 4: struct s
        types.extend([name("a"), 1, 0, 0, 3, 32, name("c"), 1, 3 << 24 | 67]);
        let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut bytes = vec![];
        bytes.extend(MAGIC.to_ne_bytes());
        bytes.extend([1, 0]);
        for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(&types);
        bytes.extend(strings);
        let btf = Btf::parse(&bytes).map_err(|error| error.to_string());
        let offset = |member| btf.as_ref().map(|btf| btf.offset("s", member));
        assert_eq!(offset("a"), Ok(Ok(0)));
        assert_eq!(offset("named.b"), Ok(Ok(4)));
        assert!(matches!(offset("c"), Ok(Err(BtfError::BitField { .. }))));
        assert!(matches!(offset("d"), Ok(Err(BtfError::NoMember { .. }))));
    }
}
