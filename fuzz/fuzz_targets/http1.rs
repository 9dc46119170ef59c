//! Connections with HTTP/1 on them, or what is taken for it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::http1(bytes));
