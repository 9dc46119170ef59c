//! Reading a capture file.
//!
//! In: a file, or bytes. Out: its header and entries, in order.
//! Always: memory for one entry; a length is believed only as far as there are bytes; after an error
//! nothing more comes.
//! Not here: text (`text` makes these very bytes of it).

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use super::entry::{self, Entry, LOSS, OPTIONAL, PROCESS, SAMPLE};
use super::{CaptureError, Header, MAGIC, MOST_BYTES, text};

/// A capture being read.
pub struct Reader {
    input: Box<dyn BufRead + Send>,
    header: Header,
    content: Vec<u8>,
    /// Where the next entry begins.
    at: u64,
    tail_bytes: Option<u64>,
    is_over: bool,
}

impl Reader {
    /// Opens a capture file, or a capture written as text.
    ///
    /// # Errors
    /// `Open`, `NotACapture`, `Header`, `Read`, `Text`.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let opened = File::open(path);
        let file = opened.map_err(|error| CaptureError::Open { path: path.to_owned(), error })?;
        Self::new(BufReader::with_capacity(BUFFER_BYTES, file))
    }

    /// Reads from anything.
    ///
    /// # Errors
    /// `NotACapture`, `Header`, `Read`, `Text`.
    pub fn new(mut input: impl BufRead + Send + 'static) -> Result<Self, CaptureError> {
        let mut start = Vec::with_capacity(MAGIC.len());
        let mut front = input.by_ref().take(MAGIC.len() as u64);
        front.read_to_end(&mut start).map_err(CaptureError::Read)?;
        if start != MAGIC {
            let compiled = text::compile(&text(start, input)?)?;
            let mut input = Cursor::new(compiled);
            input.set_position(MAGIC.len() as u64);
            return Self::after_magic(Box::new(input));
        }
        Self::after_magic(Box::new(input))
    }

    fn after_magic(input: Box<dyn BufRead + Send>) -> Result<Self, CaptureError> {
        let mut reader = Self {
            input,
            header: Header::default(),
            content: Vec::new(),
            at: MAGIC.len() as u64,
            tail_bytes: None,
            is_over: false,
        };
        if !reader.fill()? {
            return Err(CaptureError::Header("it is cut off".to_owned()));
        }
        reader.header = serde_json::from_slice(&reader.content)
            .map_err(|error| CaptureError::Header(error.to_string()))?;
        Ok(reader)
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next entry, `None` at the end.
    ///
    /// # Errors
    /// `Read`, `Length`, `Kind`, `Content`; the capture is over then.
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, CaptureError> {
        // Set while an entry is looked at, so that after an error nothing follows.
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(None);
        }
        let Some((at, kind)) = self.next_known()? else { return Ok(None) };
        let content = self.content.get(1..).unwrap_or_default();
        let wrong =
            |error: serde_json::Error| CaptureError::Content { at, text: error.to_string() };
        let entry = match kind {
            PROCESS => Entry::Process(entry::process_of_json(content).map_err(wrong)?),
            LOSS => Entry::Loss(entry::loss_of_json(content).map_err(wrong)?),
            _ => Entry::Sample(content),
        };
        self.is_over = false;
        Ok(Some(entry))
    }

    /// Where the next entry of a known kind is, and its kind; its bytes are in `content`.
    fn next_known(&mut self) -> Result<Option<(u64, u8)>, CaptureError> {
        loop {
            let at = self.at;
            if !self.fill()? {
                return Ok(None);
            }
            match self.content.first().copied() {
                Some(kind @ (SAMPLE | PROCESS | LOSS)) => return Ok(Some((at, kind))),
                Some(OPTIONAL..) => {}
                Some(kind) => return Err(CaptureError::Kind { at, kind }),
                None => return Err(CaptureError::Length { at, len_bytes: 0 }),
            }
        }
    }

    /// Bytes of an entry that is cut off at the end of the file, once `next` has given `None`.
    pub fn tail_bytes(&self) -> Option<u64> {
        self.tail_bytes
    }

    /// Reads one length and what it covers into `content`. False at the end.
    fn fill(&mut self) -> Result<bool, CaptureError> {
        self.content.clear();
        let read_bytes = self.take(LENGTH_BYTES)?;
        let len_bytes = match *self.content {
            [] => return Ok(false),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => return Ok(self.cut(read_bytes)),
        };
        if len_bytes > MOST_BYTES as u64 {
            return Err(CaptureError::Length { at: self.at, len_bytes });
        }
        self.content.clear();
        let read_bytes = self.take(len_bytes)?;
        if read_bytes < len_bytes {
            return Ok(self.cut(LENGTH_BYTES + read_bytes));
        }
        self.at += LENGTH_BYTES + len_bytes;
        Ok(true)
    }

    fn take(&mut self, len_bytes: u64) -> Result<u64, CaptureError> {
        let read = self.input.by_ref().take(len_bytes).read_to_end(&mut self.content);
        read.map(|read| read as u64).map_err(CaptureError::Read)
    }

    /// Notes that the file ends within an entry.
    fn cut(&mut self, tail_bytes: u64) -> bool {
        self.tail_bytes = Some(tail_bytes);
        false
    }
}

/// The whole input as text.
fn text(start: Vec<u8>, input: impl BufRead) -> Result<String, CaptureError> {
    let mut bytes = start;
    let mut rest = input.take(MOST_TEXT_BYTES);
    rest.read_to_end(&mut bytes).map_err(CaptureError::Read)?;
    let text = String::from_utf8(bytes).map_err(|_| CaptureError::NotACapture)?;
    // Control characters are written as escapes in text; these are somebody's binary.
    let is_binary = text.bytes().any(|byte| byte < b' ' && !b"\n\r\t".contains(&byte));
    if text.is_empty() || is_binary || text.starts_with("EARWCAP") {
        return Err(CaptureError::NotACapture);
    }
    Ok(text)
}

const LENGTH_BYTES: u64 = 4;
const BUFFER_BYTES: usize = 1 << 18;
const MOST_TEXT_BYTES: u64 = 64 << 20;
