//! Seals over a directory that was left at any moment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use tlog_tiles::{Checkpoint, Hash};

use super::*;

fn open(directory: &TempDir) -> Sealer {
    Sealer::open(&directory.path().join("journal"), &directory.path().join("key")).unwrap()
}

/// One that has begun, with so many lines.
fn with_lines(directory: &TempDir, lines: u64) -> Sealer {
    let mut sealer = open(directory);
    sealer.begin(true).unwrap();
    for number in 0..lines {
        sealer.push(format!("line {number}").as_bytes());
    }
    sealer
}

fn text(directory: &TempDir, path: &str) -> String {
    fs::read_to_string(directory.path().join(path)).unwrap()
}

/// What the newest checkpoint says, checked with the public key in the file, and who signed.
fn checkpoint(directory: &TempDir) -> (u64, Hash, Vec<String>) {
    let key = signed_note::StandardVerifier::new(text(directory, "key/log.pub").trim()).unwrap();
    let note = text(directory, "journal/checkpoint");
    let checkpoint: Checkpoint = note::open(note.as_bytes(), &key).unwrap();
    let origin = checkpoint.origin().to_owned();
    let signers = note::signers(note.as_bytes());
    let signers = signers.iter().map(|name| name.replace(&origin, "log")).collect();
    (checkpoint.size(), *checkpoint.hash(), signers)
}

/// Begins an epoch with a line.
fn hand_over(sealer: &mut Sealer) -> Handover {
    let handover = sealer.hand_over().unwrap().unwrap();
    sealer.push(format!("epoch {}", handover.note).as_bytes());
    handover
}

#[test]
fn the_first_checkpoint_is_of_the_empty_journal() {
    let directory = tempfile::tempdir().unwrap();
    let sealer = with_lines(&directory, 0);
    assert_eq!(sealer.found(), &Found::Nothing);
    assert_eq!(checkpoint(&directory), (0, tlog_tiles::EMPTY_HASH, vec![String::from("log")]));
    for (path, mode) in [("key/log", 0o600), ("key", 0o700), ("journal/checkpoint", 0o600)] {
        let found = fs::metadata(directory.path().join(path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{path}");
    }
}

#[test]
fn a_checkpoint_says_all_lines_and_no_more_than_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = with_lines(&directory, 300);
    assert!(sealer.is_behind());
    sealer.checkpoint().unwrap();
    assert!(!sealer.is_behind());
    assert_eq!((checkpoint(&directory).0, checkpoint(&directory).1.0), (300, sealer.root()));
    let path = directory.path().join("journal/checkpoint");
    fs::remove_file(&path).unwrap();
    sealer.checkpoint().unwrap();
    assert!(!path.exists(), "nothing is new");
    sealer.repeat().unwrap();
    assert_eq!(checkpoint(&directory).0, 300);
}

#[test]
fn what_was_sealed_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = with_lines(&directory, 1_000);
    sealer.keep_edge().unwrap();
    let root = sealer.root();
    let mut again = open(&directory);
    let note = text(&directory, "journal/checkpoint");
    assert_eq!(again.found(), &Found::Ours { size: 1_000, root, note });
    assert!(again.restore(1_000));
    assert_eq!(again.root(), root);
    assert!(!again.restore(999));
    assert_eq!(again.size(), 0);
}

#[test]
fn an_epoch_signs_from_behind_its_record_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = with_lines(&directory, 0);
    assert!(sealer.is_epoch_due(Instant::now()));
    let first = hand_over(&mut sealer);
    assert_eq!((first.epoch, first.seq), (0, 0));
    sealer.checkpoint().unwrap();
    assert_eq!((checkpoint(&directory).0, checkpoint(&directory).2), (1, vec!["log".into()]));
    assert!(!sealer.is_epoch_due(Instant::now()));

    sealer.push(b"a line");
    sealer.checkpoint().unwrap();
    let signers = vec![String::from("log"), String::from("log/epoch/0")];
    assert_eq!((checkpoint(&directory).0, checkpoint(&directory).2), (2, signers.clone()));

    let before = text(&directory, "key/epoch");
    let second = hand_over(&mut sealer);
    assert_eq!((second.epoch, second.seq), (1, 2));
    let signed = note::signers(second.note.as_bytes());
    assert_eq!(signed.len(), 2, "by the log and by the epoch that ends: {signed:?}");
    assert!(second.note.contains("\nnext-epoch ") && second.note.contains("/epoch/1+"));
    sealer.checkpoint().unwrap();
    assert_eq!((checkpoint(&directory).0, checkpoint(&directory).2), (3, signers));
    sealer.push(b"a line");
    sealer.checkpoint().unwrap();
    assert!(checkpoint(&directory).2.contains(&String::from("log/epoch/1")));
    assert_ne!(text(&directory, "key/epoch"), before, "the old key is gone");
    assert!(!directory.path().join("key/epoch-next").exists());
}

#[test]
fn a_hand_over_that_was_stopped_is_ended_by_what_was_recorded() {
    for is_recorded in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut sealer = with_lines(&directory, 0);
        let first = hand_over(&mut sealer);
        sealer.push(b"a line");
        sealer.checkpoint().unwrap();
        let second = sealer.hand_over().unwrap().unwrap();
        drop(sealer);

        let mut again = open(&directory);
        again.replay(format!("epoch {}", first.note).as_bytes());
        again.replay(b"a line");
        if is_recorded {
            again.replay(format!("epoch {}", second.note).as_bytes());
        }
        again.begin(true).unwrap();
        assert!(!directory.path().join("key/epoch-next").exists());
        again.push(b"another");
        again.checkpoint().unwrap();
        let epoch = format!("log/epoch/{}", u8::from(is_recorded));
        assert!(checkpoint(&directory).2.contains(&epoch), "{epoch}");
    }
}

#[test]
fn a_lost_epoch_key_is_followed_by_one_that_it_did_not_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = with_lines(&directory, 0);
    let first = hand_over(&mut sealer);
    sealer.push(b"a line");
    sealer.checkpoint().unwrap();
    fs::remove_file(directory.path().join("key/epoch")).unwrap();

    let mut again = open(&directory);
    again.replay(format!("epoch {}", first.note).as_bytes());
    again.replay(b"a line");
    again.begin(true).unwrap();
    assert!(again.is_epoch_due(Instant::now()));
    let second = hand_over(&mut again);
    assert_eq!(second.epoch, 1);
    assert_eq!(note::signers(second.note.as_bytes()).len(), 1, "by the log alone");
}

#[test]
fn a_hand_over_without_a_record_never_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = with_lines(&directory, 0);
    sealer.hand_over().unwrap().unwrap();
    sealer.cancel_hand_over().unwrap();
    assert!(!sealer.is_epoch_due(Instant::now()), "not at once again");
    sealer.push(b"a line");
    sealer.checkpoint().unwrap();
    assert_eq!(checkpoint(&directory).2, ["log"]);
}

#[test]
fn foreign_checkpoints_and_keys_are_told() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    with_lines(&one, 3).checkpoint().unwrap();
    with_lines(&other, 3).checkpoint().unwrap();
    let place = one.path().join("journal/checkpoint");
    fs::copy(other.path().join("journal/checkpoint"), &place).unwrap();
    assert!(matches!(open(&one).found(), Found::Foreign { .. }));
    fs::write(&place, [0xff, 0, b'\n']).unwrap();
    assert!(matches!(open(&one).found(), Found::Foreign { .. }));

    let key = one.path().join("key/log");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let open = |place: &TempDir| {
        Sealer::open(&place.path().join("journal"), &place.path().join("key")).err().unwrap()
    };
    let error = open(&one).to_string();
    assert!(error.contains("can be read by others") && error.contains("hint:"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "PRIVATE+KEY+x").unwrap();
    let error = open(&one).to_string();
    assert!(error.contains("is no signing key") && !error.contains("PRIVATE"), "{error}");
}
