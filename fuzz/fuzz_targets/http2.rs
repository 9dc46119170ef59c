//! Connections that have begun with HTTP/2.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::http2(bytes));
