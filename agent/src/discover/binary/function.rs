//! Every function that a probe is put on, a row each.
//!
//! Out: its names in tables of symbols, whose it is, what its arguments and its result are, when it is probed.
//! Always: this is the only list; who finds functions (`symbols`, `stripped`, `go`), and who says what the
//! kernel side is told (`daemon::tls::places`), asks it.
//! Not here: marks that tell relatives apart (`symbols::names`), names as Rust has them (`symbols::rustls`).

use earwitness_common::tls::{
    IN_CHUNKS, IN_MESSAGE, LAYERED_ONLY, OP, OP_BUFFER, OP_FREE, OP_INNER, OP_READ, OP_SENDFILE,
    OP_TAKEN, OP_WRITE, QUEUED, SIZE_32, SIZE_BY_FIFTH, SIZE_BY_POINTER,
};

use crate::model::tls::TlsLibrary;

/// What is known of a function.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its names in tables of symbols, without versions. Empty: it is found otherwise.
    pub names: &'static [&'static str],
    /// Whose it is.
    pub group: Group,
    /// What its arguments and its result are (`earwitness_common::tls`).
    pub meaning: u64,
    /// Whether it is one of those by which its group reads or writes: a file without any is not the library.
    pub is_main: bool,
    /// When its probe is wanted.
    pub when: When,
}

/// Whose functions they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// OpenSSL's and its relatives'.
    Ssl,
    /// The memory buffers of those, which a library of its own may have (`libcrypto`).
    Buffers,
    /// GnuTLS's.
    GnuTls,
    /// NSPR's, which NSS is a layer of.
    Nss,
    /// Those of Go's `crypto/tls`.
    Go,
    /// Those of rustls.
    Rustls,
}

/// When a function's probe is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// In every process.
    Always,
    /// Only in processes whose TLS goes through memory buffers.
    Buffers,
}

impl Group {
    /// Those that a library has by itself, and that its symbols name.
    pub const NAMED: [(Self, TlsLibrary); 2] =
        [(Self::GnuTls, TlsLibrary::GnuTls), (Self::Nss, TlsLibrary::Nss)];
}

impl Row {
    const fn of(group: Group, meaning: u64, names: &'static [&'static str]) -> Self {
        Self { names, group, meaning, is_main: false, when: When::Always }
    }

    const fn main(self) -> Self {
        Self { is_main: true, ..self }
    }

    const fn under_buffers(self) -> Self {
        Self { when: When::Buffers, ..self }
    }

    /// Whether it reads, or writes, as its group mainly does (`OP_READ`, `OP_WRITE`).
    pub fn mainly(&self, op: u64) -> bool {
        self.is_main && self.meaning & OP == op
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $row:expr;)*) => {
        /// A function that a probe is put on.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Function {
            $($(#[$doc])* $name,)*
        }

        impl Function {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What is known of it.
            pub fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => {
                        const ROW: Row = $row;
                        &ROW
                    })*
                }
            }
        }
    };
}

const SSL: Group = Group::Ssl;
const GNUTLS: Group = Group::GnuTls;
const NSS: Group = Group::Nss;
const GO: Group = Group::Go;
const RUSTLS: Group = Group::Rustls;

functions! {
    /// `SSL_read`
    SslRead = Row::of(SSL, OP_READ | SIZE_32, &["SSL_read"]).main();
    /// `SSL_read_ex`
    SslReadEx = Row::of(SSL, OP_READ | SIZE_BY_POINTER, &["SSL_read_ex"]).main();
    /// `SSL_read_early_data`
    SslReadEarlyData = Row::of(SSL, OP_READ | SIZE_BY_POINTER, &["SSL_read_early_data"]);
    /// `SSL_write`
    SslWrite = Row::of(SSL, OP_WRITE | SIZE_32, &["SSL_write"]).main();
    /// `SSL_write_ex`
    SslWriteEx = Row::of(SSL, OP_WRITE | SIZE_BY_POINTER, &["SSL_write_ex"]).main();
    /// `SSL_write_ex2`, which since OpenSSL 3.3 takes flags before the place for the size
    SslWriteEx2 = Row::of(SSL, OP_WRITE | SIZE_BY_FIFTH, &["SSL_write_ex2"]);
    /// `SSL_write_early_data`
    SslWriteEarlyData = Row::of(SSL, OP_WRITE | SIZE_BY_POINTER, &["SSL_write_early_data"]);
    /// `SSL_sendfile`
    SslSendfile = Row::of(SSL, OP_SENDFILE, &["SSL_sendfile"]);
    /// `SSL_free`
    SslFree = Row::of(SSL, OP_FREE, &["SSL_free"]);
    /// `SSL_do_handshake`
    SslDoHandshake = Row::of(SSL, OP_INNER, &["SSL_do_handshake"]).under_buffers();
    /// `SSL_connect`
    SslConnect = Row::of(SSL, OP_INNER, &["SSL_connect"]).under_buffers();
    /// `SSL_accept`
    SslAccept = Row::of(SSL, OP_INNER, &["SSL_accept"]).under_buffers();
    /// `BIO_write`
    BioWrite = Row::of(Group::Buffers, OP_BUFFER | SIZE_32, &["BIO_write"]).under_buffers();
    /// `BIO_write_ex`
    BioWriteEx = Row::of(Group::Buffers, OP_BUFFER | SIZE_32, &["BIO_write_ex"]).under_buffers();
    /// `gnutls_record_recv`, `gnutls_record_recv_seq`
    GnutlsRecordRecv =
        Row::of(GNUTLS, OP_READ, &["gnutls_record_recv", "gnutls_record_recv_seq"]).main();
    /// `gnutls_record_send`, `gnutls_record_send2`, `gnutls_record_send_early_data`
    GnutlsRecordSend = Row::of(
        GNUTLS,
        OP_WRITE,
        &["gnutls_record_send", "gnutls_record_send2", "gnutls_record_send_early_data"],
    )
    .main();
    /// `gnutls_record_recv_early_data`
    GnutlsRecordRecvEarlyData = Row::of(GNUTLS, OP_READ, &["gnutls_record_recv_early_data"]);
    /// `gnutls_deinit`
    GnutlsDeinit = Row::of(GNUTLS, OP_FREE, &["gnutls_deinit"]);
    /// `PR_Read`
    PrRead = Row::of(NSS, OP_READ | SIZE_32 | LAYERED_ONLY, &["PR_Read"]).main();
    /// `PR_Recv`
    PrRecv = Row::of(NSS, OP_READ | SIZE_32 | LAYERED_ONLY, &["PR_Recv"]).main();
    /// `PR_Write`
    PrWrite = Row::of(NSS, OP_WRITE | SIZE_32 | LAYERED_ONLY, &["PR_Write"]).main();
    /// `PR_Send`
    PrSend = Row::of(NSS, OP_WRITE | SIZE_32 | LAYERED_ONLY, &["PR_Send"]).main();
    /// `PR_Close`
    PrClose = Row::of(NSS, OP_FREE, &["PR_Close"]);
    /// `crypto/tls.(*Conn).Read`
    GoRead = Row::of(GO, OP_READ, &[]).main();
    /// `crypto/tls.(*Conn).Write`
    GoWrite = Row::of(GO, OP_WRITE, &[]).main();
    /// `crypto/tls.(*Conn).Close`
    GoClose = Row::of(GO, OP_FREE, &[]);
    /// `CommonState::send_appdata_encrypt` of rustls 0.23
    RustlsSend = Row::of(RUSTLS, OP_WRITE | QUEUED | IN_CHUNKS, &[]);
    /// `CommonState::send_some_plaintext` of rustls 0.21 and 0.22
    RustlsSendSlice = Row::of(RUSTLS, OP_WRITE | QUEUED, &[]);
    /// `CommonState::take_received_plaintext` of rustls 0.23
    RustlsTake = Row::of(RUSTLS, OP_TAKEN | QUEUED, &[]);
    /// `<ExpectTraffic as State>::handle` of rustls 0.21 and 0.22
    RustlsHandle = Row::of(RUSTLS, OP_TAKEN | QUEUED | IN_MESSAGE, &[]);
    /// `ChunkVecBuffer::write_to`, which calls the socket
    RustlsWriteTo = Row::of(RUSTLS, OP_INNER | QUEUED, &[]);
    /// `drop_in_place::<ChunkVecBuffer>`
    RustlsDrop = Row::of(RUSTLS, OP_FREE | QUEUED, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one_function_and_each_group_reads_and_writes() {
        let mut names: Vec<_> = Function::ALL.iter().flat_map(|one| one.row().names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for group in [Group::Ssl, Group::GnuTls, Group::Nss, Group::Go] {
            for op in [OP_READ, OP_WRITE] {
                let is_its = |one: &&Function| one.row().group == group && one.row().mainly(op);
                assert!(Function::ALL.iter().any(|one| is_its(&one)), "{group:?} {op}");
            }
        }
    }
}
