//! Values that must not stand in the configuration file itself.
//!
//! In: `{ file = "…" }` or `{ env = "…" }`. Out: the text, when it is needed.
//! Always: the text is in no `Debug`, no message and no dump of the configuration.
//! Not here: what the secret is for.
#![cfg_attr(not(test), expect(dead_code, reason = "no key that holds a secret is heeded yet"))]

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a secret is found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Secret {
    /// In this file; white space at its end does not count.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
}

/// A secret that was read. Shows itself to nobody.
#[derive(Clone, Eq, PartialEq)]
pub struct SecretText(String);

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("secret file {path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The variable is not set.
    #[error("secret variable {0} is not set")]
    Env(String),
}

impl Secret {
    /// Reads the secret. `env`: looks a variable up. Errors: no such file, no such variable.
    pub fn read(&self, env: impl Fn(&str) -> Option<String>) -> Result<SecretText, SecretError> {
        match self {
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(SecretText(text.trim_end().to_owned())),
                Err(error) => Err(SecretError::File { path: path.clone(), error }),
            },
            Self::Env(name) => {
                env(name).map(SecretText).ok_or_else(|| SecretError::Env(name.clone()))
            }
        }
    }
}

impl SecretText {
    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretText")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_from_files_and_variables_and_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        let text = Secret::File(path).read(|_| None).unwrap();
        assert_eq!(text.expose(), "hunter2");
        assert_eq!(format!("{text:?}"), "SecretText");
        let env = |name: &str| (name == "A").then(|| "b".to_owned());
        assert_eq!(Secret::Env("A".into()).read(env).unwrap().expose(), "b");
        let error = Secret::Env("B".into()).read(env).unwrap_err();
        assert_eq!(error.to_string(), "secret variable B is not set");
    }
}
