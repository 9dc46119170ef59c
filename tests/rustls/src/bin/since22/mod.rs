//! A server and a client over the rustls that the program's root names, of version 0.22 or later.

use std::path::Path;
use std::sync::Arc;

use programs::blocking;
use programs::command::{Ask, Command};
use programs::{Result, pem};

use crate::rustls::pki_types::ServerName;
use crate::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

/// Does what the command line says.
pub fn run() -> Result<()> {
    match Command::here()? {
        Command::Serve { port, folder } => serve(port, &folder),
        Command::Ask(told) => ask(&told),
    }
}

fn serve(port: u16, folder: &Path) -> Result<()> {
    let (certificates, key) = pem::server(folder)?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(certificates, key)?);
    blocking::serve(port, move |mut socket| {
        let mut connection = ServerConnection::new(Arc::clone(&config))?;
        // All of an answer is encrypted before any of it is sent: the queue grows.
        connection.set_buffer_limit(None);
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let version = connection.protocol_version().ok_or("no version of TLS")?;
        Ok((StreamOwned::new(connection, socket), format!("{version:?}")))
    })
}

fn ask(told: &Ask) -> Result<()> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(&told.authority)? {
        roots.add(certificate)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let config = Arc::new(config);
    let open = |socket| {
        let name = ServerName::try_from(told.name.clone())?;
        let connection = ClientConnection::new(Arc::clone(&config), name)?;
        Ok(StreamOwned::new(connection, socket))
    };
    blocking::ask(told, open, |stream| stream.conn.send_close_notify())
}
