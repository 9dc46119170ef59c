//! Keeps what was captured inside this process.
//!
//! In: nothing. Out: a process that leaves no core file, that other users cannot look into, and whose panics tell
//! where they happened only.
//! Always: what a panic says is left out, since it may hold what a peer sent.
//! Not here: wiping memory.

use std::panic::{self, PanicHookInfo};

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Begins it. What the system refuses is told, and goes on without.
pub(super) fn start() {
    panic::set_hook(Box::new(|info| eprintln!("{}", told(info))));
    if let Err(error) = prctl::set_dumpable(false) {
        tracing::warn!(%error, "other programs of this user can look into this process");
    }
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!(%error, "a crash may leave a core file");
    }
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    format!(
        "earwitness: thread {name} ended by a fault{}; what it said is not shown",
        place.unwrap_or_default()
    )
}
