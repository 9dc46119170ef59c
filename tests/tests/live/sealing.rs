//! Finished segments are compressed: nothing is lost, repeated or changed by it, whoever reads meanwhile.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent;
use live_tests::clients::{curl, wrk};
use live_tests::journal;
use live_tests::process::{self, Process};
use live_tests::scene::Scene;
use live_tests::script::{get, ok};
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wait;
use live_tests::wire::Place;
use nix::sys::signal::Signal;

crate::tests![
    cat_prints_the_same_bytes_before_while_and_after,
    followers_go_on_under_load,
    killed_while_sealing_again_and_again,
];

fn cat_prints_the_same_bytes_before_while_and_after(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().config(SMALL)?.port(nginx.port).start()?;
    let urls: Vec<_> = (0..40).map(|number| nginx.url(&format!("/small?n={number}"))).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let data_dir = agent.data_dir().to_owned();
    let mut printed = Vec::new();
    for _ in 0..15 {
        curl(&urls)?;
        printed.push(cat(&data_dir)?);
    }
    wait_until_sealed(&data_dir)?;
    let ended = agent.finish(600)?;
    for (round, printed) in printed.iter().enumerate() {
        let begin = ended.stdout.starts_with(printed.as_bytes());
        ensure!(begin, "round {round}: cat printed something else");
    }
    ensure!(cat(&data_dir)?.as_bytes() == ended.stdout, "cat printed something else at the end");
    // What `zstd` makes of it; `stop` has compared the end of it.
    ensure!(ended.journal()? == ended.stdout, "zstd printed something else");
    let sealed = sealed(&data_dir)?;
    ensure!(sealed >= 4, "{sealed} segments are sealed");
    Ok(())
}

/// A sink, `cat --follow`, standard output, and a client as fast as it can.
fn followers_go_on_under_load(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let (copy, out) = (scene.path("copy.jsonl"), scene.path("cat.jsonl"));
    let config = format!("{SMALL}[[sink]]\nname = \"copy\"\ntype = \"file\"\npath = {copy:?}\n");
    let agent = scene.agent().config(&config)?.port(nginx.port).start()?;
    let mut command = agent::command()?;
    command.arg("cat").arg("--follow").arg("--data-dir").arg(agent.data_dir());
    command.stdout(process::output_file(&out)?);
    command.stderr(process::output_file(&scene.path("cat.log"))?);
    let mut follower = Process::start("earwitness cat", &mut command)?;
    wrk(&nginx.url("/small"), 8, 3, &[])?;
    let data_dir = agent.data_dir().to_owned();
    wait_until_sealed(&data_dir)?;
    let ended = agent.stop()?;
    wait::until_true("cat to have printed everything", 20, || {
        follower.must_live()?;
        Ok(fs::metadata(&out)?.len() >= ended.stdout.len() as u64)
    })?;
    follower.signal(Signal::SIGINT)?;
    follower.wait(5)?;
    let expected = ended.journal()?;
    ensure!(expected == ended.stdout, "the journal differs from standard output");
    ensure!(fs::read(&out)? == expected, "cat printed something else");
    ensure!(fs::read(&copy)? == expected, "the sink got something else");
    let log = fs::read_to_string(scene.path("cat.log"))?;
    ensure!(log.is_empty(), "cat had something to say:\n{log}");
    ensure!(!ended.stderr.contains("stays as it is"), "{}", ended.stderr);
    let (sealed, plain) = (sealed(&data_dir)?, expected.len());
    let packed: u64 = journal::segments(&data_dir)?
        .iter()
        .map(|segment| Ok(fs::metadata(segment)?.len()))
        .sum::<Result<u64>>()?;
    let lines = expected.iter().filter(|&&byte| byte == b'\n').count();
    println!("{sealed} sealed; {lines} records, {plain} bytes plain, {packed} on disk");
    Ok(())
}

/// Whatever a kill leaves is put right at the next start.
fn killed_while_sealing_again_and_again(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let mut printed = Vec::new();
    for round in 0..6 {
        let mut agent = scene.agent().config(SMALL)?.port(place.port).start()?;
        let wire = place.connect()?;
        for number in 0..300 {
            wire.exchange(get(&format!("/round/{round}/{number}")), ok("1"))?;
        }
        agent.wait_for(150 + round * 25)?;
        printed.extend(agent.kill()?.stdout);
    }
    let agent = scene.agent().config(SMALL)?.port(place.port).start()?;
    wait_until_sealed(agent.data_dir())?;
    let ended = agent.stop()?;
    let files = journal::files(&ended.data_dir)?;
    let temporary = files.iter().find(|file| file.extension().is_some_and(|end| end == "tmp"));
    ensure!(temporary.is_none(), "{temporary:?} was left");
    let all = cat(&ended.data_dir)?;
    ensure!(all.as_bytes() == ended.journal()?, "zstd prints something else than cat");
    for line in String::from_utf8(printed)?.lines() {
        ensure!(all.contains(line), "a record was printed and is gone: {line}");
    }
    Ok(())
}

/// All but the last.
fn wait_until_sealed(data_dir: &Path) -> Result<()> {
    wait::until_true("all segments but the last to be sealed", 20, || {
        let files = journal::files(data_dir)?;
        let plain = files.iter().filter(|file| !journal::is_sealed(file)).count();
        Ok(plain <= 1 && files.len() >= 4)
    })
}

fn sealed(data_dir: &Path) -> Result<usize> {
    Ok(journal::segments(data_dir)?.iter().filter(|path| journal::is_sealed(path)).count())
}

fn cat(data_dir: &Path) -> Result<String> {
    let data_dir = data_dir.to_str().context("no text")?;
    agent::run(&["cat", "--data-dir", data_dir])?.good()
}

const SMALL: &str = "[journal]\nsegment_bytes = 65536\n";
