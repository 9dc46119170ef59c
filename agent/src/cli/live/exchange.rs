//! The line of an exchange, in columns.
//!
//! In: a record of kind `exchange`. Out: pieces of a `Line`.
//! Always: the same columns for every exchange at one width, so that they align; what is not known
//! is `-` or `?`.
//! Not here: other kinds of records (`live`).

use serde_json::Value;

use super::line::{Line, Style, time_columns};
use super::{number_at, process, text, text_at};

pub(super) fn put(line: &mut Line<'_>, record: &Value) {
    let columns = Columns::of(line.look().width);
    if columns.time {
        line.time(record);
    }
    side(line, record);
    let method = text_at(record, "/http/request/method").unwrap_or("?");
    line.left(Style::Bold, method, METHOD);
    let url = url(line, record, columns.url);
    line.left_clean(Style::Plain, &url, columns.url);
    status(line, record);
    if columns.size {
        let size = number_at(record, "/http/response/body/size").map(text::size);
        line.right(Style::Dim, size.as_deref().unwrap_or("-"), AMOUNT);
    }
    if columns.duration {
        duration(line, record);
    }
    if columns.parties > 0 {
        parties(line, record, columns.parties);
    }
    anomalies(line, record);
}

fn side(line: &mut Line<'_>, record: &Value) {
    let runs_here = |end| record.pointer(end).is_some();
    let both = runs_here("/client/process") && runs_here("/server/process");
    let mark = match text_at(record, "/observer/side") {
        _ if both => ("↕ ", "= "),
        Some("server") => ("↓ ", "< "),
        Some("client") => ("↑ ", "> "),
        _ => ("· ", "- "),
    };
    line.mark(Style::Dim, mark);
}

/// Host, path and query; of what is too long, first the query goes and then the middle.
fn url(line: &Line<'_>, record: &Value, room: usize) -> String {
    let clean =
        |pointer| text_at(record, pointer).map(|part| text::clean(part, line.look().unicode));
    let host = clean("/url/domain").unwrap_or_default();
    let port = number_at(record, "/url/port").map(|port| format!(":{port}")).unwrap_or_default();
    let path = clean("/url/path").unwrap_or_default();
    let short = format!("{host}{port}{path}");
    if short.is_empty() {
        return String::from("?");
    }
    let Some(query) = clean("/url/query") else { return line.fit(&short, room) };
    let whole = format!("{short}?{query}");
    if line.look().width.is_none() || text::width(&whole) <= room {
        return whole;
    }
    let mark = if line.look().unicode { "?…" } else { "?..." };
    line.fit(&short, room.saturating_sub(text::width(mark))) + mark
}

fn status(line: &mut Line<'_>, record: &Value) {
    let Some(status) = number_at(record, "/http/response/status_code") else {
        return line.right(Style::Dim, "-", STATUS);
    };
    let style = match status {
        ..200 => Style::Cyan,
        200..300 => Style::Green,
        300..400 => Style::Cyan,
        400..500 => Style::Yellow,
        _ => Style::Red,
    };
    line.right(style, &status.to_string(), STATUS);
}

fn duration(line: &mut Line<'_>, record: &Value) {
    let Some(ns) = number_at(record, "/duration_ns") else {
        return line.right(Style::Dim, "-", AMOUNT);
    };
    let style = if ns >= SLOW_NS { Style::Yellow } else { Style::Plain };
    line.right(style, &text::duration(ns, line.look().unicode), AMOUNT);
}

/// Both ends: process ids and ports go first when there is no room for them.
fn parties(line: &mut Line<'_>, record: &Value, room: usize) {
    let unicode = line.look().unicode;
    let room = room.saturating_sub(if unicode { 3 } else { 4 });
    let [client, server] = ["/client", "/server"].map(|end| Party::of(record, end, unicode));
    let whole = line.look().width.is_none() || client.width() + server.width() <= room;
    let [client, server] = [client, server].map(|party| party.text(whole));
    let client_room = room.saturating_sub(text::width(&server)).max(room / 2);
    let client = line.fit(&client, client_room);
    let server = line.fit(&server, room.saturating_sub(text::width(&client)));
    line.clean(Style::Plain, " ");
    line.clean(Style::Plain, &client);
    line.mark(Style::Dim, (" → ", " -> "));
    line.clean(Style::Plain, &server);
}

/// One end: the process, else the address; and the pid or port.
struct Party {
    name: String,
    number: String,
}

impl Party {
    fn of(record: &Value, end: &str, unicode: bool) -> Self {
        let party = record.pointer(end).unwrap_or(&Value::Null);
        let (name, number) = process(party.pointer("/process").unwrap_or(&Value::Null))
            .or_else(|| address(party))
            .unwrap_or_else(|| (String::from("?"), String::new()));
        Self { name: text::clean(&name, unicode), number }
    }

    fn width(&self) -> usize {
        text::width(&self.name) + text::width(&self.number)
    }

    fn text(self, whole: bool) -> String {
        if whole { self.name + &self.number } else { self.name }
    }
}

/// Address and port.
fn address(party: &Value) -> Option<(String, String)> {
    let address = text_at(party, "/address")?;
    Some(match number_at(party, "/port") {
        Some(port) if address.contains(':') => (format!("[{address}]"), format!(":{port}")),
        Some(port) => (address.to_owned(), format!(":{port}")),
        None => (address.to_owned(), String::new()),
    })
}

fn anomalies(line: &mut Line<'_>, record: &Value) {
    let anomalies = record.pointer("/earwitness/anomalies").and_then(Value::as_array);
    for anomaly in anomalies.into_iter().flatten().filter_map(Value::as_str) {
        line.put(Style::Red, &format!("  ! {anomaly}"));
    }
}

/// Which columns there is room for.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: bool,
    size: bool,
    duration: bool,
    /// Columns of the URL; at least so many where the width is unlimited.
    url: usize,
    /// Columns of both ends, 0 for none.
    parties: usize,
}

impl Columns {
    fn of(width: Option<usize>) -> Self {
        let Some(width) = width else {
            return Self { time: true, size: true, duration: true, url: 40, parties: usize::MAX };
        };
        let (time, size) = (width >= 56, width >= 96);
        let columns = [
            (true, SIDE + METHOD + 1 + STATUS),
            (time, time_columns(Some(width)) + 1 + AMOUNT + 1),
            (size, AMOUNT + 1),
        ];
        let used: usize = columns.iter().filter(|(shown, _)| *shown).map(|(_, used)| used).sum();
        let room = width.saturating_sub(used + 1);
        let parties = if width >= 76 { (room * 2 / 5).clamp(22, 48) } else { 0 };
        let url = room.saturating_sub(parties + 2 * usize::from(parties > 0)).max(1);
        Self { time, size, duration: time, url, parties }
    }
}

/// The side's mark with its space.
const SIDE: usize = 2;
const METHOD: usize = 7;
const STATUS: usize = 3;
/// Sizes and times.
const AMOUNT: usize = 6;
/// Exchanges that take longer are marked.
const SLOW_NS: u64 = 1_000_000_000;
