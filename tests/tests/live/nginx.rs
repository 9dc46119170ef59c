//! nginx, with its access log as ground truth.

use anyhow::{Result, ensure};
use live_tests::clients::curl;
use live_tests::compare;
use live_tests::scene::Scene;
use live_tests::servers::nginx::{Nginx, Options};

crate::tests![keep_alive_matches_access_log];

/// Several URLs over one connection of curl.
fn keep_alive_matches_access_log(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let urls = ["/small", "/text?page=2&sort=a", "/small?x", "/text"].map(|path| nginx.url(path));
    let answers = curl(&urls.each_ref().map(String::as_str))?;
    let ports: Vec<_> = answers.iter().map(|entry| entry.port).collect();
    ensure!(ports.windows(2).all(|pair| pair.first() == pair.last()), "not kept alive: {ports:?}");
    let ended = agent.finish(4)?;
    let log = nginx.stop()?;
    compare::with_log(&ended.exchanges(), &answers)?;
    compare::with_log(&ended.exchanges(), &log)?;
    ended.lost_nothing()
}
