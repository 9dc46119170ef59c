//! `redaction`: what is found in made-up bodies of public APIs, what is hidden without need, and how fast.
//!
//! In: bodies that `generate.js` made and what it planted in them (`corpus`). Out: recall, precision,
//! leaked characters and over-redaction; bytes a second.
//! Always: figures come from APIs that no rule was tuned on; the default configuration; one core.
//! Not here: making bodies (`generate.js`, run by `xtask bench`), whole exchanges (`pipeline`).

mod corpus;
mod quality;
mod speed;

use anyhow::Result;

use crate::Effort;
use crate::progress;
use crate::report::Section;
use corpus::{Corpus, Half};

/// Quality and speed.
pub fn measure(effort: Effort) -> Result<Vec<Section>> {
    let corpus = Corpus::read()?;
    progress::step("redaction: quality");
    // The other half is for who changes the rules.
    let half = match std::env::var("EARWITNESS_HALF").as_deref() {
        Ok("tuning") => Half::Tuning,
        _ => Half::Figures,
    };
    let quality = quality::measure(&corpus, half);
    progress::step("redaction: speed");
    Ok(vec![quality, speed::measure(&corpus, effort)?])
}
