//! `pipeline`: samples to records from memory, on one core.
//!
//! In: streams of samples as the kernel side writes them (`traffic`). Out: exchanges a second.
//! Always: the code that the agent runs, from a sample's bytes to a JSON line; each pass gives as
//! many records as the stream has exchanges, or the measurement fails; making and renumbering the
//! stream is not timed; processor time counts, so that others' work on the machine matters less.
//! Not here: the ring buffer, the journal (`overhead` and `loss` measure the whole agent).

mod heads;
mod http2;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use earwitness::audit::config::AuditConfig;
use earwitness::audit::encode::Lines;
use earwitness::audit::observer::Observer;
use earwitness::audit::policy::Policy;
use earwitness::audit::rule::Level;
use earwitness::audit::token::Tokens;
use earwitness::model::limits::Limits;
use earwitness::model::origin::Process;
use earwitness::model::sample::ProcessEvent;
use earwitness::model::time::ClockOffset;
use earwitness::pipeline::{Names, Outcome, Pipeline};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Effort;
use crate::cpu;
use crate::progress;
use crate::report::{Figure, Goal, Section, median, number};
use heads::Shape;
use traffic::Stream;

/// Every mix in turn.
pub fn measure(effort: Effort) -> Result<Section> {
    let mut section = Section::new("pipeline: samples to JSON lines from memory, one core");
    let _pin = Pin::one_core()?;
    for mix in MIXES {
        progress::step(&format!("pipeline: {}", mix.name));
        section.figures.push(measure_mix(mix, effort)?);
    }
    Ok(section)
}

fn measure_mix(mix: &Mix, effort: Effort) -> Result<Figure> {
    let mut bench = Bench::new(mix)?;
    bench.run_for(WARM_UP)?;
    let round = Duration::from_secs(effort.seconds).div_f64(PARTS);
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        rounds.push(bench.run_for(round)?);
    }
    let per_second = median(rounds.iter().map(Pace::per_second));
    progress::note(
        &rounds.iter().map(|pace| number(pace.per_second())).collect::<Vec<_>>().join(", "),
    );
    let remark = format!(
        "{} ns each, {} captured bytes to {} bytes of JSON",
        number(1e9 / per_second),
        number(bench.stream.captured_bytes as f64 / bench.stream.exchanges as f64),
        number(bench.line_bytes as f64 / bench.seq as f64),
    );
    let figure = Figure::new(mix.name, per_second, "exchanges/s").remark(remark);
    Ok(figure.goal(Goal::AtLeast(mix.goal)))
}

/// A stream on its way through a pipeline, again and again.
struct Bench {
    stream: Stream,
    /// Records hold bodies.
    has_content: bool,
    pipeline: Pipeline,
    out: Outcome,
    line: Vec<u8>,
    line_bytes: u64,
    seq: u64,
    now_ns: u64,
}

impl Bench {
    fn new(mix: &Mix) -> Result<Self> {
        let observer = Arc::new(Observer {
            host_name: Some("web-1".into()),
            host_id: Some("5f0c1d8e9a7b46f2a3d4e5f60718293a".into()),
            boot_id: Some("0b6f9e0e-6a3c-4f0e-9d53-5f3c3c1e7a11".into()),
            version: env!("CARGO_PKG_VERSION").into(),
        });
        let mut config = AuditConfig::default();
        config.policy.default = mix.level;
        let policy = Policy::new(&config, Tokens::ephemeral()?, observer)?;
        let clock = ClockOffset { offset_ns: 1_795_330_800_000_000_000 };
        let names = Arc::new(OneProcess::new());
        let limits = Limits::default();
        let pipeline = Pipeline::new(Arc::new(policy), names, limits, MEMORY_BYTES, clock);
        let stream = match mix.traffic {
            Traffic::Http1(shapes) => Stream::new(shapes, EXCHANGES),
            Traffic::Http2 => Stream::http2(EXCHANGES),
        };
        let mut bench = Self {
            stream,
            has_content: mix.level == Level::RequestResponse,
            pipeline,
            out: Outcome::default(),
            line: Vec::new(),
            line_bytes: 0,
            seq: 0,
            now_ns: traffic::START_NS,
        };
        for sample in bench.stream.openings() {
            bench.pipeline.sample(sample, &mut bench.out);
        }
        bench.out.records.clear();
        Ok(bench)
    }

    /// Pass after pass until so much time was measured.
    fn run_for(&mut self, time: Duration) -> Result<Pace> {
        let mut pace = Pace { exchanges: 0, time: Duration::ZERO };
        while pace.time < time {
            let seq = self.seq;
            let begun_ns = cpu::own()?;
            self.pass();
            pace.time += Duration::from_nanos(cpu::own()? - begun_ns);
            let records = self.seq - seq;
            let expected = self.stream.exchanges;
            let first = String::from_utf8_lossy(&self.line);
            ensure!(records == expected, "{expected} exchanges gave {records} records: {first}");
            ensure!(first.contains("\"complete\":true"), "a record is not complete: {first}");
            let has_content = first.contains("\"content\":");
            ensure!(has_content == self.has_content, "content in a record: {first}");
            pace.exchanges += records;
            self.stream.advance();
            self.now_ns += traffic::PASS_NS;
        }
        Ok(pace)
    }

    /// What is timed. Records are taken as often as a shard's thread takes them.
    fn pass(&mut self) {
        for (index, sample) in self.stream.samples().enumerate() {
            self.pipeline.sample(sample, &mut self.out);
            if index % SAMPLES_A_BATCH == SAMPLES_A_BATCH - 1 {
                take(&mut self.out, &mut self.seq, &mut self.line, &mut self.line_bytes);
            }
        }
        self.pipeline.tick(self.now_ns, &mut self.out);
        take(&mut self.out, &mut self.seq, &mut self.line, &mut self.line_bytes);
    }
}

/// What the journal would do, short of writing.
fn take(out: &mut Outcome, seq: &mut u64, line: &mut Vec<u8>, line_bytes: &mut u64) {
    let mut lines = Lines::default();
    for record in out.records.drain(..) {
        line.clear();
        lines.write(&record, *seq, line);
        *line_bytes += line.len() as u64;
        *seq += 1;
    }
    out.signals.verdicts.clear();
}

struct Pace {
    exchanges: u64,
    time: Duration,
}

impl Pace {
    fn per_second(&self) -> f64 {
        self.exchanges as f64 / self.time.as_secs_f64()
    }
}

/// Every process is the same one: finding names is not part of this.
struct OneProcess(Arc<Process>);

impl OneProcess {
    fn new() -> Self {
        Self(Arc::new(Process {
            pid: traffic::TGID,
            executable: Some("/usr/sbin/nginx".into()),
            user_id: Some(traffic::UID),
            user_name: Some("www-data".into()),
        }))
    }
}

impl Names for OneProcess {
    fn process(&self, _tgid: u32, _uid: u32) -> Arc<Process> {
        Arc::clone(&self.0)
    }

    fn event(&self, _event: &ProcessEvent) {}
}

/// This thread stays on one core until this is dropped.
struct Pin(CpuSet);

impl Pin {
    /// The last one that may be used: the first is where interrupts arrive.
    fn one_core() -> Result<Self> {
        let own = Pid::from_raw(0);
        let allowed = sched_getaffinity(own).context("reading this thread's cores")?;
        let is_allowed = |core: &usize| allowed.is_set(*core).unwrap_or(false);
        let core = (0..CpuSet::count()).rev().find(is_allowed).context("no core is allowed")?;
        let mut one = CpuSet::new();
        one.set(core).context("naming a core")?;
        sched_setaffinity(own, &one).context("staying on one core")?;
        Ok(Self(allowed))
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Err(error) = sched_setaffinity(Pid::from_raw(0), &self.0) {
            progress::note(&format!("still on one core: {error}"));
        }
    }
}

/// What a stream is made of.
struct Mix {
    name: &'static str,
    traffic: Traffic,
    /// How much of each exchange is recorded.
    level: Level,
    goal: f64,
}

#[derive(Clone, Copy)]
enum Traffic {
    /// These shapes by turns.
    Http1(&'static [Shape]),
    Http2,
}

impl Mix {
    const fn http1(name: &'static str, shapes: &'static [Shape]) -> Self {
        let traffic = Traffic::Http1(shapes);
        Self { name, traffic, level: Level::Metadata, goal: GOAL_PER_SECOND }
    }
}

const MIXES: &[Mix] = &[
    Mix::http1("mixed", MIXED),
    Mix::http1("API client, keep-alive", &[Shape::Api]),
    Mix::http1("curl, a connection each", &[Shape::Fresh]),
    Mix::http1("chunked answers", &[Shape::Chunked]),
    Mix::http1("browser, long heads", &[Shape::Browser]),
    Mix {
        name: "with JSON of 1 KiB, redacted",
        traffic: Traffic::Http1(&[Shape::Body]),
        level: Level::RequestResponse,
        goal: GOAL_BODY_PER_SECOND,
    },
    Mix {
        name: "HTTP/2, 8 streams at a time",
        traffic: Traffic::Http2,
        level: Level::Metadata,
        goal: GOAL_HTTP2_PER_SECOND,
    },
];
/// Of twenty: thirteen of API clients, three of browsers, two chunked, two on new connections.
const MIXED: &[Shape] = {
    use Shape::{Api, Browser, Chunked, Fresh};
    &[
        Api, Api, Browser, Api, Api, Chunked, Api, Api, Api, Fresh, Api, Api, Browser, Api, Api,
        Chunked, Api, Browser, Api, Fresh,
    ]
};
const GOAL_PER_SECOND: f64 = 150_000.0;
const GOAL_BODY_PER_SECOND: f64 = 100_000.0;
const GOAL_HTTP2_PER_SECOND: f64 = 120_000.0;
/// Samples of a pass fit into the cache that cores share, as those of a ring buffer do.
const EXCHANGES: usize = 2_000;
const SAMPLES_A_BATCH: usize = 512;
const WARM_UP: Duration = Duration::from_millis(500);
/// Memory alone needs shorter rounds than a server under load.
const PARTS: f64 = 3.0;
const MEMORY_BYTES: usize = 256 << 20;
