//! Statements about connections.
//!
//! In: words. Out: open, data, end and close samples.
//! Always: positions advance by what was moved, pieces are cut as the kernel side cuts them, a turn
//! begins where bytes go the other way.
//! Not here: verdicts and budgets, which only a kernel keeps.

use std::net::IpAddr;

use earwitness_common::sample::{
    DATA_CALL_START, DATA_TURN_START, DataHead, EGRESS, EndHead, FAMILY_INET, FAMILY_INET6,
    FAMILY_UNIX, GAP_DISCARDED, GAP_FAULT, GAP_IOV_LIMIT, GAP_NONE, GAP_OVER_LIMIT, GAP_SENDFILE,
    INGRESS, KIND_CLOSE, KIND_DATA, KIND_END, KIND_OPEN, OPEN_FRESH, OPEN_UNDECIDED, OpenHead,
    ROLE_ACCEPTED, ROLE_CONNECTED, ROLE_UNKNOWN, TIED_CALL, TIED_CIPHERTEXT,
};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::statement::Words;
use super::{Result, event};
use crate::model::loss::Reason;
use crate::model::tls::TlsLibrary;

/// Whether the word says what happens on a connection.
pub(super) fn is_verb(word: &str) -> bool {
    ["<", ">", "<+", ">+", "gap", "lost", "end", "close"].contains(&word)
}

/// A connection that is about to be announced.
pub(super) struct Opening {
    pub(super) head: OpenHead,
    /// Name of the other end, as given.
    pub(super) peer: Option<String>,
    is_server: bool,
}

/// `server|client LOCAL <-|-> REMOTE`, or `server|client unix PATH`; then options.
pub(super) fn open(words: &mut Words) -> Result<Opening> {
    let is_server = is_server(words)?;
    let mut head = OpenHead::new_zeroed();
    head.kind = KIND_OPEN;
    head.role = if is_server { ROLE_ACCEPTED } else { ROLE_CONNECTED };
    head.flags = OPEN_FRESH;
    head.cgroup = 1;
    head.netns = INITIAL_NETNS;
    if words.take("unix") {
        set_unix(&mut head, &words.word()?)?;
    } else {
        set_tcp(&mut head, words, is_server)?;
    }
    let mut opening = Opening { head, peer: None, is_server };
    opening.options(words)?;
    Ok(opening)
}

fn is_server(words: &mut Words) -> Result<bool> {
    match words.word()?.as_str() {
        "server" => Ok(true),
        "client" => Ok(false),
        other => Err(format!("`server` or `client` is expected, not `{other}`")),
    }
}

fn tied(word: &str) -> Result<u8> {
    match word {
        "call" => Ok(TIED_CALL),
        "ciphertext" => Ok(TIED_CIPHERTEXT),
        other => Err(format!("`call` or `ciphertext` is expected, not `{other}`")),
    }
}

fn set_tcp(head: &mut OpenHead, words: &mut Words, is_server: bool) -> Result<()> {
    let local = words.address()?;
    words.expect(if is_server { "<-" } else { "->" })?;
    let remote = words.address()?;
    if local.is_ipv4() != remote.is_ipv4() {
        return Err("both addresses must be of one kind".to_owned());
    }
    head.family = if local.is_ipv4() { FAMILY_INET } else { FAMILY_INET6 };
    (head.local, head.local_port) = (octets(local.ip()), local.port());
    (head.remote, head.remote_port) = (octets(remote.ip()), remote.port());
    Ok(())
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}

fn set_unix(head: &mut OpenHead, path: &str) -> Result<()> {
    head.family = FAMILY_UNIX;
    if path == "-" {
        return Ok(());
    }
    let path = path.strip_prefix('@').map_or_else(|| path.to_owned(), |name| format!("\0{name}"));
    let place = head.path.get_mut(..path.len()).filter(|_| path.len() <= MOST_PATH_BYTES);
    place.ok_or("a unix socket's path has at most 108 bytes")?.copy_from_slice(path.as_bytes());
    head.path_bytes = path.len() as u32;
    Ok(())
}

impl Opening {
    /// A TLS stream on what carries it.
    pub(super) fn on(carrier: &Connection) -> Self {
        let below = carrier.head;
        let head = OpenHead { below: below.conn, layer: below.layer + 1, tied: TIED_CALL, ..below };
        Self { head, peer: None, is_server: carrier.is_server }
    }

    /// A TLS stream whose socket is not known. `server|client`
    pub(super) fn nowhere(words: &mut Words) -> Result<Self> {
        let mut head = OpenHead::new_zeroed();
        (head.kind, head.layer) = (KIND_OPEN, 1);
        Ok(Self { head, peer: None, is_server: is_server(words)? })
    }

    /// Whose TLS it is.
    pub(super) fn of_library(&mut self, name: &str) -> Result<()> {
        let library = TlsLibrary::ALL.iter().find(|library| library.name() == name);
        self.head.library = library.ok_or_else(|| format!("`{name}` is no TLS library"))?.number();
        Ok(())
    }

    /// It is the stream that this announced before.
    pub(super) fn go_on_from(&mut self, before: &OpenHead) {
        (self.head.conn, self.head.library) = (before.conn, before.library);
        (self.head.tgid, self.head.uid) = (before.tgid, before.uid);
    }

    pub(super) fn options(&mut self, words: &mut Words) -> Result<()> {
        while let Some(option) = words.maybe_word() {
            self.option(&option, words)?;
        }
        Ok(())
    }

    fn option(&mut self, option: &str, words: &mut Words) -> Result<()> {
        match option {
            "old" => (self.head.role, self.head.flags) = (ROLE_UNKNOWN, 0),
            "pid" => self.head.tgid = words.number()?,
            "uid" => self.head.uid = words.number()?,
            "cgroup" => self.head.cgroup = words.number()?,
            "netns" => self.head.netns = words.number()?,
            "peer" => self.peer = Some(words.word()?),
            "by" if self.head.layer != 0 => self.head.tied = tied(&words.word()?)?,
            "undecided" if self.head.layer != 0 => self.head.flags = OPEN_UNDECIDED,
            _ => return Err(format!("`{option}` is no option of `open`")),
        }
        Ok(())
    }

    /// Gives it the numbers that a kernel would.
    pub(super) fn number(&mut self, id: u64, peer: Option<u64>) {
        let sock = |id: u64| SOCK_BASE.wrapping_add(id << 12);
        self.head.conn = id;
        if self.head.layer != 0 {
            // It has no socket of its own.
            return;
        }
        self.head.sock = sock(id);
        self.head.peer_sock = peer.map_or(0, sock);
        self.head.ino = id.wrapping_add(FIRST_INO);
    }

    pub(super) fn head_bytes(&self) -> &[u8] {
        self.head.as_bytes()
    }

    /// `before`: what it has been announced as already.
    pub(super) fn into_connection(self, before: Option<Connection>) -> Connection {
        let new = Connection {
            head: self.head,
            is_server: self.is_server,
            ingress_bytes: 0,
            egress_bytes: 0,
            last_direction: None,
        };
        match before {
            Some(before) => Connection { head: new.head, ..before },
            None => new,
        }
    }
}

/// An open connection.
pub(super) struct Connection {
    /// As it was announced.
    head: OpenHead,
    is_server: bool,
    ingress_bytes: u64,
    egress_bytes: u64,
    last_direction: Option<u8>,
}

/// Bytes that one call moved one way.
struct Move {
    direction: u8,
    bytes: Vec<u8>,
    /// At least as many as `bytes`.
    len_bytes: u64,
    reason: u8,
    is_new_call: bool,
    tgid: u32,
    uid: u32,
}

impl Connection {
    /// As it was announced.
    pub(super) fn head(&self) -> OpenHead {
        self.head
    }

    /// What the kernel side writes when this happens.
    pub(super) fn act(
        &mut self,
        verb: &str,
        words: &mut Words,
        time_ns: u64,
    ) -> Result<Vec<Vec<u8>>> {
        match verb {
            "end" => {
                let direction = self.direction(&words.word()?)?;
                Ok(vec![self.edge(KIND_END, direction, time_ns)])
            }
            "close" => Ok(vec![self.edge(KIND_CLOSE, 0, time_ns)]),
            "lost" => {
                let direction = self.direction(&words.word()?)?;
                self.advance(direction, words.number()?)?;
                self.last_direction = Some(direction);
                Ok(Vec::new())
            }
            "gap" => {
                let mut moved = self.moved(&words.word()?)?;
                moved.len_bytes = words.number()?;
                moved.reason = gap(&words.word()?)?;
                self.pieces(moved, time_ns)
            }
            _ => {
                let moved = self.data(verb, words)?;
                self.pieces(moved, time_ns)
            }
        }
    }

    /// `TEXT… [of LEN REASON] [pid N] [uid N]`
    fn data(&self, verb: &str, words: &mut Words) -> Result<Move> {
        let mut moved = self.moved(verb.trim_end_matches('+'))?;
        moved.is_new_call = !verb.ends_with('+');
        moved.bytes = words.texts()?;
        moved.len_bytes = moved.bytes.len() as u64;
        if moved.bytes.is_empty() {
            return Err("a text in quotes is expected".to_owned());
        }
        while let Some(option) = words.maybe_word() {
            match option.as_str() {
                "of" => (moved.len_bytes, moved.reason) = (words.number()?, gap(&words.word()?)?),
                "pid" => moved.tgid = words.number()?,
                "uid" => moved.uid = words.number()?,
                _ => return Err(format!("`{option}` is no option here")),
            }
        }
        if moved.len_bytes < moved.bytes.len() as u64 {
            return Err("more bytes are captured than were moved".to_owned());
        }
        Ok(moved)
    }

    fn moved(&self, arrow: &str) -> Result<Move> {
        Ok(Move {
            direction: self.direction(arrow)?,
            bytes: Vec::new(),
            len_bytes: 0,
            reason: GAP_NONE,
            is_new_call: true,
            tgid: self.head.tgid,
            uid: self.head.uid,
        })
    }

    /// `>` goes from the client to the server, whichever is watched.
    fn direction(&self, arrow: &str) -> Result<u8> {
        match (arrow, self.is_server) {
            (">", true) | ("<", false) => Ok(INGRESS),
            ("<", true) | (">", false) => Ok(EGRESS),
            _ => Err(format!("`<` or `>` is expected, not `{arrow}`")),
        }
    }

    fn pieces(&mut self, moved: Move, time_ns: u64) -> Result<Vec<Vec<u8>>> {
        let mut samples = Vec::new();
        let mut flags = if moved.is_new_call { DATA_CALL_START } else { 0 };
        if self.last_direction != Some(moved.direction) {
            flags |= DATA_TURN_START;
        }
        self.last_direction = Some(moved.direction);
        // What was not captured belongs to the last piece.
        let missing_bytes = moved.len_bytes - moved.bytes.len() as u64;
        let mut chunks = moved.bytes.chunks(PIECE_BYTES).peekable();
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let is_last = chunks.peek().is_none();
            let len_bytes = chunk.len() as u64 + if is_last { missing_bytes } else { 0 };
            let head = DataHead {
                kind: KIND_DATA,
                direction: moved.direction,
                reason: if is_last { moved.reason } else { GAP_NONE },
                flags,
                data_bytes: chunk.len() as u32,
                time_ns,
                conn: self.head.conn,
                pos_bytes: self.advance(moved.direction, len_bytes)?,
                len_bytes,
                tgid: moved.tgid,
                uid: moved.uid,
            };
            samples.push([head.as_bytes(), chunk].concat());
            flags = 0;
            if is_last {
                return Ok(samples);
            }
        }
    }

    /// Moves a position on. Returns where it was.
    fn advance(&mut self, direction: u8, len_bytes: u64) -> Result<u64> {
        let ingress = direction == INGRESS;
        let pos = if ingress { &mut self.ingress_bytes } else { &mut self.egress_bytes };
        let before = *pos;
        *pos = before.checked_add(len_bytes).ok_or("the stream is too long")?;
        Ok(before)
    }

    fn edge(&self, kind: u8, direction: u8, time_ns: u64) -> Vec<u8> {
        let head = EndHead {
            kind,
            direction,
            pad: [0; 6],
            time_ns,
            conn: self.head.conn,
            ingress_bytes: self.ingress_bytes,
            egress_bytes: self.egress_bytes,
        };
        head.as_bytes().to_vec()
    }
}

fn gap(word: &str) -> Result<u8> {
    match event::reason(word)? {
        Reason::OverLimit => Ok(GAP_OVER_LIMIT),
        Reason::Fault => Ok(GAP_FAULT),
        Reason::Sendfile => Ok(GAP_SENDFILE),
        Reason::IovLimit => Ok(GAP_IOV_LIMIT),
        Reason::Discarded => Ok(GAP_DISCARDED),
        _ => Err(format!("the kernel side gives no gap the reason `{word}`")),
    }
}

/// Most captured bytes of one sample, as in the kernel side's largest size class.
const PIECE_BYTES: usize = 16 << 10;
/// `UNIX_PATH_MAX`
const MOST_PATH_BYTES: usize = 108;
/// `PROC_NET_INIT_INO`
const INITIAL_NETNS: u32 = 0xeffffff0;
/// Like a kernel address, which tests must not care about.
const SOCK_BASE: u64 = 0xffff_8880_0000_0000;
const FIRST_INO: u64 = 10_000;
