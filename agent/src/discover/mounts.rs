//! The mount table.
//!
//! In: the text of `/proc/self/mountinfo`. Out: its lines as values.
//! Always: a line that is not understood is left out.
//! Not here: what is looked for in it (`cgroup`, `executable`). Source: proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mount {
    /// Its number, as `fdinfo` names it.
    pub(super) id: String,
    /// Major and minor number of the file system's `s_dev`.
    pub(super) device: (u64, u64),
    /// The directory of the file system that is mounted.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
    /// Type of the file system.
    pub(super) kind: String,
}

/// Those of this process, none if they cannot be read.
pub(super) fn own() -> Vec<Mount> {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    parse(&String::from_utf8_lossy(&text))
}

pub(super) fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mount> {
    let (front, back) = line.split_once(" - ")?;
    let mut fields = front.split(' ');
    let (id, _parent) = (fields.next()?, fields.next()?);
    let (major, minor) = fields.next()?.split_once(':')?;
    Some(Mount {
        id: id.to_owned(),
        device: (major.parse().ok()?, minor.parse().ok()?),
        root: unescaped(fields.next()?),
        point: unescaped(fields.next()?),
        kind: back.split(' ').next()?.to_owned(),
    })
}

/// Space, tab, newline and backslash are written as `\` and three octal digits.
fn unescaped(field: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (first, octal) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let text = "36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 - ext3 /dev/root rw\nodd\n";
        let found = parse(text);
        assert_eq!(
            found,
            [Mount {
                id: "36".into(),
                device: (98, 0),
                root: "/mnt1".into(),
                point: "/mnt two".into(),
                kind: "ext3".into(),
            }]
        );
        assert!(!own().is_empty());
    }
}
