//! The client, by what trusted proxies say: `source`.
//!
//! In: the fields of a request, its origin, who is believed. Out: the record's `source`, and what was odd.
//! Always: nobody but a trusted peer is listened to; hops are walked from ours to the client's, and the first
//! that is not trusted is the client, whatever stands beyond it; where what has to be read breaks its grammar,
//! the sender is all that is known.
//! Not here: the grammars (`forwarded`, `hop`), who is trusted (`audit::trusted`).

mod forwarded;
mod hop;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use hop::{Hop, Node};

use serde::{Deserialize, Serialize};

use super::identity::IdentityConfig;
use super::record::party::{Source, SourceRule};
use super::record::value::Address;
use super::trusted::{NetworkError, Trusted};
use crate::model::origin::{self, Origin, Transport};
use crate::model::proxied::Command;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::fields::Fields;

/// A header in which a proxy says for whom it asks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ForwardingHeader {
    /// RFC 7239.
    Forwarded,
    /// A list of addresses.
    XForwardedFor,
    /// One address.
    XRealIp,
}

impl ForwardingHeader {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Forwarded, Self::XForwardedFor, Self::XRealIp];
}

/// Who is believed, and in what.
#[derive(Clone, Debug, Default)]
pub struct Believed {
    trusted: Trusted,
    unix: bool,
    headers: Vec<ForwardingHeader>,
}

/// What was found out about the client.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// `None`: no trusted proxy has said anything.
    pub(super) source: Option<Source<'static>>,
    /// What was odd about it.
    pub(super) anomaly: Option<Anomaly>,
}

impl Believed {
    /// Who that is by a configuration. Errors: a network that is none.
    pub fn new(config: &IdentityConfig) -> Result<Self, NetworkError> {
        let trusted = Trusted::new(&config.trusted_proxies)?;
        let headers = config.forwarding_headers.clone();
        Ok(Self { trusted, unix: config.trust_unix, headers })
    }

    /// Proxies that are believed.
    pub fn trusted(&self) -> &Trusted {
        &self.trusted
    }

    /// The peer, if it is believed; its address, if it has one.
    fn peer(&self, origin: &Origin) -> Option<Option<Node>> {
        match &origin.client.address {
            Some(origin::Address::Ip(address)) => {
                let node = Node { address: address.to_canonical(), port: origin.client.port };
                self.trusted.contains(*address).then_some(Some(node))
            }
            _ => (self.unix && origin.transport == Transport::Unix).then_some(None),
        }
    }

    fn reads(&self, header: ForwardingHeader) -> bool {
        self.headers.contains(&header)
    }
}

/// The client of an exchange with these fields, if a trusted proxy says who it is.
pub(super) fn source(fields: Option<&Fields>, origin: &Origin, believed: &Believed) -> Told {
    if believed.trusted.is_empty() && !believed.unix {
        return Told::default();
    }
    let Some(peer) = believed.peer(origin) else { return Told::default() };
    let mut way = Way::from(peer);
    if let Some(proxied) = &origin.proxied {
        let rule = if proxied.version == 1 { SourceRule::ProxyV1 } else { SourceRule::ProxyV2 };
        match (proxied.command, proxied.source) {
            (Command::Invalid, _) => return way.told(Some(Anomaly::InvalidProxyHeader)),
            // It speaks for itself.
            (Command::Local, _) => {}
            (Command::Proxy, None) => return way.hidden(rule).told(None),
            (Command::Proxy, Some(end)) => {
                way.add(Node { address: end.ip(), port: Some(end.port()) });
                way.rule = rule;
                if !believed.trusted.contains(end.ip()) {
                    return way.told(None);
                }
            }
        }
    }
    match fields {
        Some(fields) => by_headers(way, fields, believed),
        None => way.told(None),
    }
}

/// Goes on from whoever has sent the fields.
fn by_headers(way: Way, fields: &Fields, believed: &Believed) -> Told {
    let forwarded = believed.reads(ForwardingHeader::Forwarded);
    let forwarded = forwarded.then(|| forwarded::hops(fields.all("forwarded"))).flatten();
    let listed = believed.reads(ForwardingHeader::XForwardedFor);
    let listed = listed.then(|| hop::listed(fields.all("x-forwarded-for"))).flatten();
    let go = |hops: Vec<Hop>, rule| way.clone().walk(&hops, rule, &believed.trusted);
    let forwarded = forwarded.map(|hops| go(hops, SourceRule::Forwarded));
    let listed = listed.map(|hops| go(hops, SourceRule::XForwardedFor));
    let end = match (forwarded, listed) {
        (Some(Some(one)), Some(Some(other))) if one.client() != other.client() => {
            return way.told(Some(Anomaly::ConflictingForwarding));
        }
        (Some(None), _) | (_, Some(None)) => None,
        (Some(end), _) | (None, Some(end)) => end,
        (None, None) if believed.reads(ForwardingHeader::XRealIp) => {
            match hop::single(fields.all("x-real-ip")) {
                Some(hop) => go(vec![hop], SourceRule::XRealIp),
                None => return way.told(None),
            }
        }
        (None, None) => return way.told(None),
    };
    match end {
        Some(end) => end.told(None),
        None => way.told(Some(Anomaly::InvalidForwarding)),
    }
}

/// The way from us to the client, as far as it is known.
#[derive(Clone)]
struct Way {
    /// From the socket's peer on.
    nodes: Vec<Node>,
    /// Some in between were left out.
    is_cut: bool,
    /// The client is not told.
    is_hidden: bool,
    /// By what the last node is known.
    rule: SourceRule,
}

impl Way {
    fn from(peer: Option<Node>) -> Self {
        let nodes = peer.into_iter().collect();
        Self { nodes, is_cut: false, is_hidden: false, rule: SourceRule::Peer }
    }

    fn add(&mut self, node: Node) {
        if self.nodes.len() >= MOST_NODES {
            // The client itself always stays.
            self.nodes.pop();
            self.is_cut = true;
        }
        self.nodes.push(node);
    }

    fn hidden(mut self, rule: SourceRule) -> Self {
        (self.is_hidden, self.rule) = (true, rule);
        self
    }

    /// Goes on, from our end, to the first that is not trusted, or to the last. `None`: one on the way there
    /// cannot be read.
    fn walk(mut self, hops: &[Hop], rule: SourceRule, trusted: &Trusted) -> Option<Self> {
        for (walked, hop) in hops.iter().rev().enumerate() {
            match hop {
                _ if walked >= MOST_HOPS => return None,
                Hop::Malformed => return None,
                Hop::Hidden => return Some(self.hidden(rule)),
                Hop::Node(node) => {
                    self.add(*node);
                    self.rule = rule;
                    if !trusted.contains(node.address) {
                        break;
                    }
                }
            }
        }
        Some(self)
    }

    fn client(&self) -> Option<IpAddr> {
        self.nodes.last().filter(|_| !self.is_hidden).map(|node| node.address)
    }

    /// What a record says of it: nothing, if nothing was said.
    fn told(&self, anomaly: Option<Anomaly>) -> Told {
        if self.rule == SourceRule::Peer && anomaly.is_none() {
            return Told::default();
        }
        let client = self.nodes.last().filter(|_| !self.is_hidden);
        let chain = self.nodes.iter().rev().map(|node| Address::Ip(node.address)).collect();
        let source = Source {
            address: client.map(|node| Address::Ip(node.address)),
            port: client.and_then(|node| node.port),
            rule: self.rule,
            chain,
            truncated: self.is_cut,
        };
        Told { source: Some(source), anomaly }
    }
}

/// Most addresses that a record names.
const MOST_NODES: usize = 32;
/// Most hops that are followed; who needs more is not believed.
const MOST_HOPS: usize = 256;
