//! Bodies with what was planted in them.
//!
//! In: the file that `generate.js` wrote, named by `EARWITNESS_BODIES`. Out: `Body`s.
//! Always: every sensitive value is known, with its class.
//! Not here: judging what was found.

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// All bodies.
pub struct Corpus(Vec<Body>);

/// A body of JSON.
#[derive(Deserialize)]
pub struct Body {
    /// Which half its API is in.
    pub half: Half,
    /// Whether anything was planted.
    pub kind: Kind,
    /// As it is sent.
    pub body: String,
    /// What was planted in it.
    pub planted: Vec<Planted>,
    /// How many values it has, of lists.
    #[serde(default)]
    pub values: usize,
}

/// A sensitive value.
#[derive(Deserialize)]
pub struct Planted {
    /// Names and indices that lead to it.
    pub path: String,
    /// What it is.
    pub class: String,
    /// The value alone, without the text around it.
    pub value: String,
}

/// Which APIs: those that rules may be tuned on, or those that figures are of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// Rules may be tuned on them.
    Tuning,
    /// Rules may not.
    Figures,
}

/// What a body is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing sensitive is in it.
    Clean,
    /// There may be.
    Sensitive,
    /// A list of many things, clean.
    ListClean,
    /// A list of many things, in which one value of twenty is sensitive.
    ListMixed,
}

impl Corpus {
    /// Those of the file.
    pub fn read() -> Result<Self> {
        let path = std::env::var_os("EARWITNESS_BODIES")
            .context("no bodies; hint: `cargo xtask bench redaction` makes them")?;
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let bodies = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        Ok(Self(bodies.with_context(|| format!("bodies in {}", path.display()))?))
    }

    /// Those of a half and a kind.
    pub fn of(&self, half: Half, kind: Kind) -> impl Iterator<Item = &Body> {
        self.0.iter().filter(move |body| body.half == half && body.kind == kind)
    }
}
