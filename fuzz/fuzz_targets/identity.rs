//! Fields that say who asked.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::identity(bytes));
