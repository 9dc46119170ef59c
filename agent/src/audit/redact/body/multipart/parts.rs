//! A multipart body cut into its parts.
//!
//! In: the body, its boundary. Out: `Part`s, and whether the last one is closed.
//! Always: one pass, without a copy; all delimiters have the line ends of the first one; a text that could be taken
//! for a delimiter and is none marks its part, since others may read on differently.
//! Not here: heads of parts (`head`). Source: RFC 2046 section 5.1.1.

use memchr::memmem;

/// One part.
pub(super) struct Part<'b> {
    /// Its head and content.
    pub(super) bytes: &'b [u8],
    /// A delimiter stands behind it, and none that others might see stands in it.
    pub(super) intact: bool,
}

/// The parts of a body, in order.
pub(super) struct Parts<'b, 'd> {
    rest: &'b [u8],
    finder: memmem::Finder<'d>,
    line_end: &'static [u8],
    state: State,
}

/// ```text
/// Open --delimiter--> Open      Open --closing delimiter--> Closed      Open --end of the body--> Broken
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Open,
    Closed,
    Broken,
}

/// What stands where the boundary was found.
enum Mark {
    /// A part begins so many bytes behind it.
    Delimiter(usize),
    /// All ends so many bytes behind it.
    Close(usize),
}

impl<'b, 'd> Parts<'b, 'd> {
    /// What stands before the first delimiter, and the parts. `delimiter`: two dashes and the boundary. `None`: there
    /// are no parts.
    pub(super) fn open(body: &'b [u8], delimiter: &'d [u8]) -> Option<(&'b [u8], Self)> {
        let finder = memmem::Finder::new(delimiter);
        let (start, line_end, mark) = finder.find_iter(body).find_map(|at| {
            let begins = at == 0 || body.get(at - 1) == Some(&b'\n');
            let after = body.get(at + delimiter.len()..).filter(|_| begins)?;
            let line_end = LINE_ENDS.into_iter().find(|end| mark(after, end).is_some());
            let line_end = line_end.unwrap_or(b"\r\n");
            Some((at, line_end, mark(after, line_end)?))
        })?;
        let (state, used) = match mark {
            Mark::Delimiter(bytes) => (State::Open, bytes),
            Mark::Close(bytes) => (State::Closed, bytes),
        };
        let rest = body.get(start + delimiter.len() + used..)?;
        Some((body.get(..start)?, Self { rest, finder, line_end, state }))
    }

    /// How lines end.
    pub(super) fn line_end(&self) -> &'static [u8] {
        self.line_end
    }

    /// What stands behind the last delimiter; `None`: there was no closing one.
    pub(super) fn epilogue(&self) -> Option<&'b [u8]> {
        (self.state == State::Closed).then_some(self.rest)
    }

    fn mark(&self, at: usize) -> Option<Mark> {
        let (before, after) = self.rest.split_at_checked(at)?;
        let line = before.strip_suffix(self.line_end);
        let line_begins = before.is_empty()
            || line.is_some_and(|line| self.line_end.len() > 1 || !line.ends_with(b"\r"));
        mark(after.get(self.finder.needle().len()..)?, self.line_end).filter(|_| line_begins)
    }
}

/// What a boundary is by what stands behind it. `None`: it is none.
fn mark(after: &[u8], line_end: &[u8]) -> Option<Mark> {
    let (closes, rest) = match after.strip_prefix(b"--") {
        Some(rest) => (true, rest),
        None => (false, after),
    };
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = rest.get(blanks..)?;
    let ends = rest.starts_with(line_end);
    if closes {
        // It may be the last thing of all.
        return (ends || line_end.starts_with(rest)).then_some(Mark::Close(2 + blanks));
    }
    ends.then_some(Mark::Delimiter(blanks + line_end.len()))
}

impl<'b> Iterator for Parts<'b, '_> {
    type Item = Part<'b>;

    fn next(&mut self) -> Option<Part<'b>> {
        if self.state != State::Open {
            return None;
        }
        let mut intact = true;
        for at in self.finder.find_iter(self.rest) {
            let Some(mark) = self.mark(at) else {
                intact = false;
                continue;
            };
            let (state, used) = match mark {
                Mark::Delimiter(bytes) => (State::Open, bytes),
                Mark::Close(bytes) => (State::Closed, bytes),
            };
            let bytes = self.rest.get(..at.saturating_sub(self.line_end.len()));
            self.rest = self.rest.get(at + self.finder.needle().len() + used..).unwrap_or_default();
            self.state = state;
            return Some(Part { bytes: bytes.unwrap_or_default(), intact });
        }
        self.state = State::Broken;
        Some(Part { bytes: std::mem::take(&mut self.rest), intact: false })
    }
}

/// That of the standard, and that of those who do not care.
const LINE_ENDS: [&[u8]; 2] = [b"\r\n", b"\n"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts with `|` between them, `!` behind those that are not intact, what stands around them in brackets.
    fn check(body: &str, expected: &str) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_default().to_string();
        let Some((preamble, mut parts)) = Parts::open(body.as_bytes(), b"--b") else {
            return assert_eq!("none", expected, "{body}");
        };
        let shown: Vec<_> = parts
            .by_ref()
            .map(|part| text(part.bytes) + if part.intact { "" } else { "!" })
            .collect();
        let epilogue = parts.epilogue().map_or("-".to_owned(), text);
        let shown = format!("[{}]{}[{epilogue}]", text(preamble), shown.join("|"));
        assert_eq!(shown, expected, "{body}");
    }

    #[test]
    fn bodies_are_cut_at_delimiters() {
        check("--b\r\nx\r\n--b\r\ny\r\n--b--\r\n", r"[]x|y[\r\n]");
        check("--b \t\r\nx\r\n\r\n--b--", r"[]x\r\n[]");
        check("--b\nx\n--b--\n", r"[]x[\n]");
        check("pre\r\n--b\r\n\r\n--b--post", r"[pre\r\n]\r\n--b--post![-]");
        check("--b--\r\n", r"[][\r\n]");
        check("--b\r\n--b--", "[][]");
        check("x--b\r\n", "none");
        check("--b", "none");
        check("", "none");
    }

    #[test]
    fn what_others_may_take_for_a_delimiter_marks_its_part() {
        check("--b\r\nx --b y\r\n--b--", "[]x --b y![]");
        check("--b\r\nx\n--b\ny\r\n--b--", r"[]x\n--b\ny![]");
        check("--b\nx\r\n--b\ny\n--b--", r"[]x\r\n--b\ny![]");
        check("--b\r\nx\r\n--bc\r\n--b--", r"[]x\r\n--bc![]");
        check("--b\r\nx\r\n--b\r\ny", "[]x|y![-]");
        check("--b\r\nx\r\n--b", r"[]x\r\n--b![-]");
    }
}
