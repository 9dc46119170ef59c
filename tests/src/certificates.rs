//! Certificates for servers and clients, made anew for each test by the `openssl` command.
//!
//! Out: a folder with `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`.
//! Always: the server's is valid for [`NAME`], `localhost` and the loopback addresses.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process;
use crate::scene::Scene;

/// The name that clients ask for. It is in no DNS: they are told to connect to loopback.
pub const NAME: &str = "api.example.test";

/// An authority, and what it has signed.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them in the scene's folder.
    pub fn new(scene: &Scene) -> Result<Self> {
        let folder = scene.path("certificates");
        std::fs::create_dir_all(&folder)?;
        let certificates = Self { folder };
        certificates.make("ca", "basicConstraints=critical,CA:TRUE", None)?;
        certificates.make("server", SERVER_NAMES, Some("ca"))?;
        certificates.make("client", "extendedKeyUsage=clientAuth", Some("ca"))?;
        Ok(certificates)
    }

    fn make(&self, name: &str, extension: &str, signer: Option<&str>) -> Result<()> {
        let mut command = process::command("openssl")?;
        command.current_dir(&self.folder);
        command.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-subj", &format!("/CN=earwitness test {name}"), "-addext", extension]);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        if let Some(signer) = signer {
            command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
            command.args(["-CA", &format!("{signer}.pem"), "-CAkey", &format!("{signer}.key")]);
        }
        process::run(&mut command, LIMIT_SECONDS)?.good()?;
        Ok(())
    }

    /// The folder that they are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of the files, as a program's argument.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }
}

const SERVER_NAMES: &str = "subjectAltName=DNS:api.example.test,DNS:localhost,IP:127.0.0.1,IP:::1";
const LIMIT_SECONDS: u64 = 20;
