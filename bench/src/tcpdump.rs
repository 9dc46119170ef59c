//! A contender: tcpdump that writes the packets of one port into a file.

use std::fs;

use anyhow::{Context as _, Result};
use live_tests::process::{Process, command, output_file};
use live_tests::scene::Scene;
use live_tests::wait;

/// Whether it is installed.
pub fn is_installed() -> bool {
    command("tcpdump").is_ok()
}

/// Starts one and waits until it listens. It ends when it is dropped.
pub fn start(scene: &Scene, port: u16) -> Result<Process> {
    let log = scene.path("tcpdump.log");
    let mut command = command("tcpdump")?;
    command.args(["-n", "-i", "lo", "-Z", "root", "-w"]).arg(scene.path("packets.pcap"));
    command.args(["tcp", "port", &port.to_string()]);
    command.stdout(output_file(&log)?).stderr(output_file(&log)?);
    let mut process = Process::start("tcpdump", &mut command)?;
    let ready = wait::until_true("tcpdump to listen", START_SECONDS, || {
        process.must_live()?;
        Ok(fs::read_to_string(&log)?.contains("listening on"))
    });
    ready.with_context(|| scene.logs())?;
    Ok(process)
}

const START_SECONDS: u64 = 10;
