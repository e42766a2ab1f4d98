//! The server's side of TLS: [`TlsAcceptor`] makes a [`TlsServerStream`] of a stream that was accepted.
//!
//! Job: rustls's server connection as `AsyncRead` and `AsyncWrite`, over any stream of the loop. It stands under the
//! demo site, the tests and the exporter; it is not tuned, as the client's side is, for thousands of idle connections.
//! Invariants: nothing but the stream is waited for; what
//! rustls has to send is sent before more is read, except that the last of it may go out with the next write;
//! prober needs no word of rustls to use it.
//! Counterparts: `asyncio.start_server(ssl=…)`; `SslStream.AuthenticateAsServerAsync`.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use oneloop::net::{AsyncRead, AsyncWrite};
use oneloop::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::tls::provider;

/// Holds a server's certificates and key. Clones share them.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<ServerConfig>);

impl TlsAcceptor {
    /// An acceptor for this chain (leaf first) and this key, both PEM. It speaks TLS 1.2 and 1.3, offers `http/1.1`
    /// by ALPN, and asks for no client certificate.
    ///
    /// # Errors
    /// `Other` when the PEM can't be read, or the key does not belong to the leaf.
    pub fn from_pem(chain: &str, key: &str) -> Result<TlsAcceptor> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().map_err(Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.send_tls13_tickets = 0; // nothing here resumes sessions
        Ok(TlsAcceptor(Arc::new(config)))
    }

    /// Does the handshake. Cancellation closes the stream.
    ///
    /// # Errors
    /// `Other` when the peers can't agree (a client that rejects our certificate says so here), `Io` when the
    /// connection breaks.
    pub async fn accept<S: AsyncRead + AsyncWrite>(&self, stream: S) -> Result<TlsServerStream<S>> {
        let tls = ServerConnection::new(self.0.clone()).map_err(Error::other)?;
        let mut stream = TlsServerStream { stream, tls, ended: false };
        poll_fn(|cx| {
            while stream.tls.is_handshaking() {
                ready!(stream.poll_flush(cx))?;
                ready!(stream.poll_fill(cx))?;
                if stream.ended {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
                }
            }
            stream.poll_flush(cx)
        })
        .await?;
        Ok(stream)
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAcceptor") // the configuration holds a private key
    }
}

/// A connection with TLS on it, after its handshake.
pub struct TlsServerStream<S> {
    stream: S,
    tls: ServerConnection,
    /// The peer will send no more, whether it said so by TLS or only closed.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite> TlsServerStream<S> {
    /// The stream below, for those who want to break things.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Sends all that rustls has ready.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.tls.wants_write() {
            ready!(Blocking::call(&mut self.stream, cx, |stream| self.tls.write_tls(stream)))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in one read of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if ready!(Blocking::call(&mut self.stream, cx, |stream| self.tls.read_tls(stream)))? == 0 {
            self.ended = true;
        }
        if let Err(error) = self.tls.process_new_packets() {
            let _ = self.poll_flush(cx); // the alert, if the kernel takes it at once
            return Poll::Ready(Err(Error::other(error)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncRead for TlsServerStream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        loop {
            match self.tls.reader().read(buf) {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error.into())),
                Err(_) if self.ended => return Poll::Ready(Ok(0)), // without a close_notify: HTTP's framing will tell
                Err(_) => {}
            }
            ready!(self.poll_flush(cx))?;
            ready!(self.poll_fill(cx))?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for TlsServerStream<S> {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        // What was taken before goes first: so at most one `buf` waits in rustls.
        ready!(self.poll_flush(cx))?;
        let count = self.tls.writer().write(buf)?;
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // The bytes are taken even if the kernel can't have them yet: the next call sends the rest.
            _ => Poll::Ready(Ok(count)),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.tls.send_close_notify(); // once, however often it is called
        ready!(self.poll_flush(cx))?;
        self.stream.poll_shutdown(cx)
    }
}

impl<S> fmt::Debug for TlsServerStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServerStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The stream as rustls wants it: a `Read` and `Write` that says `WouldBlock` where ours says `Pending`.
struct Blocking<'a, 'c, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'c>,
    /// The loop's own error, which an `io::Error` could not carry (a cancellation, above all).
    error: Option<Error>,
}

impl<'a, 'c, S> Blocking<'a, 'c, S> {
    fn call<T>(
        stream: &'a mut S,
        cx: &'a mut Context<'c>,
        call: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> Poll<Result<T>> {
        let mut blocking = Blocking { stream, cx, error: None };
        match call(&mut blocking) {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(error) => match blocking.error {
                Some(error) => Poll::Ready(Err(error)),
                None if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                None => Poll::Ready(Err(error.into())),
            },
        }
    }

    fn convert(&mut self, outcome: Poll<Result<usize>>) -> io::Result<usize> {
        match outcome {
            Poll::Ready(Ok(count)) => Ok(count),
            Poll::Ready(Err(error)) => {
                self.error = Some(error);
                Err(io::ErrorKind::Other.into())
            }
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncRead> Read for Blocking<'_, '_, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let outcome = self.stream.poll_read(self.cx, buf);
        self.convert(outcome)
    }
}

impl<S: AsyncWrite> Write for Blocking<'_, '_, S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let outcome = self.stream.poll_write(self.cx, buf);
        self.convert(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
