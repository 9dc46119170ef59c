//! Who is taken for the client: forged, odd and plain forwarding headers, one line each.

use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::audit::testing::{fields, tcp, unix};
use crate::model::proxied::Proxied;

/// Trusts 10.0.0.0/8 and 2001:db8:1::/48.
fn believed(headers: &[ForwardingHeader]) -> Believed {
    let mut config: IdentityConfig = toml::from_str(
        r#"
        trusted_proxies = ["10.0.0.0/8", "2001:db8:1::/48"]
        trust_unix = true"#,
    )
    .unwrap();
    config.forwarding_headers = headers.to_vec();
    Believed::new(&config).unwrap()
}

fn peer(address: &str) -> Origin {
    let mut origin = tcp();
    origin.client.address = Some(origin::Address::Ip(address.parse().unwrap()));
    origin
}

fn show(told: &Told) -> String {
    let mut text = match &told.source {
        None => "-".to_owned(),
        Some(source) => {
            let json = serde_json::to_value(source).unwrap();
            let address = json["address"].as_str().unwrap_or("?").to_owned();
            let port = source.port.map_or(String::new(), |port| format!(" port {port}"));
            let chain = json["chain"].as_array().unwrap();
            let chain: Vec<_> = chain.iter().map(|one| one.as_str().unwrap()).collect();
            let cut = if source.truncated { " cut" } else { "" };
            let rule = json["rule"].as_str().unwrap().to_owned();
            format!("{address}{port} {rule} [{}]{cut}", chain.join(" "))
        }
    };
    if let Some(anomaly) = told.anomaly {
        text += &format!(" !{}", anomaly.name());
    }
    text
}

fn told(origin: &Origin, lines: &str, headers: &[ForwardingHeader]) -> String {
    show(&source(Some(&fields(lines.as_bytes())), origin, &believed(headers)))
}

/// From 10.0.0.1, which is trusted; no more than the address, the rule and what was odd.
fn check(cases: &[(&str, &str)]) {
    for (lines, expected) in cases {
        let told = told(&peer("10.0.0.1"), lines, ForwardingHeader::ALL);
        let (front, rest) = told.split_once(" [").unwrap_or((&told, ""));
        let odd = rest.split_once(" !").map_or(String::new(), |(_, name)| format!(" !{name}"));
        assert_eq!(format!("{front}{odd}"), *expected, "{lines}");
    }
}

const BROKEN: &str = "10.0.0.1 port 51544 peer !invalid_forwarding";

#[test]
fn x_forwarded_for_is_read_from_our_end() {
    check(&[
        ("X-Forwarded-For: 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6, 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For: 127.0.0.1, 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.2.3.4", "198.51.100.7 x-forwarded-for"),
        (
            "X-Forwarded-For: 10.9.9.9, 198.51.100.7, 10.2.3.4,10.1.1.1",
            "198.51.100.7 x-forwarded-for",
        ),
        ("X-Forwarded-For: 192.168.0.9, 10.2.3.4", "192.168.0.9 x-forwarded-for"),
        ("X-Forwarded-For: 10.3.3.3, 10.2.3.4", "10.3.3.3 x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        (
            "x-forwarded-for: 6.6.6.6\nX-FORWARDED-FOR: 198.51.100.7,10.0.0.9",
            "198.51.100.7 x-forwarded-for",
        ),
        ("X-Forwarded-For: junk, <script>, 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For: , , 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For:   198.51.100.7  ", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For: 198.51.100.7:4711", "198.51.100.7 port 4711 x-forwarded-for"),
        ("X-Forwarded-For: [2001:db8::7]:4711", "2001:db8::7 port 4711 x-forwarded-for"),
        ("X-Forwarded-For: [2001:db8::7]", "2001:db8::7 x-forwarded-for"),
        ("X-Forwarded-For: 2001:DB8::7", "2001:db8::7 x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6, 2001:db8:1::7", "6.6.6.6 x-forwarded-for"),
        ("X-Forwarded-For: ::ffff:198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6, ::ffff:10.0.0.9", "6.6.6.6 x-forwarded-for"),
        ("X-Forwarded-For: fe80::1%eth0", "fe80::1 x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6, unknown", "? x-forwarded-for"),
        ("X-Forwarded-For: 6.6.6.6, Unknown, 10.0.0.9", "? x-forwarded-for"),
    ]);
}

#[test]
fn what_breaks_x_forwarded_for_where_it_counts_leaves_the_peer() {
    check(&[
        ("X-Forwarded-For: 198.51.100.7, junk", BROKEN),
        ("X-Forwarded-For: 198.51.100.7, ", BROKEN),
        ("X-Forwarded-For: 198.51.100.7,,10.0.0.9", BROKEN),
        ("X-Forwarded-For: 198.51.100.7\nX-Forwarded-For:", BROKEN),
        ("X-Forwarded-For: 198.51.100.07", BROKEN),
        ("X-Forwarded-For: 198.51.100.7:", BROKEN),
        ("X-Forwarded-For: 198.51.100.7:99999", BROKEN),
        ("X-Forwarded-For: 198.51.100.7 10.0.0.9", BROKEN),
        ("X-Forwarded-For: 198.51.100", BROKEN),
        ("X-Forwarded-For: 3325256711", BROKEN),
        ("X-Forwarded-For: 0xc6.51.100.7", BROKEN),
        ("X-Forwarded-For: \"198.51.100.7\"", BROKEN),
        ("X-Forwarded-For: [198.51.100.7]", BROKEN),
        ("X-Forwarded-For: [2001:db8::7", BROKEN),
        ("X-Forwarded-For: [2001:db8::7]x", BROKEN),
        ("X-Forwarded-For: fe80::1%", BROKEN),
        ("X-Forwarded-For: fe80::1%a b", BROKEN),
        ("X-Forwarded-For: 198.51.100.7\r\tX-Admin: 1", BROKEN),
        ("X-Forwarded-For: 198.51.100.7\u{0}", BROKEN),
        ("X-Forwarded-For: 198.51.100.7\u{a0}", BROKEN),
        ("X-Forwarded-For: _hidden", BROKEN),
        ("X-Forwarded-For: localhost", BROKEN),
        ("X-Forwarded-For:", "-"),
        ("X-Forwarded-For: \nX-Forwarded-For: ", "-"),
        ("X-Forwarded-Host: 198.51.100.7", "-"),
    ]);
}

#[test]
fn forwarded_is_read_from_our_end() {
    check(&[
        ("Forwarded: for=198.51.100.7", "198.51.100.7 forwarded"),
        ("Forwarded: For=198.51.100.7;proto=http;by=203.0.113.43", "198.51.100.7 forwarded"),
        ("Forwarded: proto=https ; for=198.51.100.7", "198.51.100.7 forwarded"),
        ("Forwarded: for=6.6.6.6, for=198.51.100.7, for=10.2.3.4", "198.51.100.7 forwarded"),
        ("Forwarded: for=6.6.6.6\nforwarded: for=198.51.100.7;by=_x", "198.51.100.7 forwarded"),
        ("Forwarded: for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17 port 4711 forwarded"),
        ("Forwarded: for=[2001:db8:cafe::17]:4711", "2001:db8:cafe::17 port 4711 forwarded"),
        ("Forwarded: for=\"198.51.100.7:4711\"", "198.51.100.7 port 4711 forwarded"),
        ("Forwarded: for=\"198.51.100.7:_port\"", "198.51.100.7 forwarded"),
        ("Forwarded: for=\"198\\.51.100.7\"", "198.51.100.7 forwarded"),
        ("Forwarded: for=198.51.100.7;secret=\"a,b;for=6.6.6.6\"", "198.51.100.7 forwarded"),
        ("Forwarded: for=6.6.6.6, for=_hidden", "? forwarded"),
        ("Forwarded: for=6.6.6.6, for=\"_SEVKISEK:_p\", for=10.0.0.9", "? forwarded"),
        ("Forwarded: for=6.6.6.6, for=unknown", "? forwarded"),
        ("Forwarded: for=6.6.6.6, for=\"unknown:80\"", "? forwarded"),
        ("Forwarded: for=6.6.6.6, proto=https", "? forwarded"),
        ("Forwarded: , ,for=198.51.100.7", "198.51.100.7 forwarded"),
        ("Forwarded: for=\"\nForwarded: for=198.51.100.7", "198.51.100.7 forwarded"),
    ]);
}

#[test]
fn what_breaks_forwarded_where_it_counts_leaves_the_peer() {
    check(&[
        ("Forwarded: for=198.51.100.7, ", BROKEN),
        ("Forwarded: for=\"198.51.100.7", BROKEN),
        ("Forwarded: x=\", for=198.51.100.7", BROKEN),
        ("Forwarded: x=\", for=\"[2001:db8::7]:80\"", BROKEN),
        ("Forwarded: for=\"198.51.100.7\"x", BROKEN),
        ("Forwarded: for = 198.51.100.7", BROKEN),
        ("Forwarded: for=198.51.100.7 for=6.6.6.6", BROKEN),
        ("Forwarded: for=198.51.100.7;for=6.6.6.6", BROKEN),
        ("Forwarded: for=", BROKEN),
        ("Forwarded: for=\"\"", BROKEN),
        ("Forwarded: 198.51.100.7", BROKEN),
        ("Forwarded: for=_", BROKEN),
        ("Forwarded: for=2001:db8::7::", BROKEN),
        ("Forwarded: for=\"198.51.100.7\r\n\"", BROKEN),
        ("Forwarded: for=198.51.100.7\u{1}", BROKEN),
        ("Forwarded: for=198.51.100.999", BROKEN),
    ]);
}

#[test]
fn several_headers() {
    let conflict = "10.0.0.1 port 51544 peer !conflicting_forwarding";
    check(&[
        ("X-Real-IP: 198.51.100.7", "198.51.100.7 x-real-ip"),
        ("X-Real-IP: 198.51.100.7\nX-Real-IP: 198.51.100.7", "198.51.100.7 x-real-ip"),
        ("X-Real-IP: 198.51.100.7\nX-Real-IP: 6.6.6.6", BROKEN),
        ("X-Real-IP: 6.6.6.6, 198.51.100.7", BROKEN),
        ("X-Real-IP:", "-"),
        ("X-Real-IP: 6.6.6.6\nX-Forwarded-For: 198.51.100.7", "198.51.100.7 x-forwarded-for"),
        ("X-Real-IP: 6.6.6.6\nForwarded: for=198.51.100.7", "198.51.100.7 forwarded"),
        ("Forwarded: for=198.51.100.7\nX-Forwarded-For: 198.51.100.7:80", "198.51.100.7 forwarded"),
        ("Forwarded: for=6.6.6.6\nX-Forwarded-For: 198.51.100.7", conflict),
        ("Forwarded: for=198.51.100.7\nX-Forwarded-For: 6.6.6.6", conflict),
        ("Forwarded: for=_hidden\nX-Forwarded-For: 198.51.100.7", conflict),
        ("Forwarded: for=\"\nX-Forwarded-For: 198.51.100.7", BROKEN),
        ("Forwarded: for=198.51.100.7\nX-Forwarded-For: junk", BROKEN),
        ("Forwarded:\nX-Forwarded-For: 198.51.100.7", "198.51.100.7 x-forwarded-for"),
    ]);
    let lines = "Forwarded: for=6.6.6.6\nX-Forwarded-For: 198.51.100.7";
    let told = |headers: &[ForwardingHeader]| told(&peer("10.0.0.1"), lines, headers);
    assert_eq!(
        told(&[ForwardingHeader::XForwardedFor]),
        "198.51.100.7 x-forwarded-for [198.51.100.7 10.0.0.1]"
    );
    assert_eq!(told(&[ForwardingHeader::Forwarded]), "6.6.6.6 forwarded [6.6.6.6 10.0.0.1]");
    assert_eq!(told(&[]), "-");
}

#[test]
fn nobody_else_is_believed() {
    let lines = "X-Forwarded-For: 198.51.100.7";
    let all = ForwardingHeader::ALL;
    assert_eq!(told(&peer("203.0.113.9"), lines, all), "-");
    assert_eq!(told(&peer("2001:db8:2::1"), lines, all), "-");
    assert_eq!(
        told(&peer("::ffff:10.0.0.1"), lines, all),
        "198.51.100.7 x-forwarded-for [198.51.100.7 10.0.0.1]"
    );
    assert_eq!(told(&unix(), lines, all), "198.51.100.7 x-forwarded-for [198.51.100.7]");
    let nobody = Believed::new(&IdentityConfig::default()).unwrap();
    let fields = fields(lines.as_bytes());
    for origin in [peer("10.0.0.1"), unix()] {
        assert_eq!(show(&source(Some(&fields), &origin, &nobody)), "-");
    }
    let mut unknown = peer("10.0.0.1");
    unknown.client.address = None;
    assert_eq!(told(&unknown, lines, all), "-");
}

#[test]
fn chains_are_kept_to_a_bound_and_their_client_always() {
    let hops: Vec<String> = (0..100).map(|hop| format!("10.0.1.{hop}")).collect();
    let line = format!("X-Forwarded-For: 6.6.6.6, 198.51.100.7, {}", hops.join(", "));
    let told_all = told(&peer("10.0.0.1"), &line, ForwardingHeader::ALL);
    assert!(
        told_all.starts_with("198.51.100.7 x-forwarded-for [198.51.100.7 10.0.1.70 "),
        "{told_all}"
    );
    assert!(told_all.ends_with(" 10.0.1.99 10.0.0.1] cut"), "{told_all}");
    let long = format!("X-Forwarded-For: {}", "10.0.0.9, ".repeat(1_100) + "10.0.0.9");
    assert_eq!(
        told(&peer("10.0.0.1"), &long, ForwardingHeader::ALL),
        "10.0.0.1 port 51544 peer [10.0.0.1] !invalid_forwarding"
    );
    let forged = format!("X-Forwarded-For: {}198.51.100.7", "6.6.6.6, ".repeat(1_100));
    assert_eq!(
        told(&peer("10.0.0.1"), &forged, ForwardingHeader::ALL),
        "198.51.100.7 x-forwarded-for [198.51.100.7 10.0.0.1]"
    );
}

#[test]
fn proxy_protocol_comes_before_headers() {
    let said = |version, command, source: Option<&str>, address: &str, lines: &str| {
        let mut origin = peer(address);
        let source: Option<SocketAddr> = source.map(|text| text.parse().unwrap());
        origin.proxied = Some(Arc::new(Proxied { version, command, source, destination: None }));
        told(&origin, lines, ForwardingHeader::ALL)
    };
    let forged = "X-Forwarded-For: 6.6.6.6";
    let far = Some("198.51.100.7:4711");
    assert_eq!(
        said(2, Command::Proxy, far, "10.0.0.1", forged),
        "198.51.100.7 port 4711 proxy-v2 [198.51.100.7 10.0.0.1]"
    );
    assert_eq!(said(1, Command::Proxy, far, "203.0.113.9", forged), "-");
    let near = Some("10.7.7.7:1");
    assert_eq!(
        said(1, Command::Proxy, near, "10.0.0.1", "X-Forwarded-For: 198.51.100.7"),
        "198.51.100.7 x-forwarded-for [198.51.100.7 10.7.7.7 10.0.0.1]"
    );
    assert_eq!(
        said(1, Command::Proxy, near, "10.0.0.1", ""),
        "10.7.7.7 port 1 proxy-v1 [10.7.7.7 10.0.0.1]"
    );
    assert_eq!(
        said(1, Command::Proxy, near, "10.0.0.1", "X-Forwarded-For: junk"),
        "10.7.7.7 port 1 proxy-v1 [10.7.7.7 10.0.0.1] !invalid_forwarding"
    );
    assert_eq!(said(1, Command::Proxy, None, "10.0.0.1", forged), "? proxy-v1 [10.0.0.1]");
    assert_eq!(said(2, Command::Local, None, "10.0.0.1", ""), "-");
    assert_eq!(
        said(2, Command::Local, None, "10.0.0.1", forged),
        "6.6.6.6 x-forwarded-for [6.6.6.6 10.0.0.1]"
    );
    assert_eq!(
        said(2, Command::Invalid, None, "10.0.0.1", forged),
        "10.0.0.1 port 51544 peer [10.0.0.1] !invalid_proxy_header"
    );
}
