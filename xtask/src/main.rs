//! `cargo xtask`: set-up, build, run, test, bench, lint, tidy and vm.
//!
//! One file a command; this one only chooses. Always: each command says every step before it takes
//! it, can be run again harmlessly, and ends with what to do next. Exit codes: 0 done, 1 something
//! failed, 2 usage; `vm` passes on the code of what ran in the guest.

mod aioquic;
mod bench;
mod build;
mod curl_cffi;
mod go;
mod grpcio;
mod host;
mod httpx;
mod hypercorn;
mod lint;
mod live;
mod npm;
mod ocsf;
mod otlp;
mod packages;
mod pip;
mod privilege;
mod process;
mod pyjwt;
mod report;
mod run;
mod rustls;
mod setup;
mod step;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod vm;
mod web_rpc;
mod websockets;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The developer's door to Earwitness. `cargo xtask run` is the one to start with.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Setup(setup::Arguments),
    Build(build::Arguments),
    Run(run::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Lint(lint::Arguments),
    Tidy(tidy::Arguments),
    Vm(vm::Arguments),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let workspace = Workspace::here();
    let result = match command {
        Command::Setup(arguments) => setup::run(&workspace, &arguments),
        Command::Build(arguments) => build::run(&workspace, &arguments),
        Command::Run(arguments) => run::run(&workspace, &arguments),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Lint(arguments) => lint::run(&workspace, &arguments),
        Command::Tidy(arguments) => tidy::run(&workspace, &arguments),
        Command::Vm(arguments) => vm::run(&workspace, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            let guest = error.downcast_ref::<vm::GuestFailed>();
            guest.map_or(ExitCode::FAILURE, |guest| ExitCode::from(guest.code))
        }
    }
}
