//! Tests of HTTP/2: data in, text out; and against endpoints that know the truth.
//!
//! In: scripts of frames (`build`), recordings of the h2 crate's endpoints (`wire`). Out: what the
//! connection gave.
//! Always: every script also runs cut at every byte, with the same result.
//! Not here: HPACK (`http2::hpack::tests`).

mod broken;
mod build;
mod ends;
mod exchanges;
mod fakes;
mod heads;
mod holes;
mod joined;
mod late;
mod limits;
mod random;
mod truth;
mod wire;
