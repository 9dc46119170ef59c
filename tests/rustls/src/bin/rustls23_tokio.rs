//! A server and a client over rustls 0.23 in tasks of tokio, with HTTP by hyper.
//!
//! Always: several threads, so that a connection goes from one to another; hyper writes a response's
//! head and its content by one call of several buffers.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use programs::answer::{Answer, CHUNK_BYTES};
use programs::command::{Ask, Command};
use programs::line::Line;
use programs::{Result, pem};
use rustls23::pki_types::ServerName;
use rustls23::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};

fn main() -> Result<()> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = threads.worker_threads(THREADS).enable_io().build()?;
    match Command::here()? {
        Command::Serve { port, folder } => runtime.block_on(serve(port, &folder)),
        Command::Ask(told) => runtime.block_on(ask(&told)),
    }
}

async fn serve(port: u16, folder: &Path) -> Result<()> {
    let (certificates, key) = pem::server(folder)?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(certificates, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (socket, address) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = answer_all(&acceptor, socket, address.port()).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn answer_all(acceptor: &TlsAcceptor, socket: TcpStream, port: u16) -> Result<()> {
    let stream = acceptor.accept(socket).await?;
    let version = stream.get_ref().1.protocol_version().ok_or("no version of TLS")?;
    let version = format!("{version:?}");
    let service = service_fn(|request| answer(request, &version, port));
    let server = hyper::server::conn::http1::Builder::new();
    Ok(server.serve_connection(TokioIo::new(stream), service).await?)
}

async fn answer(
    request: Request<Incoming>,
    version: &str,
    port: u16,
) -> hyper::Result<Response<Content>> {
    let (head, body) = request.into_parts();
    let received_bytes = body.collect().await?.to_bytes().len();
    let (method, target) = (head.method.as_str(), head.uri.to_string());
    let answer = Answer::new(method, &target, received_bytes);
    let (status, body_bytes) = (answer.status, answer.content.len());
    Line { method, target: &target, status, port, body_bytes, tls: Some(version) }.tell();
    let mut response = Response::new(Content::new(answer));
    *response.status_mut() = status.try_into().unwrap_or_default();
    Ok(response)
}

async fn ask(told: &Ask) -> Result<()> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(&told.authority)? {
        roots.add(certificate)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    for number in 0..told.connections {
        tasks.spawn(talk(connector.clone(), told.clone(), number));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn talk(connector: TlsConnector, told: Ask, number: usize) -> Result<()> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, told.port)).await?;
    let port = socket.local_addr()?.port();
    let name = ServerName::try_from(told.name.clone())?;
    let stream = TokioIo::new(connector.connect(name, socket).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    for target in Ask::targets(number) {
        let request = Request::get(&target).header(HOST, told.host());
        let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let status = response.status().as_u16();
        let body_bytes = response.into_body().collect().await?.to_bytes().len();
        Line { method: "GET", target: &target, status, port, body_bytes, tls: None }.tell();
    }
    drop(sender);
    Ok(connection.await??)
}

/// Content of a response, which hyper sends in chunks if it does not know the length.
struct Content {
    bytes: Bytes,
    is_chunked: bool,
}

impl Content {
    fn new(answer: Answer) -> Self {
        Self { bytes: answer.content.into(), is_chunked: answer.is_chunked }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        let most = if self.is_chunked { CHUNK_BYTES } else { usize::MAX };
        let length = self.bytes.len().min(most);
        let piece = self.bytes.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_chunked {
            SizeHint::default()
        } else {
            SizeHint::with_exact(self.bytes.len() as u64)
        }
    }
}

/// More than there are processors on a small machine.
const THREADS: usize = 4;
