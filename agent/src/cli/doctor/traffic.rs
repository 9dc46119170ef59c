//! Traffic of running processes that is not seen, or not read.
//!
//! In: `/proc`. Out: checks of the group `traffic`.
//! Always: for information; the records say the same in `loss` records when it happens.
//! Not here: finding them (`discover::io_uring`, `discover::tls`).

use super::check::{Report, TlsUse};
use crate::discover::ProcFs;
use crate::discover::host::line;
use crate::discover::io_uring::scan_rings;
use crate::discover::tls::{self, Tls, TlsUser};

/// io_uring and TLS.
pub(super) fn check(report: &mut Report, proc_fs: &ProcFs) {
    let setting = line("/proc/sys/kernel/io_uring_disabled");
    report.info("traffic.io_uring", io_uring(setting.as_deref()));
    rings(report, proc_fs);
    tls_users(report, &tls::scan(proc_fs));
}

/// `kernel.io_uring_disabled`, since Linux 6.6.
fn io_uring(setting: Option<&str>) -> String {
    match setting {
        Some("0") => "available to every process".to_owned(),
        Some("1") => "available to privileged processes and one group".to_owned(),
        Some("2") => "disabled".to_owned(),
        Some(other) => format!("kernel.io_uring_disabled is {other}"),
        None => "this kernel does not tell".to_owned(),
    }
}

fn rings(report: &mut Report, proc_fs: &ProcFs) {
    let pids = scan_rings(proc_fs);
    if pids.is_empty() {
        return report.info("traffic.io_uring_sockets", "no process has a ring and a socket");
    }
    let named: Vec<String> =
        pids.iter().map(|&pid| named(proc_fs.executable(pid).as_deref(), pid)).collect();
    let what = "not seen where they go through the ring; loss `io_uring`";
    report.info("traffic.io_uring_sockets", format!("{what}: {}", list(&named)));
}

fn tls_users(report: &mut Report, users: &[TlsUser]) {
    if users.is_empty() {
        return report.info("traffic.tls", "no process has a TLS library that is known");
    }
    let named: Vec<String> = users.iter().map(tls_user).collect();
    let what = "processes with TLS; what is found is read, the rest is told as loss `opaque_tls`";
    report.info("traffic.tls", format!("{what}\n{}", list(&named)));
    report.tls(users.iter().flat_map(tls_uses).collect());
}

fn tls_user(user: &TlsUser) -> String {
    let tls: Vec<String> = user.tls.iter().map(one_tls).collect();
    format!("{} {}", named(user.executable.as_deref(), user.pid), tls.join("+"))
}

fn one_tls(tls: &Tls) -> String {
    match tls {
        Tls::Found(library, how) => format!("{library} by {how}"),
        Tls::Opaque(opaque) => format!("{opaque}: opaque"),
    }
}

fn tls_uses(user: &TlsUser) -> impl Iterator<Item = TlsUse> + '_ {
    user.tls.iter().map(|tls| {
        let (library, how) = match tls {
            Tls::Found(library, how) => (library.to_string(), how.to_string()),
            Tls::Opaque(opaque) => (opaque.to_string(), "opaque".to_owned()),
        };
        TlsUse { pid: user.pid, executable: user.executable.clone(), library, how }
    })
}

fn named(executable: Option<&str>, pid: u32) -> String {
    let file = executable.and_then(|path| path.rsplit('/').next());
    format!("{}[{pid}]", file.unwrap_or("?"))
}

fn list(named: &[String]) -> String {
    let shown = named.get(..MOST_NAMED).unwrap_or(named).join(", ");
    match named.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

const MOST_NAMED: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::binary::{How, Opaque};
    use crate::model::tls::TlsLibrary;

    #[test]
    fn users_of_tls_are_named() {
        let user = |pid| TlsUser {
            pid,
            executable: Some("/usr/sbin/nginx".into()),
            tls: vec![Tls::Found(TlsLibrary::OpenSsl, How::Symbols), Tls::Opaque(Opaque::Rustls)],
        };
        let mut report = Report::default();
        tls_users(&mut report, &[user(7)]);
        let detail = &report.checks[0].detail;
        assert!(detail.ends_with("\nnginx[7] OpenSSL by symbols+rustls: opaque"), "{detail}");
        let json = serde_json::to_value(&report.checks[0].tls).unwrap();
        let expected = serde_json::json!([
            {"pid": 7, "executable": "/usr/sbin/nginx", "library": "OpenSSL", "how": "symbols"},
            {"pid": 7, "executable": "/usr/sbin/nginx", "library": "rustls", "how": "opaque"},
        ]);
        assert_eq!(json, expected);
        let many: Vec<TlsUser> = (0..20).map(user).collect();
        tls_users(&mut report, &many);
        assert!(report.checks[1].detail.ends_with("and 8 more"));
        assert!(report.is_ok());
        assert_eq!(named(None, 3), "?[3]");
    }
}
