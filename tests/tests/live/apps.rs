//! Servers of Python's and Node's standard libraries.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::clients::curl;
use live_tests::compare;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::app::{App, Mode};

crate::tests![
    python_as_it_comes,
    python_content_ended_by_close,
    python_chunked,
    python_expect_continue,
    python_forks_for_each_connection,
    node_keep_alive,
    node_large_chunked,
    large_chunked_again_and_again,
    latency_is_measured,
];

/// `python3 -m http.server`: HTTP/1.0, a connection for each request.
fn python_as_it_comes(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(70_000))?;
    let python = App::plain_python(scene)?;
    let agent = scene.agent().port(python.port).start()?;
    let urls = ["/file", "/missing", "/?list=1"].map(|path| python.url(path));
    let answers = curl(&urls.each_ref().map(String::as_str))?;
    let ended = agent.finish(3)?;
    compare::with_log(&ended.exchanges(), &answers)?;
    for record in ended.exchanges() {
        let pid = record.number("/server/process/pid");
        ensure!(pid == Some(u64::from(python.pid())), "the server is {}: {record}", python.pid());
    }
    ended.lost_nothing()
}

fn python_content_ended_by_close(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Thread, "1.0")?;
    fetched(scene, &python, &["/close/0", "/close/1", "/close/200000", "/length/5"])?;
    Ok(())
}

fn python_chunked(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Thread, "1.1")?;
    fetched(scene, &python, &["/chunked/0", "/chunked/1", "/chunked/250000", "/length/5"])?;
    Ok(())
}

fn python_forks_for_each_connection(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Fork, "1.0")?;
    let ended = fetched(scene, &python, &["/length/5", "/length/6", "/length/7"])?;
    let answered_itself = |pid: Option<u64>| pid.is_some_and(|pid| pid == u64::from(python.pid()));
    for record in ended.exchanges() {
        let pid = record.number("/server/process/pid");
        ensure!(!answered_itself(pid), "the parent only accepts: {record}");
    }
    Ok(())
}

fn node_keep_alive(scene: &Scene) -> Result<()> {
    let node = App::node(scene)?;
    let paths = ["/length/0", "/length/100000", "/chunked/10", "/none", "/chunked/300000"];
    fetched(scene, &node, &paths)?;
    Ok(())
}

/// A chunked body has to be followed to its end, byte by byte.
fn node_large_chunked(scene: &Scene) -> Result<()> {
    let node = App::node(scene)?;
    fetched(scene, &node, &["/chunked/5000000", "/length/3"])?;
    Ok(())
}

/// Whatever becomes of their sizes, two exchanges are two records.
fn large_chunked_again_and_again(scene: &Scene) -> Result<()> {
    let node = App::node(scene)?;
    fetched(scene, &node, &["/chunked/400000"; 4])?;
    Ok(())
}

/// Asks for each path over one curl, and compares with what both ends say.
fn fetched(scene: &Scene, app: &App, paths: &[&str]) -> Result<Ended> {
    let agent = scene.agent().port(app.port).start()?;
    let urls: Vec<_> = paths.iter().map(|path| app.url(path)).collect();
    let answers = curl(&urls.iter().map(String::as_str).collect::<Vec<_>>())?;
    let ended = agent.finish(paths.len())?;
    compare::with_log(&ended.exchanges(), &answers)?;
    compare::with_log(&ended.exchanges(), &app.log(paths.len())?)?;
    ended.lost_nothing()?;
    Ok(ended)
}

/// 100 Continue comes before the body does.
fn python_expect_continue(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Thread, "1.1")?;
    let agent = scene.agent().port(python.port).start()?;
    let file = scene.file("upload", text(150_000))?;
    let data = format!("@{}", file.display());
    let url = python.url("/upload");
    curl(&["--header", "Expect: 100-continue", "--data-binary", &data, &url])?;
    let ended = agent.finish(1)?;
    compare::with_log(&ended.exchanges(), &python.log(1)?)?;
    let record = ended.only_exchange()?;
    let interim = record.at("/earwitness/interim").map(ToString::to_string);
    ensure!(interim.as_deref() == Some("[100]"), "interim responses {interim:?}: {record}");
    let size = record.number("/http/request/body/size");
    ensure!(size == Some(150_000), "the request has {size:?} bytes: {record}");
    ended.lost_nothing()
}

/// A server that thinks for 300 ms: the first byte comes after that, and the whole soon after it.
fn latency_is_measured(scene: &Scene) -> Result<()> {
    let python = App::python(scene, Mode::Thread, "1.1")?;
    let agent = scene.agent().port(python.port).start()?;
    curl(&[&python.url("/sleep/300"), &python.url("/length/5")])?;
    let ended = agent.finish(2)?;
    compare::with_log(&ended.exchanges(), &python.log(2)?)?;
    let of = |key| ended.exchanges().into_iter().filter_map(|r| r.number(key)).collect::<Vec<_>>();
    let (first, whole) = (of("/time_to_first_byte_ns"), of("/duration_ns"));
    let [slow, quick] = whole[..] else { anyhow::bail!("durations: {whole:?}") };
    ensure!(first.iter().any(|&ns| ns >= 300_000_000), "first bytes after {first:?} ns");
    ensure!((300_000_000..900_000_000).contains(&slow), "300 ms were measured as {slow} ns");
    ensure!(quick < 100_000_000, "nothing slow about {quick} ns");
    Ok(())
}
