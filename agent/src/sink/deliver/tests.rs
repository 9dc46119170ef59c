//! Tests of delivering: order, cursor, refusals, another journal.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Sender, bounded};

use super::*;
use crate::journal::testing::{exchange, loss, sequence, text};
use crate::journal::{Journal, JournalConfig};
use crate::sink::file::FileConfig;

/// A receiver that refuses as often as it is told to; every batch that reached it.
#[derive(Clone, Default)]
struct Receiver {
    refusals: Arc<Mutex<usize>>,
    got: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Sink for Receiver {
    fn deliver(&mut self, batch: &Batch) -> Result<(), NotDelivered> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(NotDelivered(String::from("full")));
        }
        let record = |line: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            text(value["seq"].as_u64().unwrap(), line)
        };
        self.got.lock().unwrap().push(batch.records().map(record).collect());
        Ok(())
    }
}

impl Receiver {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.got.lock().unwrap()).into_iter().flatten().collect()
    }
}

struct Scene {
    directory: tempfile::TempDir,
    receiver: Receiver,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), receiver: Receiver::default() }
    }

    fn journal(&self) -> Journal {
        self.journal_of(1_000)
    }

    fn journal_of(&self, segment_bytes: u64) -> Journal {
        let config = JournalConfig { segment_bytes, ..JournalConfig::default() };
        Journal::open(self.directory.path(), config).unwrap().0
    }

    fn delivery(&self, next_seq: u64) -> Delivery {
        let (name, path) = (String::from("test"), PathBuf::from("/nowhere"));
        let config = SinkConfig::File(FileConfig { name, path, format: Format::Native });
        let mut delivery = Delivery::open(self.directory.path(), &config, next_seq).unwrap();
        delivery.sink = Box::new(self.receiver.clone());
        delivery
    }

    fn cursor(&self) -> Option<u64> {
        Cursor::open(self.directory.path(), "test").next()
    }
}

fn append(journal: &mut Journal, numbers: std::ops::Range<u64>) {
    for n in numbers {
        journal.append(&exchange(n));
    }
    journal.flush().unwrap();
}

/// Runs it as when the journal is closed: what is left, and the end.
fn run_to_the_end(delivery: Delivery) {
    let (running, ended): (Sender<Infallible>, _) = bounded(0);
    drop(running);
    delivery.run(&ended);
}

#[test]
fn goes_on_at_the_cursor() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    append(&mut journal, 0..20);
    run_to_the_end(scene.delivery(20));
    assert_eq!(scene.receiver.take(), sequence(20));
    assert_eq!(scene.cursor(), Some(20));
    run_to_the_end(scene.delivery(20));
    assert!(scene.receiver.take().is_empty());
    for n in 20..40 {
        append(&mut journal, n..n + 1);
        run_to_the_end(scene.delivery(n + 1));
        assert_eq!(scene.receiver.take(), [format!("{n} /{n}")]);
    }
}

#[test]
fn the_cursor_stays_until_the_sink_has_taken_them() {
    let scene = Scene::new();
    append(&mut scene.journal(), 0..5);
    let mut delivery = scene.delivery(5);
    *scene.receiver.refusals.lock().unwrap() = 2;
    assert_eq!(delivery.step().unwrap_err(), NotDelivered("full".into()));
    assert_eq!(scene.cursor(), None);
    drop(delivery);
    let mut delivery = scene.delivery(5);
    assert_eq!(delivery.step().unwrap_err(), NotDelivered("full".into()));
    delivery.step().unwrap();
    assert_eq!(scene.receiver.take(), sequence(5));
    assert_eq!(scene.cursor(), Some(5));
}

#[test]
fn waits_longer_and_longer_and_keeps_the_order() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    append(&mut journal, 0..5);
    let mut delivery = scene.delivery(0);
    *scene.receiver.refusals.lock().unwrap() = 20;
    let waits: Vec<_> = (0..20)
        .map(|_| {
            let error = delivery.step().unwrap_err();
            delivery.failed(&error)
        })
        .collect();
    assert_eq!(waits[..3], [FIRST_RETRY, FIRST_RETRY * 2, FIRST_RETRY * 4]);
    assert_eq!(waits[19], LAST_RETRY);
    append(&mut journal, 5..9);
    while delivery.step().unwrap() {}
    assert_eq!(scene.receiver.take(), sequence(9));
}

#[test]
fn a_cursor_that_cannot_be_written_is_written_later() {
    let scene = Scene::new();
    append(&mut scene.journal(), 0..5);
    let folder = scene.directory.path().join("cursor");
    std::fs::remove_dir_all(&folder).unwrap();
    let mut delivery = scene.delivery(5);
    for _ in 0..2 {
        let error = delivery.step().unwrap_err().to_string();
        assert!(error.starts_with("cannot write the cursor "), "{error}");
    }
    assert_eq!(scene.receiver.take(), sequence(5), "once");
    std::fs::create_dir(&folder).unwrap();
    delivery.step().unwrap();
    assert_eq!(scene.cursor(), Some(5));
}

#[test]
fn a_journal_that_begins_anew_is_delivered_from_its_beginning() {
    let scene = Scene::new();
    drop(scene.journal());
    let mut cursor = Cursor::open(scene.directory.path(), "test");
    cursor.advance(1_000).unwrap();
    append(&mut scene.journal(), 0..5);
    run_to_the_end(scene.delivery(5));
    assert_eq!(scene.receiver.take(), sequence(5));
    assert_eq!(scene.cursor(), Some(5));
}

#[test]
fn what_a_format_has_nothing_for_is_passed_by() {
    let scene = Scene::new();
    let mut journal = scene.journal();
    append(&mut journal, 0..2);
    journal.append(&loss());
    journal.flush().unwrap();
    let mut delivery = scene.delivery(3);
    delivery.sink = Box::new(Lines(scene.receiver.clone()));
    delivery.batch = Batch::new(Format::Clf);
    run_to_the_end(delivery);
    let got = scene.receiver.take();
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[1].contains("\"GET /1 HTTP/1.1\""), "{}", got[1]);
    assert_eq!(scene.cursor(), Some(3), "it moves behind the loss");

    journal.append(&loss());
    journal.flush().unwrap();
    let mut delivery = scene.delivery(4);
    delivery.batch = Batch::new(Format::Clf);
    run_to_the_end(delivery);
    assert!(scene.receiver.take().is_empty());
    assert_eq!(scene.cursor(), Some(4), "also where nothing is delivered");
}

/// A receiver that takes what comes as text.
struct Lines(Receiver);

impl Sink for Lines {
    fn deliver(&mut self, batch: &Batch) -> Result<(), NotDelivered> {
        let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
        self.0.got.lock().unwrap().push(batch.records().map(text).collect());
        Ok(())
    }
}

#[test]
fn batches_are_bounded() {
    let scene = Scene::new();
    let length = exchange(0).line(0).len() as u64 + 1;
    let records = BATCH_BYTES as u64 * 2 / length;
    append(&mut scene.journal_of(64 << 20), 0..records);
    run_to_the_end(scene.delivery(records));
    let got = scene.receiver.got.lock().unwrap();
    assert!(got.len() > 1, "{} batches", got.len());
    let most = BATCH_BYTES as u64 / length + 1;
    assert!(got.iter().all(|batch| batch.len() as u64 <= most));
    assert_eq!(got.concat().len() as u64, records);
}
