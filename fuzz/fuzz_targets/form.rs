//! A form of a body.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::form(bytes));
