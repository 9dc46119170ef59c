//! Losses added up over time, so that a thousand holes a second make one record.
//!
//! In: losses with what they concern. Out: `loss` records: each second for what was missed, each
//! minute for what cannot be read at all (TLS, QUIC, other protocols), everything at a stop.
//! Always: sums only, nothing is dropped: when too many processes and servers are concerned, the sum
//! goes on without naming them.
//! Not here: finding losses.

use std::collections::HashMap;

use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{Concerns, Observer};
use crate::model::loss::{Loss, Reason};
use crate::model::origin::{Address, Origin, Process, Side};
use crate::model::time::ClockOffset;

/// How often sums of what was missed are told.
const MISSED_NS: u64 = 1_000_000_000;
/// How often sums of what cannot be read are told.
const UNREADABLE_NS: u64 = 60_000_000_000;
/// Most sums kept at once.
const SUMS: usize = 1_024;

/// Sums by what they concern.
#[derive(Debug, Default)]
pub struct Losses {
    sums: HashMap<Key, Sum>,
}

/// What is added up into one sum.
#[derive(Debug, Eq, Hash, PartialEq)]
struct Key {
    reason: Reason,
    /// The process on this host; where both are, the answering one.
    pid: Option<u32>,
    /// Where it asked, if that is another host.
    elsewhere: Option<(Address, Option<u16>)>,
    /// Who asked from another host for what cannot be read.
    asking: Option<Address>,
    /// What name was asked for.
    server_name: Option<String>,
}

#[derive(Debug)]
struct Sum {
    loss: Loss,
    origin: Option<Origin>,
    since_ns: u64,
    until_ns: u64,
}

impl Losses {
    /// Adds one. `at_ns`: CLOCK_MONOTONIC, 0 if unknown.
    pub fn add(&mut self, loss: &Loss, origin: Option<&Origin>, at_ns: u64) {
        let mut origin = origin;
        let mut key = Key::of(loss.reason, origin);
        if self.sums.len() >= SUMS && !self.sums.contains_key(&key) {
            origin = None;
            key = Key::of(loss.reason, origin);
        }
        match self.sums.get_mut(&key) {
            Some(sum) => sum.add(loss, at_ns),
            None => {
                let origin = origin.cloned();
                let sum = Sum { loss: loss.clone(), origin, since_ns: at_ns, until_ns: at_ns };
                self.sums.insert(key, sum);
            }
        }
    }

    /// Tells the sums that are due.
    pub fn flush(
        &mut self,
        now_ns: u64,
        clock: ClockOffset,
        observer: &Observer,
        records: &mut Vec<EncodedRecord>,
    ) {
        self.sums.retain(|key, sum| {
            if now_ns < sum.since_ns.saturating_add(period_ns(key.reason)) {
                return true;
            }
            records.push(sum.record(now_ns, clock, observer));
            false
        });
    }

    /// What has been added up and not told.
    #[cfg(test)]
    pub(super) fn sums(&self) -> impl Iterator<Item = (&Loss, Option<&Origin>)> {
        self.sums.values().map(|sum| (&sum.loss, sum.origin.as_ref()))
    }

    /// Tells every sum.
    pub fn flush_all(
        &mut self,
        now_ns: u64,
        clock: ClockOffset,
        observer: &Observer,
        records: &mut Vec<EncodedRecord>,
    ) {
        records.extend(self.sums.drain().map(|(_, sum)| sum.record(now_ns, clock, observer)));
    }
}

impl Key {
    fn of(reason: Reason, origin: Option<&Origin>) -> Self {
        let server = origin.map(|origin| &origin.server).filter(|server| server.process.is_none());
        let address = server.and_then(|server| server.address.clone());
        let opaque = origin.filter(|_| reason.is_opaque());
        let client = opaque.map(|origin| &origin.client);
        let client = client.filter(|client| client.process.is_none());
        let tls = opaque.and_then(|origin| origin.tls.as_ref());
        let facts = tls.and_then(|tls| tls.facts.as_ref());
        Self {
            asking: client.and_then(|client| client.address.clone()),
            server_name: facts.and_then(|facts| facts.server_name.clone()),
            reason,
            pid: origin.and_then(|origin| here(reason, origin)).map(|process| process.pid),
            elsewhere: address.map(|address| (address, server.and_then(|server| server.port))),
        }
    }
}

/// The process on this host that is concerned: of what cannot be read, the one at whose end it was
/// looked for.
fn here(reason: Reason, origin: &Origin) -> Option<&Process> {
    let (server, client) = (origin.server.process.as_deref(), origin.client.process.as_deref());
    match reason {
        opaque if opaque.is_opaque() && origin.side == Side::Client => client.or(server),
        _ => server.or(client),
    }
}

impl Sum {
    fn add(&mut self, loss: &Loss, at_ns: u64) {
        self.loss.events += loss.events;
        self.loss.bytes += loss.bytes;
        self.loss.exchanges = both(self.loss.exchanges, loss.exchanges);
        self.loss.connections = both(self.loss.connections, loss.connections);
        self.until_ns = self.until_ns.max(at_ns);
    }

    fn record(&self, now_ns: u64, clock: ClockOffset, observer: &Observer) -> EncodedRecord {
        let at = |time_ns: u64| clock.wall_ns(if time_ns == 0 { now_ns } else { time_ns });
        let opaque = self.origin.as_ref().filter(|_| self.loss.reason.is_opaque());
        let concerns = Concerns {
            process: self.origin.as_ref().and_then(|origin| here(self.loss.reason, origin)),
            server: self.origin.as_ref().map(|origin| &origin.server),
            client: opaque.map(|origin| &origin.client),
            tls: opaque.and_then(|origin| origin.tls.as_ref()),
        };
        observer.loss(&self.loss, at(self.since_ns), at(self.until_ns), concerns)
    }
}

/// A sum is known only while every part is.
fn both(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.saturating_add(other?))
}

fn period_ns(reason: Reason) -> u64 {
    match reason {
        Reason::OpaqueTls | Reason::OpaqueQuic | Reason::Upgraded => UNREADABLE_NS,
        _ => MISSED_NS,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::model::origin::{Attribution, Party, Transport};

    /// A process here that asks another host.
    fn asking(pid: u32, address: &str) -> Origin {
        let process = Arc::new(Process { pid, ..Process::default() });
        let address = address.parse::<IpAddr>().unwrap();
        Origin {
            side: Side::Client,
            transport: Transport::Tcp,
            client: Party { process: Some(process), ..Party::default() },
            server: Party {
                address: Some(Address::Ip(address)),
                port: Some(443),
                ..Party::default()
            },
            attribution: Attribution::Socket,
            tls: None,
            proxied: None,
        }
    }

    #[test]
    fn what_cannot_be_read_names_the_process_and_the_server() {
        let mut losses = Losses::default();
        let loss = Loss { connections: Some(1), ..Loss::hole(Reason::OpaqueTls, 100) };
        for (pid, address) in
            [(7, "192.0.2.1"), (7, "192.0.2.1"), (7, "192.0.2.2"), (8, "192.0.2.1")]
        {
            losses.add(&loss, Some(&asking(pid, address)), 1);
        }
        let observer =
            Observer { host_name: None, host_id: None, boot_id: None, version: "1.0.0".into() };
        let mut records = Vec::new();
        losses.flush_all(2, ClockOffset { offset_ns: 0 }, &observer, &mut records);
        let mut told: Vec<String> = records
            .iter()
            .map(|record| {
                let line: Value = serde_json::from_slice(&record.line(0)).unwrap();
                let loss = &line["loss"];
                let (pid, server) = (&loss["process"]["pid"], &loss["server"]);
                format!("{} {pid} {} {}", loss["connections"], server["address"], server["port"])
            })
            .collect();
        told.sort();
        assert_eq!(
            told,
            ["1 7 \"192.0.2.2\" 443", "1 8 \"192.0.2.1\" 443", "2 7 \"192.0.2.1\" 443",]
        );
    }
}
