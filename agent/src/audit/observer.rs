//! The agent itself: who watches, and what it says of itself.
//!
//! In: facts about the host, losses, events of the daemon. Out: `loss` and `lifecycle` records.
//! Always: nothing in these records comes out of captured bytes.
//! Not here: reading the host's files, counting losses (`daemon`).

use sha2::{Digest, Sha256};

use super::encode::EncodedRecord;
use super::record::agent::{Lifecycle, LifecycleAction, Loss};
use super::record::party::{self, Party};
use super::record::value::{Address, Text, Timestamp};
use super::record::{self, Event, Host, Kind, Record, SCHEMA};
use super::tls;
use crate::model::loss;
use crate::model::origin::{self, Side};
use crate::model::time::format_rfc3339;

/// Who watches: the same in every record of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observer {
    /// Name of the host.
    pub host_name: Option<String>,
    /// `host_id` of the host's machine id.
    pub host_id: Option<String>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// Version of the agent.
    pub version: String,
}

/// What a loss concerns, where it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Concerns<'a> {
    /// One process.
    pub process: Option<&'a origin::Process>,
    /// One answering end.
    pub server: Option<&'a origin::Party>,
    /// One asking end; its port changes from connection to connection and is not told.
    pub client: Option<&'a origin::Party>,
    /// TLS that cannot be read.
    pub tls: Option<&'a origin::Tls>,
}

/// What one rule of a policy has left out.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut<'a> {
    /// Exchanges.
    pub exchanges: u64,
    /// Messages within exchanges that were left out.
    pub messages: u64,
    /// Position of the rule; `None`: the default.
    pub rule: Option<u32>,
    /// Digest of the policy.
    pub digest: &'a str,
    /// When the first was, in nanoseconds since the Unix epoch.
    pub since_ns: i64,
}

/// Identifies a host without giving its machine id away: the first 32 hexadecimal digits of
/// SHA-256 over a fixed text and the machine id.
pub fn host_id(machine_id: &str) -> String {
    let hash = Sha256::new().chain_update(b"earwitness host id\n").chain_update(machine_id.trim());
    let mut digits = hex(&hash.finalize());
    digits.truncate(32);
    digits
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl Observer {
    /// A `loss` record. `since_ns`, `until_ns`: the time in which it was lost, in nanoseconds since
    /// the Unix epoch; the record's own time is `until_ns`.
    pub fn loss(
        &self,
        loss: &loss::Loss,
        since_ns: i64,
        until_ns: i64,
        concerns: Concerns<'_>,
    ) -> EncodedRecord {
        let loss = Loss {
            reason: loss.reason,
            events: loss.events,
            bytes: loss.bytes,
            since: Timestamp(since_ns),
            until: Timestamp(until_ns),
            exchanges: loss.exchanges,
            connections: loss.connections,
            process: concerns.process.map(process),
            server: concerns.server.map(party).filter(|party| !party.is_empty()),
            client: concerns
                .client
                .map(|client| Party { port: None, ..party(client) })
                .filter(|party| !party.is_empty()),
        };
        let tls = concerns.tls.and_then(tls::group);
        Record { loss: Some(loss), tls, ..self.record(Kind::Loss, until_ns) }.encode(None)
    }

    /// A `lifecycle` record. `at_ns`: nanoseconds since the Unix epoch.
    pub fn lifecycle(&self, lifecycle: Lifecycle<'_>, at_ns: i64) -> EncodedRecord {
        Record { lifecycle: Some(lifecycle), ..self.record(Kind::Lifecycle, at_ns) }.encode(None)
    }

    /// The `lifecycle` record of what a policy has left out. `until_ns`: when the last was, in nanoseconds
    /// since the Unix epoch.
    pub fn left_out(&self, left_out: LeftOut<'_>, until_ns: i64) -> EncodedRecord {
        let mut told = Lifecycle::new(LifecycleAction::LeftOut)
            .with("exchanges", left_out.exchanges)
            .with("policy_digest", left_out.digest)
            .with("since", format_rfc3339(left_out.since_ns));
        if let Some(rule) = left_out.rule {
            told = told.with("rule", u64::from(rule));
        }
        if left_out.messages > 0 {
            told = told.with("messages", left_out.messages);
        }
        self.lifecycle(told, until_ns)
    }

    /// The group `observer`.
    pub(super) fn group(&self, side: Option<Side>) -> record::Observer<'_> {
        let host = Host {
            name: self.host_name.as_deref().map(Text::Borrowed),
            id: self.host_id.as_deref().map(Text::Borrowed),
            boot_id: self.boot_id.as_deref().map(Text::Borrowed),
        };
        let host = (host != Host::default()).then_some(host);
        record::Observer { host, side, version: Text::Borrowed(&self.version) }
    }

    pub(super) fn record<'a>(&'a self, kind: Kind, at_ns: i64) -> Record<'a> {
        Record {
            schema: SCHEMA,
            seq: 0,
            timestamp: Timestamp(at_ns),
            event: Event { kind, outcome: None },
            observer: self.group(None),
            client: None,
            server: None,
            source: None,
            trace: None,
            network: None,
            tls: None,
            url: None,
            http: None,
            rpc: None,
            graphql: None,
            user_agent: None,
            principal: None,
            identity: Vec::new(),
            duration_ns: None,
            time_to_first_byte_ns: None,
            capture: None,
            redactions: Vec::new(),
            policy: None,
            loss: None,
            lifecycle: None,
            earwitness: None,
            message: None,
            exchange_seq: None,
        }
    }
}

/// One end of a connection, as a record names it.
pub(super) fn party(end: &origin::Party) -> Party<'_> {
    let address = end.address.as_ref().map(|address| match address {
        origin::Address::Ip(address) => Address::Ip(*address),
        origin::Address::Path(path) => Address::Path(Text::Borrowed(path)),
    });
    Party { address, port: end.port, process: end.process.as_deref().map(process) }
}

fn process(process: &origin::Process) -> party::Process<'_> {
    let path = process.executable.as_deref();
    let user =
        party::User { id: process.user_id, name: process.user_name.as_deref().map(Text::Borrowed) };
    party::Process {
        pid: process.pid,
        executable: path.map(|path| party::Executable { path: Text::Borrowed(path) }),
        user: (user.id.is_some() || user.name.is_some()).then_some(user),
    }
}
