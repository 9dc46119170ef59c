//! Bodies of gRPC calls.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::grpc(bytes));
