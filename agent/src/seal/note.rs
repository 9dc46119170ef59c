//! Signed checkpoints (C2SP tlog-checkpoint, signed-note).
//!
//! In: a tree's size and root, keys. Out: the note as text; what a note of ours says.
//! Always: what is read is believed only with the signature of the key asked for.
//! Not here: where notes are kept (`sealer`), how a stranger checks them (`verify`, which has its own code).

use signed_note::{Note, Signer, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

/// A size and a root, signed by whom it may concern.
pub fn sign(
    origin: &str,
    size: u64,
    root: Hash,
    extension: &str,
    signers: &[&dyn Signer],
) -> Option<Vec<u8>> {
    let checkpoint = Checkpoint::new(origin, size, root, extension).ok()?;
    let mut note = Note::new(&checkpoint.to_bytes(), &[]).ok()?;
    note.add_sigs(signers).ok()?;
    Some(note.to_bytes())
}

/// What a note says that this key signed. `None`: it did not, or the note is none.
pub fn open(note: &[u8], key: &StandardVerifier) -> Option<Checkpoint> {
    let note = Note::from_bytes(note).ok()?;
    let known = VerifierList::new(vec![Box::new(key.clone()) as Box<dyn Verifier>]);
    note.verify(&known).ok()?;
    Checkpoint::from_bytes(note.text()).ok()
}

/// Names of the keys that a note says it is signed with, not checked.
pub fn signers(note: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(note);
    let lines = text.lines().filter_map(|line| line.strip_prefix("— "));
    lines.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
