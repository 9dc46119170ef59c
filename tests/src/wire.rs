//! Connections whose two ends are both in our hands, so that every byte, cut and order is chosen.
//!
//! In: scripts of `ask` and `answer`. Always: what one end sends the other has read before the call
//! returns, so exactly what the script says has taken place; a read that gets nothing fails in time.

use std::io::{self, IoSlice};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::socket::{self, Shutdown, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::calls::{self, Receive, Send};
use crate::ports;

/// A place to connect to.
pub struct Place {
    listener: Listener,
    /// Its port; 0 for a unix socket.
    pub port: u16,
}

enum Listener {
    Tcp(TcpListener, String),
    Unix(UnixListener, SocketAddr),
}

impl Place {
    /// On 127.0.0.1.
    pub fn tcp() -> Result<Self> {
        Self::tcp_on("127.0.0.1", "127.0.0.1")
    }

    /// Listening on one address and reached by another: they differ for a dual-stack socket.
    pub fn tcp_on(listens: &str, reached: &str) -> Result<Self> {
        let port = ports::free()?;
        let listener = TcpListener::bind((listens, port))?;
        Ok(Self { listener: Listener::Tcp(listener, reached.to_owned()), port })
    }

    /// On a unix socket.
    pub fn unix(path: &Path) -> Result<Self> {
        Self::unix_at(SocketAddr::from_pathname(path)?)
    }

    /// On a unix socket whose name is no path.
    pub fn abstract_unix(name: &str) -> Result<Self> {
        Self::unix_at(SocketAddr::from_abstract_name(name)?)
    }

    fn unix_at(address: SocketAddr) -> Result<Self> {
        let listener = UnixListener::bind_addr(&address)?;
        Ok(Self { listener: Listener::Unix(listener, address), port: 0 })
    }

    /// Opens a connection and takes both of its ends.
    pub fn connect(&self) -> Result<Wire> {
        let client = self.client()?;
        Ok(Wire { client, server: self.accept()? })
    }

    /// Opens a connection that `accept` will take.
    pub fn client(&self) -> Result<End> {
        match &self.listener {
            Listener::Tcp(_, address) => {
                End::tcp(TcpStream::connect((address.as_str(), self.port))?)
            }
            Listener::Unix(_, address) => End::new(UnixStream::connect_addr(address)?.into()),
        }
    }

    /// Takes the next connection.
    pub fn accept(&self) -> Result<End> {
        match &self.listener {
            Listener::Tcp(listener, _) => End::tcp(listener.accept()?.0),
            Listener::Unix(listener, _) => End::new(listener.accept()?.0.into()),
        }
    }
}

/// Both ends of a connection.
pub struct Wire {
    /// The end that opened it.
    pub client: End,
    /// The end that accepted it.
    pub server: End,
}

impl Wire {
    /// The client sends, the server has read it all.
    pub fn ask(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        pour(&self.client, &self.server, bytes.as_ref(), PIECE_BYTES)
    }

    /// The server sends, the client has read it all.
    pub fn answer(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        pour(&self.server, &self.client, bytes.as_ref(), PIECE_BYTES)
    }

    /// `ask` in pieces of so many bytes, each sent and read by a call of its own.
    pub fn ask_in_pieces(&self, bytes: impl AsRef<[u8]>, piece_bytes: usize) -> Result<()> {
        pour(&self.client, &self.server, bytes.as_ref(), piece_bytes)
    }

    /// `answer` in pieces of so many bytes.
    pub fn answer_in_pieces(&self, bytes: impl AsRef<[u8]>, piece_bytes: usize) -> Result<()> {
        pour(&self.server, &self.client, bytes.as_ref(), piece_bytes)
    }

    /// A request and its response, each whole.
    pub fn exchange(&self, request: impl AsRef<[u8]>, response: impl AsRef<[u8]>) -> Result<()> {
        self.ask(request)?;
        self.answer(response)
    }
}

fn pour(from: &End, to: &End, bytes: &[u8], piece_bytes: usize) -> Result<()> {
    for piece in bytes.chunks(piece_bytes) {
        from.send(piece)?;
        ensure!(to.receive(piece.len())? == piece, "the bytes changed on their way");
    }
    Ok(())
}

/// Sends the same piece so many times while the other end reads, and forgets, all of it.
pub fn flood(from: &End, to: &End, piece: &[u8], times: usize) -> Result<()> {
    thread::scope(|scope| {
        let sender = scope.spawn(|| (0..times).try_for_each(|_| from.send(piece)));
        let mut left = piece.len() * times;
        let mut buffer = vec![0; FLOOD_BYTES];
        while left > 0 {
            let room = buffer.get_mut(..left.min(FLOOD_BYTES)).unwrap_or_default();
            let received = nix::unistd::read(to, room)?;
            ensure!(received > 0, "closed with {left} bytes to come");
            left -= received;
        }
        sender.join().unwrap_or_else(|_| bail!("the sending thread panicked"))
    })
}

/// One end of a connection.
pub struct End(OwnedFd);

impl End {
    /// Connects to a port of this machine.
    pub fn connect(port: u16) -> Result<Self> {
        Self::tcp(TcpStream::connect(("127.0.0.1", port))?)
    }

    fn tcp(stream: TcpStream) -> Result<Self> {
        // Each write is a segment of its own.
        stream.set_nodelay(true)?;
        Self::new(stream.into())
    }

    fn new(fd: OwnedFd) -> Result<Self> {
        let limit = TimeVal::seconds(crate::host::patient(READ_SECONDS).as_secs().cast_signed());
        socket::setsockopt(&fd, sockopt::ReceiveTimeout, &limit)?;
        socket::setsockopt(&fd, sockopt::SendTimeout, &limit)?;
        Ok(Self(fd))
    }

    /// Sends it all, by `write`.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.send_by(Send::Write, bytes)
    }

    /// Sends it all, by the given call.
    pub fn send_by(&self, call: Send, bytes: impl AsRef<[u8]>) -> Result<()> {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let sent = calls::send(self.as_fd(), call, rest)?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends it all by one `writev` of so many pieces.
    pub fn send_in_vectors(&self, bytes: &[u8], pieces: usize) -> Result<()> {
        let size = bytes.len().div_ceil(pieces).max(1);
        let vectors: Vec<_> = bytes.chunks(size).map(IoSlice::new).collect();
        let sent = nix::sys::uio::writev(self.as_fd(), &vectors)?;
        ensure!(sent == bytes.len(), "{sent} of {} bytes went out", bytes.len());
        Ok(())
    }

    /// Reads exactly so many bytes, by `read`.
    pub fn receive(&self, count: usize) -> Result<Vec<u8>> {
        self.receive_by(Receive::Read, count)
    }

    /// Reads exactly so many bytes, by the given call.
    pub fn receive_by(&self, call: Receive, count: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            match calls::receive(self.as_fd(), call, count - bytes.len()) {
                Ok(piece) if piece.is_empty() => {
                    bail!("closed after {} of {count} bytes", bytes.len())
                }
                Ok(piece) => bytes.extend(piece),
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("reading {count} bytes by {call:?}"));
                }
            }
        }
        Ok(bytes)
    }

    /// Looks at what has arrived without taking it.
    pub fn peek(&self, count: usize) -> Result<Vec<u8>> {
        Ok(calls::receive(self.as_fd(), Receive::Peek, count)?)
    }

    /// Reads until the peer closes.
    pub fn receive_all(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            match calls::receive(self.as_fd(), Receive::Read, PIECE_BYTES) {
                Ok(piece) if piece.is_empty() => return Ok(bytes),
                Ok(piece) => bytes.extend(piece),
                // The peer had bytes of ours unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(bytes),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads a response with Content-Length, or one whose method or status forbids a body, and gives
    /// its status and the length of its content.
    pub fn receive_response(&self) -> Result<(u16, usize)> {
        let head = self.receive_head()?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).context("no status code")?.parse()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(Ok(0), str::parse)?;
        self.receive(length)?;
        Ok((status, length))
    }

    /// Reads a head, to its empty line.
    pub fn receive_head(&self) -> Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive(1)?);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// Sends nothing more.
    pub fn finish_sending(&self) -> Result<()> {
        Ok(socket::shutdown(self.0.as_raw_fd(), Shutdown::Write)?)
    }

    /// Lets the close be a reset.
    pub fn reset_on_close(&self) -> Result<()> {
        let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        Ok(socket::setsockopt(&self.0, sockopt::Linger, &linger)?)
    }

    /// Its own port.
    pub fn local_port(&self) -> Result<u16> {
        let address: socket::SockaddrStorage = socket::getsockname(self.0.as_raw_fd())?;
        let port = address.as_sockaddr_in().map(socket::SockaddrIn::port);
        port.or_else(|| Some(address.as_sockaddr_in6()?.port())).context("no port")
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Well below what a socket holds unread.
const PIECE_BYTES: usize = 16 * 1024;
const FLOOD_BYTES: usize = 256 * 1024;
const READ_SECONDS: u64 = 10;
