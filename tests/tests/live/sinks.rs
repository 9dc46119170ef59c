//! Records reach their sinks: all of them, in order, whatever happens to the agent and the receiver.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent;
use live_tests::disk::Disk;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::{get, ok};
use live_tests::wait;
use live_tests::wire::Place;

crate::tests![
    a_file_has_the_journals_records,
    killed_and_rotated_again_and_again,
    a_full_disk_holds_nothing_up,
    a_new_sink_gets_what_was_there_before,
];

fn a_file_has_the_journals_records(scene: &Scene) -> Result<()> {
    let (place, file) = (Place::tcp()?, scene.path("out.jsonl"));
    let mut agent = scene.agent().config(&config(&file))?.port(place.port).start()?;
    let wire = place.connect()?;
    for number in 0..200 {
        wire.exchange(get(&format!("/sink/{number}")), ok("1"))?;
    }
    agent.wait_for(200)?;
    wait::until_true("the file to have what was recorded", 10, || Ok(has(&file, "\"/sink/199\"")))?;
    let ended = agent.stop()?;
    let (had, expected) = (fs::read(&file)?, ended.journal()?);
    ensure!(had == expected, "{} bytes, the journal has {}", had.len(), expected.len());
    Ok(())
}

/// Killed at any moment, with the file moved away or truncated meanwhile: no hole, no torn line, and
/// what comes twice is the same.
fn killed_and_rotated_again_and_again(scene: &Scene) -> Result<()> {
    let (place, file) = (Place::tcp()?, scene.path("out.jsonl"));
    let mut files = Vec::new();
    for round in 0..6 {
        let mut agent = scene.agent().config(&config(&file))?.port(place.port).start()?;
        let wire = place.connect()?;
        for number in 0..400 {
            wire.exchange(get(&format!("/round/{round}/{number}")), ok("1"))?;
            if number == 100 + round * 20 {
                files.push(scene.path(&format!("out.jsonl.{round}")));
                let away = files.last().context("just pushed")?;
                wait::until_true("the file", 10, || Ok(fs::rename(&file, away).is_ok()))?;
            }
        }
        agent.wait_for(150 + round * 50)?;
        agent.kill()?;
    }
    let data_dir = scene.agent().config(&config(&file))?.port(place.port).start()?.stop()?.data_dir;
    files.push(file);
    same(&files, &data_dir)
}

/// The sink waits and goes on; the journal has its own disk.
fn a_full_disk_holds_nothing_up(scene: &Scene) -> Result<()> {
    let (place, disk) = (Place::tcp()?, Disk::mount(scene, "1m")?);
    let (file, filler) = (disk.path.join("out.jsonl"), disk.path.join("filler"));
    let mut agent = scene.agent().config(&config(&file))?.port(place.port).start()?;
    // More than there is room for, whether or not the sink was here before.
    fs::write(&filler, vec![0; 2 << 20]).err().context("the disk is larger than it was made")?;
    let wire = place.connect()?;
    for number in 0..200 {
        wire.exchange(get(&format!("/full/{number}")), ok("1"))?;
    }
    agent.wait_for(200)?;
    thread::sleep(Duration::from_secs(1));
    fs::remove_file(&filler)?;
    wait::until_true("the file to go on", 10, || Ok(has(&file, "\"/full/199\"")))?;
    let ended = agent.stop()?;
    ensure!(ended.stderr.contains("No space left"), "nothing was said:\n{}", ended.stderr);
    ensure!(ended.stderr.contains("delivers again"), "that it is over was not said");
    same(&[file], &ended.data_dir)
}

fn a_new_sink_gets_what_was_there_before(scene: &Scene) -> Result<()> {
    let place = Place::tcp()?;
    let agent = scene.agent().port(place.port).start()?;
    place.connect()?.exchange(get("/before"), ok("1"))?;
    agent.finish(1)?;
    let file = scene.path("out.jsonl");
    File::create(&file)?;
    let ended = scene.agent().config(&config(&file))?.port(place.port).start()?.stop()?;
    ensure!(fs::read_to_string(&file)?.contains("\"/before\""), "the older record is missing");
    same(&[file], &ended.data_dir)
}

/// Whether the file is there already, with that in it.
fn has(file: &Path, text: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|lines| lines.contains(text))
}

fn config(file: &Path) -> String {
    format!("[[sink]]\nname = \"copy\"\ntype = \"file\"\npath = {file:?}\n")
}

/// The files' lines, one file after another, are what `cat` prints; a line may come again.
fn same(files: &[PathBuf], data_dir: &Path) -> Result<()> {
    let printed = agent::run(&["cat", "--data-dir", &data_dir.to_string_lossy()])?.good()?;
    let expected: Vec<_> = printed.lines().collect();
    let mut next = 0;
    for file in files {
        let text = fs::read_to_string(file)?;
        ensure!(text.is_empty() || text.ends_with('\n'), "{}: last line is torn", file.display());
        for line in text.lines() {
            let record = Record::parse(line.as_bytes());
            let seq = record.with_context(|| format!("{}: {line}", file.display()))?.seq()?;
            let index = usize::try_from(seq)?;
            ensure!(index <= next, "{}: record {seq} follows {next}", file.display());
            ensure!(expected.get(index) == Some(&line), "the journal has no such line: {line}");
            next = next.max(index + 1);
        }
    }
    ensure!(next == expected.len(), "{next} records came, the journal has {}", expected.len());
    Ok(())
}
