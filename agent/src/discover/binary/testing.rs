//! A small ELF file for tests: one executable segment, one symbol table.

/// Has every symbol defined as a function, 16 bytes apart.
pub(crate) fn elf(symbols: &[&str]) -> Vec<u8> {
    let symbols: Vec<(&str, u64)> = symbols.iter().copied().zip((0..).step_by(16)).collect();
    elf_of(&symbols, &vec![0xc3; 16 * symbols.len() + 16])
}

/// Has code, and functions at these places in it. The code is [`CODE_AT`] in the file. As nm(1) has it,
/// `U NAME` is used and not defined.
pub(crate) fn elf_of(symbols: &[(&str, u64)], code: &[u8]) -> Vec<u8> {
    let mut texts = vec![0];
    let mut table = vec![0; 24];
    for (name, at) in symbols {
        table.extend((texts.len() as u32).to_le_bytes());
        let used = name.strip_prefix("U ");
        // STB_GLOBAL, STT_FUNC; of section 1, or of none.
        table.extend([0x12, 0, u8::from(used.is_none()), 0]);
        table.extend((CODE_ADDRESS + at).to_le_bytes());
        table.extend(16_u64.to_le_bytes());
        texts.extend(used.unwrap_or(name).bytes().chain([0]));
    }
    let code_at = CODE_AT;
    let table_at = code_at + code.len() as u64;
    let texts_at = table_at + table.len() as u64;
    let sections_at = texts_at + texts.len() as u64;

    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(words16(&[3, 62]));
    file.extend(1_u32.to_le_bytes());
    file.extend(words(&[CODE_ADDRESS, 64, sections_at]));
    file.extend([0; 4]);
    file.extend(words16(&[64, 56, 1, 64, 4, 3]));
    // PT_LOAD, readable and executable.
    file.extend(words(&[1 | 5 << 32, code_at, CODE_ADDRESS, CODE_ADDRESS]));
    file.extend(words(&[code.len() as u64, code.len() as u64, 4096]));
    file.extend(code);
    file.extend(&table);
    file.extend(&texts);
    file.extend([0; 64]);
    section(&mut file, 1, 6, CODE_ADDRESS, code_at, code.len(), 0);
    section(&mut file, 2, 0, 0, table_at, table.len(), 3);
    section(&mut file, 3, 0, 0, texts_at, texts.len(), 0);
    file
}

fn section(
    file: &mut Vec<u8>,
    kind: u64,
    flags: u64,
    address: u64,
    at: u64,
    size: usize,
    link: u64,
) {
    file.extend(words(&[kind << 32, flags, address, at, size as u64, link, 1, 24]));
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn words16(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Offset of the code in the file.
pub(crate) const CODE_AT: u64 = 64 + 56;
const CODE_ADDRESS: u64 = 0x40_0000;

/// A program of Go without sections: code, then a table that begins with this byte. The functions
/// are at 64, 80 and 96 bytes in the code, after four others.
pub(crate) fn go(magic: u8) -> Vec<u8> {
    let is_before_1_18 = magic == 0xfa;
    // cmp rsp, [r14+0x10]; jbe; ret; xor eax, eax; nop; ret; int3
    let function = [
        0x49, 0x3b, 0x66, 0x10, 0x76, 2, 0xc3, 0x31, 0xc0, 0x90, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
    ];
    let mut code = function.repeat(GO_NAMES.len());
    // Two without a comparison, on either side of ours: otherwise nothing tells where code begins.
    code[48..52].fill(0x90);
    code[112..116].fill(0x90);
    let table = go_table(magic, is_before_1_18);
    let table_at = GO_CODE_AT + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(words16(&[2, 62]));
    file.extend(1_u32.to_le_bytes());
    file.extend(words(&[CODE_ADDRESS, 64, 0]));
    file.extend([0; 4]);
    file.extend(words16(&[64, 56, 2, 0, 0, 0]));
    for (flags, at, size) in [(5, GO_CODE_AT, code.len()), (4, table_at, table.len())] {
        let address = CODE_ADDRESS - GO_CODE_AT + at;
        file.extend(words(&[1 | flags << 32, at, address, address, size as u64, size as u64, 1]));
    }
    file.extend(&code);
    file.extend(&table);
    file
}

fn go_table(magic: u8, is_before_1_18: bool) -> Vec<u8> {
    let (base, width) = if is_before_1_18 { (CODE_ADDRESS, 8) } else { (0, 4) };
    let number = |number: u64| number.to_le_bytes()[..width].to_vec();
    let mut names = vec![0];
    let mut entries = Vec::new();
    let mut functions = Vec::new();
    let functions_at = (GO_NAMES.len() * 2 + 1) * width;
    for (index, name) in GO_NAMES.iter().enumerate() {
        let start = number(base + 16 * index as u64);
        entries
            .extend(start.iter().copied().chain(number((functions_at + functions.len()) as u64)));
        functions.extend(start.iter().copied().chain((names.len() as u32).to_le_bytes()));
        names.extend(name.bytes().chain([0]));
    }
    entries.extend(number(base + 16 * GO_NAMES.len() as u64));
    let mut head = vec![magic, 0xff, 0xff, 0xff, 0, 0, 1, 8];
    let head_bytes = 8 + 8 * if is_before_1_18 { 7 } else { 8 };
    let names_end = head_bytes + names.len() as u64;
    head.extend(words(&[GO_NAMES.len() as u64, 1]));
    head.extend(words(&[0][..usize::from(!is_before_1_18)]));
    head.extend(words(&[head_bytes, names_end, names_end, names_end, names_end]));
    [head, names, entries, functions].concat()
}

/// Offset of the code of [`go`] in the file.
pub(crate) const GO_CODE_AT: u64 = 64 + 2 * 56;
const GO_NAMES: &[&str] = &[
    "runtime.a",
    "runtime.b",
    "crypto/tls.(*Conn).Readx",
    "crypto/tls.Dial",
    "crypto/tls.(*Conn).Read",
    "crypto/tls.(*Conn).Write",
    "crypto/tls.(*Conn).Close",
    "main.main",
];
