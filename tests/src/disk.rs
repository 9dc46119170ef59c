//! A small file system of a test's own, to be filled up.
//!
//! Always: it is gone with the test.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::scene::Scene;

/// A mounted file system.
pub struct Disk {
    /// Where.
    pub path: PathBuf,
}

impl Disk {
    /// One with so much room, as `mount` reads it (`1m`), in the scene's folder.
    pub fn mount(scene: &Scene, size: &str) -> Result<Self> {
        let path = scene.path("disk");
        fs::create_dir(&path)?;
        let options = format!("size={size},mode=0700");
        let mut command = process::command("mount")?;
        command.args(["-t", "tmpfs", "-o", &options, "earwitness-test"]).arg(&path);
        process::run(&mut command, 10)?.good()?;
        Ok(Self { path })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmount = process::command("umount").map(|mut command| {
            // The agent may still hold files there when a test fails.
            process::run(command.arg("--lazy").arg(&self.path), 10)
        });
        let _ = unmount;
    }
}
