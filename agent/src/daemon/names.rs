//! Processes' names for all shards, and who watches.
//!
//! In: the process table, the host's own facts. Out: what `pipeline` and `audit` ask for.
//! Always: one table for all shards, asked once a connection.
//! Not here: reading `/proc` (`discover`).

use std::sync::Arc;

use crate::audit::observer::{self, Observer};
use crate::discover::Processes;
use crate::discover::host::Host;
use crate::model::origin::Process;
use crate::model::sample::ProcessEvent;
use crate::pipeline::Names;

impl Names for Processes {
    fn process(&self, tgid: u32, uid: u32) -> Arc<Process> {
        self.of(tgid, uid)
    }

    fn event(&self, event: &ProcessEvent) {
        self.on_event(event);
    }
}

/// Who watches.
pub fn observer(host: &Host) -> Observer {
    Observer {
        host_name: host.name.clone(),
        host_id: host.machine_id.as_deref().map(observer::host_id),
        boot_id: host.boot_id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
