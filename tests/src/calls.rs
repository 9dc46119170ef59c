//! Every system call that moves bytes of a stream socket.
//!
//! Always: one call each; what it moved is returned, which may be less than was asked for.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Seek as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{self, MsgFlags, MultiHeaders};
use nix::sys::uio;
use nix::unistd;

/// A way to send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Send {
    /// `write`
    Write,
    /// `writev`, of three pieces
    Writev,
    /// `sendto`
    Sendto,
    /// `sendmsg`, of three pieces
    Sendmsg,
    /// `sendmmsg`, of three messages of three pieces each
    Sendmmsg,
    /// `sendfile`, whose bytes no program sees
    Sendfile,
    /// `splice` from a pipe, whose bytes no program sees
    Splice,
}

/// A way to receive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Receive {
    /// `read`
    Read,
    /// `readv`, into three pieces
    Readv,
    /// `recvfrom`
    Recvfrom,
    /// `recvmsg`, into three pieces
    Recvmsg,
    /// `recvmmsg`, into three messages
    Recvmmsg,
    /// `recvfrom` that leaves the bytes there
    Peek,
    /// `splice` into a pipe
    Splice,
}

/// Sends some of it.
pub fn send(fd: BorrowedFd<'_>, call: Send, bytes: &[u8]) -> io::Result<usize> {
    let pieces: Vec<_> = thirds(bytes).map(IoSlice::new).collect();
    let raw = fd.as_raw_fd();
    Ok(match call {
        Send::Write => unistd::write(fd, bytes)?,
        Send::Writev => uio::writev(fd, &pieces)?,
        Send::Sendto => socket::send(raw, bytes, MsgFlags::empty())?,
        Send::Sendmsg => socket::sendmsg::<()>(raw, &pieces, &[], MsgFlags::empty(), None)?,
        Send::Sendmmsg => send_messages(fd, bytes)?,
        Send::Sendfile => sendfile(fd, file_of(bytes)?, None, bytes.len())?,
        Send::Splice => {
            let (out, inward) = unistd::pipe()?;
            let written = unistd::write(&inward, bytes)?;
            splice(out, None, fd, None, written, SpliceFFlags::empty())?
        }
    })
}

/// Receives at most so many bytes; none at the end of the stream.
pub fn receive(fd: BorrowedFd<'_>, call: Receive, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let raw = fd.as_raw_fd();
    let received = match call {
        Receive::Read => unistd::read(fd, &mut bytes)?,
        Receive::Readv => uio::readv(fd, &mut pieces(&mut bytes))?,
        Receive::Recvfrom => socket::recv(raw, &mut bytes, MsgFlags::empty())?,
        Receive::Peek => socket::recv(raw, &mut bytes, MsgFlags::MSG_PEEK)?,
        Receive::Recvmsg => {
            let flags = MsgFlags::empty();
            socket::recvmsg::<()>(raw, &mut pieces(&mut bytes), None, flags)?.bytes
        }
        Receive::Recvmmsg => return receive_messages(fd, count),
        Receive::Splice => receive_through_pipe(fd, &mut bytes)?,
    };
    bytes.truncate(received);
    Ok(bytes)
}

fn send_messages(fd: BorrowedFd<'_>, bytes: &[u8]) -> nix::Result<usize> {
    let messages: Vec<Vec<_>> =
        thirds(bytes).map(|third| thirds(third).map(IoSlice::new).collect()).collect();
    let mut headers = MultiHeaders::<()>::preallocate(messages.len(), None);
    let addresses = vec![None; messages.len()];
    let flags = MsgFlags::empty();
    let sent = socket::sendmmsg(fd.as_raw_fd(), &mut headers, &messages, addresses, [], flags)?;
    Ok(sent.map(|message| message.bytes).sum())
}

/// Takes what is there: with `MSG_WAITFORONE` the call does not wait for three messages.
fn receive_messages(fd: BorrowedFd<'_>, count: usize) -> io::Result<Vec<u8>> {
    let mut buffers = vec![vec![0; count.div_ceil(3)]; 3];
    let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let mut headers = MultiHeaders::<()>::preallocate(slices.len(), None);
    let flags = MsgFlags::MSG_WAITFORONE;
    let received = socket::recvmmsg(fd.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)?;
    let lengths: Vec<_> = received.map(|message| message.bytes).collect();
    let filled = buffers.iter().zip(lengths).map(|(buffer, length)| buffer.get(..length));
    Ok(filled.flatten().flatten().copied().collect())
}

fn receive_through_pipe(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> nix::Result<usize> {
    let (out, inward): (OwnedFd, OwnedFd) = unistd::pipe()?;
    let moved = splice(fd, None, inward.as_fd(), None, bytes.len(), SpliceFFlags::empty())?;
    unistd::read(out, bytes.get_mut(..moved).unwrap_or_default())
}

fn file_of(bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Three pieces as even as they get, fewer if there is too little.
fn thirds(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(bytes.len().div_ceil(3).max(1))
}

fn pieces(bytes: &mut [u8]) -> Vec<IoSliceMut<'_>> {
    let size = bytes.len().div_ceil(3).max(1);
    bytes.chunks_mut(size).map(IoSliceMut::new).collect()
}
