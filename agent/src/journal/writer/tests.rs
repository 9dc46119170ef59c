//! Tests of the journal thread, by what it tells and what a reader finds.
//!
//! In: nothing. Out: nothing. Always: answers to `Sync` instead of waiting. Not here: the store.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{bounded, unbounded};
use nix::libc::{EIO, ENOSPC};
use tempfile::TempDir;

use super::*;
use crate::journal::JournalConfig;
use crate::journal::testing::{
    Mood, Moody, exchange, exchange_at, loss, read_all, segments, sequence, stop, time,
};

/// A running journal thread.
struct Running {
    directory: TempDir,
    disk: Moody,
    batches: Sender<Batch>,
    told: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<Result<(), JournalError>>,
}

impl Running {
    fn new(config: JournalConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let disk = Moody::default();
        let storage = Box::new(disk.clone());
        let (journal, _) = Journal::open_on(storage, directory.path(), config).unwrap();
        let (batches, receiver) = unbounded();
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let thread = thread::spawn(move || {
            run(journal, &receiver, |event| hear(&mut listener.lock().unwrap(), &event))
        });
        Self { directory, disk, batches, told, thread }
    }

    fn send(&self, records: Vec<EncodedRecord>) {
        self.batches.send(Batch::Records(records)).unwrap();
    }

    /// Waits for the thread to have tried; what is durable then.
    fn sync(&self) -> u64 {
        let (sender, answer) = bounded(1);
        self.batches.send(Batch::Sync(sender)).unwrap();
        answer.recv().unwrap()
    }

    fn stop(self) -> (TempDir, Result<(), JournalError>, Vec<String>) {
        self.batches.send(Batch::Stop).unwrap();
        let result = self.thread.join().unwrap();
        let told = self.told.lock().unwrap().clone();
        (self.directory, result, told)
    }
}

/// Notes an event, and answers a recovery with a record.
fn hear(told: &mut Vec<String>, event: &WriterEvent<'_>) -> Vec<EncodedRecord> {
    match event {
        WriterEvent::Failing(error) => {
            told.push(format!("failing, full: {}", error.is_disk_full()))
        }
        WriterEvent::Recovered { disk_full, dropped, .. } => {
            told.push(format!("recovered, full: {disk_full}, dropped: {}", dropped.exchanges));
            return vec![loss()];
        }
        WriterEvent::TooLong(dropped) => told.push(format!("too long: {}", dropped.records)),
        WriterEvent::HandOver(_) => {}
        WriterEvent::Prune(plan) => told.push(format!("prune: {}", plan.next_seq)),
        WriterEvent::Holds { placed, .. } => told.push(format!("holds: {}", placed.len())),
        WriterEvent::Filling { percent, .. } => told.push(format!("filling: {percent}")),
        WriterEvent::Finished(finished) => told.push(format!("finished: {}", finished.first_seq)),
    }
    Vec::new()
}

#[test]
fn records_are_written_and_durable() {
    let running = Running::new(JournalConfig::default());
    running.send((0..3).map(exchange).collect());
    running.send(Vec::new());
    running.send((3..5).map(exchange).collect());
    assert_eq!(running.sync(), 5);
    assert_eq!(read_all(running.directory.path()), sequence(5));
    running.send(vec![exchange(5)]);
    let (directory, result, told) = running.stop();
    result.unwrap();
    assert_eq!(told, Vec::<String>::new());
    assert_eq!(read_all(directory.path()), sequence(6));
}

#[test]
fn written_records_become_durable_without_being_asked() {
    for sync_ms in [0, 1] {
        let running = Running::new(JournalConfig { sync_ms, ..JournalConfig::default() });
        running.send(vec![exchange(0)]);
        let path = running.directory.path().to_owned();
        while segments(&path).iter().all(|(_, lines)| lines.is_empty()) {
            thread::yield_now();
        }
        assert_eq!(read_all(&path), sequence(1));
        assert_eq!(running.sync(), 1);
        running.stop().1.unwrap();
    }
}

#[test]
fn a_thread_whose_senders_are_gone_ends_cleanly() {
    let running = Running::new(JournalConfig::default());
    running.send(vec![exchange(0)]);
    drop(running.batches);
    running.thread.join().unwrap().unwrap();
    assert_eq!(read_all(running.directory.path()), sequence(1));
}

#[test]
fn what_was_sent_before_and_after_the_stop_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(directory.path(), JournalConfig::default()).unwrap();
    let (batches, receiver) = unbounded();
    for batch in
        [Batch::Records(vec![exchange(0)]), Batch::Stop, Batch::Records(vec![exchange(1), stop()])]
    {
        batches.send(batch).unwrap();
    }
    run(journal, &receiver, |_| Vec::new()).unwrap();
    assert_eq!(read_all(directory.path()).len(), 3);
    assert!(Journal::open(directory.path(), JournalConfig::default()).unwrap().1.clean);
}

#[test]
fn many_records_rotate_and_finished_segments_are_told() {
    let config = JournalConfig { segment_bytes: 100_000, ..JournalConfig::default() };
    let running = Running::new(config);
    running.send((0..5_000).map(exchange).collect());
    let (directory, result, told) = running.stop();
    result.unwrap();
    assert_eq!(read_all(directory.path()), sequence(5_000));
    let finished: Vec<_> = told.iter().filter(|told| told.starts_with("finished")).collect();
    assert_eq!(finished.len() + 1, segments(directory.path()).len());
    assert_eq!(finished[0], "finished: 0");
}

#[test]
fn a_full_disk_is_told_once_and_nothing_is_lost() {
    let running = Running::new(JournalConfig::default());
    running.disk.set(Mood { room_bytes: Some(500), ..Mood::default() });
    running.send((0..10).map(exchange).collect());
    assert!(running.sync() < 10);
    assert!(running.sync() < 10);
    running.disk.set(Mood::default());
    assert_eq!(running.sync(), 10);
    let (directory, result, told) = running.stop();
    result.unwrap();
    assert_eq!(told, ["failing, full: true", "recovered, full: true, dropped: 0"]);
    let expected = [sequence(10), vec!["10 loss".to_owned()]].concat();
    assert_eq!(read_all(directory.path()), expected);
}

#[test]
fn a_failed_sync_is_told_and_made_good_without_repetition() {
    let running = Running::new(JournalConfig::default());
    running.send(vec![exchange(0)]);
    assert_eq!(running.sync(), 1);
    running.disk.set(Mood { sync: Some(EIO), ..Mood::default() });
    running.send(vec![exchange(1)]);
    assert_eq!(running.sync(), 1);
    running.disk.set(Mood::default());
    assert_eq!(running.sync(), 2);
    let (directory, result, told) = running.stop();
    result.unwrap();
    assert_eq!(told, ["finished: 0", "failing, full: false", "recovered, full: false, dropped: 0"]);
    assert_eq!(read_all(directory.path()), ["0 /0", "1 /1", "2 loss"]);
}

#[test]
fn a_disk_that_stays_full_drops_and_counts() {
    let running = Running::new(JournalConfig::default());
    running.disk.set(Mood { create: Some(ENOSPC), ..Mood::default() });
    let large = exchange_at(&time(0), &format!("/{}", "x".repeat(1 << 20)));
    running.send(vec![large; 20]);
    assert_eq!(running.sync(), 0);
    running.disk.set(Mood::default());
    assert_eq!(running.sync(), 15);
    let (directory, result, told) = running.stop();
    result.unwrap();
    assert!(told.contains(&"recovered, full: true, dropped: 5".to_owned()));
    let seen = read_all(directory.path());
    assert_eq!(seen.len(), 16);
    assert_eq!(seen[15], "15 loss");
}

#[test]
fn a_record_that_is_too_long_is_told() {
    let running = Running::new(JournalConfig::default());
    running.send(vec![exchange_at(&time(0), &format!("/{}", "x".repeat(17 << 20))), exchange(0)]);
    assert_eq!(running.sync(), 1);
    let (_, result, told) = running.stop();
    result.unwrap();
    assert!(told.contains(&"too long: 1".to_owned()));
}

#[test]
fn an_end_on_a_full_disk_says_what_is_missing() {
    let running = Running::new(JournalConfig::default());
    running.disk.set(Mood { room_bytes: Some(0), ..Mood::default() });
    running.send((0..4).map(exchange).collect());
    let (directory, result, told) = running.stop();
    assert!(matches!(result, Err(JournalError::Unstored { records: 4, .. })));
    assert_eq!(told, ["failing, full: true"]);
    assert_eq!(read_all(directory.path()), Vec::<String>::new());
}
