//! A server and a client of a thread for each connection.
//!
//! In: what makes a TLS stream of a socket. Always: a server's stream lies in another place for each
//! exchange, as streams do that are kept in lists or handed from owner to owner.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::Result;
use crate::answer::Answer;
use crate::command::Ask;
use crate::http::{self, Buffer};
use crate::line::Line;

/// Answers for ever. `open` takes the handshake, and says which version of TLS was agreed on.
pub fn serve<S: Read + Write>(
    port: u16,
    open: impl Fn(TcpStream) -> Result<(S, String)> + Send + Sync + 'static,
) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let open = Arc::new(open);
    for socket in listener.incoming() {
        let (socket, open) = (socket?, Arc::clone(&open));
        thread::spawn(move || {
            let port = socket.peer_addr().map_or(0, |address| address.port());
            if let Err(error) =
                open(socket).and_then(|(stream, version)| answer_all(stream, &version, port))
            {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn answer_all(stream: impl Read + Write, version: &str, port: u16) -> Result<()> {
    let mut stream = Box::new(stream);
    let mut buffer = Buffer::default();
    while let Some(request) = http::request(&mut stream, &mut buffer)? {
        let answer = Answer::new(&request.method, &request.target, request.body_bytes);
        http::send(&mut stream, &answer)?;
        let line = Line {
            method: &request.method,
            target: &request.target,
            status: answer.status,
            port,
            body_bytes: answer.content.len(),
            tls: Some(version),
        };
        line.tell();
        stream = moved(stream);
    }
    Ok(())
}

/// The same in another place. The old one is free, and another connection's may come there.
#[expect(clippy::boxed_local, reason = "boxes are what gives each exchange a place of its own")]
fn moved<T>(old: Box<T>) -> Box<T> {
    Box::new(*old)
}

/// Asks over all connections at the same time. `close` says that nothing follows.
pub fn ask<S: Read + Write>(
    ask: &Ask,
    open: impl Fn(TcpStream) -> Result<S> + Sync,
    close: impl Fn(&mut S) + Sync,
) -> Result<()> {
    let talk = |number| {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, ask.port))?;
        let port = socket.local_addr()?.port();
        let mut stream = open(socket)?;
        ask_all(&mut stream, port, number, &ask.host())?;
        close(&mut stream);
        Ok(stream.flush()?)
    };
    thread::scope(|scope| {
        let numbers = 0..ask.connections;
        let threads: Vec<_> = numbers.map(|number| scope.spawn(move || talk(number))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })
}

fn ask_all(stream: &mut (impl Read + Write), port: u16, number: usize, host: &str) -> Result<()> {
    let mut buffer = Buffer::default();
    for target in Ask::targets(number) {
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
        stream.flush()?;
        let (status, body_bytes) = http::response(stream, &mut buffer)?;
        Line { method: "GET", target: &target, status, port, body_bytes, tls: None }.tell();
    }
    Ok(())
}
