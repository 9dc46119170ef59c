//! TLS handshakes: what they tell of a connection.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::handshake(bytes));
