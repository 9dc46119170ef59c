//! A server that issues JSON Web Tokens (PyJWT) and sessions, and logs whom each request comes from.
//!
//! Out: a running server, its log, its key as a JSON Web Key Set.
//! Always: the head of the script lists what it answers; its issuer is [`ISSUER`].

use std::path::PathBuf;

use anyhow::Result;

use super::app::App;
use super::http2::python;
use super::nginx::is_listening;
use crate::ports;
use crate::scene::Scene;

/// `iss` of its tokens.
pub const ISSUER: &str = "https://issuer.example.test";

/// Starts one. Its log tells `user`.
pub fn start(scene: &Scene) -> Result<App> {
    let port = ports::free()?;
    let mut command = python("pyjwt", &scene.file("issuer.py", include_str!("issuer.py"))?)?;
    command.arg(port.to_string()).arg(SECRET);
    App::start(scene, "issuer", command, port, || is_listening(port))
}

/// A file with the key that its tokens are signed with.
pub fn keys(scene: &Scene) -> Result<PathBuf> {
    let keys = format!(r#"{{"keys":[{{"kty":"oct","kid":"1","alg":"HS256","k":"{ENCODED}"}}]}}"#);
    scene.file("issuer.jwks.json", keys)
}

const SECRET: &str = "live-test-key-of-32-bytes-length";
/// The same in base64url.
const ENCODED: &str = "bGl2ZS10ZXN0LWtleS1vZi0zMi1ieXRlcy1sZW5ndGg";
