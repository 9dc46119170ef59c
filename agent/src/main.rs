//! The `earwitness` binary.
//!
//! In: the command line. Out: an exit code.
//! Always: an error is told on standard error, with what was being done.
//! Not here: everything else (the library).

use std::process::ExitCode;

fn main() -> ExitCode {
    match earwitness::cli::main() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
