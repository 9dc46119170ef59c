//! A server and a client over rustls 0.21.

use std::path::Path;
use std::sync::Arc;

use programs::Result;
use programs::blocking;
use programs::command::{Ask, Command};
use programs::pem::{self, Der};
use rustls21::{
    Certificate, ClientConfig, ClientConnection, PrivateKey, RootCertStore, ServerConfig,
    ServerConnection, ServerName, StreamOwned,
};

fn main() -> Result<()> {
    match Command::here()? {
        Command::Serve { port, folder } => serve(port, &folder),
        Command::Ask(told) => ask(&told),
    }
}

fn serve(port: u16, folder: &Path) -> Result<()> {
    let (certificates, key) = pem::server(folder)?;
    let certificates = certificates.into_iter().map(certificate).collect();
    let key = PrivateKey(key.secret_der().to_vec());
    let config = ServerConfig::builder().with_safe_defaults().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(certificates, key)?);
    blocking::serve(port, move |mut socket| {
        let mut connection = ServerConnection::new(Arc::clone(&config))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let version = connection.protocol_version().ok_or("no version of TLS")?;
        Ok((StreamOwned::new(connection, socket), format!("{version:?}")))
    })
}

fn ask(told: &Ask) -> Result<()> {
    let mut roots = RootCertStore::empty();
    for der in pem::certificates(&told.authority)? {
        roots.add(&certificate(der))?;
    }
    let config = ClientConfig::builder()
        .with_safe_defaults()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let open = |socket| {
        let name = ServerName::try_from(told.name.as_str())?;
        let connection = ClientConnection::new(Arc::clone(&config), name)?;
        Ok(StreamOwned::new(connection, socket))
    };
    blocking::ask(told, open, |stream| stream.conn.send_close_notify())
}

fn certificate(der: Der) -> Certificate {
    Certificate(der.to_vec())
}
