//! Where a library lies: in a file system of the program's own, under another file's path, or in a
//! file that has been removed. Only the client is watched, so that nothing else tells of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::{Asker, Held, named, trust};
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::servers::nginx::{Nginx, Options};

use super::nginx::LATE;
use super::{Seen, told};

crate::tests![
    library_that_only_its_namespace_has,
    other_file_at_the_same_path,
    changed_root,
    removed_library,
];

fn library_that_only_its_namespace_has(scene: &Scene) -> Result<()> {
    let folder = scene.path("own");
    std::fs::create_dir_all(&folder)?;
    let words = [library()?, folder];
    let curl = process::find("curl")?;
    asked_in(scene, OWN_FOLDER, &words, &curl)
}

/// The path is that of the host's library, and the file another.
fn other_file_at_the_same_path(scene: &Scene) -> Result<()> {
    let (library, copy) = (library()?, scene.path("copy.so"));
    std::fs::copy(&library, &copy)?;
    let curl = process::find("curl")?;
    asked_in(scene, BOUND, &[copy, library], &curl)
}

/// Both program and library have paths that are others' outside.
fn changed_root(scene: &Scene) -> Result<()> {
    let root = scene.path("root").canonicalize().unwrap_or_else(|_| scene.path("root"));
    let curl = process::find("curl")?;
    let inside = curl.strip_prefix("/")?;
    asked_in(scene, CHANGED_ROOT, std::slice::from_ref(&root), &root.join(inside))
}

/// Runs curl by a script in a mount namespace of its own, and checks two exchanges.
fn asked_in(scene: &Scene, script: &str, words: &[PathBuf], client: &Path) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates)?;
    let mut command = process::command("unshare")?;
    command.args(["--mount", "sh", "-e"]).arg(scene.file("place.sh", script)?);
    command.arg(certificates.file("ca.pem")).args(words);
    command.arg(process::find("curl")?).args(["--silent", "--show-error", "--http1.1"]);
    command.args(["--noproxy", "*", "--max-time", "10"]).args(trust(&certificates));
    command.args(["/text?1", "/small?2"].map(|path| named(nginx.port, path)));
    let held = Held::new(scene, &command)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    ensure!(held.go()? == "some text\nhello\n", "curl got something else");
    let ended = agent.finish(2)?;
    let port = nginx.port;
    let log = told(nginx.stop()?);
    ensure!(log.len() == 2, "nginx logs {} exchanges", log.len());
    let client = client.to_string_lossy();
    let seen = Seen::openssl(port, &client, "nginx");
    Seen { side: "client", server: None, ..seen }.check(&ended, &log)
}

/// A program that runs on with a library that an update has replaced.
fn removed_library(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates)?;
    let library = library()?;
    let copy = scene.path("own").join(library.file_name().context("no name")?);
    std::fs::create_dir_all(scene.path("own"))?;
    std::fs::copy(&library, &copy)?;
    let mut command = process::command("python3")?;
    command.env("LD_LIBRARY_PATH", scene.path("own"));
    let arguments = [&nginx.port.to_string(), &certificates.file("ca.pem"), NAME];
    let mut asker = Asker::run(command.args(["-c", LATE]).args(arguments))?;
    ensure!(asker.ask("ready")? == (0, 0), "the client is not ready");
    std::fs::remove_file(&copy)?;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", asker.pid()))?;
    let removed = format!("{} (deleted)", copy.display());
    ensure!(maps.contains(&removed), "{removed} is not mapped:\n{maps}");
    let agent = scene.agent().pid(asker.pid()).start()?;
    for path in ["/text?1", "/text?2"] {
        ensure!(asker.ask(path)? == (200, 10), "no answer to {path}");
    }
    let ended = agent.finish(2)?;
    let port = nginx.port;
    drop(asker);
    let log = told(nginx.stop()?);
    ensure!(log.len() == 2, "nginx logs {} exchanges", log.len());
    let seen = Seen::openssl(port, "python3", "nginx");
    Seen { side: "client", server: None, ..seen }.check(&ended, &log)
}

fn secure(scene: &Scene, certificates: &Certificates) -> Result<Nginx> {
    let tls = Some(certificates.clone());
    Nginx::start(scene, &Options { tls, ..Options::default() })
}

/// The file that curl takes its TLS from.
pub(super) fn library() -> Result<PathBuf> {
    let mut command = Command::new("ldd");
    let listed = process::run(command.arg(process::find("curl")?), 10)?.good()?;
    let mut words = listed.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(" => ")?;
        name.starts_with("libssl").then(|| rest.split_whitespace().next())?
    });
    Ok(PathBuf::from(words.next().with_context(|| format!("curl has no libssl:\n{listed}"))?))
}

/// What is new is looked into while a first copy waits for its configuration, and does nothing else.
const OWN_FOLDER: &str = r#"
shift
mount -t tmpfs none "$2"
cp "$1" "$2"
export LD_LIBRARY_PATH="$2"
shift 2
sleep 1 | "$1" --silent --config - || true
exec "$@"
"#;

const BOUND: &str = r#"
shift
mount --bind "$1" "$2"
shift 2
sleep 1 | "$1" --silent --config - || true
exec "$@"
"#;

/// The root holds what the program is linked to, and the authority's certificate.
const CHANGED_ROOT: &str = r#"
ca=$1 root=$2
shift 2
mkdir -p "$root"
for file in "$1" $(ldd "$1" | grep -o '/[^ ]*') "$ca"; do
  mkdir -p "$root$(dirname "$file")"
  cp -L "$file" "$root$file"
done
sleep 1 | chroot "$root" "$1" --silent --config - || true
exec chroot "$root" "$@"
"#;
