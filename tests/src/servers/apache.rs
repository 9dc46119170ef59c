//! Apache, processes of many threads: with mod_ssl, OpenSSL behind filters of its own; with mod_http2.

use anyhow::Result;

use super::app::App;
use super::nginx::is_listening;
use crate::certificates::Certificates;
use crate::scene::Scene;
use crate::{ports, process};

/// Starts one over the files in `www/`, with TLS.
pub fn start(scene: &Scene, certificates: &Certificates) -> Result<App> {
    let folder = certificates.folder().display();
    let protocol = format!(
        "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\nSSLEngine on\n\
         SSLCertificateFile {folder}/server.pem\nSSLCertificateKeyFile {folder}/server.key"
    );
    start_with(scene, &protocol, r#",\"tls\":\"%{SSL_PROTOCOL}x\""#)
}

/// Starts one that takes HTTP/2 without TLS, from the first byte on or by Upgrade.
/// What was asked for that by Upgrade is logged twice: with status 101, and on its stream.
pub fn start_h2c(scene: &Scene) -> Result<App> {
    let module = "LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so";
    let protocol = format!("{module}\nProtocols h2c http/1.1");
    start_with(scene, &protocol, r#",\"stream\":\"%{H2_STREAM_ID}e\""#)
}

fn start_with(scene: &Scene, protocol: &str, more: &str) -> Result<App> {
    let port = ports::free()?;
    let config = CONFIG
        .replace("@FOLDER@", &scene.path("").display().to_string())
        .replace("@PROTOCOL@", protocol)
        .replace("@MORE@", more)
        .replace("@PORT@", &port.to_string());
    scene.file("www/small", "hello\n")?;
    let config = scene.file("apache.conf", config)?;
    let mut command = process::command("apache2")?;
    command.arg("-DFOREGROUND").arg("-f").arg(config);
    App::start(scene, "apache", command, port, || is_listening(port))
}

const CONFIG: &str = include_str!("apache.conf");
