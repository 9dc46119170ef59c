//! Which two ends on this host belong to one connection.
//!
//! In: connections as they are announced. Out: the other end's id, once both are known.
//! Always: loopback addresses mean something only within their network namespace, so there the
//! namespace is part of the key; a link is made only between mirrored keys. One end alone is usual.
//! Not here: which of the two is captured (`pipeline::tracker`).

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::sample::{ConnId, Endpoints, Open};

/// What one end is known by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Key {
    /// Of a TCP connection.
    Tcp {
        /// Own address and port.
        local: (IpAddr, u16),
        /// The other end's.
        remote: (IpAddr, u16),
        /// Network namespace, where addresses mean something only there.
        netns: u32,
        /// How many TLS streams lie on it.
        layer: u8,
    },
    /// Of a unix socket.
    Unix {
        /// `struct sock *`
        sock: u64,
        /// The other end's.
        peer: u64,
        /// How many TLS streams lie on it.
        layer: u8,
    },
}

impl Key {
    /// That of an end, `None` if it cannot be told.
    pub fn of(open: &Open) -> Option<Self> {
        // Plaintext meets plaintext, and ciphertext ciphertext.
        let layer = open.tls.as_ref().map_or(0, |tls| tls.layer);
        match open.endpoints {
            Endpoints::Tcp { local, remote } => {
                let inside = local.0.is_loopback() || remote.0.is_loopback();
                let netns = if inside { open.netns } else { 0 };
                Some(Self::Tcp { local, remote, netns, layer })
            }
            Endpoints::Unknown => None,
            Endpoints::Unix { .. } if open.peer_sock == 0 => None,
            Endpoints::Unix { .. } => {
                Some(Self::Unix { sock: open.sock, peer: open.peer_sock, layer })
            }
        }
    }

    /// That of the other end.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Tcp { local, remote, netns, layer } => {
                Self::Tcp { local: remote, remote: local, netns, layer }
            }
            Self::Unix { sock, peer, layer } => Self::Unix { sock: peer, peer: sock, layer },
        }
    }
}

/// All ends that are known.
#[derive(Debug, Default)]
pub struct Ends {
    by_key: HashMap<Key, ConnId>,
}

impl Ends {
    /// Adds an end. Returns the other one if it is known. A key that is used again belongs to the
    /// newer connection.
    pub fn add(&mut self, open: &Open) -> Option<ConnId> {
        let key = Key::of(open)?;
        self.by_key.insert(key, open.conn);
        let other = self.by_key.get(&key.mirrored()).copied();
        other.filter(|other| *other != open.conn)
    }

    /// Removes an end.
    pub fn remove(&mut self, open: &Open) {
        if let Some(key) = Key::of(open)
            && self.by_key.get(&key) == Some(&open.conn)
        {
            self.by_key.remove(&key);
            // A table that was large once need not stay so.
            if self.by_key.capacity() > 1_024 && self.by_key.len() < self.by_key.capacity() / 8 {
                self.by_key.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::{FilterState, Role};
    use std::net::Ipv4Addr;

    fn open(conn: u64, local: (Ipv4Addr, u16), remote: (Ipv4Addr, u16), netns: u32) -> Open {
        Open {
            time_ns: 0,
            conn: ConnId(conn),
            sock: conn,
            peer_sock: 0,
            ino: 0,
            cgroup: 0,
            endpoints: Endpoints::Tcp {
                local: (IpAddr::V4(local.0), local.1),
                remote: (IpAddr::V4(remote.0), remote.1),
            },
            netns,
            role: Role::Unknown,
            fresh: true,
            tgid: 0,
            uid: 0,
            filter: FilterState::Watched,
            tls: None,
        }
    }

    #[test]
    fn loopback_ends_meet_only_in_one_namespace() {
        let here = Ipv4Addr::LOCALHOST;
        let mut ends = Ends::default();
        assert_eq!(ends.add(&open(1, (here, 5), (here, 80), 1)), None);
        assert_eq!(ends.add(&open(2, (here, 80), (here, 5), 2)), None);
        assert_eq!(ends.add(&open(3, (here, 80), (here, 5), 1)), Some(ConnId(1)));
    }

    #[test]
    fn other_addresses_meet_across_namespaces() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut ends = Ends::default();
        let first = open(1, (a, 5), (b, 80), 1);
        assert_eq!(ends.add(&first), None);
        assert_eq!(ends.add(&open(2, (b, 80), (a, 5), 2)), Some(ConnId(1)));
        ends.remove(&first);
        assert_eq!(ends.add(&open(3, (b, 80), (a, 5), 2)), None);
    }
}
