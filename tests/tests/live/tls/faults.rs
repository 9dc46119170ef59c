//! Processes, libraries and files that come and go, and files that cannot be probed: the agent goes
//! on, holds no more than before, and records what follows.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use live_tests::agent::Agent;
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::Asker;
use live_tests::compare;
use live_tests::host;
use live_tests::process::{self, Process};
use live_tests::random::Random;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::log::Entry;
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wait;

use super::places::library;
use super::{Seen, curl_answers, told};

crate::tests![
    many_short_processes,
    libraries_loaded_and_removed,
    file_number_used_again,
    library_written_over,
    imported_late,
    hostile_files_are_survived,
    refused_probe_is_survived,
];

/// Some two hundred a second, a few of which speak TLS.
fn many_short_processes(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates)?;
    let mut agent = scene.agent().port(nginx.port).start()?;
    // Whatever these programs need is probed by then.
    curl_answers(nginx.port, &certificates, &[], &["/text?first"])?;
    process::run(&mut process::command("true")?, 10)?.good()?;
    agent.wait_for(1)?;
    let before = Holding::of(&mut agent)?;
    let begun = Instant::now();
    for number in 0..host::amount(PROCESSES) {
        if number % 50 == 0 {
            curl_answers(nginx.port, &certificates, &[], &[&format!("/text?{number}")])?;
        } else {
            process::command("true")?.status()?;
        }
        thread::sleep((PACE * number as u32).saturating_sub(begun.elapsed()));
    }
    let log = nginx.log(host::amount(PROCESSES).div_ceil(50) + 1)?;
    if agent.wait_for(log.len()).is_err() {
        agent.process().must_live()?;
    }
    before.no_more(&mut agent)?;
    let ended = agent.stop()?;
    compare::accounted(log.len(), &ended)?;
    if ended.losses().is_empty() {
        return Seen::openssl(nginx.port, "curl", "nginx").check(&ended, &log);
    }
    compare::whole_ones_took_place(&ended.exchanges(), &log)
}

/// A program takes up copy after copy of a library; each is gone a while after it is used.
fn libraries_loaded_and_removed(scene: &Scene) -> Result<()> {
    let mut loading = Loading::start(scene)?;
    let mut agent = scene.agent().pid(loading.asker.pid()).start()?;
    let before = Holding::of(&mut agent)?;
    let rounds = 1..=COPIES;
    for number in rounds.clone() {
        ensure!(loading.asker.ask("load")? == (0, number), "copy {number} is not loaded");
        agent.wait_until("probes", |records| told_of(records, &loading.copy(number), true))?;
        let asked = loading.asker.ask(&format!("/text?{number}"))?;
        ensure!(asked == (200, 10), "no answer by copy {number}");
        ensure!(loading.asker.ask("unload")? == (0, number), "copy {number} is still mapped");
    }
    for number in rounds {
        let copy = loading.copy(number);
        agent.wait_until("its end", |records| told_of(records, &copy, false))?;
    }
    before.no_more(&mut agent)?;
    let ended = agent.finish(COPIES as usize)?;
    let (port, log) = loading.stop()?;
    ensure!(log.len() == COPIES as usize, "nginx logs {} exchanges", log.len());
    loaded(port).check(&ended, &log)
}

/// A file without TLS is gone, and a library gets its number on the disk.
fn file_number_used_again(scene: &Scene) -> Result<()> {
    let mut loading = Loading::start(scene)?;
    let mut agent = scene.agent().pid(loading.asker.pid()).start()?;
    for number in 1..=3 {
        // Beside the copies: file systems give numbers by folder.
        let other = loading.folder.join("other");
        fs::copy(process::find("sleep")?, &other)?;
        let mut command = std::process::Command::new(&other);
        process::run(command.arg("0.3"), 10)?.good()?;
        fs::remove_file(&other)?;
        ensure!(loading.asker.ask("load")? == (0, number), "copy {number} is not loaded");
        agent.wait_until("probes", |records| told_of(records, &loading.copy(number), true))?;
    }
    agent.stop().map(drop)
}

/// What is in the file is another library all of a sudden: places in the old one mean nothing.
fn library_written_over(scene: &Scene) -> Result<()> {
    let mut loading = Loading::start(scene)?;
    let mut agent = scene.agent().pid(loading.asker.pid()).start()?;
    loading.asker.ask("load")?;
    let copy = loading.copy(1);
    agent.wait_until("probes", |records| told_of(records, &copy, true))?;
    // One byte more, which nobody has mapped, makes it another.
    let mut file = fs::File::options().write(true).open(&copy)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(b"\n")?;
    drop(file);
    agent.wait_until("new probes", |records| tellings(records, &copy) == [true, false, true])?;
    ensure!(loading.asker.ask("/text?1")? == (200, 10), "no answer");
    let ended = agent.finish(1)?;
    let (port, log) = loading.stop()?;
    loaded(port).check(&ended, &log)
}

/// A program that is older than the agent turns to TLS, by a library that nobody else has.
fn imported_late(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates)?;
    let own = scene.path("own");
    fs::create_dir_all(&own)?;
    let library = library()?;
    let copy = own.join(library.file_name().unwrap_or_default());
    fs::copy(&library, &copy)?;
    let mut command = process::command("python3")?;
    command.env("LD_LIBRARY_PATH", own);
    let arguments = [&nginx.port.to_string(), &certificates.file("ca.pem"), NAME];
    let mut asker = Asker::run(command.args(["-c", IMPORTING]).args(arguments))?;
    ensure!(asker.ask("ready")? == (0, 0), "the client is not ready");
    let mut agent = scene.agent().pid(asker.pid()).start()?;
    ensure!(asker.ask("import")? == (0, 0), "the client cannot import");
    let copy = copy.to_string_lossy().into_owned();
    agent.wait_until("probes", |records| told_of(records, &copy, true))?;
    ensure!(asker.ask("connect")? == (0, 0), "the client cannot connect");
    for path in ["/text?1", "/text?2"] {
        ensure!(asker.ask(path)? == (200, 10), "no answer to {path}");
    }
    let ended = agent.finish(2)?;
    let port = nginx.port;
    drop(asker);
    let seen = Seen { name: Some(NAME), ..loaded(port) };
    seen.check(&ended, &told(nginx.stop()?))
}

/// A process maps files that claim to be programs and are not.
fn hostile_files_are_survived(scene: &Scene) -> Result<()> {
    let mut loading = Loading::start(scene)?;
    let mut agent = scene.agent().port(loading.nginx.port).start()?;
    let files = hostile_files(scene)?;
    let mapper = mapper(&files)?;
    // Those files came before this one, and one thread looks at both.
    ensure!(loading.asker.ask("load")? == (0, 1), "the library is not loaded");
    agent.wait_until("probes", |records| told_of(records, &loading.copy(1), true))?;
    let before = agent.process().processor_time()?;
    thread::sleep(WATCHED);
    let used = agent.process().processor_time()?.saturating_sub(before);
    ensure!(used < WATCHED / 3, "after {} files the agent uses {used:?}", files.len());
    ensure!(loading.asker.ask("/text?after")? == (200, 10), "no answer");
    drop(mapper);
    let ended = agent.finish(1)?;
    ended.took_at_most(MOST_RSS_BYTES)?;
    let exchanges = ended.exchanges();
    ensure!(exchanges.len() == 1, "{} exchanges, not one", exchanges.len());
    ended.lost_nothing()
}

/// A library with a function that begins as no probe may be put on: others are read as before.
fn refused_probe_is_survived(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let nginx = secure(scene, &certificates)?;
    let copy = scene.path("refused.so");
    fs::copy(library()?, &copy)?;
    let mut command = process::command("python3")?;
    let at = process::run(command.args(["-c", FUNCTION_AT]).arg(&copy), 10)?.good()?;
    let mut file = fs::File::options().write(true).open(&copy)?;
    file.seek(SeekFrom::Start(at.trim().parse()?))?;
    // A trap is there already.
    file.write_all(&[0xcc])?;
    drop(file);
    let mapper = mapper(std::slice::from_ref(&copy))?;
    let agent = scene.agent().port(nginx.port).start()?;
    curl_answers(nginx.port, &certificates, &[], &["/text?1", "/text?2"])?;
    let ended = agent.finish(2)?;
    drop(mapper);
    let copy = copy.to_string_lossy();
    let is_named = |line: &str| line.contains("cannot probe") && line.contains(&*copy);
    ensure!(ended.stderr.lines().any(is_named), "nothing is said of {copy}:\n{}", ended.stderr);
    ensure!(!told_of(&ended.records, &copy, true), "a record says that {copy} has probes");
    Seen::openssl(nginx.port, "curl", "nginx").check(&ended, &nginx.stop()?)
}

/// A program that loads copies of a library, and the server that it asks.
struct Loading {
    nginx: Nginx,
    asker: Asker,
    folder: PathBuf,
}

impl Loading {
    fn start(scene: &Scene) -> Result<Self> {
        let certificates = Certificates::new(scene)?;
        let nginx = secure(scene, &certificates)?;
        let folder = scene.path("copies");
        fs::create_dir_all(&folder)?;
        let mut command = process::command("python3")?;
        command.args(["-c", LOADER]).arg(library()?).arg(&folder).arg(nginx.port.to_string());
        Ok(Self { nginx, asker: Asker::run(&mut command)?, folder })
    }

    /// Where the server listened, and what it logged.
    fn stop(self) -> Result<(u16, Vec<Entry>)> {
        drop(self.asker);
        Ok((self.nginx.port, told(self.nginx.stop()?)))
    }

    fn copy(&self, number: u64) -> String {
        self.folder.join(format!("copy-{number}.so")).to_string_lossy().into_owned()
    }
}

/// What records of that program tell.
fn loaded(port: u16) -> Seen<'static> {
    let seen = Seen::openssl(port, "python3", "nginx");
    Seen { name: None, side: "client", server: None, ..seen }
}

fn secure(scene: &Scene, certificates: &Certificates) -> Result<Nginx> {
    let tls = Some(certificates.clone());
    Nginx::start(scene, &Options { tls, ..Options::default() })
}

/// Whether the last record about the file's probes says this.
fn told_of(records: &[Record], path: &str, attached: bool) -> bool {
    tellings(records, path).last() == Some(&attached)
}

/// What records tell of the file's probes, in order: attached or not.
fn tellings(records: &[Record], path: &str) -> Vec<bool> {
    let of_it = records.iter().filter(|record| {
        is_about_probes(record) && record.text("/lifecycle/detail/path") == Some(path)
    });
    of_it.filter_map(|record| record.flag("/lifecycle/detail/attached")).collect()
}

fn is_about_probes(record: &Record) -> bool {
    record.text("/lifecycle/action") == Some("probe")
}

/// What the agent has of what it must give back.
struct Holding {
    files: usize,
    threads: u64,
    rss_bytes: u64,
    /// How many files it had probed by then.
    probed: usize,
}

impl Holding {
    fn of(agent: &mut Agent) -> Result<Self> {
        let is_new = |record: &&Record| {
            is_about_probes(record) && record.flag("/lifecycle/detail/attached") == Some(true)
        };
        let probed = agent.records()?.iter().filter(is_new).count();
        let process = agent.process();
        Ok(Self {
            files: process.open_files()?.len(),
            threads: process.threads()?,
            rss_bytes: process.rss_bytes()?,
            probed,
        })
    }

    /// Fails unless it comes back to this, apart from what was probed meanwhile: any program on this
    /// machine may begin to use TLS.
    fn no_more(&self, agent: &mut Agent) -> Result<()> {
        let mut text = String::new();
        let result = wait::until_true("the agent to give back what it took", 10, || {
            let now = Self::of(agent)?;
            let probed = now.probed - self.probed;
            text = format!(
                "files {} -> {}, threads {} -> {}, memory {} -> {} bytes, {probed} files probed",
                self.files, now.files, self.threads, now.threads, self.rss_bytes, now.rss_bytes
            );
            Ok(now.files <= self.files + probed * FILES_OF_A_PROBED_ONE
                && now.threads <= self.threads
                && now.rss_bytes <= self.rss_bytes + MORE_RSS_BYTES)
        });
        result.map_err(|error| error.context(text))
    }
}

/// Libraries and programs cut short or with wrong bytes in their heads, and large ones that are empty.
fn hostile_files(scene: &Scene) -> Result<Vec<PathBuf>> {
    let mut random = Random::new(7);
    let mut files = Vec::new();
    let mut add = |content: &[u8]| {
        let path = scene.file(&format!("hostile/{}", files.len()), content)?;
        files.push(path.clone());
        anyhow::Ok(path)
    };
    for good in [fs::read(library()?)?, fs::read(process::find("curl")?)?] {
        for length in [1, 4, 16, 63, 64, 100, 1_000, 4_096, 65_536, good.len() / 2, good.len() - 1]
        {
            add(good.get(..length).unwrap_or(&good))?;
        }
        // The head with its tables, the table of sections, or anywhere.
        let places = [0..1_024, good.len() - 4_096..good.len(), 0..good.len()];
        for place in places.iter().cycle().take(30) {
            let mut bad = good.clone();
            for _ in 0..8 {
                let at = place.start + random.number() as usize % place.len();
                bad.splice(at..=at, [random.number() as u8]);
            }
            add(&bad)?;
        }
    }
    for head in [head(0, 1), head(u64::MAX / 2, 1), head(LARGE_BYTES - 64, 0xffff)] {
        let path = add(&head)?;
        fs::File::options().write(true).open(path)?.set_len(LARGE_BYTES)?;
    }
    Ok(files)
}

/// The head of a program whose one segment is all of a large file, with sections somewhere.
fn head(sections_at: u64, sections: u16) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // ET_DYN, x86-64, version 1; then the entry, segments and sections.
    head.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    head.extend([0, 64, sections_at].map(u64::to_le_bytes).concat());
    head.extend([0; 4]);
    head.extend([64, 56, 1, 64, sections, 0].map(u16::to_le_bytes).concat());
    // PT_LOAD, readable and executable.
    head.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    head.extend([0, 0, 0, LARGE_BYTES, LARGE_BYTES, 4_096].map(u64::to_le_bytes).concat());
    head
}

/// A process that has all these files mapped as code.
fn mapper(files: &[PathBuf]) -> Result<Process> {
    let mut command = process::command("python3")?;
    command.args(["-c", MAPPER]).args(files).stdout(Stdio::null());
    let mapper = Process::start("the program that maps files", &mut command)?;
    let maps = format!("/proc/{}/maps", mapper.pid());
    let is_mapped = |maps: &str, file: &Path| maps.contains(&*file.to_string_lossy());
    wait::until_true("files to be mapped", 10, || {
        let maps = fs::read_to_string(&maps)?;
        Ok(files.last().is_none_or(|last| is_mapped(&maps, last)))
    })?;
    Ok(mapper)
}

const PROCESSES: usize = 2_000;
const PACE: Duration = Duration::from_millis(5);
const COPIES: u64 = 8;
const LARGE_BYTES: u64 = 500 << 20;
const WATCHED: Duration = Duration::from_secs(3);
/// A file that is held, and probes: one for all its functions, or one for each entry and return.
const FILES_OF_A_PROBED_ONE: usize = 40;
const MORE_RSS_BYTES: u64 = 32 << 20;
const MOST_RSS_BYTES: u64 = 256 << 20;

const LOADER: &str = include_str!("loader.py");

const MAPPER: &str = "
import mmap, sys, time
maps = []
for path in sys.argv[1:]:
    with open(path, 'rb') as file:
        maps.append(mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC))
time.sleep(600)
";

/// Where in a library's file `SSL_read` begins.
const FUNCTION_AT: &str = "
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
address = ctypes.cast(library.SSL_read, ctypes.c_void_p).value
for line in open('/proc/self/maps'):
    words = line.split()
    start, end = (int(word, 16) for word in words[0].split('-'))
    if start <= address < end:
        print(address - start + int(words[2], 16))
";

/// Answers a line before it knows of TLS, and one when it does; then asks for paths.
const IMPORTING: &str = "
import sys
sys.stdin.readline()
print(0, 0, flush=True)
sys.stdin.readline()
import http.client, socket, ssl
context = ssl.create_default_context(cafile=sys.argv[2])
print(0, 0, flush=True)
sys.stdin.readline()
connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)
plain = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10)
connection.sock = context.wrap_socket(plain, server_hostname=sys.argv[3])
print(0, 0, flush=True)
for path in sys.stdin:
    connection.request('GET', path.strip())
    response = connection.getresponse()
    print(response.status, len(response.read()), flush=True)
";
