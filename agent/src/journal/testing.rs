//! What the journal's tests share: records, a disk that refuses on demand, the journal read back.
//!
//! In: nothing. Out: helpers, for tests only.
//! Always: records differ by their path, and their times rise.
//! Not here: any test.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use nix::libc;
use serde_json::Value;

use crate::audit::config::AuditConfig;
use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{Concerns, Observer};
use crate::audit::policy::Policy;
use crate::audit::record::agent::{Lifecycle, LifecycleAction};
use crate::audit::token::Tokens;
use crate::journal::directory::Directory;
use crate::journal::frames::FrameWriter;
use crate::journal::reader::{Bounds, Item, Reader};
use crate::journal::segment::{self, Disk, Found, Storage};
use crate::model::loss::{Loss, Reason};
use crate::model::origin::{Attribution, Origin, Party, Side, Transport};
use crate::model::sample::ConnId;
use crate::model::time::ClockOffset;
use crate::protocol::exchange::{Exchange, Message, RequestHead, Version};
use crate::protocol::fields::Fields;

/// An exchange at `n` seconds after 07:00.
pub fn exchange(n: u64) -> EncodedRecord {
    exchange_at(&time(n), &format!("/{n}"))
}

/// An exchange with this time and path.
pub fn exchange_at(timestamp: &str, path: &str) -> EncodedRecord {
    static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
        let (tokens, observer) = (Tokens::ephemeral().unwrap(), Arc::new(Observer::default()));
        Arc::new(Policy::new(&AuditConfig::default(), tokens, observer).unwrap())
    });
    let clock = ClockOffset { offset_ns: wall_ns(timestamp) };
    let (exchange, origin) = (get(path), origin());
    POLICY.decide(&exchange, &origin).record(&exchange, ConnId(1), &origin, clock).unwrap()
}

/// A loss at 07:00.
pub fn loss() -> EncodedRecord {
    let (loss, at) = (Loss::hole(Reason::RingFull, 0), wall_ns(&time(0)));
    Observer::default().loss(&loss, at, at, Concerns::default())
}

/// The agent's last record.
pub fn stop() -> EncodedRecord {
    Observer::default().lifecycle(Lifecycle::new(LifecycleAction::Stop), wall_ns(&time(0)))
}

fn get(path: &str) -> Exchange {
    let head = RequestHead::of("GET", path.as_bytes(), Version::HTTP_1_1, Fields::default());
    let request = Message::of(head);
    Exchange::of(Some(request), None)
}

fn origin() -> Origin {
    Origin {
        side: Side::Server,
        transport: Transport::Tcp,
        client: Party::default(),
        server: Party::default(),
        attribution: Attribution::Socket,
        tls: None,
        proxied: None,
    }
}

fn wall_ns(timestamp: &str) -> i64 {
    let moment: jiff::Timestamp = timestamp.parse().unwrap();
    moment.as_nanosecond().try_into().unwrap()
}

/// `n` seconds after 07:00.
pub fn time(n: u64) -> String {
    format!("2026-11-22T{:02}:{:02}:{:02}.000000000Z", 7 + n / 3600, n / 60 % 60, n % 60)
}

/// Everything a reader gives: `seq path` for records, `! ` and the text for notices.
pub fn read_all(data_dir: &Path) -> Vec<String> {
    read_rest(&mut Reader::open(data_dir, &Bounds::default()).unwrap())
}

/// What a reader gives until it has nothing more.
pub fn read_rest(reader: &mut Reader) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(item) = reader.read().unwrap() {
        seen.push(match item {
            Item::Record { seq, line } => text(seq, line),
            Item::Notice(notice) => format!("! {} {}", notice.offset_bytes, notice.fault),
        });
    }
    seen
}

/// `seq path`, or `seq kind` for what has none.
pub fn text(seq: u64, line: &[u8]) -> String {
    let value: Value = serde_json::from_slice(line).unwrap();
    assert_eq!(value["seq"], seq);
    let path = value["url"]["path"].as_str().or(value["event"]["kind"].as_str());
    format!("{seq} {}", path.unwrap())
}

/// What `read_all` gives for exchanges `0..n` in their places.
pub fn sequence(n: u64) -> Vec<String> {
    (0..n).map(|n| format!("{n} /{n}")).collect()
}

/// File names and plain contents of the segments, in order.
pub fn segments(data_dir: &Path) -> Vec<(u64, Vec<u8>)> {
    let found = segment::list(&Directory::new(data_dir).segments()).unwrap();
    found.iter().map(|found| (found.first_seq, plain(found))).collect()
}

fn plain(found: &Found) -> Vec<u8> {
    let bytes = fs::read(&found.path).unwrap();
    if found.is_sealed { zstd::stream::decode_all(&bytes[..]).unwrap() } else { bytes }
}

/// Seals the segment that begins with `first_seq`, with so many lines in a frame.
pub fn frame_by(data_dir: &Path, first_seq: u64, lines: usize) {
    let directory = Directory::new(data_dir).segments();
    let found = segment::list(&directory).unwrap();
    let found = found.iter().find(|found| found.first_seq == first_seq).unwrap();
    let text = plain(found);
    fs::remove_file(&found.path).unwrap();
    let mut writer = FrameWriter::new(Vec::new()).unwrap();
    let all: Vec<_> = text.split_inclusive(|&byte| byte == b'\n').collect();
    all.chunks(lines).for_each(|lines| writer.push(&lines.concat()).unwrap());
    fs::write(directory.join(segment::sealed_name(first_seq)), writer.finish().unwrap()).unwrap();
}

/// A disk that refuses what its `Mood` says.
#[derive(Clone, Debug, Default)]
pub struct Moody(Arc<Mutex<Mood>>);

/// Refusals; the default has none.
#[derive(Clone, Debug, Default)]
pub struct Mood {
    /// Error of every `create`.
    pub create: Option<i32>,
    /// Bytes that may still be written before the disk is full.
    pub room_bytes: Option<usize>,
    /// Error of every `sync`.
    pub sync: Option<i32>,
    /// Refuse `truncate`.
    pub truncate: bool,
    /// Most bytes that one write takes.
    pub write_bytes: Option<usize>,
}

impl Moody {
    /// Changes what is refused.
    pub fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }
}

impl Storage for Moody {
    fn create(&mut self, path: &Path) -> io::Result<File> {
        refuse(self.0.lock().unwrap().create)?;
        Disk.create(path)
    }

    fn write_at(&mut self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<usize> {
        let mut mood = self.0.lock().unwrap();
        let mut length = bytes.len().min(mood.write_bytes.unwrap_or(usize::MAX));
        if let Some(room) = &mut mood.room_bytes {
            refuse((*room == 0).then_some(libc::ENOSPC))?;
            length = length.min(*room);
            *room -= length;
        }
        Disk.write_at(file, &bytes[..length], offset_bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        refuse(self.0.lock().unwrap().sync)?;
        Disk.sync(file)
    }

    fn truncate(&mut self, file: &File, len_bytes: u64) -> io::Result<()> {
        refuse(self.0.lock().unwrap().truncate.then_some(libc::EIO))?;
        Disk.truncate(file, len_bytes)
    }
}

fn refuse(errno: Option<i32>) -> io::Result<()> {
    errno.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
}
