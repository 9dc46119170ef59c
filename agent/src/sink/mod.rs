//! Sinks: records of the journal, delivered somewhere else.
//!
//! In: `[[sink]]`, the journal's lines. Out: the same records at a receiver, in its format, in order, at least once.
//! Always: this file is the one list of kinds; a kind is a file beside it, with its keys, what can be
//! wrong with them, and its tests; `seq` tells a record that comes twice.
//! Not here: reading and cursors (`deliver`, `cursor`), formats (`export`), threads (`daemon::sinks`).

mod cursor;
pub mod deliver;
pub mod file;

use serde::{Deserialize, Serialize};

pub use crate::export::Format;
pub use deliver::{Batch, Delivery};

/// Where records are delivered.
// `type` names the kind: `config::read` makes it the key of a table, since serde loses the places of
// mistakes behind a tag.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "type"))]
#[serde(rename_all = "lowercase")]
pub enum SinkConfig {
    /// Appends records to a file.
    File(file::FileConfig),
}

impl SinkConfig {
    /// What every kind answers.
    pub fn settings(&self) -> &dyn Settings {
        match self {
            Self::File(config) => config,
        }
    }
}

/// The settings of one sink, of whatever kind.
pub trait Settings {
    /// Its cursor is kept under this name.
    fn name(&self) -> &str;
    /// What its records are delivered as: batches come to it in this format.
    fn format(&self) -> Format;
    /// What is wrong with its own keys. No disk, no network: the configuration is checked anywhere.
    fn check(&self) -> Vec<Mistake>;
    /// The sink, not connected yet: a receiver that is away keeps nobody from starting.
    fn open(&self) -> Box<dyn Sink>;
}

/// A place that records are delivered to. One thread calls it.
pub trait Sink: Send {
    /// Delivers a batch in order. After `Ok` the receiver has it for good, and the cursor moves behind
    /// it. Errors: some of it may have been delivered; the same batch comes again, later.
    fn deliver(&mut self, batch: &Batch) -> Result<(), NotDelivered>;
}

/// Why a batch was not delivered, for a person.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct NotDelivered(pub String);

/// A mistake in the settings of a sink.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// Key of the value that is wrong.
    pub key: &'static str,
    /// What is wrong with it.
    pub text: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// Reports what is wrong with a list of sinks, with the index of each.
pub fn check(sinks: &[SinkConfig], report: &mut dyn FnMut(usize, Mistake)) {
    let name = |sink: &SinkConfig| sink.settings().name().to_owned();
    for (index, sink) in sinks.iter().enumerate() {
        let own = name(sink);
        if let Some(mistake) = mistake_of_name(&own) {
            report(index, mistake);
        } else if sinks.iter().take(index).any(|earlier| name(earlier) == own) {
            let text = format!("another sink has the name `{own}`");
            report(
                index,
                Mistake { key: "name", text, hint: Some("each keeps a cursor under it") },
            );
        }
        for mistake in sink.settings().check() {
            report(index, mistake);
        }
    }
}

/// A name is that of a file.
fn mistake_of_name(name: &str) -> Option<Mistake> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain);
    let text = || format!("`{name}` cannot be the name of a sink");
    let hint = Some("1 to 64 letters, digits, `-` and `_`");
    (!fits).then(|| Mistake { key: "name", text: text(), hint })
}

const MOST_NAME_BYTES: usize = 64;

#[cfg(test)]
mod tests;
