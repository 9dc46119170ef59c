//! `bench`: what the agent costs, what it loses, what it hides and how fast it is, on this machine.
//!
//! In: the name of a benchmark. Out: tables on standard output, the same figures as JSON in a file
//! if asked; what is being done goes to standard error.
//! Always: every figure comes from one run on one machine, and its goal is printed beside it and
//! never asserted; every child is ended by its process id; a kernel setting that was changed is
//! put back.
//! Not here: building the agent and finding rights (`xtask bench`).

mod agent;
mod contest;
mod count_only;
mod cpu;
mod http2;
mod journal;
mod load;
mod loss;
mod machine;
mod nginx;
mod overhead;
mod pipeline;
mod progress;
mod redaction;
mod report;
mod setting;
mod tcpdump;
mod tls;
mod trial;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use machine::Machine;
use report::{Report, Section};

/// Measures what the agent costs, what it loses and how fast it is, beside its contenders.
#[derive(Parser)]
struct Arguments {
    /// Which one.
    #[arg(value_enum, default_value_t = Name::All)]
    name: Name,
    /// Write the figures to this file too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    effort: Effort,
}

/// How long to measure.
#[derive(Clone, Copy, clap::Args)]
struct Effort {
    /// Rounds of which the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load in each.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// A server's throughput and CPU time with the agent and without.
    Overhead,
    /// Every exchange accounted for, at rising loads.
    Loss,
    /// What probes on TLS libraries cost, how often they are hit, and what they miss.
    Tls,
    /// Every exchange of HTTP/2 accounted for, at rising loads, and what many streams hold.
    Http2,
    /// Samples to records from memory, on one core.
    Pipeline,
    /// What is found in bodies, what is hidden without need, and how fast.
    Redaction,
    /// All of them.
    All,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let machine = Machine::here();
    if machine.is_busy() {
        progress::note("something else is at work on this machine: expect worse figures");
    }
    let sections = measure(arguments.name, arguments.effort)?;
    let report = Report { machine, sections };
    print!("{report}");
    arguments.json.map_or(Ok(()), |path| report.write_json(&path))
}

fn measure(name: Name, effort: Effort) -> Result<Vec<Section>> {
    let wanted = |one| name == one || name == Name::All;
    let mut sections = Vec::new();
    if wanted(Name::Pipeline) {
        sections.push(pipeline::measure(effort)?);
    }
    // Its bodies are made by `xtask bench redaction` alone.
    if name == Name::Redaction {
        sections.extend(redaction::measure(effort)?);
    }
    if wanted(Name::Overhead) {
        sections.extend(overhead::measure(effort)?);
    }
    if wanted(Name::Loss) {
        sections.push(loss::measure(effort)?);
    }
    if wanted(Name::Tls) {
        sections.extend(tls::measure(effort)?);
    }
    if wanted(Name::Http2) {
        sections.extend(http2::measure(effort)?);
    }
    Ok(sections)
}
