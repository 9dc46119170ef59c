//! Servers that somebody else wrote, and what they say happened.
//!
//! Always: each listens on loopback or a unix socket only, logs one JSON line an exchange into the
//! scene's folder, and is ended with its test.

pub mod apache;
pub mod app;
pub mod canary;
pub mod go;
pub mod grpc;
pub mod http2;
pub mod issuer;
pub mod java;
pub mod linked;
pub mod log;
pub mod nghttpd;
pub mod nginx;
pub mod quic;
pub mod rustls;
pub mod stream;
pub mod web_rpc;
pub mod websocket;
