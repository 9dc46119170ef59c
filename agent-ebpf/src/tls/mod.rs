//! Plaintext at TLS libraries: which calls are under way (`calls`), the streams (`stream`), what of
//! their bytes is told (`copy`), C libraries (`library`), rustls (`rustls`), Go (`go`), and which
//! socket carries a stream (`tie`).
//!
//! In: uprobes, and from `socket` the calls that happen inside theirs. Out: samples of streams, which
//! look like those of connections. Always: programs on uprobes may be preempted by themselves on the
//! same processor, so nothing here is per CPU, and a chain of frames stays below 64 bytes (from there
//! on, newer kernels give a private stack per CPU): what has to be kept lies in maps, and
//! functions that are not inlined are small on purpose. The build checks it.
//! Not here: finding the functions (`earwitness::discover`), attaching (`earwitness::kernel`).

pub mod calls;
mod copy;
mod go;
mod library;
mod rustls;
mod stream;
pub mod tie;
