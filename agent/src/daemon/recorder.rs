//! Samples into a capture file, for `earwitness record`.
//!
//! In: the ring, process events. Out: a capture file, with the processes that samples name.
//! Always: nothing is parsed, so nothing is left out but what the kernel side left out; one ring
//! keeps the order.
//! Not here: the file's format (`capture`).

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::unbounded;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::rules::Rules;
use super::tls::{Look, Looks};
use super::{DaemonError, SOCKETS, system, time};
use crate::audit::observer::Observer;
use crate::capture::{CaptureError, Header, IfExists, Writer};
use crate::config::CaptureConfig;
use crate::discover::{Processes, host::Host};
use crate::kernel::counters::{self, Total};
use crate::kernel::load::{Loaded, Probes, Sizes};
use crate::kernel::ring::Reader;
use crate::model::loss::Loss;
use crate::model::sample::{Endpoints, ProcessKind, Sample};
use crate::model::time::format_rfc3339;

/// Most samples between two looks at the signals.
const SAMPLES: usize = 4_096;
/// How long to wait for more.
const WAIT_MS: u16 = 20;

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// As for the daemon.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The file.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// Records until SIGTERM or SIGINT. Returns how many samples there were. `ready` is called once all
/// probes are attached.
///
/// # Errors
/// See `RecordError`.
pub fn record(
    file: &Path,
    exists: IfExists,
    capture: &CaptureConfig,
    ready: impl FnOnce(),
) -> Result<u64, RecordError> {
    let signals = signals()?;
    let mut writer = Writer::create(file, &header(), exists)?;
    let rules = Rules::new(capture)?;
    let sizes = Sizes { shards: 1, ring_bytes: capture.ring_bytes, sockets: SOCKETS };
    let Loaded { mut probes, rings, uprobes, .. } =
        Probes::load(sizes).map_err(DaemonError::from)?;
    rules.write(&mut probes).map_err(DaemonError::from)?;
    let mut settings = super::settings(sizes, &rules, uprobes.is_ok());
    probes.configure(settings).map_err(DaemonError::from)?;
    probes.attach().map_err(DaemonError::from)?;
    let processes = Processes::scan();
    let (looks, look) = Looks::new();
    // Nobody reads what it says of itself.
    let observer = Arc::new(Observer::default());
    let tls = super::start_tls(uprobes, rules.scope(), &observer, &unbounded().0, look)?;
    let Some(ring) = rings.into_iter().next() else {
        return Ok(0);
    };
    let mut reader = Reader::new(ring).map_err(|error| system("wait for a ring")(error.into()))?;
    ready();
    let mut recorder =
        Recorder { writer: &mut writer, processes, looks: &looks, samples: 0, failed: None };
    while signals.read_signal().ok().flatten().is_none() && recorder.failed.is_none() {
        if reader.drain(SAMPLES, |sample| recorder.take(sample)) < SAMPLES {
            reader.wait(WAIT_MS);
        }
    }
    settings.enabled = 0;
    probes.configure(settings).map_err(DaemonError::from)?;
    while reader.drain(SAMPLES, |sample| recorder.take(sample)) > 0 {}
    let Recorder { samples, failed, .. } = recorder;
    looks.stop();
    if let Some(tls) = tls {
        let _ = tls.join();
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    for total in counters::read(&probes).iter().filter(|total| total.events > 0) {
        writer.loss(&loss(total))?;
    }
    writer.finish()?;
    Ok(samples)
}

fn signals() -> Result<SignalFd, DaemonError> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    let blocked = signals.thread_block();
    let made = blocked.and_then(|()| {
        SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
    });
    made.map_err(|error| system("wait for signals")(error.into()))
}

fn header() -> Header {
    let host = Host::read();
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: host.kernel,
        clock_offset_ns: time::clock_offset().offset_ns,
        created: Some(format_rfc3339(time::wall_ns())),
        host_name: host.name,
    }
}

fn loss(total: &Total) -> Loss {
    Loss { events: total.events, bytes: total.bytes, ..Loss::hole(total.reason, 0) }
}

struct Recorder<'a, W: Write> {
    writer: &'a mut Writer<W>,
    processes: Processes,
    looks: &'a Looks,
    samples: u64,
    failed: Option<CaptureError>,
}

impl<W: Write> Recorder<'_, W> {
    fn take(&mut self, sample: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.try_take(sample).err();
            self.samples += 1;
        }
    }

    /// A process is written before the first sample that names it, and again after its `exec`.
    fn try_take(&mut self, sample: &[u8]) -> Result<(), CaptureError> {
        let named = match Sample::decode(sample) {
            Ok(Sample::Open(open)) => {
                if matches!(open.endpoints, Endpoints::Unknown) {
                    self.looks.tell(Look::Buffers(open.tgid));
                }
                (open.tgid, open.uid)
            }
            Ok(Sample::Data(data)) => (data.tgid, data.uid),
            Ok(Sample::Process(event)) => {
                self.processes.on_event(&event);
                self.looks.process(&event);
                self.writer.sample(sample)?;
                if matches!(event.kind, ProcessKind::Exec { .. }) {
                    self.writer.forget(event.tgid);
                }
                return Ok(());
            }
            _ => (0, 0),
        };
        if named.0 != 0 {
            self.writer.process(&self.processes.of(named.0, named.1))?;
        }
        self.writer.sample(sample)
    }
}
