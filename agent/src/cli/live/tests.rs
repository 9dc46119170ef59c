//! Goldens of the live view: records in, lines out.
//!
//! In: nothing. Out: nothing. Always: every line of every width fits. Not here: amounts (`text`).

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

fn look(width: usize) -> Look {
    let time_zone = TimeZone::fixed(jiff::tz::offset(1));
    Look { width: Some(width), color: false, unicode: true, time_zone }
}

fn exchange() -> Value {
    json!({
        "schema": 1, "seq": 42, "timestamp": "2026-11-22T07:00:00.123456789Z",
        "event": {"kind": "exchange", "outcome": "success"},
        "observer": {"side": "server"},
        "client": {"address": "203.0.113.9", "port": 51544,
            "process": {"pid": 811, "executable": {"path": "/usr/bin/curl"}}},
        "server": {"address": "10.0.0.4", "port": 8443,
            "process": {"pid": 402, "executable": {"path": "/usr/sbin/nginx"}}},
        "url": {"domain": "api.example.com", "path": "/v1/users/7", "query": "page=2"},
        "http": {
            "request": {"method": "GET"},
            "response": {"status_code": 200, "body": {"size": 2048}},
        },
        "duration_ns": 1_834_112,
    })
}

/// The example with other values at some places.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut record = exchange();
    for (pointer, value) in changes {
        let (group, key) = pointer.rsplit_once('/').unwrap();
        let group = record.pointer_mut(group).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => drop(group.remove(key)),
            _ => drop(group.insert(key.to_owned(), value.clone())),
        }
    }
    record
}

fn several() -> Vec<Value> {
    let long = "/v1/organisations/4711/projects/0815/environments/production/deployments/12";
    vec![
        exchange(),
        with(&[
            ("/observer/side", json!("client")),
            ("/client/process", Value::Null),
            ("/http/request/method", json!("PROPPATCH")),
            ("/url/path", json!(long)),
            ("/http/response/status_code", json!(301)),
            ("/http/response/body", Value::Null),
        ]),
        with(&[
            ("/server/process", Value::Null),
            ("/server/address", json!("2001:db8::7")),
            ("/http/response/status_code", json!(404)),
            ("/event/outcome", json!("failure")),
            ("/url/query", Value::Null),
            ("/url/port", json!(8080)),
            ("/duration_ns", json!(61_000_000_000_u64)),
        ]),
        with(&[
            ("/http/response", Value::Null),
            ("/client", Value::Null),
            ("/server/process/executable", Value::Null),
            ("/url/domain", Value::Null),
            ("/duration_ns", Value::Null),
        ]),
        with(&[
            ("/http/request", Value::Null),
            ("/url", Value::Null),
            ("/earwitness", json!({"anomalies": ["request_smuggling"]})),
        ]),
        json!({
            "timestamp": "2026-11-22T07:00:01.000000000Z", "event": {"kind": "loss"},
            "loss": {"reason": "ring_full", "events": 17, "bytes": 90112, "exchanges": 3,
                "process": {"pid": 7, "executable": {"path": "/bin/x"}}},
        }),
        json!({
            "timestamp": "2026-11-22T07:00:02.000000000Z", "event": {"kind": "lifecycle"},
            "lifecycle": {"action": "ready", "detail": {"probes": 3, "of": ["a", "b"]}},
        }),
        json!({"timestamp": "soon", "event": {"kind": "message"}}),
        json!(7),
    ]
}

fn lines(look: Look) -> String {
    let mut renderer = Renderer::new(look);
    several().iter().map(|record| renderer.line(record) + "\n").collect()
}

fn check(look: Look, expected: Expect) {
    expected.assert_eq(&lines(look));
}

#[test]
fn wide() {
    check(
        look(140),
        expect![[r#"
            08:00:00.123 ↕ GET     api.example.com/v1/users/7?page=2                          200  2.0kB  1.8ms  curl(811) → nginx(402)
            08:00:00.123 ↑ PRO…TCH api.example.com/v1/organisat…s/production/deployments/12?… 301      -  1.8ms  203.0.113.9:51544 → nginx(402)
            08:00:00.123 ↓ GET     api.example.com:8080/v1/users/7                            404  2.0kB  1m01s  curl(811) → [2001:db8::7]:8443
            08:00:00.123 ↓ GET     /v1/users/7?page=2                                           -      -      -  ? → pid 402
            08:00:00.123 ↕ ?       ?                                                          200  2.0kB  1.8ms  curl(811) → nginx(402)  ! request_smugg
            08:00:01.000 ✗ lost    ring_full, 17 events, 3 exchanges, 90kB, x(7)
            08:00:02.000 ● agent   ready  probes=3  of=a,b
            -            message
            -            record of unknown kind
        "#]],
    );
}

#[test]
fn of_a_common_width() {
    check(
        look(80),
        expect![[r#"
            08:00:00 ↕ GET     api.example.…/v1/users/7?… 200  1.8ms  curl(811) → nginx(402)
            08:00:00 ↑ PRO…TCH api.example.…loyments/12?… 301  1.8ms  203.0.113.9 → nginx
            08:00:00 ↓ GET     api.example.c…0/v1/users/7 404  1m01s  curl → [2001:db8::7]
            08:00:00 ↓ GET     /v1/users/7?page=2           -      -  ? → pid 402
            08:00:00 ↕ ?       ?                          200  1.8ms  curl(811) → nginx(402)
            08:00:01 ✗ lost    ring_full, 17 events, 3 exchanges, 90kB, x(7)
            08:00:02 ● agent   ready  probes=3  of=a,b
            -        message
            -        record of unknown kind
        "#]],
    );
}

#[test]
fn narrow() {
    check(
        look(60),
        expect![[r#"
            08:00:00 ↕ GET     api.example.com/v1/users/7?…   200  1.8ms
            08:00:00 ↑ PRO…TCH api.example.co…eployments/12?… 301  1.8ms
            08:00:00 ↓ GET     api.example.com…080/v1/users/7 404  1m01s
            08:00:00 ↓ GET     /v1/users/7?page=2               -      -
            08:00:00 ↕ ?       ?                              200  1.8ms
            08:00:01 ✗ lost    ring_full, 17 events, 3 exchanges, 90kB,
            08:00:02 ● agent   ready  probes=3  of=a,b
            -        message
            -        record of unknown kind
        "#]],
    );
    check(
        look(30),
        expect![[r#"
            ↕ GET     api.exa…sers/7?… 200
            ↑ PRO…TCH api.exa…nts/12?… 301
            ↓ GET     api.exam…users/7 404
            ↓ GET     /v1/users/7?…      -
            ↕ ?       ?                200
            08:00:01 ✗ lost    ring_full,
            08:00:02 ● agent   ready  prob
            -        message
            -        record of unknown kin
        "#]],
    );
}

#[test]
fn without_end_and_without_unicode() {
    check(
        Look { width: None, unicode: false, ..look(0) },
        expect![[r#"
            08:00:00.123 = GET     api.example.com/v1/users/7?page=2        200  2.0kB  1.8ms  curl(811) -> nginx(402)
            08:00:00.123 > PROPPATCH api.example.com/v1/organisations/4711/projects/0815/environments/production/deployments/12?page=2 301      -  1.8ms  203.0.113.9:51544 -> nginx(402)
            08:00:00.123 < GET     api.example.com:8080/v1/users/7          404  2.0kB  1m01s  curl(811) -> [2001:db8::7]:8443
            08:00:00.123 < GET     /v1/users/7?page=2                         -      -      -  ? -> pid 402
            08:00:00.123 = ?       ?                                        200  2.0kB  1.8ms  curl(811) -> nginx(402)  ! request_smuggling
            08:00:01.000 ! lost    ring_full, 17 events, 3 exchanges, 90kB, x(7)
            08:00:02.000 * agent   ready  probes=3  of=a,b
            -            message
            -            record of unknown kind
        "#]],
    );
}

#[test]
fn colours() {
    let text = lines(Look { color: true, ..look(100) }).replace('\x1b', "^");
    expect![[r#"
        ^[2m08:00:00.123^[0m ^[2m↕^[0m ^[1mGET^[0m     api.example.com/v1/users/7?page=2  ^[32m200^[0m  ^[2m2.0kB^[0m  1.8ms  curl(811)^[2m →^[0m nginx(402)
        ^[2m08:00:00.123^[0m ^[2m↑^[0m ^[1mPRO…TCH^[0m api.example.com/…/deployments/12?… ^[36m301^[0m      ^[2m-^[0m  1.8ms  203.0.113.9^[2m →^[0m nginx
        ^[2m08:00:00.123^[0m ^[2m↓^[0m ^[1mGET^[0m     api.example.com:8080/v1/users/7    ^[33m404^[0m  ^[2m2.0kB^[0m  ^[33m1m01s^[0m  curl^[2m →^[0m [2001:db8::7]
        ^[2m08:00:00.123^[0m ^[2m↓^[0m ^[1mGET^[0m     /v1/users/7?page=2                   ^[2m-^[0m      ^[2m-^[0m      ^[2m-^[0m  ?^[2m →^[0m pid 402
        ^[2m08:00:00.123^[0m ^[2m↕^[0m ^[1m?^[0m       ?                                  ^[32m200^[0m  ^[2m2.0kB^[0m  1.8ms  curl(811)^[2m →^[0m nginx(402)
        ^[2m08:00:01.000^[0m ^[1;35m✗ lost^[0m    ^[1;35mring_full^[0m, 17 events, 3 exchanges, 90kB, x(7)
        ^[2m08:00:02.000^[0m ^[34m● agent^[0m   ^[34mready^[0m^[2m  probes=^[0m3^[2m  of=^[0ma,b
        ^[2m-^[0m            ^[2mmessage^[0m
        ^[2m-^[0m            ^[2mrecord of unknown kind^[0m
    "#]].assert_eq(&text);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 0..200 {
        for unicode in [true, false] {
            let mut renderer = Renderer::new(Look { unicode, ..look(width) });
            for record in several() {
                let line = renderer.line(&record);
                assert!(text::width(&line) <= width, "{width}: {line}");
                assert!(unicode || line.is_ascii());
            }
            assert!(text::width(&renderer.status(Some(3))) <= width.saturating_sub(1));
        }
    }
}

#[test]
fn columns_align() {
    for width in [60, 80, 100, 140] {
        let text = lines(look(width));
        let column = |line: &str, code| line.find(code).map(|at| text::width(&line[..at]));
        let of_status =
            |line| [" 200 ", " 301 ", " 404 "].iter().find_map(|code| column(line, *code));
        let ends: Vec<_> = text.lines().filter_map(of_status).collect();
        assert_eq!(ends.len(), 4, "{text}");
        assert!(ends.iter().all(|end| *end == ends[0]), "{text}");
    }
}

#[test]
fn no_value_can_steer_the_terminal() {
    let bad = "\x1b]0;owned\x07\r\n\u{202e}\u{9b}31m\u{200b}";
    let record = with(&[
        ("/http/request/method", json!(bad)),
        ("/url/domain", json!(bad)),
        ("/url/path", json!(bad)),
        ("/url/query", json!(bad)),
        ("/client/process/executable/path", json!(bad)),
        ("/server/process", Value::Null),
        ("/server/address", json!(bad)),
        ("/observer/side", json!(bad)),
    ]);
    let loss = json!({"event": {"kind": "loss"}, "loss": {"reason": bad,
        "process": {"pid": 1, "executable": {"path": bad}}}});
    let lifecycle = json!({"event": {"kind": "lifecycle"}, "timestamp": bad,
        "lifecycle": {"action": bad, "detail": {bad: [bad]}}});
    let unknown = json!({"event": {"kind": bad}});
    for look in [look(200), Look { width: None, ..look(0) }] {
        for record in [&record, &loss, &lifecycle, &unknown] {
            let line = Renderer::new(look.clone()).line(record);
            let plain = |shown: char| !shown.is_control() && !"\u{202e}\u{200b}".contains(shown);
            assert!(line.chars().all(plain), "{line:?}");
        }
    }
    let mut renderer = Renderer::new(Look { color: true, ..look(400) });
    let line = renderer.line(&record);
    let own = line.matches('\x1b').count();
    assert_eq!(own, renderer.line(&exchange()).matches('\x1b').count());
}

#[test]
fn the_status_line() {
    let mut renderer = Renderer::new(look(100));
    let check = |renderer: &Renderer, connections, expected: Expect| {
        expected.assert_eq(&renderer.status(connections));
    };
    check(&renderer, None, expect!["0.0/s │ 0.0% errors │ 0 lost │ 0 exchanges │ 0:00"]);
    renderer.tally.tick(Duration::from_secs(3_600));
    for second in 3_601..3_611 {
        for record in several() {
            renderer.line(&record);
        }
        renderer.tally.tick(Duration::from_secs(second));
    }
    check(
        &renderer,
        Some(31),
        expect!["5.0/s │ 20.0% errors │ 170 lost │ 31 connections │ 50 exchanges │ 1:00:10"],
    );
    renderer.look.width = Some(40);
    check(&renderer, Some(31), expect!["5.0/s │ 20.0% errors │ 170 lost"]);
    renderer.look = Look { color: true, unicode: false, ..look(100) };
    let status = renderer.status(None).replace('\x1b', "^");
    expect!["^[1m5.0/s^[0m^[2m |^[0m ^[1;31m20.0% errors^[0m^[2m |^[0m ^[1;35m170 lost^[0m^[2m |^[0m 50 exchanges^[2m |^[0m ^[2m1:00:10^[0m"].assert_eq(&status);
}
