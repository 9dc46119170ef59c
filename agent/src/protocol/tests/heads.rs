//! Odd heads.

use expect_test::expect;

use crate::model::limits::Limits;
use crate::protocol::Output;
use crate::protocol::exchange::Exchange;
use crate::protocol::tests::script::{check, check_with, parse, render, run};

fn exchange(script: &str) -> Box<Exchange> {
    let outputs = run(&parse(script), true, &Limits::default());
    match outputs.into_iter().next() {
        Some(Output::Exchange(exchange)) => exchange,
        other => panic!("no exchange but {other:?}"),
    }
}

fn fields(exchange: &Exchange) -> String {
    let request = exchange.request.as_ref().unwrap();
    let line =
        |(name, value): (&[u8], &[u8])| format!("{}={}", name.escape_ascii(), value.escape_ascii());
    let lines: Vec<_> = request.head.fields.iter().map(line).collect();
    lines.join("; ")
}

#[test]
fn fields_keep_their_order_and_case() {
    let exchange =
        exchange(r"> GET / HTTP/1.1\r\nHost: h\r\nX-a:  b \r\nEmpty:\r\nx-A: \xff\r\n\r\n");
    expect!["Host=h; X-a=b; Empty=; x-A=\\xff"].assert_eq(&fields(&exchange));
}

#[test]
fn what_is_odd_is_noted_and_the_rest_kept() {
    let exchange = exchange(
        r"> GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n 2\r\n\t3\r\nB : 4\r\nno field\r\nC: \0\r\nD:5\nE: 6\r\n\r\n",
    );
    expect![[r#"Host=h; A=1   2  \t3; B=4; D=5; E=6"#]].assert_eq(&fields(&exchange));
    expect!["[BareLf, ObsFold, SpaceBeforeColon, InvalidField]"]
        .assert_eq(&format!("{:?}", exchange.anomalies));
}

#[test]
fn odd_start_lines() {
    check(
        r"
        > GET  /a  HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        > GET /a b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n
        > GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n
        > GET /ü{3}|\x22 HTTP/1.1\nHost: h\n\n
        < HTTP/1.1 200 OK\nContent-Length: 0\n\n
        > GET / HTTP/1.3\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        > GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        > GET / HTTP/1.1\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            GET /a 1.1 [1] 30+0/30 => 200 1.1 [1] 38+0/38 !invalid_start_line
            GET /a b 1.1 [1] 30+0/30 => 200 1.1 [1] 39+0/39 !invalid_start_line !invalid_target
            GET /\xff\xfe 1.1 [1] 29+0/29 => 200 1.1 [1] 35+0/35 !invalid_target
            GET /\xc3\xbcxxx|\" 1.1 [1] 31+0/31 => 200 1.1 [1] 35+0/35 !invalid_target !bare_lf
            GET / 1.1 [1] 27+0/27 => 200 1.1 [1] 38+0/38
            GET / 1.1 [2] 36+0/36 => 200 1.1 [1] 38+0/38 !invalid_host
            GET / 1.1 [0] 18+0/18 => 200 1.1 [1] 38+0/38 !invalid_host
        "#]],
    );
}

#[test]
fn a_long_target_is_not_cut() {
    check(
        r"
        > GET /{65000} HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            GET /xxxxxxxxx...(65001) 1.1 [1] 65027+0/65027 => 200 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn a_head_without_end() {
    let limits = Limits { head_bytes: 100, ..Limits::default() };
    check_with(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\nX: {200}
        < HTTP/1.1 431 Long\r\nContent-Length: 0\r\n\r\n
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nX: {200}\r\n\r\nabc
        > GET /c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        > GET /{200} HTTP/1.1\r\n\r\n
        < HTTP/1.1 414 Long\r\nContent-Length: 0\r\n\r\n
        > GET /d HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        true,
        &limits,
        expect![[r#"
            GET /a 1.1 [0] 100+?/229 Unknown => 431 1.1 [1] 40+0/40 !head_too_long
            loss unparsed 0 exchanges 1
            GET /b 1.1 [1] 28+0/28 => - (response unparsed) !head_too_long
            - (request unparsed) => 200 1.1 [0] 100+?/227 Unknown
            GET /c 1.1 [1] 28+0/28 => - (response unparsed)
            - (request unparsed) => 200 1.1 [1] 38+0/38
            - (request unparsed) => 414 1.1 [1] 40+0/40
            loss unparsed 218
            GET /d 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn ten_thousand_fields() {
    let many = |count: usize| {
        let fields = r"a:b\r\n".repeat(count);
        format!(
            r"
            > GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n
            < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n
            "
        )
    };
    let give = |count, limits: &Limits| render(&run(&parse(&many(count)), true, limits));
    expect![[r#"
        GET / 1.1 [10001] 50027+0/50027 => 200 1.1 [10001] 50038+0/50038
    "#]]
    .assert_eq(&give(10_000, &Limits::default()));
    let few = Limits { fields: 50, ..Limits::default() };
    expect![[r#"
        GET / 1.1 [50] 327+0/327 => 200 1.1 [50] 338+0/338 !too_many_fields
    "#]]
    .assert_eq(&give(60, &few));
    expect![[r#"
        GET / 1.1 [46] 252+0/252 => 200 1.1 [46] 263+0/263
    "#]]
    .assert_eq(&give(45, &few));
    expect![[r#"
        GET / 1.1 [96] 502+0/502 => 200 1.1 [96] 513+0/513
    "#]]
    .assert_eq(&give(95, &Limits::default()));
    expect![[r#"
        GET / 1.1 [98] 512+0/512 => 200 1.1 [98] 523+0/523
    "#]]
    .assert_eq(&give(97, &Limits::default()));
}
