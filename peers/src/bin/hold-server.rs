//! A server that reads a request, holds its answer for a while, then gives it and closes: nginx cannot sleep.
//!
//! `hold-server --hold SECONDS [--chain FILE --key FILE]` listens on a free port of 127.0.0.1, prints the port on
//! its first line, and ends when its standard input does, so that it never outlives who started it.

use peers::tls;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let (mut hold, mut chain, mut key) = (Duration::ZERO, None, None);
    let mut args = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (args.next(), args.next()) {
        match name.as_str() {
            "--hold" => hold = Duration::from_secs_f64(value.parse()?),
            "--chain" => chain = Some(value),
            "--key" => key = Some(value),
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    let acceptor = match (chain, key) {
        (Some(chain), Some(key)) => Some(TlsAcceptor::from(Arc::new(tls::server_config("ring", &chain, &key)?))),
        _ => None,
    };
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse()?)?;
        let listener = socket.listen(8192)?;
        println!("{}", listener.local_addr()?.port());
        serve(listener, acceptor, hold).await
    })
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, hold: Duration) -> Fallible<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that goes away early is its own affair.
            let _ = match acceptor {
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => answer(stream, hold).await,
                    Err(e) => Err(e),
                },
                None => answer(stream, hold).await,
            };
        });
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, hold: Duration) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(512);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    drop(head);
    tokio::time::sleep(hold).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n").await?;
    stream.shutdown().await
}
