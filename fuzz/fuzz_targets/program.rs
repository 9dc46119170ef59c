//! Programs and libraries: where their TLS functions are.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::program(bytes));
