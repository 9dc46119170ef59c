//! What was seen of a TLS connection, as a record says it.
//!
//! In: `model::origin::Tls`. Out: the group `tls`. Always: as `record::tls`.
//! Not here: everything else of an exchange (`assemble`).

use super::record::tls::{Certificate, Client, Protocol, Tls};
use super::record::value::Text;
use crate::model::origin;
use crate::model::tls::{ClientCertificate, Facts};
use crate::protocol::tls::cipher_name;

/// The group, `None` if nothing is known.
pub(super) fn group(tls: &origin::Tls) -> Option<Tls<'_>> {
    let library = tls.library.map(|library| Text::Borrowed(library.name()));
    let group = match &tls.facts {
        Some(facts) => Tls { library, ..shown(facts) },
        None => Tls { library, ..Tls::default() },
    };
    (group != Tls::default()).then_some(group)
}

fn shown(facts: &Facts) -> Tls<'_> {
    Tls {
        protocol: facts.version.map(|version| Protocol {
            name: Text::Borrowed(version.protocol()),
            version: Text::Borrowed(version.as_str()),
        }),
        cipher: facts.cipher.and_then(cipher_name).map(Text::Borrowed),
        library: None,
        server_name: facts.server_name.as_deref().map(Text::Borrowed),
        next_protocol: facts.alpn.as_deref().map(Text::Borrowed),
        client: facts.client_certificate.as_ref().map(client),
    }
}

fn client(certificate: &ClientCertificate) -> Client<'_> {
    let names = certificate.alternative_names.iter().map(|name| Text::Borrowed(name.as_str()));
    let alternative_names: Vec<Text<'_>> = names.collect();
    Client {
        subject: (!certificate.subject.is_empty()).then_some(Text::Borrowed(&certificate.subject)),
        x509: (!alternative_names.is_empty()).then_some(Certificate { alternative_names }),
    }
}
