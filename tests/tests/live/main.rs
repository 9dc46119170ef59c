//! The live tests: a real agent in the running kernel, real servers and clients, and their own logs
//! as ground truth.
//!
//! Run by `cargo xtask test`; one alone by
//! `cargo test --release --package live-tests -- --exact NAME`. Always: one after another, so that no
//! test sees another's traffic or load; what cannot run here is SKIPPED with the reason before
//! anything runs. Not here: what tests are made of (the library beside).

mod apps;
mod canary;
mod commands;
mod credentials;
mod exports;
mod faults;
mod filters;
mod framing;
mod hostile;
mod identity;
mod load;
mod modern;
mod nginx;
mod odd;
mod places;
mod processes;
mod reload;
mod sealing;
mod sinks;
mod source;
mod syscalls;
mod tls;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use live_tests::host;
use live_tests::scene::Scene;

/// A test and its name.
pub struct Test {
    name: &'static str,
    run: fn(&Scene) -> Result<()>,
}

/// The tests of a module, each under the module's name.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        /// Every test of this file.
        pub fn tests() -> Vec<$crate::Test> {
            vec![$($crate::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $name,
            }),*]
        }
    };
}

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(1));
    let obstacle = host::obstacle();
    if let Err(error) = host::allow_many_files() {
        eprintln!("tests of many connections may fail: {error:#}");
    }
    let trials = all().into_iter().map(|test| trial(test, obstacle.as_deref())).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn all() -> Vec<Test> {
    let files = [
        nginx::tests(),
        apps::tests(),
        framing::tests(),
        odd::tests(),
        places::tests(),
        processes::tests(),
        syscalls::tests(),
        credentials::tests(),
        canary::tests(),
        identity::tests(),
        hostile::tests(),
        load::tests(),
        filters::tests(),
        reload::tests(),
        faults::tests(),
        commands::tests(),
        sealing::tests(),
        sinks::tests(),
        exports::tests(),
        source::tests(),
        tls::tests(),
        modern::tests(),
    ];
    files.into_iter().flatten().collect()
}

fn trial(test: Test, obstacle: Option<&str>) -> Trial {
    let name = test.name.strip_prefix("live::").unwrap_or(test.name);
    if let Some(reason) = obstacle {
        eprintln!("SKIPPED {name}: {reason}");
    }
    let run = move || run(name, test.run).map_err(Failed::from);
    Trial::test(name, run).with_ignored_flag(obstacle.is_some())
}

/// Runs a test in a scene of its own. What a failure says ends with how to see it again.
fn run(name: &str, test: fn(&Scene) -> Result<()>) -> Result<(), String> {
    let scene = Scene::new().map_err(|error| format!("{error:#}"))?;
    test(&scene).map_err(|error| {
        let alone = format!("cargo test --release --package live-tests -- --exact {name}");
        format!("{error:#}\n{}\n\nalone, as root: {alone}\n", scene.logs())
    })
}
