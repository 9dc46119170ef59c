//! Records in formats of others, compared with what others write themselves.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use live_tests::clients::curl;
use live_tests::scene::Scene;
use live_tests::servers::log::Entry;
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::{brought, compare, process, wait};
use serde_json::Value;

crate::tests![
    combined_log_format_is_what_nginx_writes,
    ocsf_fits_the_schema_of_its_class,
    otlp_is_what_opentelemetry_reads,
];

/// Line for line the same but for the time: users, targets with a query, answers of every class.
fn combined_log_format_is_what_nginx_writes(scene: &Scene) -> Result<()> {
    let (log, file) = (scene.path("combined.log"), scene.path("out.log"));
    let server = format!("access_log {} combined;", log.display());
    let nginx = Nginx::start(scene, &Options { server, ..Options::default() })?;
    let config =
        format!("[[sink]]\nname = \"log\"\ntype = \"file\"\nformat = \"clf\"\npath = {file:?}\n");
    let agent = scene.agent().config(&config)?.port(nginx.port).start()?;
    let paths = ["/small", "/small?page=2&sort=a", "/missing", "/text"];
    let urls = paths.map(|path| nginx.url(path));
    curl(&urls.each_ref().map(String::as_str))?;
    let named = nginx.url("/small").replace("://", "://bob:c4n4ry@");
    curl(&[named.as_str()])?;
    let count = paths.len() + 1;
    for path in [&log, &file] {
        wait::until_true("the lines", 10, || {
            Ok(fs::read_to_string(path).is_ok_and(|text| text.lines().count() >= count))
        })?;
    }
    agent.finish(count)?;
    let (ours, truth) = (without_times(&file)?, without_times(&log)?);
    ensure!(ours == truth, "wrote\n{}\nnginx\n{}", ours.join("\n"), truth.join("\n"));
    Ok(())
}

/// Every event fits the schema that PyPI's `ocsf-json-schema` has of its class and profiles, and the activities
/// tell what nginx logs.
fn ocsf_fits_the_schema_of_its_class(scene: &Scene) -> Result<()> {
    let (file, truth) = exported(scene, "ocsf")?;
    let mut command = brought::python("ocsf")?;
    let schemas = process::run(command.args(["-c", SCHEMAS]).arg(&file), 60)?.good()?;
    let schemas: Value = serde_json::from_str(&schemas)?;
    let mut told = Vec::new();
    for line in fs::read_to_string(&file)?.lines() {
        let event: Value = serde_json::from_str(line)?;
        let schema = schemas.get(key(&event)).with_context(|| format!("no schema: {line}"))?;
        let validator = jsonschema::validator_for(schema)?;
        let faults: Vec<_> = validator.iter_errors(&event).map(|fault| fault.to_string()).collect();
        ensure!(faults.is_empty(), "{}\n{line}", faults.join("\n"));
        if number(&event, "/class_uid") == API_ACTIVITY {
            told.push(activity(&event));
        }
    }
    compare::same(truth.iter().map(short).collect(), told)?;
    refuses_another(&schemas, &file)
}

/// Without what the class requires, or with what it does not know, an event is refused: the schema says something.
fn refuses_another(schemas: &Value, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let mut events = text.lines().map(serde_json::from_str::<Value>).filter_map(Result::ok);
    let activity = events.find(|event| number(event, "/class_uid") == API_ACTIVITY);
    let activity = activity.context("no activity")?;
    let schema = schemas.get(key(&activity)).context("no schema")?;
    let validator = jsonschema::validator_for(schema)?;
    for (name, value) in [("actor", None), ("severity_id", Some("high")), ("no_such", Some("x"))] {
        let mut other = activity.clone();
        let fields = other.as_object_mut().context("no object")?;
        match value {
            Some(value) => drop(fields.insert(name.to_owned(), value.into())),
            None => drop(fields.remove(name)),
        }
        ensure!(!validator.is_valid(&other), "the schema takes an activity with a wrong {name}");
    }
    Ok(())
}

/// The class of an event with its profiles, as the schemas are named.
fn key(event: &Value) -> String {
    let profiles = event.pointer("/metadata/profiles").and_then(Value::as_array);
    let profiles = profiles.into_iter().flatten().filter_map(Value::as_str);
    format!("{}|{}", number(event, "/class_uid"), profiles.collect::<Vec<_>>().join(","))
}

fn activity(event: &Value) -> String {
    let text = |pointer| event.pointer(pointer).and_then(Value::as_str);
    let query = text("/http_request/url/query_string").map(|query| format!("?{query}"));
    // The class lists methods; others are the activity's name only.
    let method = text("/http_request/http_method").or_else(|| text("/activity_name"));
    format!(
        "{} {}{} {}",
        method.unwrap_or("-"),
        text("/http_request/url/path").unwrap_or("-"),
        query.unwrap_or_default(),
        number(event, "/http_response/code"),
    )
}

fn number(event: &Value, pointer: &str) -> u64 {
    event.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// Each line is an `ExportLogsServiceRequest` to OpenTelemetry's own messages, which refuse unknown fields and
/// values of other types; what they read is what nginx logs.
fn otlp_is_what_opentelemetry_reads(scene: &Scene) -> Result<()> {
    let (file, truth) = exported(scene, "otel")?;
    let mut command = brought::python("otlp")?;
    let told = process::run(command.args(["-c", READ_OTLP]).arg(&file), 60)?.good()?;
    let told: Vec<_> = told.lines().map(str::to_owned).collect();
    compare::same(truth.iter().map(short).collect(), told)
}

fn short(entry: &Entry) -> String {
    format!("{} {} {}", entry.method, entry.target, entry.status)
}

/// What a sink writes of some exchanges, from the agent's start to its end, and nginx's log of them.
fn exported(scene: &Scene, format: &str) -> Result<(std::path::PathBuf, Vec<Entry>)> {
    let file = scene.path("out.json");
    let server = "location = /json { default_type application/json; return 201 '{\"a\":[1,null,\"\u{e9}\"]}'; }";
    let nginx = Nginx::start(scene, &Options { server: server.to_owned(), ..Options::default() })?;
    let config = format!(
        "policy.default = \"request_response\"\n[[sink]]\nname = \"export\"\ntype = \"file\"\n\
         format = \"{format}\"\npath = {file:?}\n"
    );
    let agent = scene.agent().config(&config)?.port(nginx.port).start()?;
    let paths =
        ["/small", "/text?page=2&sort=a", "/missing", "/fault", "/redirect", "/empty", "/json"];
    let urls = paths.map(|path| nginx.url(path));
    curl(&urls.each_ref().map(String::as_str))?;
    let body = ["--json", "{\"password\":\"x\",\"n\":1}", "--user", "bob:c4n4ry"];
    curl(&[&body[..], &["--oauth2-bearer", "abcdef", &nginx.url("/json?posted")]].concat())?;
    for method in ["PUT", "DELETE", "OPTIONS", "PURGE"] {
        curl(&["--request", method, &nginx.url("/json?by")])?;
    }
    let ended = agent.finish(paths.len() + 5)?;
    // A second start tells the first one's end, and delivers what was left.
    let again = scene.agent().config(&config)?.port(nginx.port).start()?.stop()?;
    let records = ended.records.len() + again.records.len();
    let lines = fs::read_to_string(&file)?.lines().count();
    ensure!(lines == records, "{lines} lines of {records} records");
    Ok((file, nginx.stop()?))
}

/// The lines, sorted, since connections end in any order.
fn without_times(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    let bare = |line: &str| {
        let (before, rest) = line.split_once(" [")?;
        Some(format!("{before}{}", rest.split_once(']')?.1))
    };
    let lines: Option<Vec<_>> = text.lines().map(bare).collect();
    let mut lines = lines.with_context(|| format!("{}: a line without a time", path.display()))?;
    lines.sort();
    Ok(lines)
}

const API_ACTIVITY: u64 = 6003;
/// The schema of every class that is there, with the profiles that events name.
const SCHEMAS: &str = "
import json, sys
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
schemas = {}
for line in open(sys.argv[1]):
    event = json.loads(line)
    uid, meta = event['class_uid'], event['metadata']
    profiles = meta.get('profiles', [])
    ocsf = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=meta['version']))
    key = f'{uid}|{\",\".join(profiles)}'
    if key not in schemas:
        schemas[key] = ocsf.get_class_schema(ocsf.lookup_class_name_from_uid(uid), profiles)
print(json.dumps(schemas))
";
/// What OpenTelemetry reads of each exchange.
const READ_OTLP: &str = "
import sys
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
for line in open(sys.argv[1]):
    request = json_format.Parse(line, ExportLogsServiceRequest())
    (resource,) = request.resource_logs
    (scope,) = resource.scope_logs
    (record,) = scope.log_records
    assert record.time_unix_nano > 0 and resource.resource.attributes, line
    seen = {one.key: one.value for one in record.attributes}
    if 'http.request.method' in seen:
        query = '?' + seen['url.query'].string_value if 'url.query' in seen else ''
        status = seen['http.response.status_code'].int_value
        print(seen['http.request.method'].string_value, seen['url.path'].string_value + query, status)
";
