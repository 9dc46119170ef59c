//! `earwitness prove`: that one record is in the journal, for someone who has the public key only.
//!
//! In: a record's number, the data directory. Out: a C2SP tlog-proof on standard output or in a file.
//! Always: the proof is checked before it is given; exit code 0 done, 1 there is no such record or the journal is not
//! what was sealed, 3 the record is not sealed yet or was removed.
//! Not here: reading hashes (`journal::hashes`), checking whole journals (`verify`).

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tlog_tiles::{Checkpoint, Hash, check_record, prove_record, record_hash};

use crate::journal::hashes::Hashes;
use crate::journal::reader::{Item, Reader};
use crate::journal::{Directory, directory};

/// Proves that a record is in the journal, to someone who has the public key only.
///
/// Prints a C2SP tlog-proof: the record itself, the hashes from it to the root, and the newest signed
/// checkpoint. The record's line is its `extra` data.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness prove 1234 > 1234.tlog-proof")]
pub struct Args {
    /// Number of the record, its `seq`
    #[arg(value_name = "SEQ")]
    seq: u64,
    /// Directory with the agent's data
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    data_dir: PathBuf,
}

/// Proves what is asked for. Errors: the journal cannot be read, or standard output not written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match proof(args)? {
        Proof::Proven(text) => {
            let mut out = std::io::stdout().lock();
            out.write_all(&text).and_then(|()| out.flush()).context("standard output")?;
            Ok(ExitCode::SUCCESS)
        }
        Proof::Not(code, reason) => {
            eprintln!("error: {reason}");
            Ok(ExitCode::from(code))
        }
    }
}

enum Proof {
    Proven(Vec<u8>),
    Not(u8, String),
}

fn proof(args: &Args) -> anyhow::Result<Proof> {
    let seq = args.seq;
    let path = Directory::new(&args.data_dir).journal().join("checkpoint");
    let note = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let Some(checkpoint) = checkpoint(&note) else {
        return Ok(Proof::Not(WRONG, format!("{} is no checkpoint", path.display())));
    };
    if seq >= checkpoint.size() {
        let sealed = checkpoint.size();
        let text = format!(
            "record {seq} is not sealed: the newest checkpoint seals {sealed} records\n\
             hint: a running agent writes the next one within a second"
        );
        return Ok(Proof::Not(UNKNOWN, text));
    }
    let Some(line) = line(args)? else {
        let text = format!("there is no record {seq}\nhint: it may have been removed, or lost");
        return Ok(Proof::Not(UNKNOWN, text));
    };
    let hashes = Hashes::new(&args.data_dir, checkpoint.size())
        .with_context(|| format!("cannot list segments of {}", args.data_dir.display()))?;
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    let proven = prove_record(size, seq, &hashes)
        .ok()
        .filter(|proof| check_record(proof, size, root, seq, record_hash(&line)).is_ok());
    Ok(match proven {
        Some(proof) => Proof::Proven(text(seq, &line, &proof, &note)),
        None => Proof::Not(
            WRONG,
            format!(
                "the journal does not lead to its checkpoint: record {seq} or another was changed\n\
                     hint: `earwitness verify` tells where"
            ),
        ),
    })
}

/// The checkpoint of a note, whoever signed it: whom to believe is for the reader of the proof to say.
pub(super) fn checkpoint(note: &[u8]) -> Option<Checkpoint> {
    let end = memchr::memmem::find(note, b"\n\n")?;
    Checkpoint::from_bytes(note.get(..=end)?).ok()
}

fn line(args: &Args) -> anyhow::Result<Option<Vec<u8>>> {
    let mut reader = Reader::open_at(&args.data_dir, args.seq)?;
    while let Some(item) = reader.read()? {
        if let Item::Record { seq, line } = item {
            return Ok((seq == args.seq).then(|| line.to_vec()));
        }
    }
    Ok(None)
}

fn text(seq: u64, line: &[u8], proof: &[Hash], note: &[u8]) -> Vec<u8> {
    let extra = data_encoding::BASE64.encode(line);
    let mut text = format!("{MAGIC}\nextra {extra}\nindex {seq}\n");
    for hash in proof {
        text.push_str(&format!("{hash}\n"));
    }
    text.push('\n');
    [text.as_bytes(), note].concat()
}

const MAGIC: &str = "c2sp.org/tlog-proof@v1";
/// Exit code: the thing asked about is wrong.
const WRONG: u8 = 1;
/// Exit code: could not tell.
const UNKNOWN: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::exchange;
    use crate::journal::{Journal, JournalConfig};

    fn journal(records: u64) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let config = JournalConfig { segment_bytes: 65_536, ..JournalConfig::default() };
        let (mut journal, _) = Journal::open(directory.path(), config).unwrap();
        (0..records).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.close().unwrap();
        directory
    }

    fn prove(directory: &tempfile::TempDir, seq: u64) -> Result<String, (u8, String)> {
        match proof(&Args { seq, data_dir: directory.path().to_owned() }).unwrap() {
            Proof::Proven(text) => Ok(String::from_utf8(text).unwrap()),
            Proof::Not(code, reason) => Err((code, reason)),
        }
    }

    #[test]
    fn any_record_of_journals_of_any_size_is_proven() {
        for size in [1, 2, 255, 256, 257, 1_000] {
            let directory = journal(size);
            for seq in [0, 1, 254, 255, 256, 511, 512, size - 1] {
                let proven = prove(&directory, seq);
                assert_eq!(proven.is_ok(), seq < size, "{seq} of {size}: {proven:?}");
            }
        }
    }

    #[test]
    fn a_proof_holds_the_record_the_way_and_the_checkpoint() {
        let directory = journal(5);
        let proof = prove(&directory, 3).unwrap();
        let lines: Vec<_> = proof.lines().collect();
        assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
        let extra = lines[1].strip_prefix("extra ").unwrap();
        let record = data_encoding::BASE64.decode(extra.as_bytes()).unwrap();
        assert_eq!(record, exchange(3).line(3));
        assert_eq!((lines[2], lines[6], lines[8]), ("index 3", "", "5"));
        assert!(lines[10].is_empty() && lines[11].starts_with("— "), "{proof}");
    }

    #[test]
    fn what_is_not_there_or_was_changed_is_not_proven() {
        let directory = journal(300);
        let (code, text) = prove(&directory, 300).unwrap_err();
        assert!(code == UNKNOWN && text.contains("is not sealed"), "{text}");
        let path = directory.path().join("journal/segment/00000000000000000000.jsonl");
        let content = fs::read_to_string(&path).unwrap();
        fs::write(&path, content.replacen("\"GET\"", "\"PUT\"", 1)).unwrap();
        assert_eq!(prove(&directory, 7).unwrap_err().0, WRONG);
    }
}
