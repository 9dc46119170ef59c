//! What the agent says of itself, as records.
//!
//! In: what the start has found, what the journal's thread tells. Out: `lifecycle` and `loss` records.
//! Always: a state that no longer holds when it could be written is a loss, with the time that it lasted.
//! Not here: losses of the kernel side (`control`), of connections (`pipeline::losses`).

use std::time::Duration;

use super::time;
use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{Concerns, Observer};
use crate::audit::policy::Policy;
use crate::audit::record::agent::{Lifecycle, LifecycleAction};
use crate::journal::Recovery;
use crate::journal::hold::Hold;
use crate::journal::visits::Visit;
use crate::journal::writer::WriterEvent;
use crate::kernel::load::Sizes;
use crate::model::loss::{Loss, Reason};

/// Something that has happened to the agent.
pub(super) fn lifecycle(observer: &Observer, lifecycle: Lifecycle<'_>) -> Vec<EncodedRecord> {
    vec![observer.lifecycle(lifecycle, time::wall_ns())]
}

/// The first records of a run: that it starts, and what it found.
pub(super) fn begun(
    observer: &Observer,
    recovery: &Recovery,
    policy: &Policy,
    kernel: &str,
    sizes: Sizes,
) -> Vec<EncodedRecord> {
    let start = Lifecycle::new(LifecycleAction::Start)
        .with("kernel", kernel)
        .with("policy_digest", policy.digest())
        .with("redaction_key", policy.tokens().key_id())
        .with("shards", u64::from(sizes.shards))
        .with("ring_bytes", u64::from(sizes.ring_bytes));
    let mut records = lifecycle(observer, start);
    let is_as_sealed = recovery.unsealed_records == 0 && recovery.contradicts.is_none();
    if recovery.clean && is_as_sealed {
        return records;
    }
    let last = recovery.last_timestamp.as_deref().unwrap_or_default();
    let mut recovered = Lifecycle::new(LifecycleAction::Recovered)
        .with("next_seq", recovery.next_seq)
        .with("torn_bytes", recovery.torn_bytes)
        .with("damaged_bytes", recovery.damaged_bytes)
        .with("missing_records", recovery.missing_records)
        .with("unsealed_records", recovery.unsealed_records);
    if let Some(checkpoint) = &recovery.contradicts {
        tracing::error!(
            "the journal is not the one that was sealed: records were changed or are missing; \
             `earwitness verify` tells where. Recording goes on"
        );
        recovered = recovered.with("contradicts", checkpoint.as_str());
    }
    if !last.is_empty() {
        recovered = recovered.with("last_timestamp", last);
    }
    records.extend(lifecycle(observer, recovered));
    if recovery.clean {
        return records;
    }
    let now_ns = time::wall_ns();
    let since = recovery.last_timestamp.as_deref().and_then(time::parse_wall_ns);
    let loss = Loss { bytes: recovery.torn_bytes, ..Loss::hole(Reason::Crash, 0) };
    let concerns = Concerns::default();
    records.push(observer.loss(&loss, since.unwrap_or(now_ns), now_ns, concerns));
    records
}

/// What the journal says of itself, as records.
pub(super) fn answer(observer: &Observer, event: WriterEvent<'_>) -> Vec<EncodedRecord> {
    let (reason, dropped, lasted) = match event {
        WriterEvent::Failing(error) => {
            tracing::error!(%error, "the journal cannot be written; records are kept in memory");
            return Vec::new();
        }
        WriterEvent::Recovered { disk_full, lasted, dropped } => {
            tracing::info!(?lasted, dropped.records, "the journal can be written again");
            let reason = if disk_full { Reason::DiskFull } else { Reason::JournalWrite };
            (reason, dropped, lasted)
        }
        WriterEvent::TooLong(dropped) => (Reason::JournalWrite, dropped, Duration::ZERO),
        WriterEvent::Finished(_) => return Vec::new(),
        WriterEvent::Prune(plan) => {
            let pruned = Lifecycle::new(LifecycleAction::Pruned)
                .with("first_seq", plan.first_seq)
                .with("next_seq", plan.next_seq)
                .with("records", plan.records())
                .with("bytes", plan.bytes)
                .with("reason", plan.reason.as_str());
            return lifecycle(observer, pruned);
        }
        WriterEvent::Holds { placed, released } => return holds(observer, placed, released),
        WriterEvent::Filling { percent, held_by } => {
            let held = held_by.map(|name| format!("; hold `{name}` keeps the oldest records"));
            let held = held.unwrap_or_default();
            tracing::warn!("the journal has {percent} % of journal.retain_bytes{held}");
            return Vec::new();
        }
        WriterEvent::HandOver(handover) => {
            let key = Lifecycle::new(LifecycleAction::Key)
                .with("key", "epoch")
                .with("epoch", handover.epoch)
                .with("note", handover.note.as_str());
            return lifecycle(observer, key);
        }
    };
    let loss = Loss {
        reason,
        events: dropped.records,
        bytes: dropped.bytes,
        exchanges: Some(dropped.exchanges),
        connections: None,
    };
    let until_ns = time::wall_ns();
    let since_ns = until_ns - i64::try_from(lasted.as_nanos()).unwrap_or(0);
    let concerns = Concerns::default();
    vec![observer.loss(&loss, since_ns, until_ns, concerns)]
}

/// Somebody has read records.
pub(super) fn read(observer: &Observer, visit: &Visit) -> Vec<EncodedRecord> {
    let mut record = Lifecycle::new(LifecycleAction::Read)
        .with("command", visit.command.clone())
        .with("user_id", u64::from(visit.user_id))
        .with("pid", u64::from(visit.pid))
        .with("time", visit.time.clone())
        .with("filtered", visit.filtered);
    if let Some(login) = visit.login_user_id {
        record = record.with("login_user_id", u64::from(login));
    }
    for (name, moment) in [("since", &visit.since), ("until", &visit.until)] {
        if let Some(moment) = moment {
            record = record.with(name, moment.clone());
        }
    }
    lifecycle(observer, record)
}

/// Legal holds that came and went.
fn holds(observer: &Observer, placed: &[Hold], released: &[String]) -> Vec<EncodedRecord> {
    let record = |name: &str, state: &'static str| {
        Lifecycle::new(LifecycleAction::Hold).with("name", name.to_owned()).with("state", state)
    };
    let placed = placed.iter().map(|hold| {
        let text = |moment: &Option<jiff::Timestamp>| moment.map(|moment| moment.to_string());
        let mut lifecycle = record(&hold.name, "in_force").with("reason", hold.reason.clone());
        for (name, moment) in [("since", text(&hold.since)), ("until", text(&hold.until))] {
            if let Some(moment) = moment {
                lifecycle = lifecycle.with(name, moment);
            }
        }
        lifecycle
    });
    let released = released.iter().map(|name| record(name, "released"));
    placed.chain(released).flat_map(|one| lifecycle(observer, one)).collect()
}
