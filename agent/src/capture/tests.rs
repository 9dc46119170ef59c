//! Tests of capture files: there and back, cut anywhere, any bytes, written by hand.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Process;
use crate::model::sample::{Endpoints, ProcessKind, Role, Sample};
use crate::model::time::format_rfc3339;

fn reader_of(bytes: Vec<u8>) -> Result<Reader, CaptureError> {
    Reader::new(Cursor::new(bytes))
}

fn header() -> Header {
    Header {
        version: "0.1.0".into(),
        kernel: Some("6.18".into()),
        clock_offset_ns: -5,
        created: None,
        host_name: Some("web-1".into()),
    }
}

fn process() -> Process {
    Process {
        pid: 402,
        executable: Some("/usr/sbin/nginx".into()),
        user_id: Some(33),
        user_name: None,
    }
}

fn loss() -> Loss {
    Loss { reason: Reason::RingFull, events: 3, bytes: 9, exchanges: None, connections: Some(2) }
}

/// One entry of each kind.
fn write(writer: &mut Writer<impl std::io::Write>) {
    writer.process(&process()).unwrap();
    writer.process(&process()).unwrap();
    writer.sample(b"sample").unwrap();
    writer.loss(&loss()).unwrap();
    writer.sample(b"").unwrap();
}

fn example() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    write(&mut writer);
    writer.finish().unwrap()
}

fn entries(reader: &mut Reader) -> Result<usize, CaptureError> {
    let mut count = 0;
    while reader.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn what_is_written_is_read() {
    let mut reader = reader_of(example()).unwrap();
    assert_eq!(*reader.header(), header());
    assert_eq!(reader.next().unwrap(), Some(Entry::Process(process())));
    assert_eq!(reader.next().unwrap(), Some(Entry::Sample(b"sample")), "no process twice");
    assert_eq!(reader.next().unwrap(), Some(Entry::Loss(loss())));
    assert_eq!(reader.next().unwrap(), Some(Entry::Sample(b"")));
    assert_eq!(reader.next().unwrap(), None);
    assert_eq!(reader.tail_bytes(), None);
}

#[test]
fn a_file_is_for_its_owner_and_not_overwritten_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let create = |exists| Writer::create(&path, &header(), exists);
    let mut writer = create(IfExists::Refuse).unwrap();
    write(&mut writer);
    writer.finish().unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(entries(&mut Reader::open(&path).unwrap()).unwrap(), 4);

    assert!(matches!(create(IfExists::Refuse), Err(CaptureError::Exists { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    create(IfExists::Overwrite).unwrap().finish().unwrap();
    assert_eq!(mode(), 0o600);
    assert_eq!(entries(&mut Reader::open(&path).unwrap()).unwrap(), 0);

    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    let result = Writer::create(&link, &header(), IfExists::Overwrite);
    assert!(matches!(result, Err(CaptureError::Create { .. })));
}

#[test]
fn a_tail_that_is_cut_off_is_told_at_every_byte() {
    let whole = example();
    let header_bytes = Writer::new(Vec::new(), &header()).unwrap().finish().unwrap().len();
    let mut most = 0;
    for len in header_bytes..whole.len() {
        let mut reader = reader_of(whole[..len].to_vec()).unwrap();
        let count = entries(&mut reader).unwrap();
        assert!(count >= most && count < 4, "{count} at {len}");
        most = count;
        let tail_bytes = reader.tail_bytes().unwrap_or(0) as usize;
        let before = reader_of(whole[..len - tail_bytes].to_vec());
        assert_eq!(entries(&mut before.unwrap()).unwrap(), count);
        assert_eq!(reader.next().unwrap(), None);
    }
    for len in 0..header_bytes {
        assert!(reader_of(whole[..len].to_vec()).is_err(), "{len}");
    }
}

#[test]
fn any_bytes_can_be_read() {
    let whole = example();
    let mut state = 7_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize
    };
    for round in 0..5_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random() % 4 {
            let at = random() % bytes.len();
            bytes[at] = random() as u8;
        }
        if round % 3 == 0 {
            bytes = MAGIC.iter().copied().chain((0..200).map(|_| random() as u8 & 3)).collect();
        }
        if let Ok(mut reader) = reader_of(bytes) {
            let _ = entries(&mut reader);
            assert_eq!(reader.next().unwrap(), None, "nothing follows the end");
        }
    }
}

#[test]
fn kinds_and_lengths_are_checked() {
    let with = |tail: &[u8]| reader_of([&example()[..], tail].concat()).unwrap();
    let optional = entries(&mut with(&[2, 0, 0, 0, 200, 1]));
    assert_eq!(optional.unwrap(), 4, "one is skipped");
    let error = |tail| entries(&mut with(tail)).unwrap_err();
    assert!(matches!(error(&[2, 0, 0, 0, 9, 1]), CaptureError::Kind { kind: 9, .. }));
    assert!(matches!(error(&[0, 0, 0, 0]), CaptureError::Length { len_bytes: 0, .. }));
    assert!(matches!(error(&[255; 8]), CaptureError::Length { .. }));
    assert!(matches!(error(&[2, 0, 0, 0, 2, b'x']), CaptureError::Content { .. }));
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    assert!(writer.sample(&vec![0; MOST_BYTES]).is_err());
}

#[test]
fn other_files_are_refused() {
    for bytes in [b"\x7fELF\x02\x01\x01\0rest".to_vec(), b"EARWCAP2....".to_vec(), vec![0xff; 64]] {
        assert!(matches!(reader_of(bytes), Err(CaptureError::NotACapture)));
    }
    let error = reader_of(b"hello\n".to_vec()).err().unwrap().to_string();
    assert_eq!(error, "line 1: `hello` is no statement and no open connection");
}

/// Every sample of a text, described.
fn samples(text: &str) -> Vec<String> {
    let mut reader = reader_of(text.into()).unwrap();
    let mut found = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        found.push(match entry {
            Entry::Sample(bytes) => describe(&Sample::decode(bytes).unwrap()),
            Entry::Process(process) => format!("process {} {:?}", process.pid, process.user_name),
            Entry::Loss(loss) => format!("loss {} {}", loss.reason.name(), loss.events),
        });
    }
    found
}

fn describe(sample: &Sample<'_>) -> String {
    match sample {
        Sample::Open(open) => format!(
            "open {} {:?} fresh={} {:?} peer={} by {}/{}",
            open.conn.0,
            open.role,
            open.fresh,
            open.endpoints,
            open.peer_sock != 0,
            open.tgid,
            open.uid
        ),
        Sample::Data(data) => format!(
            "{} {:?} @{} {} of {} {} call={} turn={} by {}",
            data.conn.0,
            data.direction,
            data.pos_bytes,
            data.bytes.len(),
            data.len_bytes,
            data.reason.map_or("whole", Reason::name),
            data.call_start,
            data.turn_start,
            data.tgid,
        ),
        Sample::End { direction, total_bytes, .. } => format!("end {direction:?} {total_bytes}"),
        Sample::Close { ingress_bytes, egress_bytes, time_ns, .. } => {
            format!("close {ingress_bytes} {egress_bytes} at {}ms", time_ns / 1_000_000)
        }
        Sample::Process(event) => format!("{:?} {}", event.kind, event.tgid),
        Sample::Datagram(datagram) => format!("datagram {:?}", datagram.direction),
    }
}

#[test]
fn a_text_becomes_samples() {
    let text = r#"
# A server behind a unix socket and one on TCP.
process 402 /usr/sbin/nginx 33 www-data
open c1 server 127.0.0.1:8080 <- 127.0.0.1:50000 pid 402 uid 33
> "GET / HTTP/1.1\r\n"
  "Host: a\r\n\r\n"
>+ "rest"
< "HTTP/1.1 200 OK\r\n\r\n" of 100 over_limit pid 403
gap < 5000 sendfile
lost > 200
> "x" * 20000
end >
open c2 client unix @app peer c3 old
c2 > "a"
< "b"
c1 close
wait 1s
exec 7 /bin/sh
fork 8 7
loss ring_full 3 1000
"#;
    let tcp = Endpoints::Tcp {
        local: ("127.0.0.1".parse().unwrap(), 8080),
        remote: ("127.0.0.1".parse().unwrap(), 50000),
    };
    let unix = Endpoints::Unix { path: Some("@app".into()) };
    let expected = [
        "process 402 Some(\"www-data\")".to_owned(),
        format!("open 1 {:?} fresh=true {tcp:?} peer=false by 402/33", Role::Accepted),
        "1 Ingress @0 27 of 27 whole call=true turn=true by 402".into(),
        "1 Ingress @27 4 of 4 whole call=false turn=false by 402".into(),
        "1 Egress @0 19 of 100 over_limit call=true turn=true by 403".into(),
        "1 Egress @100 0 of 5000 sendfile call=true turn=false by 402".into(),
        "1 Ingress @231 16384 of 16384 whole call=true turn=false by 402".into(),
        "1 Ingress @16615 3616 of 3616 whole call=false turn=false by 402".into(),
        "end Ingress 20231".into(),
        format!("open 2 {:?} fresh=false {unix:?} peer=true by 0/0", Role::Unknown),
        "2 Egress @0 1 of 1 whole call=true turn=true by 0".into(),
        "2 Ingress @0 1 of 1 whole call=true turn=true by 0".into(),
        "close 20231 5100 at 13ms".into(),
        format!("{:?} 7", ProcessKind::Exec { path: "/bin/sh".into() }),
        format!("{:?} 8", ProcessKind::Fork { parent_tgid: 7 }),
        "loss ring_full 3".into(),
    ];
    let found = samples(text);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn time_in_a_text_is_the_same_everywhere() {
    let reader = reader_of(b"wait 1ms\n".to_vec()).unwrap();
    assert_eq!(
        format_rfc3339(reader.header().clock().wall_ns(0)),
        "2026-11-22T07:00:00.000000000Z"
    );
}

#[test]
fn mistakes_are_told_with_their_line() {
    let open = "open c server 10.0.0.1:80 <- 10.0.0.2:5\n";
    for (text, expected) in [
        ("close", "line 1: no connection is open"),
        ("open c server 1.2.3.4:5", "line 1: something is missing at the end"),
        ("open c server 1.2.3.4:5 -> 1.2.3.4:6", "line 1: `<-` is expected, not `->`"),
        ("open c server 1.2.3.4:5 <- [::1]:6", "line 1: both addresses must be of one kind"),
        ("\nwait 1h", "line 2: `1h` is no duration like 10ms"),
        ("wait 1s 2", "line 1: `2` is not expected here"),
        ("loss odd 1", "line 1: `odd` is no reason of a loss"),
        (
            &format!("{open}gap < 5 ring_full"),
            "line 2: the kernel side gives no gap the reason `ring_full`",
        ),
        (&format!("{open}> \"abc\" of 2 fault"), "line 2: more bytes are captured than were moved"),
        (&format!("{open}> \"abc"), "line 2: a quote is not closed"),
        (&format!("{open}>"), "line 2: a text in quotes is expected"),
        (&format!("{open}close\nclose"), "line 3: no connection is open"),
    ] {
        assert_eq!(text::compile(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn any_text_can_be_read() {
    let words = [
        "open",
        "c",
        "server",
        "client",
        "unix",
        "1.2.3.4:5",
        "<-",
        "->",
        "<",
        ">",
        "\"a\"",
        "*",
        "99999999999",
        "3",
        "gap",
        "lost",
        "end",
        "close",
        "of",
        "fault",
        "wait",
        "1s",
        "exec",
        "\n",
        "\n",
        "\"",
        "18446744073709551615",
        "peer",
        "@x",
        "ä",
    ];
    let mut state = 3_u32;
    for _ in 0..20_000 {
        let mut text = "open c server 1.2.3.4:5 <- 1.2.3.4:6\n".to_owned();
        for _ in 0..12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(words[(state >> 16) as usize % words.len()]);
            text.push(' ');
        }
        let _ = text::compile(&text);
    }
}
