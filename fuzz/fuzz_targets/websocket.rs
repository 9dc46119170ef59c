//! Connections after the handshake of WebSocket.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| earwitness::fuzzing::websocket(bytes));
