//! Tables without their values.
//!
//! In: `text/csv`, `text/tab-separated-values`. Out: the same table, with names and values that may be written;
//! fields are quoted where they must be.
//! Always: the first line names the columns, whose values are judged by these names; a line of more or fewer fields
//! than there are names could be read in several ways, so all of it is hidden if any column is; of a cut table the
//! last line goes.
//! Not here: what may be written (`verdict`, `scalar`). Source: RFC 4180, which semicolons, tabs and bars in place of
//! commas go beyond.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord, Terminator, Writer, WriterBuilder};

use super::super::MASK;
use super::super::name::Strength;
use super::scalar;
use super::tally::{Place, Tally};
use super::verdict::{Hidden, Names, mixed};
use crate::audit::record::{Action, Sensitive};

/// Writes one table. Returns whether all of it could be read.
pub(super) fn redact<'r>(
    bytes: &[u8],
    cut: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    if std::str::from_utf8(bytes).is_err() {
        return false;
    }
    let delimiter = delimiter(bytes);
    let mut reader = ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let mut table = Table { columns: Vec::new(), names, tally };
    let mut writer = writer(bytes, delimiter, out);
    let mut lines = reader.into_records().peekable();
    let mut first = true;
    while let Some(line) = lines.next() {
        let Ok(line) = line else { return false };
        if cut && lines.peek().is_none() {
            break;
        }
        let written = if std::mem::take(&mut first) {
            writer.write_record(table.head(&line))
        } else {
            writer.write_record(table.line(&line))
        };
        if written.is_err() {
            return false;
        }
    }
    writer.flush().is_ok()
}

fn writer<'o>(bytes: &[u8], delimiter: u8, out: &'o mut Vec<u8>) -> Writer<&'o mut Vec<u8>> {
    let end = memchr::memchr(b'\n', bytes).and_then(|at| at.checked_sub(1));
    let is_crlf = end.and_then(|at| bytes.get(at)) == Some(&b'\r');
    let terminator = if is_crlf { Terminator::CRLF } else { Terminator::Any(b'\n') };
    WriterBuilder::new().flexible(true).delimiter(delimiter).terminator(terminator).from_writer(out)
}

/// The sign that the first line has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |sign: u8| memchr::memchr_iter(sign, first).count();
    let most = DELIMITERS.into_iter().rev().max_by_key(|&sign| count(sign));
    most.unwrap_or(b',')
}

/// Signs between fields, the usual one first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

struct Table<'t, 'r> {
    columns: Vec<Column>,
    names: &'t mut Names<'r>,
    tally: &'t mut Tally<'r>,
}

struct Column {
    /// As it may be written.
    name: String,
    place: Place,
    hidden: Hidden,
}

impl Table<'_, '_> {
    /// Names of columns.
    fn head(&mut self, line: &StringRecord) -> Vec<String> {
        for name in line {
            let bare = name.trim();
            let verdict = self.names.judge_plain(bare.as_bytes()).verdict;
            let shown = match verdict.name {
                None => name.to_owned(),
                Some(kind) => {
                    self.tally.count(Place::default(), kind, Action::Mask, std::iter::empty);
                    MASK.to_owned()
                }
            };
            let place = Place::default().below(mixed(shown.as_bytes()));
            let hidden = verdict.hidden(self.names.root(), self.names.keeps_all());
            self.columns.push(Column { name: shown, place, hidden });
        }
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    fn line<'l>(&mut self, line: &'l StringRecord) -> Vec<Cow<'l, [u8]>> {
        let fits = line.len() == self.columns.len();
        let any = self.columns.iter().find_map(|column| column.hidden);
        let Self { columns, names, tally } = self;
        let nowhere = Column { name: String::new(), place: Place::default(), hidden: any };
        let mut columns = columns.iter();
        let mut fields = Vec::with_capacity(line.len());
        for value in line {
            let column = columns.next().filter(|_| fits).unwrap_or(&nowhere);
            let Some(kind) = judge(value, column, any.filter(|_| !fits), names) else {
                fields.push(Cow::Borrowed(value.as_bytes()));
                continue;
            };
            let path = Some(&*column.name).filter(|name| !name.is_empty()).map(Cow::Borrowed);
            let meant = Some(value.as_bytes());
            let replaced = tally.hide(column.place, kind, meant, || path.into_iter());
            fields.push(replaced.into_bytes());
        }
        fields
    }
}

/// Why a value is hidden; `None`: it may be written. `strange`: its line is not as long as the first one, and this
/// is what values of some column are.
fn judge(value: &str, column: &Column, strange: Hidden, names: &Names<'_>) -> Option<Sensitive> {
    if value.is_empty() {
        return None;
    }
    if let Some((kind, _)) = strange {
        return Some(kind);
    }
    let (kind, strength) = column.hidden.unzip();
    if strength == Some(Strength::Sure) {
        return kind;
    }
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let limit = if names.keeps_all() { usize::MAX } else { scalar::VALUE_BYTES };
    if value.len() > limit || value.contains(odd) {
        return Some(Sensitive::Unlisted);
    }
    let found = names.look(column.name.as_bytes()).find(value);
    found.or_else(|| {
        kind.filter(|kind| strength.is_some_and(|sure| scalar::is_like(*kind, sure, value.trim())))
    })
}
