//! What became of each part of a command that goes on when one part fails.
//!
//! Always: a part that did not run is SKIPPED with the reason, never silently left out; the command
//! fails if any part failed.

use anyhow::{Result, bail};

use crate::step::{Steps, bold};

/// How one part ended, short of failing.
pub enum Ending {
    /// It ran and found nothing wrong.
    Passed,
    /// It could not run here, for this reason.
    Skipped(String),
}

/// The parts of one command, in the order they were taken.
#[derive(Default)]
pub struct Report {
    parts: Vec<(String, Result<Ending>)>,
}

impl Report {
    /// Takes one part as a step and remembers how it ended. True if it passed.
    pub fn take(
        &mut self,
        steps: &mut Steps,
        what: &str,
        work: impl FnOnce() -> Result<Ending>,
    ) -> bool {
        let ending = steps.take(what, work);
        self.add(what, ending)
    }

    /// Remembers how a part ended that took its steps itself. True if it passed.
    pub fn add(&mut self, what: &str, ending: Result<Ending>) -> bool {
        let passed = matches!(ending, Ok(Ending::Passed));
        match &ending {
            Ok(Ending::Passed) => {}
            Ok(Ending::Skipped(reason)) => eprintln!("SKIPPED {what}: {reason}"),
            Err(error) => eprintln!("FAILED {what}: {error:#}"),
        }
        self.parts.push((what.to_owned(), ending));
        passed
    }

    /// Prints a line for each part and one for all; an error if any failed.
    pub fn close(&self) -> Result<()> {
        eprintln!();
        for (what, ending) in &self.parts {
            eprintln!("{}", line(what, ending));
        }
        let failed = self.parts.iter().filter(|(_, ending)| ending.is_err()).count();
        eprintln!("{}", bold(&self.summary()));
        if failed > 0 {
            bail!("{failed} of {} parts failed", self.parts.len());
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let count = |is: fn(&Result<Ending>) -> bool| {
            self.parts.iter().filter(|(_, ending)| is(ending)).count()
        };
        format!(
            "summary: {} ok, {} failed, {} skipped",
            count(|ending| matches!(ending, Ok(Ending::Passed))),
            count(|ending| ending.is_err()),
            count(|ending| matches!(ending, Ok(Ending::Skipped(_)))),
        )
    }
}

fn line(what: &str, ending: &Result<Ending>) -> String {
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let (word, detail) = match ending {
        Ok(Ending::Passed) => ("ok", String::new()),
        Ok(Ending::Skipped(reason)) => ("SKIPPED", first_line(reason)),
        Err(error) => ("FAILED", first_line(&format!("{error:#}"))),
    };
    format!("  {word:<8} {what:<34} {detail}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Ending, Report};
    use crate::step::Steps;
    use anyhow::bail;

    #[test]
    fn a_failure_does_not_hide_what_follows() {
        let mut steps = Steps::new(3);
        let mut report = Report::default();
        assert!(report.take(&mut steps, "first", || Ok(Ending::Passed)));
        assert!(!report.take(&mut steps, "second", || bail!("it is wrong")));
        assert!(!report.take(&mut steps, "third", || Ok(Ending::Skipped("no root".into()))));
        assert_eq!(report.summary(), "summary: 1 ok, 1 failed, 1 skipped");
        assert!(report.close().is_err());
    }

    #[test]
    fn a_skipped_part_is_not_a_failure() {
        let mut report = Report::default();
        report.add("live tests", Ok(Ending::Skipped("no root".into())));
        assert!(report.close().is_ok());
    }
}
