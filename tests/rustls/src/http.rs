//! HTTP/1.1 over a blocking stream.
//!
//! In: bytes of one connection. Out: messages' heads and the lengths of their contents, which are
//! thrown away. Always: what came behind a message stays for the next one.

use std::io::{Read, Write};

use crate::Result;
use crate::answer::{Answer, CHUNK_BYTES};

/// What came and is not used yet.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
}

/// A request whose content was thrown away.
pub struct Request {
    /// Method as sent.
    pub method: String,
    /// Target as sent.
    pub target: String,
    /// Length of its content.
    pub body_bytes: usize,
}

/// The next request, or nothing if no more come.
pub fn request(stream: &mut impl Read, buffer: &mut Buffer) -> Result<Option<Request>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head_bytes) = head.parse(&buffer.bytes)? {
            let (method, target) = (text(head.method), text(head.path));
            let body_bytes = content_length(head.headers)?;
            buffer.skip(stream, head_bytes + body_bytes)?;
            return Ok(Some(Request { method, target, body_bytes }));
        }
        if buffer.read(stream)? == 0 {
            return Ok(None);
        }
    }
}

/// The status of the next response, and the length of its content.
pub fn response(stream: &mut impl Read, buffer: &mut Buffer) -> Result<(u16, usize)> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        if let httparse::Status::Complete(head_bytes) = head.parse(&buffer.bytes)? {
            let (status, body_bytes) = (head.code.unwrap_or(0), content_length(head.headers)?);
            buffer.skip(stream, head_bytes + body_bytes)?;
            return Ok((status, body_bytes));
        }
        if buffer.read(stream)? == 0 {
            return Err("the connection ends before a response".into());
        }
    }
}

/// Sends a response: what has a length by calls of one or several buffers, chunks one by one.
pub fn send(stream: &mut impl Write, answer: &Answer) -> Result<()> {
    let (status, reason, content) = (answer.status, answer.reason(), &answer.content);
    let start = format!("HTTP/1.1 {status} {reason}\r\n");
    if answer.is_chunked {
        stream.write_all(format!("{start}Transfer-Encoding: chunked\r\n\r\n").as_bytes())?;
        stream.flush()?;
        for chunk in content.chunks(CHUNK_BYTES) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")?;
    } else {
        let head = format!("{start}Content-Length: {}\r\n\r\n", content.len());
        send_both(stream, head.as_bytes(), content)?;
    }
    Ok(stream.flush()?)
}

fn send_both(stream: &mut impl Write, head: &[u8], content: &[u8]) -> std::io::Result<()> {
    let slices = [head, content].map(std::io::IoSlice::new);
    let sent = stream.write_vectored(&slices)?;
    let content_sent = sent.saturating_sub(head.len());
    stream.write_all(head.get(sent..).unwrap_or_default())?;
    stream.write_all(content.get(content_sent..).unwrap_or_default())
}

impl Buffer {
    fn read(&mut self, stream: &mut impl Read) -> std::io::Result<usize> {
        let old = self.bytes.len();
        self.bytes.resize(old + READ_BYTES, 0);
        let read = stream.read(self.bytes.get_mut(old..).unwrap_or_default());
        self.bytes.truncate(old + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Drops so many bytes from the front, and reads them first where they are not here yet.
    fn skip(&mut self, stream: &mut impl Read, bytes: usize) -> Result<()> {
        let mut left = bytes;
        loop {
            let here = left.min(self.bytes.len());
            self.bytes.drain(..here);
            left -= here;
            if left == 0 {
                return Ok(());
            }
            if self.read(stream)? == 0 {
                return Err("the connection ends inside a message".into());
            }
        }
    }
}

fn text(found: Option<&str>) -> String {
    found.unwrap_or_default().to_owned()
}

/// Absent is nothing: neither tests nor these servers send clients' content in chunks.
fn content_length(headers: &[httparse::Header<'_>]) -> Result<usize> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let Some(header) = header else { return Ok(0) };
    Ok(std::str::from_utf8(header.value)?.trim().parse()?)
}

const HEADERS: usize = 50;
const READ_BYTES: usize = 16_000;
