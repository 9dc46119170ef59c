//! From exchanges to records: policy, redaction, the output schema.
//!
//! In: `protocol::exchange::Exchange` with its `Origin`. Out: `EncodedRecord`, one JSON object.
//! Always: `Policy::apply` is the only way from an exchange to a record, so nothing unredacted can
//! be written; what was removed is counted in the record.
//! Not here: numbering and storing records (`journal`), delivering them (`sink`).

mod assemble;
mod capture;
pub mod config;
mod content;
pub mod encode;
pub mod facts;
pub mod filter;
pub mod glob;
pub mod identity;
mod json;
mod name_table;
pub mod observer;
pub mod policy;
pub mod preset;
pub mod record;
pub mod redact;
pub mod route;
mod rpc;
pub mod rule;
pub mod seal;
mod source;
mod stream_message;
mod tls;
pub mod token;
pub mod trace;
pub mod trusted;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
