//! Apache with mod_ssl: processes of many threads, and OpenSSL behind filters of its own.

use anyhow::Result;

use super::app::App;
use super::nginx::is_listening;
use crate::certificates::Certificates;
use crate::scene::Scene;
use crate::{ports, process};

/// Starts one over the files in `www/`.
pub fn start(scene: &Scene, certificates: &Certificates) -> Result<App> {
    let port = ports::free()?;
    let config = CONFIG
        .replace("@FOLDER@", &scene.path("").display().to_string())
        .replace("@CERTIFICATES@", &certificates.folder().display().to_string())
        .replace("@PORT@", &port.to_string());
    scene.file("www/small", "hello\n")?;
    let config = scene.file("apache.conf", config)?;
    let mut command = process::command("apache2")?;
    command.arg("-DFOREGROUND").arg("-f").arg(config);
    App::start(scene, "apache", command, port, || is_listening(port))
}

const CONFIG: &str = include_str!("apache.conf");
