//! Lines that scroll, and one status line that stays below them.
//!
//! In: rendered lines. Out: bytes for a terminal, or plain lines for anything else.
//! Always: the status line is drawn in place, so what scrolled away stays in the terminal's own
//! memory; output goes out at `draw`, in one piece.
//! Not here: what lines say (`live`), asking the terminal for its size (`watch`).

use std::io::{self, Write};

/// Where lines go.
#[derive(Debug)]
pub struct Screen<W> {
    out: W,
    /// Bytes since the last `draw`.
    pending: String,
    /// The status line that is on the screen now, if any.
    status: Option<String>,
}

impl<W: Write> Screen<W> {
    /// A screen with nothing on it.
    pub fn new(out: W) -> Self {
        Self { out, pending: String::new(), status: None }
    }

    /// Adds a line above the status line.
    pub fn line(&mut self, line: &str) {
        self.erase_status();
        self.pending.push_str(line);
        self.pending.push('\n');
    }

    /// Shows everything, with `status` below it if there is one. Errors: those of writing.
    pub fn draw(&mut self, status: Option<String>) -> io::Result<()> {
        if status != self.status {
            self.erase_status();
            self.pending.push_str(status.as_deref().unwrap_or_default());
            self.status = status;
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        self.out.write_all(self.pending.as_bytes())?;
        self.pending.clear();
        self.out.flush()
    }

    fn erase_status(&mut self) {
        if self.status.take().is_some() {
            self.pending.push_str(ERASE_LINE);
        }
    }
}

/// To the first column, and erase to the end of the line.
const ERASE_LINE: &str = "\r\x1b[K";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_stays_below() {
        let mut screen = Screen::new(Vec::new());
        screen.line("one");
        screen.draw(Some("status 1".into())).unwrap();
        screen.draw(Some("status 1".into())).unwrap();
        screen.line("two");
        screen.line("three");
        screen.draw(Some("status 2".into())).unwrap();
        screen.draw(Some("status 3".into())).unwrap();
        screen.draw(None).unwrap();
        let shown = String::from_utf8(screen.out).unwrap().replace("\r\x1b[K", "<");
        assert_eq!(shown, "one\nstatus 1<two\nthree\nstatus 2<status 3<");
    }

    #[test]
    fn without_a_status_there_is_nothing_but_lines() {
        let mut screen = Screen::new(Vec::new());
        screen.line("one");
        screen.draw(None).unwrap();
        screen.line("two");
        screen.draw(None).unwrap();
        assert_eq!(screen.out, b"one\ntwo\n");
    }
}
