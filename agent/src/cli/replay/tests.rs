//! From captures written by hand to records: what the connections of a host mean to each other.

use std::io::Cursor;

use serde_json::Value;

use super::*;
use crate::capture::text;

/// Two ends of one connection, whose processes are known.
const BOTH_ENDS: &str = r#"
process 402 /usr/sbin/nginx
process 71 /usr/bin/curl
open c2 client 127.0.0.1:50000 -> 127.0.0.1:443 pid 71 peer c1
open c1 server 127.0.0.1:443 <- 127.0.0.1:50000 pid 402 peer c2
"#;

/// The connection named last, or before it, has one exchange.
const EXCHANGE: &str = r#" > "GET /a HTTP/1.1\r\n" "Host: a\r\n\r\n"
< "HTTP/1.1 204 No Content\r\n\r\n"
"#;

/// Records of a text, in order.
fn records(text: &str) -> Vec<Value> {
    let mut reader = Reader::new(Cursor::new(text::compile(text).unwrap())).unwrap();
    let mut out = Vec::new();
    let rules = (Config::default(), crate::cli::tokens(None).unwrap());
    replay_all(&mut reader, &rules, &mut 0, &mut out).unwrap();
    out.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn of_kind<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["event"]["kind"] == kind).collect()
}

/// What a record says of where it comes from.
fn origin(record: &Value) -> [String; 4] {
    ["/observer/side", "/capture/attribution", "/client/port", "/url/scheme"]
        .map(|key| record.pointer(key).map_or_else(String::new, |value| value.to_string()))
        .map(|text| text.trim_matches('"').to_owned())
}

#[test]
fn stream_on_a_socket() {
    let records = records(&format!(
        "open c1 server 10.0.0.4:443 <- 10.0.0.9:50000 pid 402
         open t1 tls gnutls on c1 by call\n t1{EXCHANGE} c1 close"
    ));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["server", "syscall", "50000", "https"]);
    assert_eq!(records[0]["tls"]["library"], "gnutls");
    assert_eq!(records[0]["url"]["path"], "/a");
}

#[test]
fn socket_known_after_the_bytes() {
    let records = records(&format!(
        "open c1 server 10.0.0.4:443 <- 10.0.0.9:50000 pid 402
         open t1 tls openssl server pid 402\n t1{EXCHANGE} place t1 on c1 by ciphertext
         t1{EXCHANGE} c1 close"
    ));
    assert_eq!(records.len(), 2, "{records:?}");
    for record in &records {
        assert_eq!(origin(record), ["server", "ciphertext", "50000", "https"]);
        assert_eq!(record["capture"]["complete"], true);
    }
}

#[test]
fn socket_never_known() {
    let records = records(&format!("open t1 tls openssl server pid 402\n t1{EXCHANGE} t1 close"));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["server", "none", "", "https"]);
}

/// It may have been one that a filter leaves out.
#[test]
fn filter_that_could_not_be_asked() {
    let text = format!("open t1 tls openssl server pid 402 undecided\n t1{EXCHANGE} t1 close");
    let records = records(&text);
    assert_eq!(of_kind(&records, "exchange").len(), 0, "{records:?}");
    let losses = of_kind(&records, "loss");
    assert_eq!(losses.len(), 1, "{records:?}");
    assert_eq!(losses[0]["loss"]["reason"], "unplaced_tls");
    assert_eq!(losses[0]["loss"]["connections"], 1);
}

/// A server that answers late is asked about as long as it takes.
#[test]
fn filter_that_is_asked_late() {
    let records = records(
        r#"
open c1 server 10.0.0.4:443 <- 10.0.0.9:50000 pid 402
open t1 tls openssl server pid 402 undecided
> "GET /a HTTP/1.1\r\n" "Host: a\r\n\r\n"
wait 5s
exec 9 /bin/true
wait 5s
place t1 on c1 by call
t1 < "HTTP/1.1 204 No Content\r\n\r\n"
c1 close
"#,
    );
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["server", "syscall", "50000", "https"]);
}

#[test]
fn both_ends_are_read() {
    let records = records(&format!(
        "{BOTH_ENDS} open t2 tls openssl on c2 by call
         open t1 tls go on c1 by call
         t2 > \"GET /a HTTP/1.1\\r\\n\" \"Host: a\\r\\n\\r\\n\"
         t1{EXCHANGE} t2 < \"HTTP/1.1 204 No Content\\r\\n\\r\\n\"
         c1 close\n c2 close"
    ));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["server", "syscall", "50000", "https"]);
    assert_eq!(records[0]["client"]["process"]["pid"], 71);
    assert_eq!(records[0]["server"]["process"]["pid"], 402);
}

/// The client's end is through before it is known where the server's stream belongs.
#[test]
fn server_known_after_the_client_was_told() {
    let records = records(&format!(
        "{BOTH_ENDS} open t2 tls openssl on c2 by call
         open t1 tls openssl server pid 402\n t1{EXCHANGE} t2{EXCHANGE} place t1 on c1 by ciphertext
         c1 close\n c2 close"
    ));
    assert_eq!(of_kind(&records, "exchange").len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["server", "ciphertext", "50000", "https"]);
}

#[test]
fn only_the_client_is_read() {
    let records = records(&format!(
        "{BOTH_ENDS} open t2 tls openssl on c2 by call\n t2{EXCHANGE} c2 close\n c1 close"
    ));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["client", "syscall", "50000", "https"]);
    assert_eq!(records[0]["server"]["process"]["pid"], 402);
}

#[test]
fn stream_in_a_stream() {
    let records = records(&format!(
        "open c1 client 10.0.0.4:50000 -> 10.0.0.9:3128 pid 71
         open t1 tls openssl on c1 by call
         > \"CONNECT b:443 HTTP/1.1\\r\\n\" \"Host: b:443\\r\\n\\r\\n\"
         < \"HTTP/1.1 200 OK\\r\\n\\r\\n\"
         open t2 tls openssl on t1 by call\n t2{EXCHANGE} c1 close"
    ));
    let targets: Vec<&Value> =
        records.iter().map(|record| &record["http"]["request"]["method"]).collect();
    assert_eq!(targets, ["CONNECT", "GET"], "{records:?}");
    assert_eq!(origin(&records[1]), ["client", "syscall", "50000", "https"]);
}

/// What was there before the probes may have said something that nobody saw.
#[test]
fn stream_older_than_its_probes() {
    let records = records(&format!(
        "open c1 server 10.0.0.4:443 <- 10.0.0.9:50000 pid 402
         open t1 tls openssl on c1 by call old\n t1{EXCHANGE} c1 close"
    ));
    assert_eq!(of_kind(&records, "exchange").len(), 1, "{records:?}");
    let losses = of_kind(&records, "loss");
    assert_eq!(losses[0]["loss"]["reason"], "before_attach");
}

/// What one end has missed the other has seen.
#[test]
fn client_older_than_its_probes() {
    let records = records(&format!(
        "{BOTH_ENDS} open t1 tls go on c1 by call
         open t2 tls openssl on c2 by call old
         t1{EXCHANGE} c1 close\n c2 close"
    ));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(origin(&records[0]), ["server", "syscall", "50000", "https"]);
}

/// Neither end can be read: the server's tells it, whichever comes first.
#[test]
fn both_ends_are_opaque() {
    let hello = r#""\x16\x03\x01\x00\x04abcd" "\x17\x03\x03\x00\x20" "x" * 32"#;
    for (first, second) in [("c1", "c2"), ("c2", "c1")] {
        let records = records(&format!(
            "{BOTH_ENDS} c2 > {hello}\n c1 > {hello}\n c1 < {hello}\n c2 < {hello}
             {first} close\n wait 5s\n {second} close"
        ));
        let losses = of_kind(&records, "loss");
        let connections: u64 =
            losses.iter().filter_map(|loss| loss["loss"]["connections"].as_u64()).sum();
        assert_eq!(connections, 1, "{first} first: {records:?}");
        assert_eq!(losses[0]["loss"]["reason"], "opaque_tls");
    }
}
