//! `setup`: brings what the build and, where asked, the tests need.
//!
//! Always: says what it will do before it does it; changes nothing where nothing lacks; leaves
//! nothing behind but the packages that it names and what lies in the target folder.

use anyhow::Result;

use crate::host::Host;
use crate::packages::{self, Need};
use crate::privilege::Privilege;
use crate::step::{Steps, note};
use crate::workspace::Workspace;
use crate::{
    aioquic, curl_cffi, go, grpcio, httpx, hypercorn, ocsf, otlp, pyjwt, rustls, toolchain,
    web_rpc, websockets,
};

/// Brings what the build needs: a compiler and a linker for the kernel side.
#[derive(clap::Args)]
pub struct Arguments {
    /// Bring what the tests and the benchmarks need as well: servers, clients, load generators.
    #[arg(long)]
    tests: bool,
}

/// The command itself.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::new(if arguments.tests { STEPS_WITH_TESTS } else { STEPS });
    take(workspace, &mut steps, arguments.tests)?;
    steps.finish("`cargo xtask run` watches this machine; `cargo xtask test` runs every test");
    Ok(())
}

/// Set-up as the first steps of another command.
pub fn take(workspace: &Workspace, steps: &mut Steps, tests: bool) -> Result<()> {
    let privilege = Privilege::here();
    let host = steps.take("looking at this machine", || Ok(looked_at(privilege)))?;
    steps.take("tool chain for the kernel side", || {
        toolchain::ensure(workspace, &host, privilege).map(drop)
    })?;
    if tests {
        steps.take("programs that the tests use", || {
            packages::ensure(&test_needs(), &host, privilege)?;
            go::ensure(workspace)?;
            curl_cffi::ensure(workspace)?;
            aioquic::ensure(workspace)?;
            grpcio::ensure(workspace)?;
            httpx::ensure(workspace)?;
            hypercorn::ensure(workspace)?;
            websockets::ensure(workspace)?;
            web_rpc::ensure(workspace)?;
            pyjwt::ensure(workspace)?;
            ocsf::ensure(workspace)?;
            otlp::ensure(workspace)?;
            rustls::ensure(workspace)
        })?;
    }
    Ok(())
}

/// How many steps [`take`] takes without the tests' needs.
pub const STEPS: usize = 2;
/// How many it takes with them.
pub const STEPS_WITH_TESTS: usize = 3;

/// The machine, with what will not work on it said at once. Building works all the same.
fn looked_at(privilege: Privilege) -> Host {
    let host = Host::here();
    note(host.describe());
    for obstacle in host.obstacles() {
        note(format!("the agent cannot watch this machine: {obstacle}"));
    }
    if let Some(reason) = privilege.why_no_tracing() {
        note(format!("the agent cannot watch this machine as this user: {reason}"));
    }
    host
}

fn test_needs() -> Vec<Need> {
    let need = |program, package| Need { program, package };
    vec![
        need("nginx", "nginx-light"),
        need("wrk", "wrk"),
        need("ab", "apache2-utils"),
        need("curl", "curl"),
        need("python3", "python3"),
        need("node", "nodejs"),
        need("npm", "npm"),
        need("socat", "socat"),
        need("ip", "iproute2"),
        need("openssl", "openssl"),
        need("pip3", "python3-pip"),
        need("javac", "default-jdk-headless"),
        need("apache2", "apache2-bin"),
        need("/usr/lib/apache2/modules/mod_http2.so", "apache2-bin"),
        need("h2load", "nghttp2-client"),
        need("nghttpd", "nghttp2-server"),
        need("wget", "wget"),
        need("zstd", "zstd"),
        need("gnutls-serv", "gnutls-bin"),
        need("tstclnt", "libnss3-tools"),
        need("ps", "procps"),
        need("gcc", "gcc"),
        need("pkg-config", "pkgconf"),
        need("/usr/include/stdlib.h", "libc6-dev"),
        need("/usr/include/openssl/ssl.h", "libssl-dev"),
        // What its archives need in newer releases.
        need("/usr/include/zlib.h", "zlib1g-dev"),
        need("/usr/include/zstd.h", "libzstd-dev"),
    ]
}
