//! HTTP/2.
//!
//! In: bytes of both directions. Out: header lists.
//! Not here: frames and streams. Source: RFC 9113.

pub mod hpack;
