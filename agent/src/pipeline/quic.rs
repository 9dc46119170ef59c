//! QUIC connections, of which only the beginning can be read.
//!
//! In: datagrams that look like a client's first, from either end. Out: one loss a connection, with both
//! processes where both are on this host, and the server's name.
//! Always: only what decrypts as a client's Initial packet counts; a connection is told once, a second
//! after its first datagram, so that its other end can be seen; bounded memory.
//! Not here: packets and keys (`protocol::quic`). Connections older than the agent show nothing.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use super::Names;
use super::losses::Losses;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::{Address, Attribution, Origin, Party, Process, Side, Tls, Transport};
use crate::model::sample::{Datagram, Direction};
use crate::model::tls::{Facts, Version};
use crate::protocol::quic::{self, Opening};

/// Those that have begun lately.
#[derive(Default)]
pub(super) struct Quic {
    begun: HashMap<Key, Begun>,
    /// In order of their first datagrams.
    order: VecDeque<Key>,
}

/// What a client's datagrams have in common, whichever end they are seen at, and also after the server
/// has asked for another first one (Retry).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Key {
    client_port: u16,
    server_port: u16,
    /// The source connection id.
    client: Box<[u8]>,
}

struct Begun {
    since_ns: u64,
    client: End,
    server: End,
    /// `None` once told.
    opening: Option<Opening>,
}

#[derive(Default)]
struct End {
    address: Option<IpAddr>,
    process: Option<Arc<Process>>,
}

impl Quic {
    /// Takes a datagram.
    pub(super) fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        names: &dyn Names,
        losses: &mut Losses,
    ) {
        let Some(client) = quic::source_id(datagram.bytes) else { return };
        let (own, peer) = (datagram.local.1, datagram.remote.1);
        let (client_port, server_port) = match datagram.direction {
            Direction::Egress => (own, peer),
            Direction::Ingress => (peer, own),
        };
        let key = Key { client_port, server_port, client: client.into() };
        if let Some(begun) = self.begun.get_mut(&key) {
            if let Some(opening) = &mut begun.opening {
                opening.datagram(datagram.bytes);
                begun.seen_at(datagram, names);
            }
            return;
        }
        let Some(opening) = Opening::new(datagram.bytes) else { return };
        if self.order.len() >= MOST_BEGUN {
            self.forget_oldest(datagram.time_ns, losses);
        }
        let mut begun = Begun {
            since_ns: datagram.time_ns,
            client: End::default(),
            server: End::default(),
            opening: Some(opening),
        };
        begun.seen_at(datagram, names);
        self.order.push_back(key.clone());
        self.begun.insert(key, begun);
    }

    /// Time passes.
    pub(super) fn tick(&mut self, now_ns: u64, losses: &mut Losses) {
        for key in &self.order {
            let Some(begun) = self.begun.get_mut(key) else { continue };
            if now_ns.saturating_sub(begun.since_ns) < WAIT_NS {
                break;
            }
            begun.tell(key, now_ns, losses);
        }
        while let Some(begun) = self.order.front().and_then(|key| self.begun.get(key))
            && now_ns.saturating_sub(begun.since_ns) >= REMEMBER_NS
        {
            self.forget_oldest(now_ns, losses);
        }
    }

    /// The agent stops.
    pub(super) fn stop(&mut self, now_ns: u64, losses: &mut Losses) {
        while !self.order.is_empty() {
            self.forget_oldest(now_ns, losses);
        }
    }

    fn forget_oldest(&mut self, now_ns: u64, losses: &mut Losses) {
        let Some(key) = self.order.pop_front() else { return };
        if let Some(mut begun) = self.begun.remove(&key) {
            begun.tell(&key, now_ns, losses);
        }
    }
}

impl Begun {
    fn seen_at(&mut self, datagram: &Datagram<'_>, names: &dyn Names) {
        let (own, peer) = match datagram.direction {
            Direction::Egress => (&mut self.client, &mut self.server),
            Direction::Ingress => (&mut self.server, &mut self.client),
        };
        if own.process.is_none() && datagram.tgid != 0 {
            own.process = Some(names.process(datagram.tgid, datagram.uid));
        }
        // A socket for all addresses does not say which one it was, its peer does.
        peer.address = Some(datagram.remote.0).filter(is_one).or(peer.address);
        own.address = own.address.or(Some(datagram.local.0).filter(is_one));
    }

    /// Adds the loss, if it was not told before.
    fn tell(&mut self, key: &Key, now_ns: u64, losses: &mut Losses) {
        let Some(opening) = self.opening.take() else { return };
        let facts = Facts {
            server_name: opening.hello().and_then(|hello| hello.server_name.clone()),
            // There is no QUIC without it.
            version: Some(Version::Tls13),
            ..Facts::default()
        };
        let origin = Origin {
            side: if self.server.process.is_some() { Side::Server } else { Side::Client },
            transport: Transport::Udp,
            client: self.client.party(key.client_port),
            server: self.server.party(key.server_port),
            attribution: Attribution::Socket,
            tls: Some(Tls { library: None, facts: Some(Arc::new(facts)) }),
            proxied: None,
        };
        let loss = Loss::connection(Reason::OpaqueQuic);
        losses.add(&loss, Some(&origin), now_ns);
    }
}

impl End {
    fn party(&self, port: u16) -> Party {
        Party {
            address: self.address.map(Address::Ip),
            port: (port != 0).then_some(port),
            process: self.process.clone(),
        }
    }
}

fn is_one(address: &IpAddr) -> bool {
    !address.is_unspecified()
}

/// How long the other end is waited for, and further datagrams of the same ClientHello.
const WAIT_NS: u64 = 1_000_000_000;
/// How long a connection is known by its first datagrams, since some come again.
const REMEMBER_NS: u64 = 30_000_000_000;
/// Most that are known at once.
const MOST_BEGUN: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::ProcessEvent;

    struct Pids;

    impl Names for Pids {
        fn process(&self, tgid: u32, _uid: u32) -> Arc<Process> {
            Arc::new(Process { pid: tgid, ..Process::default() })
        }

        fn event(&self, _event: &ProcessEvent) {}
    }

    /// The client's first datagram of RFC 9001, Appendix A.2.
    fn initial() -> Vec<u8> {
        let text = include_str!("../protocol/quic/tests/rfc9001.txt");
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// At the client's end, whose socket has all addresses.
    fn sent(bytes: &[u8], port: u16) -> Datagram<'_> {
        Datagram {
            direction: Direction::Egress,
            time_ns: 1,
            local: (IpAddr::from([0, 0, 0, 0]), port),
            remote: (IpAddr::from([10, 0, 0, 9]), 443),
            bytes,
            tgid: 71,
            uid: 0,
        }
    }

    /// The same at the server's.
    fn received(bytes: &[u8], port: u16) -> Datagram<'_> {
        Datagram {
            direction: Direction::Ingress,
            local: (IpAddr::from([0, 0, 0, 0]), 443),
            remote: (IpAddr::from([10, 0, 0, 4]), port),
            tgid: 402,
            ..sent(bytes, port)
        }
    }

    /// The one connection that was told.
    fn only(losses: &Losses) -> &Origin {
        let [(loss, Some(origin))] = *losses.sums().collect::<Vec<_>>() else { panic!("not one") };
        assert_eq!((loss.reason, loss.connections), (Reason::OpaqueQuic, Some(1)));
        origin
    }

    #[test]
    fn both_ends_are_one_connection() {
        let (mut quic, mut losses) = (Quic::default(), Losses::default());
        let initial = initial();
        // One was lost on its way and sent again.
        for datagram in [sent(&initial, 50_000), sent(&initial, 50_000), received(&initial, 50_000)]
        {
            quic.datagram(&datagram, &Pids, &mut losses);
        }
        quic.tick(WAIT_NS, &mut losses);
        assert_eq!(losses.sums().count(), 0, "it has not waited for the other end");
        quic.tick(WAIT_NS + 1, &mut losses);
        quic.datagram(&received(&initial, 50_000), &Pids, &mut losses);
        quic.tick(REMEMBER_NS + 1, &mut losses);
        quic.stop(REMEMBER_NS, &mut losses);
        let origin = only(&losses);
        let party = |party: &Party| {
            (party.address.clone(), party.port, party.process.as_ref().map(|process| process.pid))
        };
        let ip = |last| Some(Address::Ip(IpAddr::from([10, 0, 0, last])));
        assert_eq!(origin.side, Side::Server);
        assert_eq!(party(&origin.client), (ip(4), Some(50_000), Some(71)));
        assert_eq!(party(&origin.server), (ip(9), Some(443), Some(402)));
        let facts = origin.tls.as_ref().and_then(|tls| tls.facts.as_ref()).unwrap();
        assert_eq!(facts.server_name.as_deref(), Some("example.com"));
    }

    #[test]
    fn one_end_alone() {
        let (mut quic, mut losses) = (Quic::default(), Losses::default());
        quic.datagram(&sent(&initial(), 50_000), &Pids, &mut losses);
        quic.stop(REMEMBER_NS, &mut losses);
        let origin = only(&losses);
        assert_eq!(origin.side, Side::Client);
        assert!(origin.client.address.is_none(), "which one it was is not known");
        assert!(origin.server.process.is_none());
    }

    #[test]
    fn what_only_looks_like_it() {
        let (mut quic, mut losses) = (Quic::default(), Losses::default());
        let mut other = initial();
        other.iter_mut().skip(100).for_each(|byte| *byte ^= 1);
        for bytes in [&other[..], &initial()[..1_100], &[0xc0; 1_200], &[]] {
            quic.datagram(&sent(bytes, 50_000), &Pids, &mut losses);
        }
        quic.stop(REMEMBER_NS, &mut losses);
        assert_eq!(losses.sums().count(), 0);
    }

    #[test]
    fn more_than_are_remembered_are_told_all_the_same() {
        let (mut quic, mut losses) = (Quic::default(), Losses::default());
        let initial = initial();
        for port in 1..=3_000 {
            quic.datagram(&sent(&initial, port), &Pids, &mut losses);
        }
        assert!(quic.begun.len() <= MOST_BEGUN);
        quic.stop(REMEMBER_NS, &mut losses);
        let told: u64 = losses.sums().filter_map(|(loss, _)| loss.connections).sum();
        assert_eq!(told, 3_000);
    }
}
