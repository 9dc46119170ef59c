//! Server-sent events out of the content of one response.
//!
//! In: content of type `text/event-stream` without codings, and holes in it, in order. Out: `Event`s.
//! Always: sans-IO; never fails, never panics; same events however the content was cut; after a hole
//! nothing is taken for an event before an empty line, which no event can hold; memory is at most
//! `data_bytes` and three fields of `FIELD_BYTES`.
//! Not here: codings, whether a response is an event stream, redaction; text is left as bytes.
//! Source: HTML Standard, section 9.2.5 and 9.2.6.

mod draft;

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;

use crate::model::wiped::Wiped;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::kept::Kept;
use crate::protocol::sse::draft::Draft;

/// An event: what stands before an empty line, if there are data in it.
pub struct Event {
    /// Name of its type, `message` unless the stream says otherwise; the first KiB of it.
    pub event_type: Cow<'static, [u8]>,
    /// Its `id`, if it has one of at most 1 KiB. An empty one takes back those of earlier events.
    pub id: Option<Vec<u8>>,
    /// New time after which to connect again, in milliseconds.
    pub retry_ms: Option<u64>,
    /// The front of its data, lines joined by LF, at most `data_bytes` (`EventStream::new`).
    /// `None`: nothing is collected.
    pub data: Option<Wiped>,
    /// Length of the data, in bytes; of an event that is not whole, as far as they came.
    pub data_bytes: u64,
    /// Something in it is shorter than what was sent: a field longer than its limit, an event that
    /// is not whole.
    pub is_cut: bool,
    /// Bytes from the first line that is no comment to the empty line, with comments between.
    pub wire_bytes: u64,
    /// When the first of those was seen, CLOCK_MONOTONIC.
    pub first_ns: u64,
    /// When the last of those was seen, CLOCK_MONOTONIC.
    pub last_ns: u64,
    /// `Whole`, or why the empty line is missing: the stream ended (then the receiver has dropped
    /// the event), the agent stopped, a hole (`Unknown`).
    pub end: MessageEnd,
}

/// What is counted in one stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Comments; they keep connections alive.
    pub comments: u64,
    /// Events that are known not to be whole: those told so, and those of which only the end was
    /// seen, behind a hole.
    pub incomplete: u64,
    /// Holes, each of which may hide any number of events.
    pub holes: u64,
    /// Bytes in holes, and behind them to the next empty line.
    pub lost_bytes: u64,
}

/// The content of one response under way.
pub struct EventStream {
    data_bytes: usize,
    place: Place,
    /// A CR has come; an LF would belong to it.
    after_cr: bool,
    /// Name of a field, then its value if that is short.
    line: Kept,
    /// The value is longer than is held.
    line_cut: bool,
    event: Draft,
    counts: Counts,
}

/// Where in the grammar the next byte stands.
///
/// ```text
/// Bom --> LineStart --':'--> Comment --------------------end of line--> LineStart
///            |`----name---> Name --':'--> Space --> Value(field)--'
///            `-- end of line: the event is over --> LineStart
/// any --hole--> Lost --end of line--> LostLine --end of line--> LineStart
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// So many bytes of the byte order mark have come.
    Bom(usize),
    LineStart,
    Comment,
    Name,
    /// The value may begin with a space that is not part of it.
    Space(Field),
    Value(Field),
    /// Somewhere in a line of which the beginning is missing.
    Lost,
    /// At the beginning of a line of an event of which the beginning is missing.
    LostLine,
}

/// Fields that mean something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
    Other,
}

impl EventStream {
    /// The beginning of a content. Of each event's data at most `data_bytes` are kept, with 0
    /// nothing.
    pub fn new(data_bytes: usize) -> Self {
        Self {
            data_bytes,
            place: Place::Bom(0),
            after_cr: false,
            line: Kept::new(FIELD_BYTES),
            line_cut: false,
            event: Draft::new(data_bytes),
            counts: Counts::default(),
        }
    }

    /// Bytes that follow those before, seen at that time.
    pub fn push(&mut self, mut bytes: &[u8], time_ns: u64, out: &mut Vec<Event>) {
        while let Some(&first) = bytes.first() {
            if self.after_cr {
                // Whether LF follows decides where the line ends, and what belongs to its event.
                if first == b'\n' {
                    bytes = bytes.get(1..).unwrap_or_default();
                    self.count(1, time_ns);
                }
                self.end_line(out);
                continue;
            }
            let end = memchr2(b'\r', b'\n', bytes);
            let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            self.count(text.len(), time_ns);
            self.text(text);
            bytes = bytes.get(text.len()..).unwrap_or_default();
            if let Some(end) = bytes.split_off_first() {
                self.count(1, time_ns);
                self.after_cr = *end == b'\r';
                if !self.after_cr {
                    self.end_line(out);
                }
            }
        }
    }

    /// Bytes that are missing behind those before.
    pub fn hole(&mut self, bytes: u64, out: &mut Vec<Event>) {
        if bytes == 0 {
            return;
        }
        if self.after_cr {
            self.end_line(out);
        }
        self.break_off(MessageEnd::Unknown, out);
        self.counts.holes = self.counts.holes.saturating_add(1);
        self.counts.lost_bytes = self.counts.lost_bytes.saturating_add(bytes);
        self.place = Place::Lost;
    }

    /// The content has ended (`MessageEnd::Truncated`, also where it ended as it should) or the
    /// agent stops (`MessageEnd::Unfinished`). An event under way is told; its receiver drops it.
    pub fn end(&mut self, how: MessageEnd, out: &mut Vec<Event>) {
        let how = match how {
            MessageEnd::Unfinished => how,
            _ => MessageEnd::Truncated,
        };
        if self.after_cr {
            self.end_line(out);
        }
        self.break_off(how, out);
        self.place = Place::LineStart;
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.line.memory_bytes() + self.event.memory_bytes()
    }

    fn count(&mut self, bytes: usize, time_ns: u64) {
        let bytes = bytes as u64;
        if matches!(self.place, Place::Lost | Place::LostLine) {
            self.counts.lost_bytes = self.counts.lost_bytes.saturating_add(bytes);
        } else if bytes > 0 {
            self.event.count(bytes, time_ns);
        }
    }

    /// A piece of a line, without its end.
    fn text(&mut self, mut text: &[u8]) {
        while let Some(&first) = text.first() {
            match self.place {
                Place::Bom(matched) => self.bom(matched, first),
                Place::LineStart if first == b':' => self.place = Place::Comment,
                Place::LineStart => {
                    self.place = Place::Name;
                    continue;
                }
                Place::Name => {
                    let end = text.iter().position(|byte| *byte == b':');
                    self.add_to_line(text.get(..end.unwrap_or(text.len())).unwrap_or_default());
                    let Some(end) = end else { return };
                    text = text.get(end..).unwrap_or_default();
                    self.place = Place::Space(self.field());
                }
                Place::Space(field) => {
                    self.place = Place::Value(field);
                    self.begin_value(field);
                    if first != b' ' {
                        continue;
                    }
                }
                Place::Value(field) => return self.value(field, text),
                Place::Comment => return,
                Place::Lost | Place::LostLine => return self.place = Place::Lost,
            }
            text = text.get(1..).unwrap_or_default();
        }
    }

    /// A byte that may belong to the byte order mark.
    fn bom(&mut self, matched: usize, byte: u8) {
        if BOM.get(matched) == Some(&byte) {
            let matched = matched + 1;
            self.place = Place::Bom(matched);
            if matched == BOM.len() {
                self.place = Place::LineStart;
                self.event.uncount(BOM.len() as u64);
            }
            return;
        }
        self.no_bom(matched);
        self.text(&[byte]);
    }

    /// What looked like the byte order mark begins a name.
    fn no_bom(&mut self, matched: usize) {
        self.place = Place::LineStart;
        self.text(BOM.get(..matched).unwrap_or_default());
    }

    /// The line is over.
    fn end_line(&mut self, out: &mut Vec<Event>) {
        self.after_cr = false;
        if let Place::Bom(matched) = self.place {
            self.no_bom(matched);
        }
        match self.place {
            Place::LineStart | Place::Bom(_) => return self.dispatch(out),
            Place::LostLine => {
                self.counts.incomplete = self.counts.incomplete.saturating_add(1);
                return self.next_event();
            }
            Place::Lost => self.place = Place::LostLine,
            Place::Comment => self.end_comment(),
            Place::Name => {
                let field = self.field();
                self.begin_value(field);
                self.end_field(field);
            }
            Place::Space(field) => {
                self.begin_value(field);
                self.end_field(field);
            }
            Place::Value(field) => self.end_field(field),
        }
        self.line = Kept::new(FIELD_BYTES);
        self.line_cut = false;
    }

    fn end_comment(&mut self) {
        self.place = Place::LineStart;
        self.counts.comments = self.counts.comments.saturating_add(1);
        if !self.event.has_fields {
            self.event = Draft::new(self.data_bytes);
        }
    }

    fn end_field(&mut self, field: Field) {
        self.place = Place::LineStart;
        self.event.has_fields = true;
        self.event.is_cut |= self.line_cut;
        let line = std::mem::take(&mut self.line).into_bytes();
        match field {
            Field::Event => self.event.event_type = line.to_vec(),
            // Whether the rest of it would make it invalid is not known.
            Field::Id | Field::Retry if self.line_cut => {}
            Field::Id if line.contains(&0) => {}
            Field::Id => self.event.id = Some(line.to_vec()),
            Field::Retry => self.event.retry_ms = number(&line).or(self.event.retry_ms),
            Field::Data | Field::Other => {}
        }
    }

    /// The name's field. The name is forgotten.
    fn field(&mut self) -> Field {
        let name = std::mem::replace(&mut self.line, Kept::new(FIELD_BYTES)).into_bytes();
        let is_cut = std::mem::take(&mut self.line_cut);
        match &*name {
            _ if is_cut => Field::Other,
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" => Field::Id,
            b"retry" => Field::Retry,
            _ => Field::Other,
        }
    }

    fn begin_value(&mut self, field: Field) {
        if field == Field::Data {
            if self.event.data_lines > 0 {
                self.event.add_data(b"\n");
            }
            self.event.data_lines = self.event.data_lines.saturating_add(1);
        }
    }

    fn value(&mut self, field: Field, text: &[u8]) {
        match field {
            Field::Data => self.event.add_data(text),
            Field::Event | Field::Id | Field::Retry => self.add_to_line(text),
            Field::Other => {}
        }
    }

    fn add_to_line(&mut self, text: &[u8]) {
        let before = self.line.len();
        self.line.add(text);
        self.line_cut |= self.line.len() - before < text.len();
    }

    /// An empty line: the event is over, if it is one.
    fn dispatch(&mut self, out: &mut Vec<Event>) {
        let event = self.next_event_of();
        if event.data_lines > 0 {
            out.push(event.finish(self.data_bytes, MessageEnd::Whole));
        }
    }

    /// The event under way stays without its end.
    fn break_off(&mut self, end: MessageEnd, out: &mut Vec<Event>) {
        // A line of which the end is missing counts, unless it is a comment.
        let in_field = matches!(self.place, Place::Name | Place::Space(_) | Place::Value(_));
        let event = self.next_event_of();
        if event.has_fields || in_field {
            self.counts.incomplete = self.counts.incomplete.saturating_add(1);
            out.push(event.finish(self.data_bytes, end));
        }
    }

    fn next_event_of(&mut self) -> Draft {
        let event = std::mem::replace(&mut self.event, Draft::new(self.data_bytes));
        self.next_event();
        event
    }

    fn next_event(&mut self) {
        self.place = Place::LineStart;
        self.line = Kept::new(FIELD_BYTES);
        self.line_cut = false;
        self.event = Draft::new(self.data_bytes);
    }
}

/// `None`: not only digits. What no integer can hold is the largest one.
fn number(digits: &[u8]) -> Option<u64> {
    let digit = |number: u64, digit: &u8| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    };
    digits.first()?;
    digits.iter().try_fold(0, digit)
}

impl fmt::Debug for Event {
    /// Shapes, never values.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Event {{ {} bytes of data, {:?} }}", self.data_bytes, self.end)
    }
}

/// Longest value that is held of any field but `data`.
const FIELD_BYTES: usize = 1_024;
/// Byte order mark, in UTF-8.
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

#[cfg(test)]
mod tests;
