//! Every mistake at once and with its place; the environment; the default file.

use expect_test::{Expect, expect};

use super::*;
use crate::audit::preset::Preset;
use crate::audit::redact::BodyValues;
use crate::audit::rule::Level;

fn env(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn check_errors(text: &str, variables: &[(&str, &str)], expected: Expect) {
    let errors = Config::parse("earwitness.toml", text, env(variables)).unwrap_err();
    expected.assert_eq(&errors.to_string());
}

#[test]
fn without_anything_the_defaults_hold() {
    let (config, warnings) = Config::load_with(None, []).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.policy.default, Level::Metadata);
    assert_eq!(config.journal.settings(), crate::journal::JournalConfig::default());
    assert!(warnings.is_empty());
}

#[test]
fn the_example_of_the_contract_is_read() {
    let text = r#"
        [capture]
        include = [{ port = 8080 }, { user = "www-data" }, { user = 33 }]
        exclude = [{ executable = "/usr/bin/backup" }]
        memory_limit_bytes = 268435456

        [policy]
        default = "metadata"

        [[policy.rule]]
        level = "none"
        path = "/health/**"
        method = ["GET"]

        [redaction]
        header_allow = ["accept", "content-type", "user-agent"]

        [journal]
        sync_ms = 200
        retain_days = 400
    "#;
    let (config, warnings) = Config::parse("earwitness.toml", text, []).unwrap();
    assert_eq!(config.capture.include[0].port, Some(8080));
    assert_eq!(config.capture.include[1].user, Some(User::Name("www-data".into())));
    assert_eq!(config.capture.include[2].user, Some(User::Id(33)));
    assert_eq!(config.policy.rule[0].level, Level::None);
    assert_eq!(config.redaction.header_allow.len(), 3);
    assert_eq!((config.journal.retain_days, warnings.len()), (400, 0));
}

#[test]
fn every_mistake_of_form_is_reported_at_once() {
    check_errors(
        "colour = 1\n\
         [capture]\n\
         includ = []\n\
         body_limit_bytes = \"many\"\n\
         include = [{ port = 80 }, { prt = 81 }, { port = 70000 }, { user = true }]\n\
         [policy]\n\
         default = \"everything\"\n\
         [[policy.rule]]\n\
         path = \"/a\"\n\
         [jurnal]\n\
         sync_ms = 1\n\
         [[sink]]\n\
         type = \"file\"\n\
         path = \"/out\"\n",
        &[],
        expect![[r#"
            earwitness.toml:1:1: unknown key `colour`
            hint: known here: capture, policy, redaction, identity, route, journal, sink
            earwitness.toml:3:1: unknown key `includ`
            hint: known here: include, exclude, body_limit_bytes, memory_limit_bytes, ring_bytes, shards
            earwitness.toml:4:20: invalid type: string "many", expected u64
            earwitness.toml:5:29: unknown key `prt`
            hint: known here: port, pid, executable, user, cgroup, container, namespace
            earwitness.toml:5:50: invalid value: integer `70000`, expected u16
            earwitness.toml:5:68: invalid type: boolean `true`, expected a user name or a user id
            earwitness.toml:7:11: unknown variant `everything`, expected one of `none`, `metadata`, `request`, `request_response`
            earwitness.toml:8:1: missing key `level`
            earwitness.toml:10:2: unknown key `jurnal`
            hint: known here: capture, policy, redaction, identity, route, journal, sink
            earwitness.toml:12:1: missing key `name`"#]],
    );
}

#[test]
fn mistakes_of_syntax_are_reported_with_the_others() {
    check_errors(
        "[capture]\nshards = = 2\nring_bytes = 1000\n[journal\n",
        &[],
        expect![[r#"
            earwitness.toml:2:10: extra `=`, expected nothing
            earwitness.toml:2:12: unexpected key or value, expected newline, `#`
            earwitness.toml:3:1: 1000 bytes is not a power of two from 262144 to 1073741824
            earwitness.toml:4:9: unclosed table, expected `]`"#]],
    );
}

#[test]
fn values_that_make_no_sense_are_reported() {
    check_errors(
        "[capture]\n\
         shards = 3\n\
         ring_bytes = 1000\n\
         memory_limit_bytes = 1\n\
         include = [{}, { port = 0 }]\n\
         exclude = [{ executable = \"nginx\" }]\n\
         [[policy.rule]]\n\
         level = \"none\"\n\
         status = [\"6yy\"]\n\
         [redaction]\n\
         header_allow = [\"accept\", \"Authorization\", \"x my\", \"X-Custom-Api-Key\"]\n\
         body_allow = [\"status\", \"sessionToken\", \"email\", \"text/plain\", \"*/*\", \"multipart/*\", \"\"]\n\
         [identity]\n\
         trusted_proxies = [\"10.0.0.0/8\", \"10.1.2.3/8\", \"proxy.example\"]\n\
         [route]\n\
         patterns = [\"/v1/{id}\", \"v1\"]\n\
         openapi = [\"/nowhere/api.yaml\"]\n\
         [[redaction.detector]]\n\
         name = \"own\"\n\
         pattern = \"(a\"\n\
         [journal]\n\
         sync_ms = 600000\n\
         segment_bytes = 0\n",
        &[],
        expect![[r#"
            earwitness.toml:2:1: 3 is neither 0 nor a power of two up to 8
            earwitness.toml:3:1: 1000 bytes is not a power of two from 262144 to 1073741824
            earwitness.toml:4:1: 1 bytes, fewer than 16777216
            earwitness.toml:5:12: rule has no condition
            hint: leave the rule out: with no rule the whole host is watched
            earwitness.toml:5:18: 0 is no port
            earwitness.toml:6:14: path is not absolute
            earwitness.toml:9:1: `status`: `6yy` is neither a status code (`404`) nor a class of them (`4xx`)
            earwitness.toml:11:27: `Authorization` carries credentials and is never recorded
            hint: leave it out; that it was sent is recorded
            earwitness.toml:11:44: `x my` is no name of a header field
            earwitness.toml:11:52: `X-Custom-Api-Key` carries credentials and is never recorded
            hint: leave it out; that it was sent is recorded
            earwitness.toml:12:25: `sessionToken` holds secrets and is never recorded
            hint: leave it out; that it was sent is recorded
            earwitness.toml:12:41: `email` holds personal data and is never recorded
            hint: leave it out; that it was sent is recorded
            earwitness.toml:12:64: `*/*` is no media type
            hint: `text/plain` or `text/*`, without parameters
            earwitness.toml:12:71: `multipart/*` has parts of other types and is never kept as a whole
            hint: leave it out; list the names of fields
            earwitness.toml:12:86: `` is no name of a field
            earwitness.toml:14:34: `10.1.2.3/8` is neither a network (`10.0.0.0/8`) nor an address
            hint: bits behind the prefix have to be 0
            earwitness.toml:14:48: `proxy.example` is neither a network (`10.0.0.0/8`) nor an address
            earwitness.toml:16:25: `v1` is no template of a path
            hint: `/v1/users/{id}`, or `api.example.com/files/{path...}`
            earwitness.toml:17:12: cannot read /nowhere/api.yaml: No such file or directory (os error 2)
            earwitness.toml:20:1: pattern cannot be used: unclosed group
            earwitness.toml:22:1: 600000 ms, more than 60000
            earwitness.toml:23:1: 0 bytes, fewer than 4096"#]],
    );
}

#[test]
fn keys_of_later_versions_are_refused() {
    check_errors(
        "[capture]\n\
         include = [{ container = \"web\" }]\n\
         [policy]\n\
         default = \"request_response\"\n\
         [[policy.rule]]\n\
         level = \"request\"\n\
         media_type = \"text\"\n\
         [journal]\n\
         encrypt_to = [\"age1x\"]\n\
         witness_policy = { file = \"/etc/earwitness/witness-policy\" }\n",
        &[],
        expect![[r#"
            earwitness.toml:2:14: `container` is not available in this version
            earwitness.toml:7:1: `media_type`: no media type: type and subtype are parted by `/`, as in `text/*`
            earwitness.toml:9:1: `journal.encrypt_to` is not available in this version
            earwitness.toml:10:1: `journal.witness_policy` is not available in this version"#]],
    );
}

#[test]
fn mistakes_in_identity_have_their_places() {
    check_errors(
        "[identity]\n\
         order = [\"jwt\", \"guess\"]\n\
         jwt_headers = [\"x-jwt\", \"x jwt\"]\n\
         api_key_headers = [\"X-Request-Id\"]\n\
         session_cookies = [\"*_sid\", \"*\", \"a;b\"]\n\
         session_hours = 0\n\
         [[identity.jwks]]\n\
         issuer = \"https://idp.example\"\n\
         file = \"/nonexistent/jwks.json\"\n\
         [[identity.jwks]]\n\
         issuer = \"https://idp.example\"\n\
         file = \"/dev/null\"\n\
         colour = 1\n",
        &[],
        expect![[r#"
            earwitness.toml:2:17: unknown variant `guess`, expected one of `crypto`, `transport`, `asserted`, `jwt`, `basic`, `digest`, `aws_signature`, `hawk`, `ntlm`, `negotiate`, `login`, `session`, `api_key`, `bearer`, `oauth_client`, `process`
            earwitness.toml:3:25: `x jwt` is no name of a header field
            earwitness.toml:4:20: `X-Request-Id` would be recorded as it is
            hint: leave it out of `redaction.header_allow`
            earwitness.toml:5:29: `*` is no name of a cookie
            earwitness.toml:5:34: `a;b` is no name of a cookie
            earwitness.toml:6:1: 0 is not from 1 to 8760
            earwitness.toml:9:1: key set /nonexistent/jwks.json: No such file or directory (os error 2)
            earwitness.toml:11:1: `https://idp.example` has keys already
            earwitness.toml:12:1: /dev/null is no JSON Web Key Set
            earwitness.toml:13:1: unknown key `colour`
            hint: known here: issuer or file"#]],
    );
}

#[test]
fn mistakes_in_sinks_have_their_places() {
    check_errors(
        "[[sink]]\n\
         name = \"siem\"\n\
         type = \"http\"\n\
         url = \"https://collector.example/in\"\n\
         [[sink]]\n\
         name = \"a\"\n\
         type = \"file\"\n\
         path = \"out.jsonl\"\n\
         format = \"xml\"\n\
         [[sink]]\n\
         name = \"a\"\n\
         path = \"/out\"\n\
         [[sink]]\n\
         name = \"a\"\n\
         type = \"file\"\n\
         path = 5\n\
         colour = \"red\"\n\
         [[sink]]\n\
         name = \"a/b\"\n\
         type = \"file\"\n\
         path = \"/out\"\n\
         [[sink]]\n\
         type = 1\n",
        &[],
        expect![[r#"
            earwitness.toml:3:8: unknown variant `http`, expected `file`
            earwitness.toml:8:1: path is not absolute
            earwitness.toml:9:10: unknown variant `xml`, expected one of `native`, `otel`, `ocsf`, `ecs`, `clf`, `cef`
            earwitness.toml:10:1: missing key `type`
            earwitness.toml:13:1: missing key `path`
            earwitness.toml:16:8: invalid type: integer `5`, expected path string
            earwitness.toml:17:1: unknown key `colour`
            hint: known here: name, path, format
            earwitness.toml:19:1: `a/b` cannot be the name of a sink
            hint: 1 to 64 letters, digits, `-` and `_`
            earwitness.toml:23:8: the kind of a sink is a text"#]],
    );
}

#[test]
fn sinks_are_read_and_fit_the_schema() {
    let text = "[[sink]]\nname = \"a\"\ntype = \"file\"\npath = \"/out\"\nformat = \"native\"\n";
    let (config, _) = Config::parse("earwitness.toml", text, []).unwrap();
    assert_eq!(config.sink[0].settings().name(), "a");
    #[cfg(feature = "schema")]
    {
        let schema = config_schema().to_value();
        let valid = |text: &str| {
            let value: serde_json::Value = toml::from_str(text).unwrap();
            jsonschema::is_valid(&schema, &value)
        };
        assert!(valid(text));
        assert!(!valid(&text.replace("file", "http")));
        assert!(!valid(&format!("{text}colour = 1\n")));
    }
}

#[test]
fn variables_override_the_file() {
    let text = "[capture]\nshards = 2\n[policy]\ndefault = \"metadata\"\n";
    let variables = env(&[
        ("EARWITNESS_CAPTURE__SHARDS", "4"),
        ("EARWITNESS_POLICY__DEFAULT", "none"),
        ("EARWITNESS_CAPTURE__INCLUDE", "[{ port = 80 }]"),
        ("EARWITNESS_JOURNAL__SYNC_MS", "5"),
        ("EARWITNESS_LOG", "debug"),
        ("EARWITNESS_CAPTURE_SHARDS", "1"),
        ("HOME", "/root"),
    ]);
    let (config, warnings) = Config::parse("earwitness.toml", text, variables).unwrap();
    assert_eq!(config.capture.shards, 4);
    assert_eq!(config.policy.default, Level::None);
    assert_eq!(config.capture.include[0].port, Some(80));
    assert_eq!(config.journal.sync_ms, 5);
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["environment variable EARWITNESS_CAPTURE_SHARDS: is not a setting\n\
          hint: two underscores stand between section and key"]
    );
}

#[test]
fn mistakes_in_variables_name_them() {
    check_errors(
        "[capture]\nshards = 2\n",
        &[
            ("EARWITNESS_CAPTURE__SHARDS", "many"),
            ("EARWITNESS_CAPTURE__COLOUR", "1"),
            ("EARWITNESS_JOURNAL__ENCRYPT_TO", "[\"age1x\"]"),
            ("EARWITNESS_CAPTURE__SHARDS__X", "1"),
        ],
        expect![[r#"
            environment variable EARWITNESS_CAPTURE__COLOUR: unknown key `colour`
            hint: known here: include, exclude, body_limit_bytes, memory_limit_bytes, ring_bytes, shards
            environment variable EARWITNESS_CAPTURE__SHARDS: invalid type: string "many", expected u32
            environment variable EARWITNESS_CAPTURE__SHARDS__X: `shards` is not a section with keys
            environment variable EARWITNESS_JOURNAL__ENCRYPT_TO: `journal.encrypt_to` is not available in this version"#]],
    );
}

/// Settings under a preset, and warnings.
fn preset(name: &str, text: &str) -> (Config, String) {
    let variables = env(&[("EARWITNESS_POLICY__PRESET", name)]);
    let (config, warnings) =
        Config::parse("earwitness.toml", text, variables).unwrap_or_else(|e| panic!("{name}: {e}"));
    (config, warnings.iter().map(|one| format!("{one}\n")).collect())
}

#[test]
fn presets_pass_and_also_alone() {
    for one in Preset::ALL {
        let (config, warnings) = preset(one.name(), "");
        assert_eq!(warnings, "", "{one:?}");
        let (alone, _) = Config::parse("preset.toml", one.text(), []).unwrap();
        let chosen = PolicyConfig { preset: Some(*one), ..alone.policy.clone() };
        assert_eq!(config, Config { policy: chosen, ..alone });
        assert!(config.journal.retain_bytes.is_none() && config.journal.retain_days != 400);
    }
}

#[test]
fn what_the_user_sets_counts_before_the_preset() {
    let text = "[policy]\npreset = \"pci\"\n[redaction]\nactions = { payment_card = \"drop\" }\n\
                [journal]\nretain_days = 800\n";
    let variables = env(&[("EARWITNESS_POLICY__DEFAULT", "request")]);
    let (config, _) = Config::parse("earwitness.toml", text, variables).unwrap();
    assert_eq!(config.policy.default, Level::Request);
    assert_eq!(config.journal.retain_days, 800);
    assert_eq!(config.redaction.body_values, BodyValues::Listed);
    let actions = toml::to_string(&config.redaction.actions).unwrap();
    let expected = "api_key = \"token\"\ncredential = \"drop\"\ndefault = \"mask\"\n\
                    payment_card = \"drop\"\nsecret = \"drop\"\n";
    assert_eq!(actions, expected);
}

#[test]
fn mistakes_with_and_under_presets_have_their_places() {
    check_errors(
        "[policy]\npreset = \"pcidss\"\n",
        &[],
        expect![[r#"
            earwitness.toml:2:10: unknown variant `pcidss`, expected one of `pci`, `hipaa`, `gdpr-minimal`"#]],
    );
    check_errors(
        "[policy]\npreset = \"gdpr-minimal\"\n[redaction]\nheader_allow = [\"cookie\"]\n\
         actions = { secret = \"partial\" }\n[identity]\ncolour = 1\n",
        &[],
        expect![[r#"
            earwitness.toml:4:17: `cookie` carries credentials and is never recorded
            hint: leave it out; that it was sent is recorded
            earwitness.toml:5:13: nothing of a `secret` is ever shown
            hint: `drop`, `mask`, `token` or `encrypt`
            earwitness.toml:7:1: unknown key `colour`
            hint: known here: trusted_proxies, trust_unix, forwarding_headers, order, jwks, jwt_headers, jwt_cookies, api_key_headers, session_cookies, session_hours, pseudonymise"#]],
    );
}

#[test]
fn encrypting_needs_a_key() {
    check_errors(
        "[redaction]\nactions = { secret = \"encrypt\", email = \"encrypt\" }\n",
        &[],
        expect![[r#"
            earwitness.toml:2:13: `encrypt` needs the public key of an auditor in `redaction.encrypt_to`
            hint: `earwitness keys auditor generate FILE` makes one
            earwitness.toml:2:33: `encrypt` needs the public key of an auditor in `redaction.encrypt_to`
            hint: `earwitness keys auditor generate FILE` makes one"#]],
    );
    check_errors(
        "redaction.encrypt_to = \"age1xyz\"\n",
        &[],
        expect![[r#"
        earwitness.toml:1:11: an auditor's key is 32 bytes in base64
        hint: `earwitness keys auditor generate FILE` makes one"#]],
    );
    let weak = format!("redaction.encrypt_to = \"{}=\"\n", "A".repeat(43));
    check_errors(
        &weak,
        &[],
        expect![[r#"
        earwitness.toml:1:11: this key keeps no secret
        hint: `earwitness keys auditor generate FILE` makes one"#]],
    );
    let good = "redaction.encrypt_to = \"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=\"\n\
                redaction.actions.secret = \"encrypt\"\n";
    assert!(Config::parse("earwitness.toml", good, []).is_ok());
}

#[test]
fn a_file_that_everybody_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o646)).unwrap();
    let errors = Config::load_with(Some(file.path()), []).unwrap_err();
    assert!(errors.to_string().contains("everybody may write to this file\nhint: chmod o-w "));
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(Config::load_with(Some(file.path()), []).is_ok());
    assert!(Config::load_with(Some(Path::new("/nonexistent/earwitness.toml")), []).is_err());
}

#[test]
fn any_text_gives_a_configuration_or_mistakes() {
    for text in [
        "[[[",
        "a.b.c = 1",
        "capture = 1",
        "[capture]\ninclude = 1",
        "policy.rule = {}",
        "\u{feff}",
        "sink = [1, 2]",
    ] {
        if let Err(errors) = Config::parse("f", text, []) {
            assert!(!errors.to_string().is_empty());
        }
    }
}

/// `cargo xtask tidy --fix` runs the tests of this module to write the files.
#[cfg(feature = "schema")]
mod generated {
    use super::super::{config_schema, generate, record_schema};

    #[test]
    fn default_file() {
        check("earwitness.toml", &generate::default_file());
    }

    #[test]
    fn schema_of_the_configuration() {
        check("config.schema.json", &pretty(&config_schema()));
    }

    #[test]
    fn schema_of_records() {
        check("record.schema.json", &pretty(&record_schema()));
    }

    fn pretty(schema: &schemars::Schema) -> String {
        serde_json::to_string_pretty(schema).unwrap() + "\n"
    }

    /// Compares a file in `deploy` with what the doc comments make of it, or writes it.
    fn check(name: &str, fresh: &str) {
        let path = format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("EARWITNESS_GENERATE").is_some() {
            return std::fs::write(&path, fresh).unwrap();
        }
        let present = std::fs::read_to_string(&path).unwrap_or_default();
        let same = present.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
        assert!(
            present == fresh,
            "deploy/{name} is not what the doc comments say, from line {} on: {:?}\n\
             hint: `cargo xtask tidy --fix` writes it anew",
            same + 1,
            fresh.lines().nth(same).unwrap_or("(its end)"),
        );
    }
}

#[test]
fn the_default_file_gives_the_defaults_also_when_uncommented() {
    let (config, _) = Config::parse("earwitness.toml", DEFAULT_FILE, []).unwrap();
    assert_eq!(config, Config::default());
    let uncommented: Vec<_> = DEFAULT_FILE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  \"") => rest,
            _ => line,
        })
        .collect();
    let text = uncommented.join("\n");
    assert!(text.contains("\nsync_ms = 200\n") && text.contains("\n  \"accept\",\n"));
    let (config, _) = Config::parse("earwitness.toml", &text, []).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config, Config::default());
}

#[cfg(feature = "schema")]
#[test]
fn the_default_file_is_valid_by_the_schema() {
    let schema = config_schema().to_value();
    let value = serde_json::to_value(Config::default()).unwrap();
    assert!(jsonschema::is_valid(&schema, &value));
}
