//! `type = "file"`: appends records to a file, one a line.
//!
//! In: batches. Out: lines at the end of a file, synced.
//! Always: a batch is on the disk before it counts as delivered; a file that was moved away is begun
//! anew, and one that was truncated is gone on with from its beginning, so logrotate works with and
//! without `copytruncate`; a line that was cut off half-way is taken away, or ended if it is not ours.
//! Not here: rotating; which records (`deliver`).

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use serde::{Deserialize, Serialize};

use super::{Batch, Format, Mistake, NotDelivered, Settings, Sink};
use crate::journal::lines::last_newline;
use crate::journal::segment::sync_parent;

/// Settings of a file that records are appended to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// Its durable cursor is kept under this name.
    pub name: String,
    /// The file, from the root; made with mode 0640 if there is none. Symbolic links are not followed.
    pub path: PathBuf,
    /// What a record is delivered as: `native` (as it is in the journal), `otel` (OTLP/JSON), `ocsf`
    /// (1.7.0), `ecs`, `clf` (combined log format, exchanges only), `cef`.
    #[serde(default)]
    pub format: Format,
}

impl Settings for FileConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        self.format
    }

    fn check(&self) -> Vec<Mistake> {
        let mistake = |text: &str, hint| Mistake { key: "path", text: text.to_owned(), hint };
        let names_a_folder = self.path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if !self.path.is_absolute() {
            vec![mistake("path is not absolute", None)]
        } else if names_a_folder || self.path.file_name().is_none() {
            vec![mistake("path names no file", Some("put the name of a file behind it"))]
        } else {
            Vec::new()
        }
    }

    fn open(&self) -> Box<dyn Sink> {
        Box::new(FileSink { path: self.path.clone(), open: None })
    }
}

/// The file, as long as it is open.
struct FileSink {
    path: PathBuf,
    open: Option<File>,
}

impl Sink for FileSink {
    fn deliver(&mut self, batch: &Batch) -> Result<(), NotDelivered> {
        self.append(batch).map_err(|error| {
            NotDelivered(format!("cannot append to {}: {error}", self.path.display()))
        })
    }
}

impl FileSink {
    /// After an error the file is opened anew.
    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        let mut file = match self.open.take().filter(|file| is_at(file, &self.path)) {
            Some(file) => file,
            None => open(&self.path, batch)?,
        };
        if let Err(error) = file.write_all(batch.lines()).and_then(|()| file.sync_data()) {
            // Not before more can be written: whoever reads the file meanwhile sees whole lines.
            let _ = mend_end(&file, batch);
            return Err(error);
        }
        self.open = Some(file);
        Ok(())
    }
}

/// Whether the open file still has this name.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: Metadata| (found.dev(), found.ino());
    let (open, named) = (file.metadata().map(place), fs::symlink_metadata(path).map(place));
    open.ok().zip(named.ok()).is_some_and(|(open, named)| open == named)
}

fn open(path: &Path, batch: &Batch) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // A pipe without a reader would hold us up; who may write its folder could lead us elsewhere.
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    options.read(true).append(true).create(true).mode(MODE).custom_flags(flags);
    let file = options.open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if found.len() == 0 {
        sync_parent(path)?;
    }
    mend_end(&file, batch)?;
    Ok(file)
}

/// A last line without an end: of ours, as a crash or a full disk leaves it, nothing stays, since its
/// record comes again; anything else is left, and gets an end.
fn mend_end(mut file: &File, batch: &Batch) -> io::Result<()> {
    let end = last_newline(file)?;
    if file.metadata()?.len() == end {
        return Ok(());
    }
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.take(TORN_BYTES).read_to_end(&mut torn)?;
    if is_ours(&torn, batch) { file.set_len(end) } else { file.write_all(b"\n") }
}

/// Whether it is the beginning of a line of ours: it begins as all lines of the format do, or as one that
/// is to come again. Of a format that was changed meanwhile neither may be so, and the half line stays.
fn is_ours(torn: &[u8], batch: &Batch) -> bool {
    let start = batch.format().line_start();
    let begins = !start.is_empty() && (start.starts_with(torn) || torn.starts_with(start));
    begins || batch.records().any(|line| line.starts_with(torn))
}

/// Owner and group read: what a log collector of the host's group can have.
const MODE: u32 = 0o640;
/// As much of a torn line is looked at.
const TORN_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::journal::testing::exchange;

    fn batch(seqs: std::ops::Range<u64>) -> Batch {
        let mut batch = Batch::default();
        seqs.for_each(|seq| batch.push(seq, line(seq).as_bytes()));
        batch
    }

    fn line(seq: u64) -> String {
        format!("{{\"schema\":1,\"seq\":{seq}}}")
    }

    fn text(seqs: std::ops::Range<u64>) -> String {
        seqs.map(|seq| line(seq) + "\n").collect()
    }

    fn sink(path: &Path) -> FileSink {
        FileSink { path: path.to_owned(), open: None }
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn appends_to_a_file_for_owner_and_group() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.jsonl");
        let mut file = sink(&path);
        file.deliver(&batch(0..3)).unwrap();
        file.deliver(&batch(3..4)).unwrap();
        sink(&path).deliver(&batch(4..5)).unwrap();
        assert_eq!(read(&path), text(0..5));
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode & !0o640, 0, "{mode:o}");
    }

    #[test]
    fn goes_on_after_a_rotation_of_either_kind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.jsonl");
        let old = directory.path().join("out.jsonl.1");
        let mut file = sink(&path);
        file.deliver(&batch(0..2)).unwrap();
        fs::rename(&path, &old).unwrap();
        file.deliver(&batch(2..3)).unwrap();
        assert_eq!((read(&old), read(&path)), (text(0..2), text(2..3)));

        fs::rename(&path, &old).unwrap();
        fs::write(&path, "").unwrap();
        file.deliver(&batch(3..4)).unwrap();
        assert_eq!(read(&path), text(3..4), "somebody else has made the new one");

        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        file.deliver(&batch(4..5)).unwrap();
        assert_eq!(read(&path), text(4..5), "truncated");
    }

    #[test]
    fn a_torn_last_line_is_taken_away_and_a_foreign_one_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.jsonl");
        for torn in ["{", "{\"schema\":", "{\"schema\":1,\"seq\":2,\"tim"] {
            for before in [String::new(), text(0..2)] {
                fs::write(&path, format!("{before}{torn}")).unwrap();
                sink(&path).deliver(&batch(2..4)).unwrap();
                assert_eq!(read(&path), before + &text(2..4), "{torn}");
            }
        }
        fs::write(&path, "notes\nof a person").unwrap();
        sink(&path).deliver(&batch(0..1)).unwrap();
        assert_eq!(read(&path), format!("notes\nof a person\n{}", text(0..1)));
    }

    #[test]
    fn a_torn_last_line_of_any_format_never_merges_with_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        for format in Format::ALL {
            let mut whole = Batch::new(format);
            (0..2).for_each(|seq| whole.push(seq, &exchange(seq).line(seq)));
            let text = String::from_utf8(whole.lines().to_vec()).unwrap();
            for cut in 1..text.lines().next().unwrap().len() {
                fs::write(&path, &text[..cut]).unwrap();
                sink(&path).deliver(&whole).unwrap();
                assert_eq!(read(&path), text, "{format:?} cut at {cut}");
            }
            fs::write(&path, "note").unwrap();
            sink(&path).deliver(&whole).unwrap();
            assert_eq!(read(&path), format!("note\n{text}"));
        }
    }

    #[test]
    fn a_torn_line_of_another_format_gets_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut batch = Batch::new(Format::Cef);
        batch.push(0, &exchange(0).line(0));
        fs::write(&path, "{\"schema\":1,\"se").unwrap();
        sink(&path).deliver(&batch).unwrap();
        let lines = read(&path);
        assert!(lines.starts_with("{\"schema\":1,\"se\nCEF:0|"), "{lines}");
    }

    #[test]
    fn a_full_disk_is_told() {
        let full = Path::new("/dev/full");
        let device = File::options().read(true).append(true).open(full).unwrap();
        let mut file = FileSink { path: full.to_owned(), open: Some(device) };
        let error = file.deliver(&batch(0..1)).unwrap_err().to_string();
        assert!(error.starts_with("cannot append to /dev/full: No space left"), "{error}");
        assert!(file.open.is_none(), "the next attempt begins anew");
    }

    #[test]
    fn only_a_regular_file_is_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let [link, pipe] = ["link", "pipe"].map(|name| directory.path().join(name));
        std::os::unix::fs::symlink("/etc/earwitness-test", &link).unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&link, &pipe, &directory.path().to_owned(), &"/dev/null".into()] {
            sink(path).deliver(&batch(0..1)).unwrap_err();
        }
        sink(&directory.path().join("none/out")).deliver(&batch(0..1)).unwrap_err();
    }
}
