//! Where an exchange took place, out of what is known of its connection.
//!
//! In: the announcement of the watched end, the processes of both ends. Out: `Origin`.
//! Always: the address of a peer is the socket's own; unknown stays unknown.
//! Not here: finding the other end (`conn::ends`).

use std::sync::Arc;

use crate::model::origin::{Address, Attribution, Origin, Party, Process, Side, Tls, Transport};
use crate::model::sample::{Endpoints, Open};
use crate::model::tls::Facts;

/// Puts both ends where they belong: the watched one is the server or the client.
pub fn of(
    open: &Open,
    side: Side,
    own: Option<Arc<Process>>,
    peer: Option<Arc<Process>>,
    facts: Option<Arc<Facts>>,
) -> Origin {
    let (transport, own, peer) = match &open.endpoints {
        Endpoints::Tcp { local, remote } => (
            Transport::Tcp,
            Party { address: Some(Address::Ip(local.0)), port: Some(local.1), process: own },
            Party { address: Some(Address::Ip(remote.0)), port: Some(remote.1), process: peer },
        ),
        Endpoints::Unix { path } => {
            // Only the listening end has a name.
            let path = path.as_deref().map(|path| Address::Path(Arc::from(path)));
            let (own_path, peer_path) = match side {
                Side::Server => (path, None),
                Side::Client => (None, path),
            };
            (
                Transport::Unix,
                Party { address: own_path, port: None, process: own },
                Party { address: peer_path, port: None, process: peer },
            )
        }
        Endpoints::Unknown => (
            Transport::Unknown,
            Party { process: own, ..Party::default() },
            Party { process: peer, ..Party::default() },
        ),
    };
    let attribution = open.tls.as_ref().map_or(Attribution::Socket, |tls| tls.attribution);
    let library = open.tls.as_ref().map(|tls| tls.library);
    let tls = (library.is_some() || facts.is_some()).then_some(Tls { library, facts });
    let (client, server) = match side {
        Side::Server => (peer, own),
        Side::Client => (own, peer),
    };
    Origin { side, transport, client, server, attribution, tls, proxied: None }
}
