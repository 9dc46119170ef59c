//! First datagrams of QUIC clients.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::quic_initial(bytes));
