//! Detaching, which waits for the kernel for up to a tenth of a second, in a thread of its own.
//!
//! In: probes that are not wanted any more. Out: nothing. Always: what cannot be handed over is
//! detached at once. Not here: attaching.

use crossbeam_channel::{Sender, unbounded};

use crate::kernel::uprobes::Attached;

/// The way to that thread, which ends with it.
pub struct Detach(Sender<Vec<Attached>>);

impl Detach {
    /// Starts the thread. Without one, detaching takes the time of who asks for it.
    pub fn start() -> Self {
        let (sender, receiver) = unbounded::<Vec<Attached>>();
        let thread = std::thread::Builder::new().name(String::from("tls-detach"));
        if let Err(error) = thread.spawn(move || receiver.into_iter().for_each(drop)) {
            tracing::warn!(%error, "no thread for detaching");
        }
        Self(sender)
    }

    /// Detaches all of these.
    pub fn all(&self, attached: Vec<Attached>) {
        if !attached.is_empty() {
            // Gone with the error, and thereby detached, if there is no such thread.
            drop(self.0.send(attached));
        }
    }
}
