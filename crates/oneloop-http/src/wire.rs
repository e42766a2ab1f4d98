//! A connection below HTTP: bytes out and bytes in, plain or through TLS.
//!
//! Two rules keep it cheap. *Out*: everything that is to leave together is gathered in `unsent` first, so that the last
//! handshake message and the request are one `write`. *In*: bytes are read into one scratch buffer that the thread's
//! connections share and are lent to the caller from there, so that ten thousand waiting connections hold no buffers.
//! Nothing is read before the selector says that there is something.
//!
//! Neighbours: the connector makes wires, the client sends and receives on them, the pool keeps them.
//! Invariant: the scratch buffer is never borrowed while foreign code could need it again (it is taken out, and put
//! back afterwards). Counterparts: asyncio's `Transport`, .NET's `Stream` under `SslStream`.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use oneloop::net::{AsyncRead, AsyncWrite, TcpStream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::TlsInfo;
use crate::tls::TlsSession;

/// A two-way stream of bytes: what a [`Connect`](crate::Connect) gives. Implemented for everything that can do both.
pub trait Stream: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite + ?Sized> Stream for T {}

/// The stream below: TCP without a virtual call, anything else (tests, proxies) behind one.
pub(crate) enum Io {
    Tcp(TcpStream),
    Other(Box<dyn Stream>),
}

impl Io {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<oneloop::Result<usize>> {
        match self {
            Io::Tcp(stream) => stream.poll_read(cx, buf),
            Io::Other(stream) => stream.poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<oneloop::Result<usize>> {
        match self {
            Io::Tcp(stream) => stream.poll_write(cx, buf),
            Io::Other(stream) => stream.poll_write(cx, buf),
        }
    }

    fn has_news(&self) -> bool {
        match self {
            Io::Tcp(stream) => stream.has_news(),
            Io::Other(stream) => stream.has_news(),
        }
    }

    /// Our own address: a system call.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Io::Tcp(stream) => stream.local_addr().ok(),
            Io::Other(_) => None,
        }
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Bytes, which the sink has seen.
    Data,
    /// The end. `clean` unless TLS was cut off without its close_notify.
    End { clean: bool },
}

/// A connection: the stream, its TLS if it has one, and what is still to be sent.
pub(crate) struct Wire {
    io: Io,
    tls: Option<Box<TlsSession>>,
    /// Bytes for the stream (encrypted already), of which the first `sent` are gone. Freed when all are.
    unsent: Vec<u8>,
    sent: usize,
    /// Reads since the last one that had to wait.
    in_a_row: u32,
}

/// What one `read` takes at most: two full TLS records, and more than the first flight of nearly every server.
const SCRATCH: usize = 32 * 1024;

/// After so many reads in a row, none of which had to wait, everything else on the loop has its turn: a peer that sends
/// faster than we read would otherwise keep the thread to itself. (asyncio's transports read once a turn, 256 KiB.)
const READS_IN_A_ROW: u32 = 8;

thread_local! {
    static SCRATCH_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Wire {
    pub(crate) fn new(io: Io) -> Wire {
        Wire { io, tls: None, unsent: Vec::new(), sent: 0, in_a_row: 0 }
    }

    pub(crate) fn io(&self) -> &Io {
        &self.io
    }

    /// What is known of TLS; `None` on a plain connection.
    pub(crate) fn tls_info(&self) -> Option<&Rc<TlsInfo>> {
        self.tls.as_ref().map(|tls| tls.info())
    }

    /// Begins TLS; [`poll_handshake`](Wire::poll_handshake) does the rest.
    pub(crate) fn start_tls(&mut self, config: &Arc<ClientConfig>, name: ServerName<'static>) -> Result<()> {
        self.tls = Some(Box::new(TlsSession::start(config, name, &mut self.unsent)?));
        Ok(())
    }

    /// Drives the handshake. When it is done, its last flight may still be unsent: it leaves with the request.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            if self.tls.as_ref().is_none_or(|tls| tls.established()) {
                return Poll::Ready(Ok(()));
            }
            // Reading goes first: a peer that is still sending may not be reading, and what we have to say while its
            // flight is incomplete can wait.
            let Poll::Ready(input) = self.poll_input(cx, &mut |_| ()) else {
                let flushed = ready!(self.poll_flush(cx));
                flushed.map_err(|error| broken(error, "while the TLS handshake was being sent"))?;
                return Poll::Pending; // the read above will wake us
            };
            match input {
                Ok(Input::Data) => {}
                Ok(Input::End { .. }) => {
                    let message = "the server closed the connection in the middle of the TLS handshake";
                    return Poll::Ready(Err(Error::new(ErrorKind::TlsHandshake, message).with_detail("Closed")));
                }
                Err(error) if error.kind() == ErrorKind::Receive => {
                    // A reset: at this point it is the handshake that failed.
                    let detail = error.detail().to_owned();
                    let message = format!("the TLS handshake failed: {error}");
                    let error = Error::new(ErrorKind::TlsHandshake, message).with_detail(detail).with_source(error);
                    return Poll::Ready(Err(error));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Puts `data` (or its encryption) with what is to be sent.
    pub(crate) fn queue(&mut self, data: Vec<u8>) -> Result<()> {
        match &mut self.tls {
            Some(tls) => tls.send(&data, &mut self.unsent)?,
            None if self.unsent.is_empty() => self.unsent = data,
            None => self.unsent.extend_from_slice(&data),
        }
        Ok(())
    }

    /// Sends what is queued until the kernel has taken all of it.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<oneloop::Result<()>> {
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(self.io.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into())),
                written => self.sent += written,
            }
        }
        self.unsent = Vec::new(); // not `clear`: a connection that waits keeps nothing that it does not need
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Waits for bytes and lends them to `sink`, decrypted. Gives `Data` once the sink has seen some.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>, sink: &mut dyn FnMut(&[u8])) -> Poll<Result<Input>> {
        loop {
            let mut seen = false;
            let input = ready!(self.poll_input(cx, &mut |bytes| {
                seen |= !bytes.is_empty();
                sink(bytes);
            }));
            // A key update asks for an answer; sending it must not hold up what was received.
            if !self.unsent.is_empty() && self.tls.is_some() {
                let _ = self.poll_flush(cx)?;
            }
            match input? {
                Input::Data if !seen => continue, // session tickets: nothing for the caller
                input => return Poll::Ready(Ok(input)),
            }
        }
    }

    /// One read, taken through TLS. `Data` may have brought the caller nothing.
    fn poll_input(&mut self, cx: &mut Context<'_>, sink: &mut dyn FnMut(&[u8])) -> Poll<Result<Input>> {
        if self.tls.as_ref().is_some_and(|tls| tls.peer_closed()) {
            return Poll::Ready(Ok(Input::End { clean: true }));
        }
        if self.in_a_row >= READS_IN_A_ROW {
            self.in_a_row = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut scratch = SCRATCH_BUFFER.take();
        let outcome = self.poll_input_with(cx, &mut scratch, sink);
        scratch.truncate(SCRATCH);
        SCRATCH_BUFFER.set(scratch);
        self.in_a_row = if outcome.is_pending() { 0 } else { self.in_a_row + 1 };
        outcome
    }

    fn poll_input_with(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<Input>> {
        let kept = self.tls.as_ref().map_or(0, |tls| tls.kept());
        let size = SCRATCH.max(kept + SCRATCH / 2);
        if scratch.len() < size {
            scratch.resize(size, 0);
        }
        let read = match ready!(self.io.poll_read(cx, &mut scratch[kept..])) {
            Ok(read) => read,
            Err(error) => return Poll::Ready(Err(broken(error, "while a response was awaited"))),
        };
        let Some(tls) = &mut self.tls else {
            if read == 0 {
                return Poll::Ready(Ok(Input::End { clean: true }));
            }
            sink(&scratch[..read]);
            return Poll::Ready(Ok(Input::Data));
        };
        if read == 0 {
            return Poll::Ready(Ok(Input::End { clean: false }));
        }
        let received = tls.receive(scratch, read, &mut self.unsent, sink);
        if received.is_err() {
            let _ = self.poll_flush(cx); // the alert, if the kernel takes it at once
        }
        Poll::Ready(received.map(|()| Input::Data))
    }

    /// Whether an idle connection may serve again: nothing has come and it has not been closed. Costs a system call only
    /// when the selector has seen something. (It asks a leaf of the loop, so it may be what takes a cancellation.)
    pub(crate) fn is_quiet(&mut self, cx: &mut Context<'_>) -> Result<bool> {
        let mut data = false;
        self.in_a_row = 0;
        for _ in 0..READS_IN_A_ROW {
            if !self.io.has_news() {
                break;
            }
            match self.poll_input(cx, &mut |bytes| data |= !bytes.is_empty()) {
                Poll::Pending => break,
                // Session tickets may come late, and are not for us.
                Poll::Ready(Ok(Input::Data)) if !data && self.tls.is_some() => {}
                Poll::Ready(Err(error)) if error.is_cancelled() => return Err(error),
                Poll::Ready(_) => return Ok(false),
            }
        }
        // Whatever is so much is not for us either.
        Ok(self.unsent.is_empty() && !self.io.has_news())
    }

    /// Closes the connection, saying so first where TLS can (close_notify).
    pub(crate) async fn close(mut self) -> oneloop::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        if tls.close(&mut self.unsent).is_err() {
            return Ok(()); // there is nobody left to tell
        }
        poll_fn(|cx| match self.poll_flush(cx) {
            Poll::Ready(Err(error)) if error.is_cancelled() => Poll::Ready(Err(error)),
            // Told, or cannot be told; a peer that takes nothing more is not waited for.
            _ => Poll::Ready(Ok(())),
        })
        .await
    }
}

/// A stream that failed under us.
pub(crate) fn broken(error: oneloop::Error, when: &str) -> Error {
    Error::from_loop(error, ErrorKind::Receive, format_args!("the connection broke {when}"))
}
