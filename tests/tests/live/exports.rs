//! Records in formats of others, compared with what others write themselves.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use live_tests::clients::curl;
use live_tests::scene::Scene;
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wait;

crate::tests![combined_log_format_is_what_nginx_writes];

/// Line for line the same but for the time: users, targets with a query, answers of every class.
fn combined_log_format_is_what_nginx_writes(scene: &Scene) -> Result<()> {
    let (log, file) = (scene.path("combined.log"), scene.path("out.log"));
    let server = format!("access_log {} combined;", log.display());
    let nginx = Nginx::start(scene, &Options { server, ..Options::default() })?;
    let config =
        format!("[[sink]]\nname = \"log\"\ntype = \"file\"\nformat = \"clf\"\npath = {file:?}\n");
    let agent = scene.agent().config(&config)?.port(nginx.port).start()?;
    let paths = ["/small", "/small?page=2&sort=a", "/missing", "/text"];
    let urls = paths.map(|path| nginx.url(path));
    curl(&urls.each_ref().map(String::as_str))?;
    let named = nginx.url("/small").replace("://", "://bob:c4n4ry@");
    curl(&[named.as_str()])?;
    let count = paths.len() + 1;
    for path in [&log, &file] {
        wait::until_true("the lines", 10, || {
            Ok(fs::read_to_string(path).is_ok_and(|text| text.lines().count() >= count))
        })?;
    }
    agent.finish(count)?;
    let (ours, truth) = (without_times(&file)?, without_times(&log)?);
    ensure!(ours == truth, "wrote\n{}\nnginx\n{}", ours.join("\n"), truth.join("\n"));
    Ok(())
}

/// The lines, sorted, since connections end in any order.
fn without_times(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    let bare = |line: &str| {
        let (before, rest) = line.split_once(" [")?;
        Some(format!("{before}{}", rest.split_once(']')?.1))
    };
    let lines: Option<Vec<_>> = text.lines().map(bare).collect();
    let mut lines = lines.with_context(|| format!("{}: a line without a time", path.display()))?;
    lines.sort();
    Ok(lines)
}
