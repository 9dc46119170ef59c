//! What crosses the border between the kernel side and the agent.
//!
//! In: nothing. Out: the sample layouts (ring buffer), the settings and filter rules (maps), the
//! offsets (read-only data) and the names of losses (counters), used by both sides.
//! Always: integers only, every padding byte spelled out, every size asserted, `no_std`.
//! Not here: decoding into safe enums (`earwitness::model::sample`), anything that parses.
#![no_std]

pub mod connection;
pub mod loss;
pub mod offsets;
pub mod sample;
pub mod settings;
pub mod tls;
