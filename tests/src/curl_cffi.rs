//! A client in Python that has libcurl and BoringSSL linked into a module of its own, and asks as
//! Chrome does.
//!
//! Out: a command that reads paths and writes a status and a length for each (`clients::Asker`).
//! Before the first of them it has loaded the module and written `0 0` for the line `ready`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::brought;
use crate::certificates::{Certificates, NAME};
use crate::process;
use crate::scene::Scene;
use crate::servers::linked;

/// Where the client's packages lie, with all names of the library's functions.
pub fn packages() -> Result<PathBuf> {
    brought::tool(TOOL)
}

/// A copy of them without those names.
pub fn stripped_packages(scene: &Scene) -> Result<PathBuf> {
    let copy = scene.path("stripped");
    let mut command = process::command("cp")?;
    process::run(command.arg("-r").arg(packages()?).arg(&copy), COPY_SECONDS)?.good()?;
    linked::strip(&module(&copy))?;
    Ok(copy)
}

/// The file that BoringSSL is in.
pub fn module(packages: &Path) -> PathBuf {
    packages.join("curl_cffi/_wrapper.abi3.so")
}

/// Asks the server at a port, over one connection as long as it keeps it open.
pub fn client(packages: &Path, port: u16, certificates: &Certificates) -> Result<Command> {
    let mut command = process::command("python3")?;
    command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-c", CLIENT, &port.to_string(), &certificates.file("ca.pem"), NAME]);
    Ok(command)
}

const TOOL: &str = "curl-cffi";
const COPY_SECONDS: u64 = 30;
const CLIENT: &str = "
import sys
from curl_cffi import CurlOpt, requests
port, authority, name = sys.argv[1:]
options = {CurlOpt.RESOLVE: [f'{name}:{port}:127.0.0.1'], CurlOpt.NOPROXY: '*'}
session = requests.Session(
    impersonate='chrome', http_version='v1', verify=authority, timeout=10, curl_options=options
)
sys.stdin.readline()
print(0, 0, flush=True)
for path in sys.stdin:
    response = session.get(f'https://{name}:{port}{path.strip()}')
    print(response.status_code, len(response.content), flush=True)
";
