//! Processes of which nothing can be watched have no breakpoint: what a filter leaves out is not
//! slowed down.
//!
//! In: the filters of `[capture]`. Out: what lies in the memory of processes that share one library.
//! Always: a breakpoint is a byte of code that is not the file's.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result, ensure};
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::compare;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wait;
use nix::sys::signal::Signal;

use super::curl_answers;
use super::places::library;

crate::tests![excluded_program, others_than_the_named_process, spared_no_longer];

fn excluded_program(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let (nginx, app) = servers(scene, &certificates)?;
    let agent = scene.agent().config(&without_nginx()?)?.start()?;
    ensure!(is_changed(app.pid())?, "the watched server has no breakpoint");
    ensure!(!is_anywhere(&nginx)?, "the excluded server has a breakpoint");
    // What comes anew changes nothing.
    let answers = curl_answers(app.port, &certificates, &[], &["/length/5", "/length/6"])?;
    ensure!(!is_anywhere(&nginx)?, "the excluded server has got a breakpoint");
    let ended = agent.finish(2)?;
    ensure!(!is_changed(app.pid())?, "a breakpoint has been left behind");
    compare::with_log(&ended.exchanges(), &app.log(2)?)?;
    compare::both_ends(&answers, &app.log(2)?)?;
    ended.lost_nothing()
}

fn others_than_the_named_process(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let (nginx, app) = servers(scene, &certificates)?;
    let mut asker = Asker::start_tls(&format!("127.0.0.1:{}", app.port), &certificates)?;
    let agent = scene.agent().pid(asker.pid()).start()?;
    // It has loaded the library by the time of its answer.
    asker.ask("/length/7")?;
    ensure!(is_changed(asker.pid())?, "the named process has no breakpoint");
    let others = is_anywhere(&nginx)? || is_changed(app.pid())?;
    ensure!(!others, "a process that is not named has a breakpoint");
    let ended = agent.finish(1)?;
    compare::exchanges(&ended.exchanges(), &["GET /length/7 200 7"])
}

/// The filters are changed while everything runs.
fn spared_no_longer(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let (nginx, app) = servers(scene, &certificates)?;
    let agent = scene.agent().config(&without_nginx()?)?.start()?;
    ensure!(!is_anywhere(&nginx)?, "the excluded server has a breakpoint");
    scene.file("earwitness.toml", "")?;
    agent.signal(Signal::SIGHUP)?;
    wait::until_true("a breakpoint in what is not excluded any more", 10, || is_anywhere(&nginx))?;
    ensure!(is_changed(app.pid())?, "the other server has lost its breakpoint");
    scene.file("earwitness.toml", &without_nginx()?)?;
    agent.signal(Signal::SIGHUP)?;
    wait::until_true("no breakpoint in what is excluded", 10, || Ok(!is_anywhere(&nginx)?))?;
    ensure!(is_changed(app.pid())?, "the other server has lost its breakpoint");
    // One that comes later is watched by itself.
    let mut asker = Asker::start_tls(&format!("127.0.0.1:{}", app.port), &certificates)?;
    asker.ask("/length/8")?;
    wait::until_true("a breakpoint in a new process", 10, || is_changed(asker.pid()))?;
    ensure!(!is_anywhere(&nginx)?, "the excluded server has got a breakpoint");
    drop(agent.stop()?);
    Ok(())
}

fn servers(scene: &Scene, certificates: &Certificates) -> Result<(Nginx, App)> {
    let tls = Some(certificates.clone());
    let nginx = Nginx::start(scene, &Options { tls, ..Options::default() })?;
    Ok((nginx, App::python_tls(scene, Mode::Thread, certificates)?))
}

fn without_nginx() -> Result<String> {
    let path = process::find("nginx")?;
    Ok(format!("[capture]\nexclude = [{{ executable = {path:?} }}]\n"))
}

fn is_anywhere(nginx: &Nginx) -> Result<bool> {
    let pids = nginx.pids()?;
    ensure!(pids.len() > 1, "nginx has no workers");
    Ok(pids.into_iter().map(is_changed).collect::<Result<Vec<_>>>()?.contains(&true))
}

/// Whether the code of the shared library is not that of its file.
fn is_changed(pid: u32) -> Result<bool> {
    let library = library()?.canonicalize()?;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let is_code =
        |line: &&str| line.contains(" r-xp ") && line.ends_with(&*library.to_string_lossy());
    let line = maps.lines().find(is_code).with_context(|| format!("no library in:\n{maps}"))?;
    let mut words = line.split_whitespace();
    let (start, end) = words.next().and_then(|range| range.split_once('-')).context("no range")?;
    let (start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
    let at = u64::from_str_radix(words.nth(1).context("no offset")?, 16)?;
    let size = usize::try_from(end - start)?;
    let (mut mapped, mut original) = (vec![0; size], vec![0; size]);
    File::open(format!("/proc/{pid}/mem"))?.read_exact_at(&mut mapped, start)?;
    // The last page reaches beyond the segment, and so does the file.
    File::open(&library)?.read_exact_at(&mut original, at)?;
    Ok(mapped != original)
}
