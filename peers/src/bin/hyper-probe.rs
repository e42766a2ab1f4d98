//! The peer of W1 to W5: hyper on tokio's current-thread runtime, with rustls.
//!
//! Written to be hard to beat: no connector, no pool and no boxes. By default the connection and the request share
//! one task (`--spawn` gives the connection its own, as hyper's guide does); the loop's workers take URLs from one
//! iterator.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use peers::{Lines, Options, Outcome, tls};
use rustls::pki_types::ServerName;
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let mut options = Options::from_args();
    let config = options.cacert.as_deref().map(|ca| tls::client_config(&options.provider, ca)).transpose()?;
    let urls = RefCell::new(std::mem::take(&mut options.urls).into_iter());
    let shared = Rc::new(Shared { urls, lines: Lines::new(), config: config.map(Arc::new), options });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let workers: Vec<_> =
            (0..shared.options.parallel).map(|_| tokio::task::spawn_local(work(shared.clone()))).collect();
        for worker in workers {
            worker.await?;
        }
        Ok::<(), tokio::task::JoinError>(())
    })?;
    drop(set);
    match Rc::into_inner(shared) {
        Some(shared) => shared.lines.finish(),
        None => Err("a worker is left".into()),
    }
}

struct Shared {
    urls: RefCell<std::vec::IntoIter<String>>,
    lines: Lines,
    config: Option<Arc<rustls::ClientConfig>>,
    options: Options,
}

async fn work(shared: Rc<Shared>) {
    let mut kept: Option<SendRequest<Empty<Bytes>>> = None;
    loop {
        let Some(url) = shared.urls.borrow_mut().next() else {
            return;
        };
        let probe = probe(&shared, &url, &mut kept);
        let outcome = match tokio::time::timeout(shared.options.max_time, probe).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("timeout".to_owned()),
        };
        shared.lines.print(&url, &outcome as &Outcome);
    }
}

async fn probe(shared: &Shared, url: &str, kept: &mut Option<SendRequest<Empty<Bytes>>>) -> Fallible<(u16, Duration)> {
    let start = Instant::now();
    let uri: Uri = url.parse()?;
    let mut request = Request::get(uri.path_and_query().map_or("/", |p| p.as_str()))
        .header(header::HOST, uri.authority().map_or("", |a| a.as_str()))
        .header(header::USER_AGENT, "hyper-probe")
        .header(header::ACCEPT, "*/*");
    if !shared.options.keepalive {
        request = request.header(header::CONNECTION, "close");
    }
    let request = request.body(Empty::new())?;
    if let Some(mut sender) = kept.take()
        && sender.ready().await.is_ok()
    {
        let done = exchange(&mut sender, request, start).await;
        *kept = Some(sender);
        return done;
    }
    let https = uri.scheme_str() == Some("https");
    let host = uri.host().ok_or("a URL without a host")?;
    let ip: IpAddr = host.parse()?;
    let stream =
        TcpStream::connect(SocketAddr::new(ip, uri.port_u16().unwrap_or(if https { 443 } else { 80 }))).await?;
    if https {
        let config = shared.config.as_ref().ok_or("an https URL needs --cacert")?;
        let stream = TlsConnector::from(config.clone()).connect(ServerName::from(ip), stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        drive(shared, sender, connection, request, start, kept).await
    } else {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        drive(shared, sender, connection, request, start, kept).await
    }
}

/// Runs the connection beside the exchange until the exchange is done.
async fn drive<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    shared: &Shared,
    mut sender: SendRequest<Empty<Bytes>>,
    connection: Connection<TokioIo<S>, Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    start: Instant,
    kept: &mut Option<SendRequest<Empty<Bytes>>>,
) -> Fallible<(u16, Duration)> {
    if shared.options.keepalive || shared.options.spawn {
        tokio::task::spawn_local(connection);
        let done = exchange(&mut sender, request, start).await;
        if shared.options.keepalive {
            *kept = Some(sender);
        }
        return done;
    }
    let mut connection = pin!(connection);
    let mut exchange = pin!(exchange(&mut sender, request, start));
    tokio::select! {
        biased;
        done = &mut exchange => done,
        closed = &mut connection => {
            closed?;
            exchange.await
        }
    }
}

async fn exchange(
    sender: &mut SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    start: Instant,
) -> Fallible<(u16, Duration)> {
    let mut response = sender.send_request(request).await?;
    let took = start.elapsed();
    while let Some(frame) = response.body_mut().frame().await {
        frame?;
    }
    Ok((response.status().as_u16(), took))
}
