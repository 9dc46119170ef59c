//! Contenders that take turns, round after round.
//!
//! In: trials, a load. Out: medians over the rounds, shares of throughput, a table.
//! Always: each round begins with another trial, so that none has the better place every time; a
//! share is taken within a round, so that a machine that slows down slows all of them.

use std::time::Duration;

use anyhow::Result;

use crate::Effort;
use crate::load::Load;
use crate::report::{Section, median, number};
use crate::trial::{Measured, Trial};

/// What came of all rounds.
pub struct Contest<'a> {
    trials: &'a [Trial],
    rounds: Vec<Vec<Measured>>,
}

impl<'a> Contest<'a> {
    /// Measures.
    pub fn run(trials: &'a [Trial], load: Load, effort: Effort) -> Result<Self> {
        let time = Duration::from_secs(effort.seconds);
        let round = |number: usize| {
            let turns = trials.iter().cycle().skip(number % trials.len()).take(trials.len());
            turns.map(|trial| trial.run(load, time)).collect()
        };
        let rounds = (0..effort.rounds).map(round).collect::<Result<_>>()?;
        Ok(Self { trials, rounds })
    }

    /// The median of one trial over the rounds.
    pub fn typical(&self, trial: &Trial, figure: impl Fn(&Measured) -> f64) -> f64 {
        median(self.of(trial).map(figure))
    }

    /// The measurements of one trial, a round each.
    pub fn of(&self, trial: &Trial) -> impl Iterator<Item = &Measured> {
        self.rounds.iter().flatten().filter(move |measured| measured.name == trial.name)
    }

    /// One trial's throughput as a share of another's.
    pub fn share(&self, trial: &Trial, whole: &Trial) -> f64 {
        let share = |round: &Vec<Measured>| {
            let rate = |trial: &Trial| {
                round.iter().find(|one| one.name == trial.name).map(|one| one.per_second)
            };
            Some(rate(trial)? / rate(whole)?)
        };
        median(self.rounds.iter().filter_map(share))
    }

    /// Exchanges recorded of those that clients counted, in per cent. More than 100 if some were under
    /// way when the clients stopped counting.
    pub fn recorded_percent(&self, trial: &Trial) -> f64 {
        let share = |one: &Measured| one.recorded.exchanges as f64 / one.answered as f64;
        self.typical(trial, share) * 100.0
    }

    /// A line for each trial. `whole`: what the others' throughput is kept of.
    pub fn grid(&self, whole: &Trial) -> Vec<Vec<String>> {
        let head = ["", "requests/s", "kept", "application us", "watcher us"];
        let row = |trial: &Trial| {
            let median = |figure: fn(&Measured) -> f64| number(self.typical(trial, figure));
            vec![
                trial.name.to_owned(),
                median(|measured| measured.per_second),
                number(self.share(trial, whole)),
                median(|measured| measured.application_us),
                median(|measured| measured.watcher_us),
            ]
        };
        let rows = self.trials.iter().map(row);
        std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect()
    }

    /// Puts each single measurement into the section, and what disturbed them.
    pub fn tell(self, section: &mut Section) -> Result<()> {
        let others = self.rounds.iter().flatten().map(|measured| measured.others_cores);
        let most = others.fold(0.0, f64::max);
        if most > QUIET_CORES {
            section.note(format!("something else used up to {} cores meanwhile", number(most)));
        }
        for measured in self.rounds.into_iter().flatten() {
            section.measurements.push(serde_json::to_value(measured)?);
        }
        Ok(())
    }
}

/// What the kernel's own threads use for all of this.
const QUIET_CORES: f64 = 0.2;
