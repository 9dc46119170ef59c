//! What becomes of exchanges while the policy changes, and of those that it leaves out.
//!
//! In: captures written by hand; `exec 1 /N` puts the policy with that place in the list in force. Out: records.
//! Always: the one way from samples to records, as the daemon has it.
//! Not here: rules (`audit::tests`), connections (`cli::replay`).

use std::io::Cursor;

use serde_json::Value;

use super::*;
use crate::audit::config::AuditConfig;
use crate::audit::encode::Lines;
use crate::audit::observer::Observer;
use crate::audit::token::Tokens;
use crate::capture::{Entry, Reader, text};
use crate::discover::Processes;
use crate::model::sample::ProcessKind;

/// A connection whose exchanges follow.
const OPEN: &str = "open c1 server 10.0.0.4:80 <- 10.0.0.9:50000 pid 402\n";

/// A request, and the head of an answer that goes on.
const EVENTS: &str = r#"> "GET /events HTTP/1.1\r\n" "Host: a\r\n\r\n"
< "HTTP/1.1 200 OK\r\n" "Content-Type: text/event-stream\r\n\r\n" "data: a\n\n"
"#;

/// Leaves out everything but what nobody asks for, which has parsers keep messages.
const KEEPS_OTHERS: &str =
    "default = \"none\"\nrule = [{ level = \"request_response\", path = \"/others\" }]";

fn exchange(path: &str) -> String {
    format!(
        "> \"GET {path} HTTP/1.1\\r\\n\" \"Host: a\\r\\n\\r\\n\"\n\
         < \"HTTP/1.1 204 No Content\\r\\n\\r\\n\"\n"
    )
}

fn policies(texts: &[&str]) -> Vec<Arc<Policy>> {
    let policy = |text: &&str| {
        let config = AuditConfig { policy: toml::from_str(text).unwrap(), ..Default::default() };
        let tokens = Tokens::ephemeral().unwrap();
        Arc::new(Policy::new(&config, tokens, Arc::new(Observer::default())).unwrap())
    };
    texts.iter().map(policy).collect()
}

fn records(policies: &[Arc<Policy>], text: &str) -> Vec<Value> {
    let mut reader = Reader::new(Cursor::new(text::compile(text).unwrap())).unwrap();
    let names = Arc::new(Processes::told());
    let clock = ClockOffset::default();
    let first = Arc::clone(&policies[0]);
    let mut pipeline = Pipeline::new(first, names, Limits::default(), 1 << 24, clock);
    let (mut out, mut now_ns) = (Outcome::default(), 0);
    while let Some(entry) = reader.next().unwrap() {
        let Entry::Sample(bytes) = entry else { continue };
        now_ns = Sample::decode(bytes).unwrap().time_ns();
        pipeline.tick(now_ns, &mut out);
        pipeline.sample(bytes, &mut out);
        for event in out.processes.drain(..) {
            if let ProcessKind::Exec { path } = event.kind {
                let place: usize = path.trim_start_matches('/').parse().unwrap();
                pipeline.set_policy(Arc::clone(&policies[place]));
            }
        }
    }
    pipeline.stop(now_ns, &mut out);
    let mut lines = Lines::default();
    let numbered = out.records.iter().enumerate().map(|(seq, record)| {
        let mut line = Vec::new();
        lines.write(record, seq as u64, &mut line);
        serde_json::from_slice(&line).unwrap()
    });
    numbered.collect()
}

/// Kind, path or what was left out, and the place of the policy.
fn told(policies: &[Arc<Policy>], records: &[Value]) -> Vec<String> {
    let place = |digest: &Value| policies.iter().position(|one| one.digest() == digest);
    let line = |record: &Value| match &record["lifecycle"]["detail"] {
        Value::Null => format!(
            "{} {} by {}",
            record["event"]["kind"].as_str().unwrap(),
            record["url"]["path"].as_str().unwrap_or("-"),
            place(&record["policy"]["digest"]).unwrap(),
        ),
        detail => format!(
            "{} {} exchanges, {} messages, rule {} of {}",
            record["lifecycle"]["action"].as_str().unwrap(),
            detail["exchanges"],
            detail["messages"],
            detail["rule"],
            place(&detail["policy_digest"]).unwrap(),
        ),
    };
    records.iter().map(line).collect()
}

fn check(texts: &[&str], text: &str, expected: &[&str]) {
    let policies = policies(texts);
    let records = records(&policies, text);
    assert_eq!(told(&policies, &records), expected, "{records:#?}");
}

#[test]
fn what_is_left_out_is_counted_by_rule() {
    let rules = "default = \"none\"
        rule = [{ level = \"none\", path = \"/health\" }, { level = \"metadata\", path = \"/a\" }]";
    let text = [
        OPEN,
        &exchange("/health"),
        &exchange("/a"),
        &exchange("/health"),
        &exchange("/b"),
        "wait 61s\n",
        &exchange("/health"),
        "close\n",
    ];
    check(
        &[rules],
        &text.concat(),
        &[
            "exchange /a by 0",
            "left_out 1 exchanges, null messages, rule null of 0",
            "left_out 2 exchanges, null messages, rule 0 of 0",
            "left_out 1 exchanges, null messages, rule 0 of 0",
        ],
    );
}

#[test]
fn an_exchange_is_decided_once_by_the_policy_in_force_at_its_end() {
    let (request, answer) = exchange("/b").split_once("\n<").map_or_else(
        || panic!("two lines"),
        |(request, answer)| (format!("{request}\n"), format!("<{answer}")),
    );
    let text = [OPEN, &exchange("/a"), &request, "exec 1 /1\nc1 ", &answer, "close\n"];
    check(
        &["", "default = \"request\""],
        &text.concat(),
        &["exchange /a by 0", "exchange /b by 1"],
    );
}

#[test]
fn exchanges_that_go_on_keep_the_decision_they_met() {
    let text = [OPEN, EVENTS, "exec 1 /1\nc1 < \"data: b\\n\\n\"\nend <\nclose\n"].concat();
    check(
        &["default = \"request_response\"", "default = \"none\""],
        &text,
        &["exchange /events by 0", "message - by 0", "message - by 0", "exchange /events by 0"],
    );
    check(&[KEEPS_OTHERS, ""], &text, &["left_out 1 exchanges, 2 messages, rule null of 0"]);
}
