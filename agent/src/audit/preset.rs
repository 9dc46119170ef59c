//! Presets: settings that a requirement asks for, together.
//!
//! In: nothing. Out: names, and the text of each preset, TOML with comments.
//! Always: the files in `deploy/presets` are the one place where a preset is written down: what it sets, why, and
//! who asks for it.
//! Not here: how a preset lies under the settings of a user, and what is told about it (`config::preset`).

use serde::{Deserialize, Serialize};

/// Settings that a requirement asks for, together.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// PCI DSS 4.0.1: payment cards.
    Pci,
    /// HIPAA, 45 CFR part 164: health information in the United States.
    Hipaa,
    /// GDPR: as little personal data as an audit trail can do with.
    GdprMinimal,
}

impl Preset {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Pci, Self::Hipaa, Self::GdprMinimal];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pci => "pci",
            Self::Hipaa => "hipaa",
            Self::GdprMinimal => "gdpr-minimal",
        }
    }

    /// That of this name; `None`: there is none.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.name() == name)
    }

    /// What it sets, with comments.
    pub fn text(self) -> &'static str {
        match self {
            Self::Pci => include_str!("../../../deploy/presets/pci.toml"),
            Self::Hipaa => include_str!("../../../deploy/presets/hipaa.toml"),
            Self::GdprMinimal => include_str!("../../../deploy/presets/gdpr-minimal.toml"),
        }
    }
}
