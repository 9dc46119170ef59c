//! Files with rustls's names, in both ways that Rust has had them.

use super::*;

#[test]
fn versions_that_are_known() {
    for names in [&OLDER, &NEWER] {
        for (version, send, receive) in [
            (21, Function::RustlsSendSlice, Function::RustlsHandle),
            (22, Function::RustlsSendSlice, Function::RustlsHandle),
            (23, Function::RustlsSend, Function::RustlsTake),
        ] {
            let found = look(names, &[version]).found.unwrap();
            assert_eq!((found.library, found.how), (TlsLibrary::Rustls, How::Symbols));
            assert_eq!(found.queue_at, 0x88);
            let functions: Vec<Function> =
                found.points.iter().map(|point| point.function).collect();
            let wanted = [Function::RustlsWriteTo, Function::RustlsDrop, send, receive];
            assert_eq!(functions.len(), wanted.len(), "{functions:?}");
            assert!(wanted.iter().all(|function| functions.contains(function)), "{functions:?}");
        }
    }
}

#[test]
fn versions_that_are_not() {
    for versions in [&[][..], &[20], &[24], &[21, 23]] {
        assert_eq!(look(&OLDER, versions), Opaque::Rustls.into(), "{versions:?}");
    }
}

#[test]
fn all_functions_or_none() {
    // Without the last, streams end with their sockets.
    let rest: Vec<&str> = OLDER[..5].to_vec();
    assert!(look(&rest, &[23]).found.is_some());
    for left_out in [0, 2, 4] {
        let mut names = OLDER.to_vec();
        names.remove(left_out);
        assert_eq!(look(&names, &[23]), Opaque::Rustls.into(), "without {}", OLDER[left_out]);
    }
}

#[test]
fn names_of_others() {
    for name in [
        "_ZN6rustls12common_state11CommonState20send_appdata_encryptX17hbee6776002df3943E",
        "_ZN5other12common_state11CommonState20send_appdata_encrypt17hbee6776002df3943E",
        "_ZN6rustls5other14EarlyDataState23take_received_plaintext17hbee6776002df3943E",
        "_RNvMs0_NtCsheqaE6c4Vty_6rustls12common_stateNtB5_14EarlyDataState23take_received_plaintext",
        "_RINvNtCs8NwYtU1Mohg_4core3ptr9drop_glueINtNtB4_6option6OptionNtNtCsheqaE6c4Vty_6rustls6vecbuf14ChunkVecBufferEE",
    ] {
        assert_eq!(look(&[name], &[23]), Examined::default(), "{name}");
    }
}

/// OpenSSL has the probes; that there is something else is not kept back.
#[test]
fn beside_openssl() {
    let names = [&["SSL_read", "SSL_write"][..], &OLDER].concat();
    let examined = look(&names, &[23]);
    assert_eq!(examined.found.map(|found| found.library), Some(TlsLibrary::OpenSsl));
    assert_eq!(examined.opaque, Some(Opaque::Rustls));
}

#[test]
fn code_that_is_not_understood() {
    // cmp dword [rsp + 8], 1
    assert_eq!(look_at(&OLDER, &[23], &[0x83, 0x7c, 0x24, 8, 1]), Opaque::Rustls.into());
}

/// The function that is asked may be one by itself, which another one calls.
#[test]
fn a_function_apart_fills_the_queue() {
    let apart = "_ZN6rustls12common_state11CommonState10send_plain17h83e3dccbac3c024cE";
    let names = [&OLDER[..], &[apart]].concat();
    let mut file = Vec::new();
    for (index, _) in names.iter().enumerate() {
        let is_apart = index == names.len() - 1;
        file.push(if is_apart { &ASKS[..] } else { &[0xc3; 16] });
    }
    let found = examine_bytes(&made(&names, &[22], &file.concat())).found.unwrap();
    assert_eq!(found.queue_at, 0x88);
    assert_eq!(found.points.len(), 4);
}

fn look(names: &[&str], versions: &[u32]) -> Examined {
    look_at(names, versions, &ASKS)
}

fn look_at(names: &[&str], versions: &[u32], function: &[u8]) -> Examined {
    let mut code = vec![0x90; 16 * names.len()];
    for start in code.chunks_mut(16) {
        start[..function.len()].copy_from_slice(function);
    }
    examine_bytes(&made(names, versions, &code))
}

/// Functions of 16 bytes, and paths of sources.
fn made(names: &[&str], versions: &[u32], functions: &[u8]) -> Vec<u8> {
    let symbols: Vec<(&str, u64)> = names.iter().copied().zip((0..).step_by(16)).collect();
    let mut code = [functions, &[0xc3]].concat();
    for version in versions {
        code.extend(format!("/src/rustls-0.{version}.1/src/conn.rs").bytes());
    }
    testing::elf_of(&symbols, &code)
}

/// cmp dword [rsp + 8], 1; cmp dword [rbx + 0x88], 1; nop
const ASKS: [u8; 16] =
    [0x83, 0x7c, 0x24, 8, 1, 0x83, 0xbb, 0x88, 0, 0, 0, 1, 0x90, 0x90, 0x90, 0x90];
const OLDER: [&str; 6] = [
    "_ZN6rustls12common_state11CommonState20send_appdata_encrypt17hbee6776002df3943E.llvm.14349970212291922262",
    "_ZN6rustls12common_state11CommonState19send_some_plaintext17h10befef9174614d3E",
    "_ZN6rustls12common_state11CommonState23take_received_plaintext17ha035a9133f8e990dE",
    "_ZN141_$LT$rustls..server..tls13..ExpectTraffic$u20$as$u20$rustls..common_state..State$LT$rustls..server..server_conn..ServerConnectionData$GT$$GT$6handle17h6fe45a8dc4f03e7bE",
    "_ZN6rustls6vecbuf14ChunkVecBuffer8write_to17h99abff9dfff2b2aaE",
    "_ZN4core3ptr51drop_in_place$LT$rustls..vecbuf..ChunkVecBuffer$GT$17hbb1343a1c0ad17daE",
];
const NEWER: [&str; 6] = [
    "_RNvMNtCsheqaE6c4Vty_6rustls12common_stateNtB2_11CommonState20send_appdata_encrypt",
    "_RNvMNtCsheqaE6c4Vty_6rustls12common_stateNtB2_11CommonState19send_some_plaintext",
    "_RNvMNtCsheqaE6c4Vty_6rustls12common_stateNtB2_11CommonState23take_received_plaintext",
    "_RNvXs4_NtNtCsd73RIiL4s0_6rustls6server5tls12NtB5_13ExpectTrafficINtNtB9_12common_state5StateNtNtB7_11server_conn20ServerConnectionDataE6handle",
    "_RNvMs_NtCsheqaE6c4Vty_6rustls6vecbufNtB4_14ChunkVecBuffer8write_to",
    "_RINvNtCs8NwYtU1Mohg_4core3ptr9drop_glueNtNtCsheqaE6c4Vty_6rustls6vecbuf14ChunkVecBufferEBF_.llvm.10725574049219166164",
];
