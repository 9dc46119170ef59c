//! What a program says of an exchange: one line of JSON on standard output.

use std::io::Write as _;

use serde_json::json;

/// One exchange as a server or a client saw it.
pub struct Line<'a> {
    /// Method as sent.
    pub method: &'a str,
    /// Target as sent.
    pub target: &'a str,
    /// Status code.
    pub status: u16,
    /// The client's port.
    pub port: u16,
    /// Content of the response in bytes.
    pub body_bytes: usize,
    /// Version of TLS as rustls writes it, where a server says so.
    pub tls: Option<&'a str>,
}

impl Line<'_> {
    /// Writes it. A server says which process it is.
    pub fn tell(&self) {
        let mut line = json!({
            "method": self.method,
            "target": self.target,
            "status": self.status,
            "port": self.port,
            "body_bytes": self.body_bytes,
        });
        if let Some(version) = self.tls {
            // As in `TLSv1_3`.
            line["tls"] = version.replace('_', ".").into();
            line["pid"] = std::process::id().into();
        }
        // Whoever no longer reads wants no more.
        let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    }
}
