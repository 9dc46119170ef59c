//! What a command says while it works: numbered steps, how long each took, what to do next.
//!
//! Always: standard error only, so that a command's data stays alone on standard output; a step is
//! announced before it starts, so that whatever takes long is named.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps of one command, counted as they are taken.
pub struct Steps {
    total: usize,
    taken: usize,
    begun: Instant,
}

impl Steps {
    /// A command of `total` steps starts now.
    pub fn new(total: usize) -> Self {
        Self { total, taken: 0, begun: Instant::now() }
    }

    /// Announces a step, takes it, and says how long it took.
    pub fn take<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.taken += 1;
        eprintln!("{}", bold(&format!("[{}/{}] {what}", self.taken, self.total)));
        let begun = Instant::now();
        let result = work();
        let verb = if result.is_ok() { "done in" } else { "failed after" };
        note(format!("{verb} {}", human(begun.elapsed())));
        result
    }

    /// Ends the command well, saying what can be done now.
    pub fn finish(&self, next: &str) {
        eprintln!("{}", bold(&format!("done in {}", human(self.begun.elapsed()))));
        eprintln!("next: {next}");
    }

    /// How long the command has been at work.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// One detail of the step at hand, indented below it.
pub fn note(text: impl AsRef<str>) {
    for line in text.as_ref().lines() {
        eprintln!("      {line}");
    }
}

/// Bold on a terminal, plain elsewhere.
pub fn bold(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stderr().is_terminal();
    if plain { text.to_owned() } else { format!("\x1b[1m{text}\x1b[0m") }
}

/// A duration in the unit that one would say.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::{Steps, human};
    use std::time::Duration;

    #[test]
    fn durations_are_said_in_their_unit() {
        assert_eq!(human(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(human(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn a_step_gives_what_its_work_gave() {
        let mut steps = Steps::new(2);
        assert_eq!(steps.take("first", || Ok(7)).unwrap(), 7);
        assert!(steps.take("second", || anyhow::bail!("no") as anyhow::Result<()>).is_err());
        assert_eq!(steps.taken, 2);
    }
}
