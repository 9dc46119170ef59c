//! `earwitness config explain`: which policy a request meets, and what of it would be recorded.
//!
//! In: a request as arguments, a configuration. Out: the rule that decides, and why; what the record would hold.
//! Always: decided and redacted by the same code as in the daemon.
//! Not here: deciding (`audit::policy`), presets (`super::preset`).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::{MISTAKE, preset, print};
use crate::audit::facts::Facts;
use crate::audit::observer::Observer;
use crate::audit::policy::Policy;
use crate::audit::preset::Preset;
use crate::audit::redact::target::Target;
use crate::config::explain_preset;
use crate::model::origin::{Attribution, Origin, Party, Side, Transport};
use crate::model::time::ClockOffset;
use crate::protocol::exchange::{Exchange, Message, RequestHead, Version};
use crate::protocol::fields::Fields;

/// A request, and the configuration that it meets.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Method of the request.
    #[arg(required_unless_present = "preset", default_value_t)]
    method: String,
    /// URL, or the path alone.
    #[arg(required_unless_present = "preset", default_value_t)]
    url: String,
    /// Instead: what each setting of this preset does, and who asks for it.
    #[arg(long, value_name = "NAME", exclusive = true)]
    preset: Option<Preset>,
    /// Header field of the request, `Name: value`; may be given several times.
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// Configuration file; without one the defaults and the environment count.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory with the agent's data, for tokens under its key; without one they are under a key that nobody has.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Explain {
    /// Does what the arguments ask for.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if let Some(preset) = self.preset {
            return print(&preset::text(&explain_preset(preset)));
        }
        let Some(config) = super::super::load(self.config.as_deref()) else {
            return Ok(ExitCode::from(MISTAKE));
        };
        let Some(fields) = self.fields() else {
            eprintln!("a header field has no colon\nhint: --header 'Name: value'");
            return Ok(ExitCode::from(MISTAKE));
        };
        let tokens = super::super::tokens(self.data_dir.as_deref())?;
        let observer = Arc::new(Observer::default());
        let policy = Arc::new(Policy::new(&config.audit(), tokens, observer)?);
        print(&self.report(&policy, fields)?)
    }

    fn report(&self, policy: &Arc<Policy>, fields: Fields) -> anyhow::Result<String> {
        let origin = self.origin();
        let exchange = self.exchange(fields);
        let decision = policy.decide(&exchange, &origin);
        let mut lines = vec![format!("level: {}", decision.level().name())];
        lines.push(match decision.rule() {
            Some(index) => format!("rule: {index}"),
            None => "rule: none matched, the default applies".into(),
        });
        let facts = Facts::of(&exchange, &origin);
        for (index, (level, conditions)) in policy.explain(&facts).iter().enumerate() {
            let mismatch = conditions.iter().find(|(_, holds)| !holds).map(|(key, _)| key);
            let why = mismatch.map_or("matches".into(), |key| format!("`{key}` does not match"));
            lines.push(format!("  rule {index} ({}): {why}", level.name()));
        }
        lines.push(format!("digest: {}", policy.digest()));
        if let Some(record) = decision.typed(&exchange, &origin, ClockOffset::default()) {
            let request = record.http.as_ref().and_then(|http| http.request.as_ref());
            lines.push(format!("url: {}", serde_json::to_string(&record.url)?));
            let header = request.map(|request| &request.header);
            lines.push(format!("http.request.header: {}", serde_json::to_string(&header)?));
            lines.push(format!("principal: {}", serde_json::to_string(&record.principal)?));
            lines.push(format!("identity: {}", serde_json::to_string(&record.identity)?));
            lines.push(format!("redactions: {}", serde_json::to_string(&record.redactions)?));
        }
        Ok(lines.join("\n") + "\n")
    }

    /// Host, if the URL names one, and the fields given; `None`: one of them has no colon.
    fn fields(&self) -> Option<Fields> {
        let mut buffer = Vec::new();
        let mut ranges = Vec::new();
        let host = self.authority().map(|authority| format!("Host: {authority}"));
        for field in host.iter().chain(&self.headers) {
            let (name, value) = field.split_once(':')?;
            let start = buffer.len();
            buffer.extend_from_slice(name.trim().as_bytes());
            let middle = buffer.len();
            buffer.extend_from_slice(value.trim().as_bytes());
            ranges.push((start..middle, middle..buffer.len()));
        }
        Some(Fields::new(buffer.into(), ranges))
    }

    fn authority(&self) -> Option<&str> {
        let (_, rest) = self.url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end)?;
        Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
    }

    /// The request as a client would send it: origin form, or authority form for CONNECT.
    fn exchange(&self, fields: Fields) -> Exchange {
        let parsed = Target::parse(self.url.as_bytes(), self.method == "CONNECT");
        let mut target = parsed.path.unwrap_or(self.url.as_bytes()).to_vec();
        if let Some(query) = parsed.query {
            target.push(b'?');
            target.extend_from_slice(query);
        }
        let head = RequestHead::of(&self.method, &target, Version::HTTP_1_1, fields);
        Exchange::of(Some(Message::of(head)), None)
    }

    fn origin(&self) -> Origin {
        let authority = Target::parse(self.url.as_bytes(), self.method == "CONNECT").authority;
        let port = authority.map(|authority| authority.port.unwrap_or(80));
        Origin {
            side: Side::Server,
            transport: Transport::Tcp,
            client: Party::default(),
            server: Party { port, ..Party::default() },
            attribution: Attribution::Socket,
            tls: None,
            proxied: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use expect_test::expect;

    use super::*;
    use crate::config::Config;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Explain,
    }

    fn explain(config: &str, arguments: &[&str]) -> String {
        let arguments = [&["explain"], arguments].concat();
        let explain = Cli::try_parse_from(arguments).unwrap().args;
        let (config, _) = Config::parse("test", config, []).unwrap();
        let observer = Arc::new(Observer::default());
        let tokens = crate::cli::tokens(None).unwrap();
        let policy = Arc::new(Policy::new(&config.audit(), tokens, observer).unwrap());
        let report = explain.report(&policy, explain.fields().unwrap()).unwrap();
        report.replace(policy.digest(), "sha256:…")
    }

    #[test]
    fn explains_rules_and_redaction() {
        let config = "[[policy.rule]]\nlevel = \"none\"\npath = \"/health\"\n\
                      [[policy.rule]]\nlevel = \"metadata\"\nmethod = [\"GET\"]\nhost = \"*.example\"";
        let url = "http://u:p@api.example:81/v1/a?token=x";
        let fields = ["--header", "Authorization: Basic YWxpY2U6Yw==", "--header", "Accept: */*"];
        expect![[r#"
            level: metadata
            rule: 1
              rule 0 (none): `path` does not match
              rule 1 (metadata): matches
            digest: sha256:…
            url: {"scheme":"http","domain":"api.example","port":81,"path":"/v1/a","query":"token=***"}
            http.request.header: {"host":["api.example:81"],"accept":["*/*"]}
            principal: {"kind":"basic","id":"alice","verified":"unverified"}
            identity: [{"kind":"basic","source":"http.request.header.authorization","id":"alice","verified":"unverified"}]
            redactions: [{"path":"http.request.header.authorization","type":"credential","action":"drop","count":1},{"path":"url.query.token","type":"secret","action":"mask","count":1}]
        "#]]
        .assert_eq(&explain(config, &[&["GET", url][..], &fields].concat()));
        expect![[r#"
            level: none
            rule: 0
              rule 0 (none): matches
              rule 1 (metadata): `host` does not match
            digest: sha256:…
        "#]]
        .assert_eq(&explain(config, &["GET", "/health"]));
    }
}
