//! `earwitness config explain`: which policy an exchange meets, and what of it would be recorded.
//!
//! In: an exchange as arguments, a configuration. Out: the rule that decides, and why; what the record would hold.
//! Always: decided and redacted by the same code as in the daemon; what is not given is unknown.
//! Not here: deciding (`audit::policy`), telling (`report`), presets (`super::preset`).

mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use nix::unistd::{Uid, User};

use self::report::Report;
use super::{MISTAKE, preset, print};
use crate::audit::observer::Observer;
use crate::audit::policy::Policy;
use crate::audit::preset::Preset;
use crate::audit::redact::target::Target;
use crate::audit::rule::RuleConfig;
use crate::config::explain_preset;
use crate::model::origin::{Attribution, Origin, Party, Process, Side, Transport};
use crate::protocol::exchange::{Exchange, Message, RequestHead, ResponseHead, Version};
use crate::protocol::fields::Fields;

/// An exchange, and the configuration that it meets.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Method of the request.
    #[arg(required_unless_present = "preset", default_value_t)]
    method: String,
    /// URL, or the path alone.
    #[arg(required_unless_present = "preset", default_value_t)]
    url: String,
    /// Instead: what each setting of this preset does, and who asks for it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["method", "url", "headers", "request_media_type",
        "status", "response_media_type", "executable", "user", "side", "config", "data_dir"])]
    preset: Option<Preset>,
    /// Header field of the request, `Name: value`; may be given several times.
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// Media type of the request's body.
    #[arg(long, value_name = "TYPE")]
    request_media_type: Option<String>,
    /// Status code of the response; without one it is not known.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(100..=999))]
    status: Option<u16>,
    /// Media type of the response's body.
    #[arg(long, value_name = "TYPE")]
    response_media_type: Option<String>,
    /// Executable of the process that is watched.
    #[arg(long, value_name = "PATH")]
    executable: Option<String>,
    /// User that this process runs as, by name or number.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Which end this process is.
    #[arg(long, default_value = "server",
        value_parser = PossibleValuesParser::new(["server", "client"]).map(side))]
    side: Side,
    /// Configuration file; without one the defaults and the environment count.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory with the agent's data, for tokens under its key; without one they are under a key that nobody has.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn side(text: String) -> Side {
    if text == "client" { Side::Client } else { Side::Server }
}

impl Explain {
    /// Does what the arguments ask for.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if let Some(preset) = self.preset {
            let explanation = explain_preset(preset);
            return match self.json {
                true => print(&(serde_json::to_string_pretty(&explanation)? + "\n")),
                false => print(&preset::text(&explanation)),
            };
        }
        let Some(config) = super::super::load(self.config.as_deref()) else {
            return Ok(ExitCode::from(MISTAKE));
        };
        let Some(fields) = self.request_fields() else {
            eprintln!("a header field has no colon\nhint: --header 'Name: value'");
            return Ok(ExitCode::from(MISTAKE));
        };
        let tokens = super::super::tokens(self.data_dir.as_deref())?;
        let observer = Arc::new(Observer::default());
        let policy = Arc::new(Policy::new(&config.audit(), tokens, observer)?);
        print(&self.told(&policy, &config.policy.rule, fields)?)
    }

    fn told(
        &self,
        policy: &Arc<Policy>,
        rules: &[RuleConfig],
        fields: Fields,
    ) -> anyhow::Result<String> {
        let (exchange, origin) = (self.exchange(fields), self.origin());
        let report = Report::of(policy, rules, &exchange, &origin)?;
        match self.json {
            true => Ok(serde_json::to_string_pretty(&report)? + "\n"),
            false => Ok(report.text()),
        }
    }

    /// Host, if the URL names one, and the fields given; `None`: one of them has no colon.
    fn request_fields(&self) -> Option<Fields> {
        let host = self.authority().map(|authority| format!("Host: {authority}"));
        let media_type = content_type(self.request_media_type.as_deref());
        fields(host.iter().chain(&self.headers).chain(&media_type))
    }

    fn authority(&self) -> Option<&str> {
        let (_, rest) = self.url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end)?;
        Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
    }

    /// The request as a client would send it: origin form, or authority form for CONNECT; a response if something
    /// of it is known.
    fn exchange(&self, fields: Fields) -> Exchange {
        let parsed = Target::parse(self.url.as_bytes(), self.method == "CONNECT");
        let mut target = parsed.path.unwrap_or(self.url.as_bytes()).to_vec();
        if let Some(query) = parsed.query {
            target.push(b'?');
            target.extend_from_slice(query);
        }
        let head = RequestHead::of(&self.method, &target, Version::HTTP_1_1, fields);
        Exchange::of(Some(Message::of(head)), self.response())
    }

    fn response(&self) -> Option<Message<ResponseHead>> {
        let media_type = content_type(self.response_media_type.as_deref());
        let fields = fields(media_type.iter()).unwrap_or_default();
        let is_known = self.status.is_some() || media_type.is_some();
        let head = ResponseHead { status: self.status, version: Version::HTTP_1_1, fields };
        is_known.then(|| Message::of(head))
    }

    fn origin(&self) -> Origin {
        let authority = Target::parse(self.url.as_bytes(), self.method == "CONNECT").authority;
        let port = authority.map(|authority| authority.port.unwrap_or(80));
        let (mut client, mut server) = (Party::default(), Party { port, ..Party::default() });
        let watched = if self.side == Side::Client { &mut client } else { &mut server };
        watched.process = self.process().map(Arc::new);
        Origin {
            side: self.side,
            transport: Transport::Tcp,
            client,
            server,
            attribution: Attribution::Socket,
            tls: None,
            proxied: None,
        }
    }

    /// The process that is watched; `None`: nothing of it was given.
    fn process(&self) -> Option<Process> {
        let executable = self.executable.as_deref().map(Arc::from);
        let (user_id, user_name) = self.user.as_deref().map_or((None, None), user);
        let process = Process { executable, user_id, user_name, ..Process::default() };
        (process != Process::default()).then_some(process)
    }
}

/// Number and name of a user, as far as this host knows them.
fn user(text: &str) -> (Option<u32>, Option<Arc<str>>) {
    match text.parse() {
        Ok(id) => {
            let user = User::from_uid(Uid::from_raw(id)).ok().flatten();
            (Some(id), user.map(|user| user.name.into()))
        }
        Err(_) => {
            let user = User::from_name(text).ok().flatten();
            (user.map(|user| user.uid.as_raw()), Some(text.into()))
        }
    }
}

fn content_type(media_type: Option<&str>) -> Option<String> {
    media_type.map(|media_type| format!("Content-Type: {media_type}"))
}

/// Fields `Name: value`; `None`: one of them has no colon.
fn fields<'t>(lines: impl Iterator<Item = &'t String>) -> Option<Fields> {
    let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let start = buffer.len();
        buffer.extend_from_slice(name.trim().as_bytes());
        let middle = buffer.len();
        buffer.extend_from_slice(value.trim().as_bytes());
        ranges.push((start..middle, middle..buffer.len()));
    }
    Some(Fields::new(buffer.into(), ranges))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use expect_test::expect;

    use super::super::super::testing::Cli;
    use super::*;
    use crate::config::Config;

    fn explain(config: &str, arguments: &[&str]) -> String {
        let arguments = [&["explain"], arguments].concat();
        let explain = Cli::<Explain>::try_parse_from(arguments).unwrap().args;
        let (config, _) = Config::parse("test", config, []).unwrap();
        let observer = Arc::new(Observer::default());
        let tokens = crate::cli::tokens(None).unwrap();
        let policy = Arc::new(Policy::new(&config.audit(), tokens, observer).unwrap());
        let fields = explain.request_fields().unwrap();
        let told = explain.told(&policy, &config.policy.rule, fields).unwrap();
        told.replace(policy.digest(), "sha256:…")
    }

    const CONFIG: &str = "[[policy.rule]]\nlevel = \"none\"\npath = \"/health\"\n\
                          [[policy.rule]]\nlevel = \"metadata\"\nmethod = [\"GET\"]\nhost = \"*.example\"";

    #[test]
    fn explains_rules_and_redaction() {
        let url = "http://u:p@api.example:81/v1/a?token=x&b=alice@mail.example";
        let fields = ["--header", "Authorization: Basic YWxpY2U6Yw==", "--header", "X-Own: 1"];
        expect![[r#"
            level: metadata
            rule: 1: the first of which every condition holds
              rule 0 (none): does not match
                no  path = "/health"
              rule 1 (metadata): decides
                yes method = ["GET"]
                yes host = "*.example"
            digest: sha256:…
            url: {"scheme":"http","domain":"api.example","port":81,"path":"/v1/a","query":"token=***&b=***"}
            http.request.header: {"host":["api.example:81"]}
            principal: {"kind":"basic","id":"alice","verified":"unverified"}
            identity: [{"kind":"basic","source":"http.request.header.authorization","id":"alice","verified":"unverified"}]
            redactions:
              http.request.header.authorization: drop 1 credential: fields of this name carry credentials and are never recorded
              http.request.header: drop 1 unlisted: not in `redaction.header_allow`: x-own
              url.query.token: mask 1 secret: the name `token` says so
              url.query.b: mask 1 email: the value looks like `email`
        "#]].assert_eq(&explain(CONFIG, &[&["GET", url][..], &fields].concat()));
        expect![[r#"
            level: none
            rule: 0: the first of which every condition holds
              rule 0 (none): decides
                yes path = "/health"
              rule 1 (metadata): does not match
                yes method = ["GET"]
                no  host = "*.example"
            digest: sha256:…
        "#]]
        .assert_eq(&explain(CONFIG, &["GET", "/health"]));
        expect![[r#"
            level: metadata
            rule: none: there are no rules, the default applies
            digest: sha256:…
            url: {"scheme":"http","path":"/"}
            http.request.header: {}
            principal: null
            identity: []
            redactions: none
        "#]]
        .assert_eq(&explain("", &["GET", "/"]));
    }

    #[test]
    fn every_condition_can_be_met() {
        let config = "[[policy.rule]]\nlevel = \"none\"\nside = \"client\"\nstatus = [\"5xx\"]\n\
                      [[policy.rule]]\nlevel = \"request_response\"\nmethod = [\"POST\"]\nport = 8080\n\
                      executable = \"/usr/bin/curl\"\nuser = \"4294\"\nside = \"client\"\n\
                      status = [\"201\"]\nmedia_type = \"text/*\"";
        let arguments = [
            &["POST", "http://a.example:8080/", "--executable", "/usr/bin/curl", "--user", "4294"],
            &["--side", "client", "--status", "201", "--response-media-type", "text/html"][..],
        ];
        expect![[r#"
            level: request_response
            rule: 1: the first of which every condition holds
              rule 0 (none): does not match
                yes side = "client"
                no  status = ["5xx"]
              rule 1 (request_response): decides
                yes side = "client"
                yes port = 8080
                yes method = ["POST"]
                yes status = ["201"]
                yes media_type = "text/*"
                yes executable = "/usr/bin/curl"
                yes user = "4294"
            digest: sha256:…
            url: {"scheme":"http","domain":"a.example","port":8080,"path":"/"}
            http.request.header: {"host":["a.example:8080"]}
            http.response.header: {"content-type":["text/html"]}
            principal: {"kind":"process","id":"uid 4294","verified":"kernel","accepted":true}
            identity: [{"kind":"process","source":"kernel","id":"uid 4294","executable":"/usr/bin/curl","verified":"kernel"}]
            redactions: none
        "#]].assert_eq(&explain(config, &arguments.concat()));
        let request = [&arguments.concat()[..8], &["--request-media-type", "text/csv", "--json"]];
        expect![[r#"
            {
              "level": "metadata",
              "rule": null,
              "why": "of none does every condition hold, the default applies",
              "rules": [
                {
                  "level": "none",
                  "outcome": "does_not_match",
                  "conditions": [
                    {
                      "key": "side",
                      "value": "client",
                      "holds": true
                    },
                    {
                      "key": "status",
                      "value": [
                        "5xx"
                      ],
                      "holds": false
                    }
                  ]
                },
                {
                  "level": "request_response",
                  "outcome": "does_not_match",
                  "conditions": [
                    {
                      "key": "side",
                      "value": "client",
                      "holds": true
                    },
                    {
                      "key": "port",
                      "value": 8080,
                      "holds": true
                    },
                    {
                      "key": "method",
                      "value": [
                        "POST"
                      ],
                      "holds": true
                    },
                    {
                      "key": "status",
                      "value": [
                        "201"
                      ],
                      "holds": false
                    },
                    {
                      "key": "media_type",
                      "value": "text/*",
                      "holds": true
                    },
                    {
                      "key": "executable",
                      "value": "/usr/bin/curl",
                      "holds": true
                    },
                    {
                      "key": "user",
                      "value": "4294",
                      "holds": true
                    }
                  ]
                }
              ],
              "digest": "sha256:…",
              "record": {
                "url": {
                  "scheme": "http",
                  "domain": "a.example",
                  "port": 8080,
                  "path": "/"
                },
                "http.request.header": {
                  "host": [
                    "a.example:8080"
                  ],
                  "content-type": [
                    "text/csv"
                  ]
                },
                "principal": {
                  "kind": "process",
                  "id": "uid 4294",
                  "verified": "kernel"
                },
                "identity": [
                  {
                    "kind": "process",
                    "source": "kernel",
                    "id": "uid 4294",
                    "executable": "/usr/bin/curl",
                    "verified": "kernel"
                  }
                ]
              },
              "redactions": []
            }
        "#]]
        .assert_eq(&explain(config, &request.concat()));
    }
}
