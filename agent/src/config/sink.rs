//! `[[sink]]`: where records are delivered.
//!
//! In: the configuration file. Out: `SinkConfig`.
//! Always: not available in this version; a sink that is given is a mistake (`config::available`),
//! because records that are expected elsewhere would not get there. Settings of single kinds are
//! not looked at yet.
//! Not here: delivering.

use serde::{Deserialize, Serialize};

/// Where records are delivered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SinkConfig {
    /// Its durable cursor is kept under this name.
    pub name: String,
    /// What it is: `file`, `stdout`, `http`, `otlp`, `elasticsearch`, `splunk`, `gelf`,
    /// `cloudwatch`, `azure`, `kafka`, `s3`, `loki`, `syslog`, `clickhouse`, `nats`, `redis`,
    /// `fluent`.
    #[serde(rename = "type")]
    pub kind: SinkKind,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it is sent: `native`, `otel`, `ocsf`, `ecs`, `clf`, `cef`.
    #[serde(default)]
    pub format: SinkFormat,
}

/// Kind of a sink.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum SinkKind {
    File,
    Stdout,
    Http,
    Otlp,
    Elasticsearch,
    Splunk,
    Gelf,
    Cloudwatch,
    Azure,
    Kafka,
    S3,
    Loki,
    Syslog,
    Clickhouse,
    Nats,
    Redis,
    Fluent,
}

/// Format of what a sink is sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SinkFormat {
    /// The record as it is.
    #[default]
    Native,
    /// OpenTelemetry log record.
    Otel,
    /// OCSF API Activity.
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
    /// Combined log format.
    Clf,
    /// Common Event Format.
    Cef,
}
