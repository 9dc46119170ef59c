//! Export formats: what a record looks like to other people's tools.
//!
//! In: one line of the journal. Out: the same record as one line of a format, or nothing.
//! Always: pure functions, no clock and no setting; a line has no newline in it, whatever the record
//! holds; what a format has no place for is under a key of its own (`unmapped`, `earwitness`) where it
//! has one. The list of formats is here, each is a file beside.
//! Not here: delivering lines (`sink`), choosing records (`audit::filter`).

mod cef;
mod clf;
mod ecs;
mod ocsf;
mod otel;
mod record;
mod tree;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use record::Record;

/// What a record is delivered as.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The line as it is in the journal.
    #[default]
    Native,
    /// OpenTelemetry: each line is an `ExportLogsServiceRequest` with one log record, in OTLP/JSON.
    Otel,
    /// OCSF 1.7.0: API Activity, and Application Lifecycle and Error for what the agent says of itself.
    Ocsf,
    /// Elastic Common Schema 8.17.
    Ecs,
    /// Combined log format, as web servers write it; exchanges only.
    Clf,
    /// ArcSight Common Event Format.
    Cef,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Native, Self::Otel, Self::Ocsf, Self::Ecs, Self::Clf, Self::Cef];

    /// A line of the journal (without newline) in this format, without newline. `None` if the format has
    /// nothing for such a record, or if the line is no record.
    pub fn convert(self, line: &[u8]) -> Option<Cow<'_, [u8]>> {
        let write = match self {
            Self::Native => return Some(Cow::Borrowed(line)),
            Self::Otel => otel::line,
            Self::Ocsf => ocsf::line,
            Self::Ecs => ecs::line,
            Self::Clf => clf::line,
            Self::Cef => cef::line,
        };
        write(Record::parse(line)?).map(Cow::Owned)
    }

    /// What each line begins with; empty if they have nothing in common.
    pub fn line_start(self) -> &'static [u8] {
        match self {
            Self::Native => b"{\"schema\":",
            Self::Otel => otel::LINE_START,
            Self::Ocsf => ocsf::LINE_START,
            Self::Ecs => ecs::LINE_START,
            Self::Clf => b"",
            Self::Cef => cef::LINE_START,
        }
    }
}

#[cfg(test)]
mod tests;
