//! Keys on disk: made once, never named alike, refused where others could have read them.
//!
//! In: temporary directories. Out: nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn store() -> (tempfile::TempDir, KeyStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::new(&directory.path().join("data"));
    (directory, store)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn error(result: Result<Option<RedactionKey>, KeyError>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn the_first_key_is_made_once_and_for_the_owner_alone() {
    let (_directory, store) = store();
    assert!(store.current().unwrap().is_none() && !store.path.exists());
    let first = store.current_or_first().unwrap();
    assert!(first.id().starts_with("k1-") && first.id().len() == 9, "{}", first.id());
    let again = store.current_or_first().unwrap();
    assert_eq!((again.id(), *again.secret), (first.id(), *first.secret));
    assert_ne!(*first.secret, [0; KEY_BYTES]);
    assert_eq!(mode(&store.path), 0o700);
    assert_eq!(fs::read_dir(&store.path).unwrap().count(), 1);
    assert_eq!(mode(&store.path.join(first.id.file_name())), 0o600);
}

#[test]
fn older_keys_stay_and_the_newest_is_used() {
    let (_directory, store) = store();
    let keys: Vec<_> = (0..11).map(|_| store.rotate().unwrap().id()).collect();
    assert!(keys[10].starts_with("k11-"));
    assert_eq!(store.current().unwrap().unwrap().id(), keys[10]);
    let all: Vec<_> = store.all().unwrap().iter().rev().map(RedactionKey::id).collect();
    assert_eq!(all, keys);
    let old = store.find(&keys[0]).unwrap().unwrap().tokens().token("secret", b"x");
    let new = store.current().unwrap().unwrap().tokens().token("secret", b"x");
    assert!(old.starts_with(&format!("hmac:{}:", keys[0])) && old != new, "{old} {new}");
    assert!(store.find("k1").unwrap().is_none());
}

#[test]
fn a_lost_key_and_its_successor_have_different_ids() {
    let (_directory, store) = store();
    let lost = store.rotate().unwrap().id();
    fs::remove_dir_all(&store.path).unwrap();
    let next = store.current_or_first().unwrap().id();
    assert!(lost.starts_with("k1-") && next.starts_with("k1-") && lost != next, "{lost} {next}");
}

#[test]
fn what_is_not_the_key_is_refused() {
    let (_directory, store) = store();
    let (one, two) = (store.rotate().unwrap(), store.rotate().unwrap());
    let (one, two) = (store.path.join(one.id.file_name()), store.path.join(two.id.file_name()));
    let right = fs::read(&two).unwrap();
    for wrong in
        [&b""[..], b"x", &right[..64], &[&right[..], b"\n"].concat(), &fs::read(&one).unwrap()]
    {
        fs::write(&two, wrong).unwrap();
        let text = error(store.current());
        assert!(text.contains("does not hold the key") && text.contains("\nhint: "), "{text}");
    }
    fs::write(&two, &right).unwrap();
    assert!(store.current().unwrap().is_some());
    fs::remove_file(&two).unwrap();
    assert!(store.current().unwrap().unwrap().id().starts_with("k1-"));
}

#[test]
fn what_others_may_use_is_refused() {
    let (_directory, store) = store();
    let key = store.rotate().unwrap();
    let file = store.path.join(key.id.file_name());
    for (path, right) in [(&file, 0o600), (&store.path, 0o700)] {
        for bits in [0o040, 0o004, 0o002] {
            fs::set_permissions(path, fs::Permissions::from_mode(right | bits)).unwrap();
            let text = error(store.current());
            assert!(text.contains("\nhint: chmod go= "), "{text}");
            assert_eq!(mode(path), right | bits, "it is left as it was");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(right)).unwrap();
    }
    assert!(store.current().unwrap().is_some());
}

#[test]
fn a_stop_in_the_middle_leaves_no_key() {
    let (_directory, store) = store();
    let first = store.rotate().unwrap().id();
    fs::write(store.path.join("fresh"), "half").unwrap();
    fs::write(store.path.join("log"), "another kind of key").unwrap();
    assert_eq!(store.current().unwrap().unwrap().id(), first);
    assert!(store.rotate().unwrap().id().starts_with("k2-"));
}

#[test]
fn keys_made_at_the_same_time_have_numbers_of_their_own() {
    let (_directory, store) = store();
    let ids = std::thread::scope(|scope| {
        let make = || store.rotate().unwrap().id.number;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        let mut ids: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        ids.sort_unstable();
        ids
    });
    assert_eq!(ids, (1..=8).collect::<Vec<_>>());
}
