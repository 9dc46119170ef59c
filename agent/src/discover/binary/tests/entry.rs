//! Points at cheaper instructions: of code written here, where each rule and each refusal has its own,
//! and of this machine's library, with `objdump` as the judge.

use super::libraries::{address, file_offset, library, loads, output};
use super::testing::{CODE_AT, elf_of};
use super::*;

#[test]
fn a_mark_is_skipped_before_what_is_cheap() {
    let cheap: [&[u8]; 5] = [PUSH, &[0x41, 0x57], &[0x90], &[0x66, 0x90], NOPL];
    for next in cheap {
        assert_eq!(send_point(&[MARK, next, RET]), 4, "{next:02x?}");
    }
    // sub rsp, 24; cs push r15; push 7; push [rax]; call +0; jmp +0; test edi, edi; pause
    let other: [&[u8]; 8] = [
        SUB,
        &[0x2e, 0x41, 0x57],
        &[0x6a, 7],
        &[0xff, 0x30],
        &[0xe8, 0, 0, 0, 0],
        &[0xeb, 0],
        &[0x85, 0xff],
        &[0xf3, 0x90],
    ];
    for next in other {
        assert_eq!(send_point(&[MARK, next, RET]), 0, "{next:02x?}");
    }
    assert_eq!(send_point(&[PUSH, RET]), 0, "no mark");
    assert_eq!(send_point(&[&[0xf3, 0x0f, 0x1e, 0xfb], PUSH]), 0, "the mark of 32 bits");
    assert_eq!(send_point(&[MARK]), 0, "nothing after it is known");
}

/// Whatever they begin with: where they return belongs to where they begin.
#[test]
fn functions_of_go_are_left_alone() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&elf_of(&[], &laid(&[(0, &[MARK, PUSH, RET])]))).unwrap();
    let point = Point { function: Function::GoRead, offset: CODE_AT, returns: vec![CODE_AT + 5] };
    let mut found = Found {
        library: TlsLibrary::Go,
        how: How::Pclntab,
        points: vec![point.clone()],
        queue_at: 0,
    };
    super::super::entry::refine(&Image::open(&file).unwrap(), &mut found);
    assert_eq!(found.points, [point]);
}

#[test]
fn points_stay_in_order_and_apart() {
    let code = laid(&[(0, &[MARK, PUSH, PUSH, RET]), (64, &[RET])]);
    let found = |other| {
        let symbols =
            [("gnutls_record_send", 0), ("gnutls_record_recv", 64), ("gnutls_deinit", other)];
        let found = examine_bytes(&elf_of(&symbols, &code)).found.unwrap();
        let near = offsets(&found).into_iter().filter(|(_, offset)| *offset < CODE_AT + 64);
        near.map(|(function, offset)| (function, offset - CODE_AT)).collect::<Vec<_>>()
    };
    assert_eq!(found(2), [(Function::GnutlsDeinit, 2), (Function::GnutlsRecordSend, 4)]);
    assert_eq!(found(4), [(Function::GnutlsRecordSend, 0), (Function::GnutlsDeinit, 4)]);
}

#[test]
fn code_of_another_machine_is_left_alone() {
    let mut file = elf_of(SYMBOLS, &Program::default().code());
    assert_eq!(seen(&file), [(Function::SslReadEx, 0x200), (Function::SslWriteEx, 0x240)]);
    file[18] = 183;
    assert_eq!(seen(&file), [READ, WRITE].concat());
}

/// What is written here as in `entry::wrapper`, and as compilers write it otherwise.
#[test]
fn what_two_wrappers_share_takes_their_place() {
    let merged: [(&str, Pieces<'_>, Pieces<'_>); 6] = [
        ("1.1.1 to 3", &[SUB, TEST, JS, LEA, WIDEN], &[LOAD, RET]),
        ("with a mark", &[MARK, SUB, TEST, JS, LEA, WIDEN], &[LOAD, RET]),
        // mov rax, fs:[0x28]; mov [rsp+8], rax; xor eax, eax
        (
            "with a canary",
            &[SUB, CANARY, &[0x48, 0x89, 0x44, 0x24, 8], ZERO, TEST, JS, MOV, WIDEN],
            &[&[0x85, 0xc0, 0x7e, 3], LOAD_FIRST, RET],
        ),
        // test eax, eax; cmovg eax, [rsp+8]
        (
            "with a conditional load",
            &[SUB, TEST, JS, WIDEN, LEA],
            &[&[0x85, 0xc0, 0x0f, 0x4f, 0x44, 0x24, 8], RET],
        ),
        // lea rcx, [rsp-16]; push rbx; lea rax, [rdi]
        (
            "in another order",
            &[TEST, &[0x48, 0x8d, 0x4c, 0x24, 0xf0], JS, PUSH, &[0x48, 0x8d, 7], WIDEN, SUB],
            // mov eax, [rsp+16]
            &[&[0x8b, 0x44, 0x24, 16], RET],
        ),
        // js +0x100
        ("with a long branch", &[SUB, TEST, &[0x0f, 0x88, 0, 1, 0, 0], LEA, WIDEN], &[LOAD, RET]),
    ];
    for (name, before, after) in merged {
        let program = Program { before, after, ..Program::default() };
        assert_eq!(program.read(), [(Function::SslReadEx, 0x200)], "{name}");
    }
    let inner: [(Pieces<'_>, u64); 3] =
        [(&[MARK, PUSH, RET], 0x204), (&[&[0x41, 0x57], RET], 0x200), (&[PUSH, RET], 0x200)];
    for (inner, at) in inner {
        let program = Program { inner, ..Program::default() };
        assert_eq!(program.read(), [(Function::SslReadEx, at)]);
    }
}

#[test]
fn a_wrapper_that_does_something_else_stays() {
    let before: [(&str, Pieces<'_>); 27] = [
        ("it is cheap", &[PUSH, SUB, TEST, JS, LEA, WIDEN]),
        ("the size is not widened", &[SUB, TEST, JS, LEA]),
        // mov edx, edx
        ("the size is widened without its sign", &[SUB, TEST, JS, LEA, &[0x89, 0xd2]]),
        // movsxd rdx, esi
        ("another size", &[SUB, TEST, JS, LEA, &[0x48, 0x63, 0xd6]]),
        // inc rdx; cdq
        ("a larger size", &[SUB, TEST, JS, LEA, WIDEN, &[0x48, 0xff, 0xc2]]),
        ("a size written aside", &[SUB, TEST, JS, LEA, WIDEN, &[0x99]]),
        // mov rdi, rax; mov dil, al; lodsb; xor r8d, r8d; mov r9, rax; xchg rsi, rax
        ("another object", &[SUB, TEST, JS, LEA, WIDEN, &[0x48, 0x89, 0xc7]]),
        ("another part of the object", &[SUB, TEST, JS, LEA, WIDEN, &[0x40, 0x88, 0xc7]]),
        ("another buffer", &[SUB, TEST, JS, LEA, WIDEN, &[0xac]]),
        ("a fifth argument", &[SUB, TEST, JS, LEA, WIDEN, &[0x45, 0x31, 0xc0]]),
        ("a sixth argument", &[SUB, TEST, JS, LEA, WIDEN, &[0x49, 0x89, 0xc1]]),
        ("an exchanged buffer", &[SUB, TEST, JS, LEA, WIDEN, &[0x48, 0x96]]),
        ("no fourth argument", &[SUB, TEST, JS, WIDEN]),
        // lea rcx, [rip]; lea rcx, [rax+8]; lea rcx, [rsp+24]; lea rcx, [rsp-8]; lea rcx, [rsp+rax+8]
        ("a place elsewhere", &[SUB, TEST, JS, &[0x48, 0x8d, 0x0d, 0, 0, 0, 0], WIDEN]),
        ("a place in something else", &[SUB, TEST, JS, &[0x48, 0x8d, 0x48, 8], WIDEN]),
        ("the return address", &[SUB, TEST, JS, &[0x48, 0x8d, 0x4c, 0x24, 24], WIDEN]),
        ("a place below the frame", &[SUB, TEST, JS, &[0x48, 0x8d, 0x4c, 0x24, 0xf8], WIDEN]),
        ("a place somewhere", &[SUB, TEST, JS, &[0x48, 0x8d, 0x4c, 4, 8], WIDEN]),
        ("negative sizes get through", &[SUB, LEA, WIDEN]),
        // jne; js backwards; js into what follows the branch
        ("another condition", &[SUB, TEST, &[0x75, 0x40], LEA, WIDEN]),
        ("a branch backwards", &[SUB, TEST, &[0x78, 0xf0], LEA, WIDEN]),
        ("a branch to before the call", &[SUB, TEST, &[0x78, 5], LEA, WIDEN]),
        ("a second branch", &[SUB, TEST, JS, JS, LEA, WIDEN]),
        ("flags of something else", &[SUB, TEST, ZERO, JS, LEA, WIDEN]),
        // jmp +0; call rax; pop rax
        ("a branch without condition", &[SUB, TEST, JS, LEA, WIDEN, &[0xeb, 0]]),
        ("another call", &[SUB, TEST, JS, LEA, WIDEN, &[0xff, 0xd0]]),
        ("a frame given up", &[SUB, TEST, JS, LEA, WIDEN, &[0x58]]),
    ];
    for (name, before) in before {
        // Wherever it is, it is read: mov eax, [rsp+16]; mov eax, [rsp+24]; mov eax, [rsp-8]
        let others: [&[u8]; 3] =
            [&[0x8b, 0x44, 0x24, 16], &[0x8b, 0x44, 0x24, 24], &[0x8b, 0x44, 0x24, 0xf8]];
        let after = &[&[LOAD, LOAD_FIRST], &others[..], &[RET]].concat();
        assert_eq!(Program { before, after, ..Program::default() }.read(), READ, "{name}");
    }
    let before: Pieces<'_> = &[MARK, NOPL, SUB, TEST, JS, LEA, WIDEN];
    let cheap = Program { before, ..Program::default() };
    assert_eq!(cheap.read(), [(Function::SslRead, 4), READ[1]], "it is cheap behind its mark");
    let after: [(&str, Pieces<'_>); 5] = [
        ("never read back", &[RET]),
        ("another place read", &[LOAD_FIRST, RET]),
        ("read after the end", &[RET, LOAD]),
        // jmp +16
        ("read past a branch", &[&[0xeb, 16], LOAD]),
        ("read in another frame", &[&[0x48, 0x83, 0xc4, 24], LOAD]),
    ];
    for (name, after) in after {
        assert_eq!(Program { after, ..Program::default() }.read(), READ, "{name}");
    }
}

#[test]
fn wrappers_that_do_not_share_stay() {
    let program = Program::default();
    let sized: [(&str, Pieces<'_>); 7] = [
        // xor ecx, ecx; mov rdi, rax; lea rsi, [rax]; xor edx, edx; xor r8d, r8d; xor r9d, r9d
        ("another place", &[&[0x31, 0xc9]]),
        ("another object", &[&[0x48, 0x89, 0xc7]]),
        ("another buffer", &[&[0x48, 0x8d, 0x30]]),
        ("another size", &[&[0x31, 0xd2]]),
        ("a fifth argument", &[&[0x45, 0x31, 0xc0]]),
        ("a sixth argument", &[&[0x45, 0x31, 0xc9]]),
        ("a condition", &[TEST, JS]),
    ];
    for (name, sized) in sized {
        assert_eq!(Program { sized, ..program }.read(), READ, "{name}");
    }
    assert_eq!(Program { sized_inner: 0x280, ..program }.read(), READ, "two functions");
    let inner: [(&str, Pieces<'_>); 4] = [
        ("it is no cheaper", &[SUB, RET]),
        ("it is no cheaper behind its mark", &[MARK, SUB, RET]),
        // jmp [rip]; push 7
        ("it leads to another file", &[&[0xff, 0x25, 0, 0, 0, 0]]),
        ("it leads to the loader", &[MARK, &[0x68, 7, 0, 0, 0]]),
    ];
    for (name, inner) in inner {
        assert_eq!(Program { inner, ..program }.read(), READ, "{name}");
    }
}

#[test]
fn what_is_known_as_something_else_is_left_alone() {
    let code = Program::default().code();
    let with = |more| seen(&elf_of(&[SYMBOLS, &[more]].concat(), &code));
    let write = [(Function::SslWriteEx, 0x240)];
    assert_eq!(with(("main", 0)), [(Function::SslReadEx, 0x200), write[0]]);
    assert_eq!(with(("SSL_CTX_set_grease_enabled", 0x300)), [READ, WRITE].concat(), "BoringSSL");
    assert_eq!(with(("SSL_CTX_use_certificate_chain_mem", 0x300)), [READ, WRITE].concat());
    let known = with(("SSL_do_handshake", 0x200));
    assert_eq!(known, [READ, &[(Function::SslDoHandshake, 0x200)], &write].concat());
    let twice = with(("SSL_read_ex", 0x300));
    assert_eq!(twice, [READ, &write, &[(Function::SslReadEx, 0x300)]].concat(), "two of them");
    let without: Vec<_> =
        SYMBOLS.iter().copied().filter(|(name, _)| *name != "SSL_read_ex").collect();
    assert_eq!(seen(&elf_of(&without, &code)), [&READ[..1], &write].concat(), "one of them");
}

#[test]
fn one_function_for_both_directions_is_none() {
    let same = Program { write_inner: 0x200, ..Program::default() };
    assert_eq!(seen(&elf_of(SYMBOLS, &same.code())), [READ, WRITE].concat());
    // Even if writing hands it something else.
    let flags: Pieces<'_> = &[SUB, TEST, JS, FLAGS, WIDEN];
    let same = Program { write_before: flags, ..same };
    assert_eq!(seen(&elf_of(SYMBOLS, &same.code())), [READ, WRITE].concat());
}

/// Since 3.3.
#[test]
fn a_function_with_flags_keeps_its_wrappers() {
    let flags: Pieces<'_> = &[SUB, TEST, JS, FLAGS, WIDEN];
    let code = Program { write_before: flags, ..Program::default() }.code();
    let found =
        seen(&elf_of(&[SYMBOLS, &[("SSL_write_ex2@@OPENSSL_3.3.0", 0x300)]].concat(), &code));
    let ex2 = (Function::SslWriteEx2, 0x300);
    assert_eq!(found, [WRITE, &[(Function::SslReadEx, 0x200), ex2]].concat());
}

#[test]
fn the_library_of_this_machine() {
    let Some(path) = library("libssl.so.3") else { return };
    let points = offsets(&examine(&File::open(&path).unwrap()).found.unwrap());
    let (nm, loads) = (output("nm", &["-D", &path]), loads(&path));
    for (plain, sized, name) in [
        (Function::SslRead, Function::SslReadEx, "SSL_read"),
        (Function::SslWrite, Function::SslWriteEx, "SSL_write"),
    ] {
        let code = listing(&path, address(&nm, name).unwrap());
        let calls =
            code.lines().filter_map(|line| line.split_once("call")?.1.split_whitespace().next());
        let inner = calls.map(|text| u64::from_str_radix(text, 16).unwrap()).next().unwrap();
        let is_wrapper = instruction(&code, 0).starts_with("sub") && code.contains(",%rcx");
        if !is_wrapper || !instruction(&listing(&path, inner), 0).starts_with("push") {
            println!("SKIPPED: {name} of {path} is no wrapper as those of OpenSSL 3.0 are");
            continue;
        }
        let has = |function| points.iter().any(|(other, _)| *other == function);
        assert!(!has(plain), "{points:x?}");
        let of_sized: Vec<_> = points.iter().filter(|(function, _)| *function == sized).collect();
        assert_eq!(of_sized, [&(sized, file_offset(&loads, inner))]);
    }
}

/// The beginning of a function as `objdump` reads it.
fn listing(path: &str, address: u64) -> String {
    let [start, stop] = [address, address + 48].map(|address| format!("{address:#x}"));
    let range = [format!("--start-address={start}"), format!("--stop-address={stop}")];
    output("objdump", &["-d", "--no-show-raw-insn", &range[0], &range[1], path])
}

fn instruction(listing: &str, index: usize) -> &str {
    let lines = listing.lines().filter_map(|line| line.split_once(":\t"));
    lines.map(|(_, instruction)| instruction).nth(index).unwrap()
}

/// Where the point of a function with this code is, from its beginning.
fn send_point(code: Pieces<'_>) -> u64 {
    let file = elf_of(&[("gnutls_record_recv", 0), ("gnutls_record_send", 16)], &{
        let mut bytes = laid(&[(0, &[RET]), (16, code)]);
        bytes.truncate(16 + code.concat().len());
        bytes
    });
    let points = offsets(&examine_bytes(&file).found.unwrap());
    let point = points.iter().find(|(function, _)| *function == Function::GnutlsRecordSend);
    point.unwrap().1 - CODE_AT - 16
}

/// Points by their places in the code.
fn seen(file: &[u8]) -> Vec<(Function, u64)> {
    let points = offsets(&examine_bytes(file).found.unwrap());
    points.into_iter().map(|(function, offset)| (function, offset - CODE_AT)).collect()
}

/// Four wrappers and what they call. Reading is what the tests change.
#[derive(Clone, Copy)]
struct Program<'c> {
    before: Pieces<'c>,
    after: Pieces<'c>,
    sized: Pieces<'c>,
    sized_inner: usize,
    inner: Pieces<'c>,
    write_before: Pieces<'c>,
    write_inner: usize,
}

impl Default for Program<'_> {
    fn default() -> Self {
        let before = &[SUB, TEST, JS, LEA, WIDEN];
        Self {
            before,
            after: &[LOAD, RET],
            sized: &[],
            sized_inner: 0x200,
            inner: &[PUSH, RET],
            write_before: before,
            write_inner: 0x240,
        }
    }
}

impl Program<'_> {
    fn code(&self) -> Vec<u8> {
        let sized = [&[SUB], self.sized].concat();
        laid(&[
            (0, &[&wrapper(0, self.before, 0x200, self.after)]),
            (0x80, &[&wrapper(0x80, &sized, self.sized_inner, &[RET])]),
            (0x100, &[&wrapper(0x100, self.write_before, self.write_inner, &[LOAD, RET])]),
            (0x180, &[&wrapper(0x180, &[SUB], self.write_inner, &[RET])]),
            (0x200, self.inner),
            (0x240, &[PUSH, RET]),
            (0x280, &[PUSH, RET]),
            (0x300, &[RET]),
        ])
    }

    /// The points for reading; those for writing have been moved.
    fn read(&self) -> Vec<(Function, u64)> {
        let mut found = seen(&elf_of(SYMBOLS, &self.code()));
        assert_eq!(found.pop(), Some((Function::SslWriteEx, 0x240)));
        found
    }
}

fn wrapper(at: usize, before: Pieces<'_>, inner: usize, after: Pieces<'_>) -> Vec<u8> {
    let before = before.concat();
    let next = (at + before.len() + 5) as i32;
    [&before[..], &[0xe8], &(inner as i32 - next).to_le_bytes(), &after.concat()].concat()
}

/// Pieces of code, each at its place.
fn laid(pieces: &[(usize, Pieces<'_>)]) -> Vec<u8> {
    let mut code = vec![0xcc; 0x400];
    for (at, piece) in pieces {
        let piece = piece.concat();
        code[*at..at + piece.len()].copy_from_slice(&piece);
    }
    code
}

/// Code in pieces.
type Pieces<'c> = &'c [&'c [u8]];

const SYMBOLS: &[(&str, u64)] =
    &[("SSL_read", 0), ("SSL_read_ex", 0x80), ("SSL_write", 0x100), ("SSL_write_ex", 0x180)];
/// Where points are that were left alone.
const READ: &[(Function, u64)] = &[(Function::SslRead, 0), (Function::SslReadEx, 0x80)];
const WRITE: &[(Function, u64)] = &[(Function::SslWrite, 0x100), (Function::SslWriteEx, 0x180)];

/// `endbr64`
const MARK: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
/// `push rbx`
const PUSH: &[u8] = &[0x53];
/// `nop [rax+rax+0]`
const NOPL: &[u8] = &[0x0f, 0x1f, 0x44, 0, 0];
const RET: &[u8] = &[0xc3];
/// `sub rsp, 24`
const SUB: &[u8] = &[0x48, 0x83, 0xec, 24];
/// `test edx, edx`
const TEST: &[u8] = &[0x85, 0xd2];
/// `js +0x40`
const JS: &[u8] = &[0x78, 0x40];
/// `lea rcx, [rsp+8]`
const LEA: &[u8] = &[0x48, 0x8d, 0x4c, 0x24, 8];
/// `mov rcx, rsp`
const MOV: &[u8] = &[0x48, 0x89, 0xe1];
/// `movsxd rdx, edx`
const WIDEN: &[u8] = &[0x48, 0x63, 0xd2];
/// `mov eax, [rsp+8]`
const LOAD: &[u8] = &[0x8b, 0x44, 0x24, 8];
/// `mov eax, [rsp]`
const LOAD_FIRST: &[u8] = &[0x8b, 4, 0x24];
/// `xor eax, eax`
const ZERO: &[u8] = &[0x31, 0xc0];
/// `mov rax, fs:[0x28]`
const CANARY: &[u8] = &[0x64, 0x48, 0x8b, 4, 0x25, 0x28, 0, 0, 0];
/// `xor ecx, ecx`, `lea r8, [rsp+8]`
const FLAGS: &[u8] = &[0x31, 0xc9, 0x4c, 0x8d, 0x44, 0x24, 8];
