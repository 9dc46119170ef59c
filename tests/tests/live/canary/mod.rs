//! Secrets in every place and coding, sent in pieces over every HTTP: not one byte that the agent writes
//! holds any of them.
//!
//! Always: searched are the data directory, standard output, the log at its most verbose, and a file in
//! every format; the same search finds every secret in the server's own log; each exchange has a record,
//! which shows what is harmless in it.

mod places;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use live_tests::agent::Ended;
use live_tests::canary::hunt::Hunt;
use live_tests::canary::plan::{Case, Only};
use live_tests::canary::secret::Maker;
use live_tests::certificates::Certificates;
use live_tests::compare;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::canary::{Server, Version, ids};
use live_tests::wait;

crate::tests![over_every_http_in_pieces, by_every_action];

/// HTTP/1.1 and HTTP/2, in the clear and over TLS; in pieces, and cut within the secret.
fn over_every_http_in_pieces(scene: &Scene) -> Result<()> {
    let transports = [
        ("h1", Version::One, false),
        ("h1s", Version::One, true),
        ("h2c", Version::Two, false),
        ("h2s", Version::Two, true),
    ];
    planted(scene, "", &transports, &["pieces", "inside"])
}

/// What stands in place of a secret says nothing of it either, whatever it is.
fn by_every_action(scene: &Scene) -> Result<()> {
    for (name, actions) in [("drop", DROPPED), ("token", TOKENS)] {
        let config = format!("[redaction.actions]\n{actions}");
        planted(scene, &config, &[(name, Version::One, false)], &["whole"])?;
    }
    Ok(())
}

/// Plants secrets in every place, over each transport and in each way of cutting, and searches.
fn planted(
    scene: &Scene,
    config: &str,
    transports: &[(&str, Version, bool)],
    cuts: &[&'static str],
) -> Result<()> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    sown(scene, config, transports, cuts, seed).with_context(|| format!("secrets by seed {seed}"))
}

fn sown(
    scene: &Scene,
    config: &str,
    transports: &[(&str, Version, bool)],
    cuts: &[&'static str],
    seed: u64,
) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let mut maker = Maker::new(seed);
    let mut all = Vec::new();
    let mut servers = Vec::new();
    for (name, version, secure) in transports {
        let cases = cases(&mut maker, name, *version, cuts)?;
        let certificates = secure.then_some(&certificates);
        servers.push((Server::start(scene, name, *version, certificates, &cases)?, cases.len()));
        all.extend(cases);
    }
    let sinks = Sinks::new(scene, transports.first().map_or("", |(name, _, _)| name));
    let config = format!("policy.default = \"request_response\"\n{config}{}", sinks.config());
    let setup = scene.agent().data_dir(sinks.folder.join("data")).verbose().config(&config)?;
    let setup = servers.iter().fold(setup, |setup, (server, _)| setup.port(server.port));
    let agent = setup.start()?;
    all_at_a_time(scene, &servers)?;
    let logs = servers.iter().map(|(server, count)| server.log(*count));
    let log = logs.collect::<Result<Vec<_>>>()?.concat();
    let mut agent = agent;
    let over = |records: &[Record]| records.iter().filter(|record| record.is_over()).count();
    agent.wait_so_long("a record of each exchange", 30, |records| over(records) >= all.len())?;
    sinks.wait_for(agent.records()?.len())?;
    let ended = agent.stop()?;
    searched(&all, &log, &ended, &sinks)?;
    recorded(&all, &log, &ended)
}

/// Each server is asked for all of its cases, all servers at the same time.
fn all_at_a_time(scene: &Scene, servers: &[(Server, usize)]) -> Result<()> {
    thread::scope(|scope| {
        let asking: Vec<_> =
            servers.iter().map(|(server, _)| scope.spawn(|| server.ask(scene))).collect();
        asking.into_iter().try_for_each(|asking| {
            asking.join().unwrap_or_else(|_| bail!("an asking thread panicked"))
        })
    })
}

/// A case for each place and way of cutting.
fn cases(
    maker: &mut Maker,
    name: &str,
    version: Version,
    cuts: &[&'static str],
) -> Result<Vec<Case>> {
    let other = if version == Version::One { Only::Http2 } else { Only::Http1 };
    let places = places::PLACES.iter().enumerate().filter(|(_, place)| place.only != other);
    let each = places.flat_map(|place| cuts.iter().map(move |cut| (place, *cut)));
    each.map(|((number, place), cut)| place.case(maker, &format!("{name}-{number}-{cut}"), cut))
        .collect()
}

/// Every exchange of the server's log has one record that is over, which shows what is harmless.
fn recorded(cases: &[Case], log: &str, ended: &Ended) -> Result<()> {
    let records = ended.finished();
    compare::same(ids(log)?, records.iter().map(|record| id(record)).collect())?;
    compare::same(ids(log)?, cases.iter().map(|case| case.id.clone()).collect())?;
    let records: HashMap<_, _> = records.into_iter().map(|record| (id(record), record)).collect();
    let mut faults = Vec::new();
    for case in cases {
        let record = records.get(&case.id).with_context(|| format!("{} is missing", case.id))?;
        for (pointer, text) in case.place.shows {
            if !record.text(pointer).is_some_and(|shown| shown.contains(text)) {
                faults.push(format!(
                    "{}, {}: no {text:?} at {pointer}: {record}",
                    case.id, case.place.name
                ));
            }
        }
    }
    ensure!(
        faults.is_empty(),
        "{} records lack what is harmless:\n{}",
        faults.len(),
        faults.join("\n")
    );
    ended.lost_nothing()
}

/// The id in a record's path.
fn id(record: &Record) -> String {
    let path = record.text("/url/path").unwrap_or_default();
    let id = path.strip_prefix("/canary/").unwrap_or(path);
    id.split(['/', ';']).next().unwrap_or_default().to_owned()
}

/// Fails if any secret is in what was written; the server's log shows that the search finds them.
fn searched(cases: &[Case], log: &str, ended: &Ended, sinks: &Sinks) -> Result<()> {
    let named = cases.iter().flat_map(|case| {
        let name = |kind: &str| format!("{}, {}: {kind}", case.id, case.place.name);
        case.secrets
            .iter()
            .enumerate()
            .map(move |(number, (kind, secret))| (name(&format!("{kind} no. {number}")), secret))
    });
    let hunt = Hunt::new(named)?;
    let missing = hunt.missing(log.as_bytes());
    ensure!(missing.is_empty(), "the search does not find these in the server's log: {missing:#?}");
    let mut leaks = leaks_in(&hunt, "standard output", &ended.stdout);
    leaks.extend(leaks_in(&hunt, "the log", ended.stderr.as_bytes()));
    for file in files(&sinks.folder)? {
        let bytes = fs::read(&file)?;
        let name = file.strip_prefix(&sinks.folder)?.display().to_string();
        if sinks.files.contains(&file) {
            let text = String::from_utf8_lossy(&bytes);
            let unknown = cases.iter().filter(|case| !text.contains(&case.id)).count();
            ensure!(unknown == 0, "{name} lacks {unknown} exchanges");
        }
        leaks.extend(leaks_in(&hunt, &name, &bytes));
    }
    ensure!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    Ok(())
}

fn leaks_in(hunt: &Hunt, what: &str, bytes: &[u8]) -> Vec<String> {
    let around = |at: usize| {
        let part = bytes.get(at.saturating_sub(60)..bytes.len().min(at + 60));
        String::from_utf8_lossy(part.unwrap_or_default()).replace('\n', " ")
    };
    let found = hunt.search(bytes).into_iter();
    found
        .map(|find| format!("{what} holds {} as {}: …{}…", find.name, find.form, around(find.at)))
        .collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    Ok(found)
}

/// A file in every format, in a folder with the agent's data.
struct Sinks {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Sinks {
    fn new(scene: &Scene, name: &str) -> Self {
        let folder = scene.path(&format!("written-{name}"));
        let files = FORMATS.iter().map(|format| folder.join(format!("sink.{format}"))).collect();
        Self { folder, files }
    }

    fn config(&self) -> String {
        let sink = |(format, path): (&&str, &PathBuf)| {
            format!(
                "[[sink]]\nname = \"{format}\"\ntype = \"file\"\nformat = \"{format}\"\npath = {path:?}\n"
            )
        };
        FORMATS.iter().zip(&self.files).map(sink).collect()
    }

    /// Until the native file holds that many records, and each of the others the last exchange.
    fn wait_for(&self, records: usize) -> Result<()> {
        let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
        let native = self.files.first().context("no formats")?;
        wait::until_true("the file of records", 10, || Ok(lines(native) >= records))
    }
}

const DROPPED: &str = "default = \"drop\"\npayment_card = \"drop\"\napi_key = \"drop\"\n";
const TOKENS: &str =
    "default = \"token\"\npayment_card = \"token\"\ncredential = \"token\"\nemail = \"partial\"\n";
const FORMATS: [&str; 6] = ["native", "otel", "ocsf", "ecs", "clf", "cef"];
