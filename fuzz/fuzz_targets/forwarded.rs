//! Fields that proxies write, and a target.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::forwarded(bytes));
