//! The writing end of a stream.
//!
//! Job: the face of `transport.rs`. Invariant: `write` never waits: what the kernel does not take at once is kept and
//! sent later, so a program that writes much calls `drain` now and then. Dropping the last clone closes the stream.
//!
//! Counterparts: `asyncio.StreamWriter` (`streams.py`); `NetworkStream.WriteAsync`, which completes when the kernel has
//! taken all; `PipeWriter.FlushAsync`.

use std::{fmt, net::SocketAddr, rc::Rc};

use super::transport::Transport;
use crate::error::Result;

/// Writes to a stream: `asyncio.StreamWriter`. Clones write to the same stream.
#[derive(Clone)]
pub struct StreamWriter(Rc<Inner>);

struct Inner(Rc<Transport>);

impl Drop for Inner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl StreamWriter {
    pub(super) fn new(transport: &Rc<Transport>) -> StreamWriter {
        StreamWriter(Rc::new(Inner(transport.clone())))
    }

    /// Sends `data`: as much as the kernel takes now, the rest later. What is written after the connection was lost is
    /// thrown away: [`drain`](StreamWriter::drain) tells of that.
    ///
    /// # Errors
    /// `Runtime` after [`write_eof`](StreamWriter::write_eof).
    pub fn write(&self, data: impl AsRef<[u8]>) -> Result<()> {
        self.0.0.write(data.as_ref())
    }

    /// Sends all of `lines`, one behind the other. It adds nothing between them, in spite of its name.
    ///
    /// # Errors
    /// As [`write`](StreamWriter::write).
    pub fn writelines(&self, lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<()> {
        let mut all = Vec::new();
        for line in lines {
            all.extend_from_slice(line.as_ref());
        }
        self.write(all)
    }

    /// Waits until there is room: not at all, unless more than 64 KiB are kept, and then until 16 KiB or less are.
    /// Cancellation safe.
    ///
    /// # Errors
    /// What broke the connection; `Io` ("Connection lost") once it is closed; `Cancelled`.
    pub fn drain(&self) -> impl Future<Output = Result<()>> + use<> {
        let writer = self.clone();
        async move { writer.0.0.drain().await }
    }

    /// Sends the end of the stream, behind what was written. Reading goes on.
    pub fn write_eof(&self) {
        self.0.0.write_eof();
    }

    /// Whether `write_eof` has a meaning. It has, for every stream of this crate.
    pub fn can_write_eof(&self) -> bool {
        true
    }

    /// Closes the stream, when what was written has gone out. Nothing is read any more.
    pub fn close(&self) {
        self.0.0.close();
    }

    /// Closes the stream at once; what has not gone out is lost (Python: `writer.transport.abort()`).
    pub fn abort(&self) {
        self.0.0.abort();
    }

    /// Whether it is closed, or on the way there.
    pub fn is_closing(&self) -> bool {
        self.0.0.is_closing()
    }

    /// Waits until the stream is closed.
    ///
    /// # Errors
    /// What broke the connection; `Cancelled`.
    pub fn wait_closed(&self) -> impl Future<Output = Result<()>> + use<> {
        let writer = self.clone();
        async move { (&writer.0.0.closed).await }
    }

    /// Whom it is connected to (Python: `get_extra_info("peername")`). `None` for a Unix socket.
    pub fn peername(&self) -> Option<SocketAddr> {
        self.0.0.peername
    }

    /// Its own address (Python: `get_extra_info("sockname")`). `None` for a Unix socket.
    pub fn sockname(&self) -> Option<SocketAddr> {
        self.0.0.sockname
    }

    /// Changes from how many bytes on [`drain`](StreamWriter::drain) waits, and down to how many
    /// (Python: `writer.transport.set_write_buffer_limits(high, low)`).
    pub fn set_write_buffer_limits(&self, high: usize, low: usize) {
        self.0.0.set_water(high, low);
    }

    /// How many bytes wait to be sent (Python: `writer.transport.get_write_buffer_size()`).
    pub fn write_buffer_size(&self) -> usize {
        self.0.0.buffered()
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peername();
        f.debug_struct("StreamWriter")
            .field("peername", &peer)
            .field("closing", &self.is_closing())
            .finish_non_exhaustive()
    }
}
