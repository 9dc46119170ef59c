//! Go, which has a library of its own in every program and moves calls from thread to thread.

use anyhow::Result;
use live_tests::scene::Scene;
use live_tests::servers::go::{self, Build};

use super::program::Program;

crate::tests![
    plain_server,
    stripped_server,
    position_independent_server,
    client_and_server,
    many_connections_at_a_time,
    client_alone_is_watched,
    stripped_client_alone_is_watched,
];

fn plain_server(scene: &Scene) -> Result<()> {
    served(scene, Build::Plain)
}

/// What its functions are called is told by a table that is needed at run time.
fn stripped_server(scene: &Scene) -> Result<()> {
    served(scene, Build::Stripped)
}

fn position_independent_server(scene: &Scene) -> Result<()> {
    served(scene, Build::Pie)
}

fn served(scene: &Scene, how: Build) -> Result<()> {
    let paths = ["/length/5", "/chunked/250000", "/none", "/length/1000000", "/length/0"];
    program(scene, how)?.answers_curl(scene, &[], &paths).map(drop)
}

fn client_and_server(scene: &Scene) -> Result<()> {
    program(scene, Build::Plain)?.asks_itself(scene, 1).map(drop)
}

/// More connections than threads, so that calls begin on one thread and end on another.
fn many_connections_at_a_time(scene: &Scene) -> Result<()> {
    program(scene, Build::Stripped)?.asks_itself(scene, 50).map(drop)
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    program(scene, Build::Plain)?.asks_python(scene, 3).map(drop)
}

fn stripped_client_alone_is_watched(scene: &Scene) -> Result<()> {
    program(scene, Build::Stripped)?.asks_python(scene, 3).map(drop)
}

fn program(scene: &Scene, how: Build) -> Result<Program> {
    let path = go::build(scene, how)?;
    Ok(Program { path, library: "go", version: "1.3", start: go::start })
}
