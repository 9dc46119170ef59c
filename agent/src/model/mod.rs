//! Words used everywhere: samples, losses, limits, time.
//!
//! In: nothing from other layers. Out: plain types that every layer may name.
//! Always: pure data; no I/O, no clock.
//! Not here: anything that decides.

pub mod limits;
pub(crate) mod loss;
pub mod origin;
pub mod proxied;
pub mod sample;
pub mod time;
pub(crate) mod tls;
pub mod wiped;
