//! Certificates and keys from files.

use std::path::Path;

use pki_types::pem::PemObject as _;
use pki_types::{CertificateDer, PrivateKeyDer};

use crate::Result;

/// One certificate.
pub type Der = CertificateDer<'static>;

/// All certificates in a file.
pub fn certificates(file: &Path) -> Result<Vec<Der>> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<std::result::Result<_, _>>()?)
}

/// The server's certificates, and the key to them.
pub fn server(folder: &Path) -> Result<(Vec<Der>, PrivateKeyDer<'static>)> {
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
    Ok((certificates(&folder.join("server.pem"))?, key))
}
