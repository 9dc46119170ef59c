//! Messages on standard error.
//!
//! In: `--verbose`, `--log-json`, the variable `EARWITNESS_LOG`. Out: a subscriber for `tracing`.
//! Always: quiet by default: warnings and errors only; nothing of captured traffic is ever logged.
//! Not here: data on standard output.

use tracing_subscriber::EnvFilter;

/// Variable with filter directives, as `tracing` knows them.
const VARIABLE: &str = "EARWITNESS_LOG";

/// Starts it.
pub fn start(verbose: u8, json: bool) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        subscriber.json().init();
    } else {
        subscriber.with_target(false).init();
    }
}
