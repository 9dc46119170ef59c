//! The command line of every program.
//!
//! `serve PORT FOLDER` answers on loopback with the folder's `server.pem` and `server.key`, and ends
//! when it is ended. `ask PORT CA NAME CONNECTIONS` asks three times over each connection, all
//! connections at the same time, of the server that has this name by a certificate of this authority.

use std::path::PathBuf;

use crate::Result;

/// What a program was told to do.
pub enum Command {
    /// Answer.
    Serve {
        /// Where to listen.
        port: u16,
        /// Where the certificates lie.
        folder: PathBuf,
    },
    /// Ask.
    Ask(Ask),
}

/// What a client was told.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the server listens.
    pub port: u16,
    /// The authority's certificate.
    pub authority: PathBuf,
    /// What the server's certificate must be for.
    pub name: String,
    /// How many connections to open.
    pub connections: usize,
}

impl Command {
    /// What this process was told. Errors: it was told nothing of the kind.
    pub fn here() -> Result<Self> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["serve", port, folder] => {
                Ok(Self::Serve { port: port.parse()?, folder: folder.into() })
            }
            ["ask", port, authority, name, connections] => Ok(Self::Ask(Ask {
                port: port.parse()?,
                authority: authority.into(),
                name: (*name).to_owned(),
                connections: connections.parse()?,
            })),
            _ => Err("usage: serve PORT FOLDER | ask PORT CA NAME CONNECTIONS".into()),
        }
    }
}

impl Ask {
    /// What each connection asks for, in turn.
    pub fn targets(number: usize) -> impl Iterator<Item = String> {
        (0..TURNS)
            .map(move |turn| format!("/length/{}?number={number}&turn={turn}", 10 + 30_000 * turn))
    }

    /// The server, as requests name it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

const TURNS: usize = 3;
