//! What `doctor` says of running processes with TLS.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent;
use serde_json::Value;

/// Every process with TLS, as `doctor` names it.
pub(super) struct Users(Vec<Value>);

impl Users {
    /// Asks it.
    pub fn told() -> Result<Self> {
        let printed = agent::run(&["doctor", "--json"])?;
        let (code, stderr) = (printed.code(), &printed.stderr);
        ensure!([0, 1].contains(&code), "exit code {code}:\n{stderr}");
        let answer: Value = serde_json::from_str(&printed.stdout).context("no JSON")?;
        let of = |value: &Value, key| value.get(key).and_then(Value::as_array).cloned();
        let checks = of(&answer, "checks").unwrap_or_default();
        Ok(Self(checks.iter().filter_map(|check| of(check, "tls")).flatten().collect()))
    }

    /// Fails unless the process is among them with this library, found like this.
    pub fn must_have(&self, pid: u32, executable: &Path, library: &str, how: &str) -> Result<()> {
        let user = serde_json::json!({
            "pid": pid, "executable": executable, "library": library, "how": how,
        });
        ensure!(self.0.contains(&user), "{user} is not among {:?}", self.0);
        Ok(())
    }
}
