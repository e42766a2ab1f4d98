//! A socket driven by callbacks of the loop, under a reader and a writer.
//!
//! Job: read when there is something, write at once and keep what the kernel did not take, tell the writer when that is
//! too much, and end in good order. Neighbours: `watch.rs` calls it when the socket is ready; `reader.rs`, `writer.rs`
//! and `server.rs` stand on it. Invariants: `connection_lost` runs once, from the loop, and closes the socket; after
//! `close` nothing is read, but what was written before still goes out.
//!
//! Counterparts: `_SelectorSocketTransport` (`selector_events.py`), `_FlowControlMixin` (`transports.py`) and
//! `StreamReaderProtocol` (`streams.py`) in one, since here every transport has streams on top.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    rc::{Rc, Weak},
};

use super::{reader::StreamReader, server::Clients};
use crate::{
    error::{Error, Result},
    event_loop::Core,
    loop_ref::LoopRef,
    settable::SettableFuture,
};

/// How much is read at once (`selector_events.py: max_size`).
const MAX_READ: usize = 256 * 1024;
/// More than this in the buffer pauses the writer; this much or less lets it go on.
const HIGH_WATER: usize = 64 * 1024;
const LOW_WATER: usize = HIGH_WATER / 4;

/// What carries the bytes.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Nagle's algorithm would keep the second of two small writes back until the first is acknowledged, which the peer
    /// may put off for 40 ms (`base_events.py: _set_nodelay`).
    fn begin(&self) {
        if let Socket::Tcp(socket) = self {
            let _slower = socket.set_nodelay(true); // a connection that is lost already
        }
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => (&*socket).read(buf),
            Socket::Unix(socket) => (&*socket).read(buf),
        }
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => (&*socket).write(data),
            Socket::Unix(socket) => (&*socket).write(data),
        }
    }

    fn finish(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    pub(super) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        match self {
            Socket::Tcp(socket) => (socket.local_addr().ok(), socket.peer_addr().ok()),
            Socket::Unix(_) => (None, None),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Socket::Tcp(socket) => socket.as_raw_fd(),
            Socket::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

/// A socket on the loop. The loop's callbacks hold it, until its connection is lost.
pub(crate) struct Transport {
    event_loop: Weak<Core>,
    /// Gone when the connection is lost: that closes it.
    socket: RefCell<Option<Socket>>,
    pub(super) sockname: Option<SocketAddr>,
    pub(super) peername: Option<SocketAddr>,
    reader: StreamReader,
    /// What the kernel has not taken yet.
    buffer: RefCell<VecDeque<u8>>,
    closing: Cell<bool>,
    /// `connection_lost` is queued or has run.
    lost: Cell<bool>,
    /// It has run.
    connection_lost: Cell<bool>,
    /// `write_eof` was called.
    eof: Cell<bool>,
    reading_paused: Cell<bool>,
    /// The buffer is over its high-water mark and has not come down to the low one since.
    writing_paused: Cell<bool>,
    water: Cell<(usize, usize)>,
    drain_waiters: RefCell<Vec<SettableFuture<()>>>,
    pub(super) closed: SettableFuture<()>,
    clients: Option<Clients>,
    /// Which of the clients this is.
    number: Cell<u64>,
}

impl Transport {
    /// Puts a connected, non-blocking socket on the loop. `made` is called by the loop in its next turn, then reading
    /// begins, and then `waiter` is settled (`_SelectorTransport.__init__`).
    pub(super) fn start(
        event_loop: &LoopRef,
        socket: Socket,
        reader: StreamReader,
        clients: Option<Clients>,
        made: impl FnOnce(&Rc<Transport>) + 'static,
        waiter: SettableFuture<()>,
    ) -> Rc<Transport> {
        socket.begin();
        let (sockname, peername) = socket.addresses();
        let transport = Rc::new(Transport {
            event_loop: event_loop.core.me.clone(),
            socket: RefCell::new(Some(socket)),
            sockname,
            peername,
            reader,
            buffer: RefCell::default(),
            closing: Cell::new(false),
            lost: Cell::new(false),
            connection_lost: Cell::new(false),
            eof: Cell::new(false),
            reading_paused: Cell::new(false),
            writing_paused: Cell::new(false),
            water: Cell::new((HIGH_WATER, LOW_WATER)),
            drain_waiters: RefCell::default(),
            closed: event_loop.create_future(),
            clients,
            number: Cell::new(0),
        });
        if let Some(clients) = &transport.clients {
            transport.number.set(clients.attach(&transport));
        }
        let (first, second) = (transport.clone(), transport.clone());
        event_loop.call_soon(move || {
            first.reader.set_transport(&first);
            made(&first);
        });
        event_loop.call_soon(move || second.watch_reading());
        event_loop.call_soon(move || drop(waiter.set_result(())));
        transport
    }

    fn on_loop<R>(&self, act: impl FnOnce(&LoopRef, RawFd) -> R) -> Option<R> {
        let core = self.event_loop.upgrade()?;
        let fd = self.socket.borrow().as_ref()?.as_raw_fd();
        Some(act(&LoopRef { core }, fd))
    }

    fn watch_reading(self: &Rc<Transport>) {
        if self.closing.get() || self.reading_paused.get() {
            return;
        }
        let this = self.clone();
        let watched = self.on_loop(|event_loop, fd| event_loop.add_reader(&fd, move || this.read_ready()));
        if let Some(Err(error)) = watched {
            self.force_close(Some(error));
        }
    }

    fn stop_reading(&self) {
        self.on_loop(|event_loop, fd| event_loop.remove_reader(&fd));
    }

    fn stop_writing(&self) {
        self.on_loop(|event_loop, fd| event_loop.remove_writer(&fd));
    }

    pub(super) fn pause_reading(&self) {
        if !self.closing.get() && !self.reading_paused.replace(true) {
            self.stop_reading();
        }
    }

    pub(super) fn resume_reading(self: &Rc<Transport>) {
        if !self.closing.get() && self.reading_paused.replace(false) {
            self.watch_reading();
        }
    }

    /// The socket has something to read, or has ended: one read, whatever is left is reported in the next turn.
    fn read_ready(self: &Rc<Transport>) {
        if self.lost.get() {
            return;
        }
        let mut chunk = vec![0; MAX_READ];
        let read = self.socket.borrow().as_ref().map(|socket| socket.read(&mut chunk));
        match read {
            Some(Ok(0)) => {
                // The peer has finished; ours may still write (`eof_received` returns true).
                self.reader.feed_eof();
                self.stop_reading();
            }
            Some(Ok(n)) => self.reader.feed_data(&chunk[..n]),
            Some(Err(error)) if is_temporary(&error) => {}
            Some(Err(error)) => self.force_close(Some(error.into())),
            None => {}
        }
    }

    pub(super) fn write(self: &Rc<Transport>, data: &[u8]) -> Result<()> {
        if self.eof.get() {
            return Err(Error::Runtime("Cannot call write() after write_eof()"));
        }
        if data.is_empty() || self.lost.get() {
            return Ok(());
        }
        let mut rest = data;
        if self.buffer.borrow().is_empty() {
            let written = self.socket.borrow().as_ref().map(|socket| socket.write(data));
            match written {
                Some(Ok(n)) => rest = &data[n..],
                Some(Err(error)) if is_temporary(&error) => {}
                Some(Err(error)) => {
                    self.force_close(Some(error.into()));
                    return Ok(());
                }
                None => return Ok(()),
            }
            if rest.is_empty() {
                return Ok(());
            }
            let this = self.clone();
            if let Some(watched) = self.on_loop(|event_loop, fd| event_loop.add_writer(&fd, move || this.write_ready()))
            {
                watched?;
            }
        }
        self.buffer.borrow_mut().extend(rest);
        if self.buffer.borrow().len() > self.water.get().0 {
            self.writing_paused.set(true);
        }
        Ok(())
    }

    /// The socket has room.
    fn write_ready(self: &Rc<Transport>) {
        if self.lost.get() {
            return;
        }
        let written = self.socket.borrow().as_ref().map(|socket| socket.write(self.buffer.borrow().as_slices().0));
        match written {
            Some(Ok(n)) => drop(self.buffer.borrow_mut().drain(..n)),
            Some(Err(error)) if is_temporary(&error) => return,
            Some(Err(error)) => return self.force_close(Some(error.into())),
            None => return,
        }
        self.maybe_resume_writing();
        if self.buffer.borrow().is_empty() {
            self.stop_writing();
            if self.closing.get() {
                self.lose(None);
            } else if self.eof.get() {
                self.finish();
            }
        }
    }

    fn maybe_resume_writing(&self) {
        if self.writing_paused.get() && self.buffer.borrow().len() <= self.water.get().1 {
            self.writing_paused.set(false);
            for waiter in self.drain_waiters.take() {
                let _cancelled = waiter.set_result(());
            }
        }
    }

    pub(super) fn set_water(&self, high: usize, low: usize) {
        self.water.set((high, low.min(high)));
        if self.buffer.borrow().len() > high {
            self.writing_paused.set(true);
        }
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffer.borrow().len()
    }

    /// Sends the end of the stream, behind what is in the buffer.
    pub(super) fn write_eof(&self) {
        if !self.closing.get() && !self.eof.replace(true) && self.buffer.borrow().is_empty() {
            self.finish();
        }
    }

    fn finish(&self) {
        if let Some(socket) = &*self.socket.borrow() {
            let _peer_was_first = socket.finish();
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    pub(super) fn close(self: &Rc<Transport>) {
        if self.closing.replace(true) {
            return;
        }
        self.stop_reading();
        if self.buffer.borrow().is_empty() && !self.lost.replace(true) {
            self.stop_writing();
            self.lose_soon(None);
        }
    }

    pub(super) fn abort(self: &Rc<Transport>) {
        self.force_close(None);
    }

    fn force_close(self: &Rc<Transport>, error: Option<Error>) {
        if self.lost.replace(true) {
            return;
        }
        if !std::mem::take(&mut *self.buffer.borrow_mut()).is_empty() {
            self.stop_writing();
        }
        if !self.closing.replace(true) {
            self.stop_reading();
        }
        self.lose_soon(error);
    }

    fn lose_soon(self: &Rc<Transport>, error: Option<Error>) {
        let this = self.clone();
        if let Some(core) = self.event_loop.upgrade() {
            LoopRef { core }.call_soon(move || this.lose(error));
        }
    }

    /// The connection is over: tells everyone who waits, and closes the socket.
    fn lose(self: &Rc<Transport>, error: Option<Error>) {
        self.lost.set(true);
        self.connection_lost.set(true);
        match &error {
            None => self.reader.feed_eof(),
            Some(error) => self.reader.set_error(error.clone()),
        }
        let settle = |future: &SettableFuture<()>| {
            let _done = match &error {
                None => future.set_result(()),
                Some(error) => future.set_error(error.clone()),
            };
        };
        settle(&self.closed);
        let _seen = self.closed.error(); // nobody has to wait for it
        if self.writing_paused.get() {
            self.drain_waiters.take().iter().for_each(settle);
        }
        drop(self.socket.take());
        if let Some(clients) = &self.clients {
            clients.detach(self.number.get());
        }
    }

    /// Waits while the writer is paused.
    pub(super) async fn drain(&self) -> Result<()> {
        if let Some(error) = self.reader.error() {
            return Err(error);
        }
        if self.closing.get() {
            crate::yield_now().await?; // so that a loop of write and drain sees that the connection is lost
        }
        if self.connection_lost.get() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "Connection lost").into());
        }
        if !self.writing_paused.get() {
            return Ok(());
        }
        let Some(core) = self.event_loop.upgrade() else { return Err(Error::Cancelled) };
        let waiter = LoopRef { core }.create_future();
        self.drain_waiters.borrow_mut().push(waiter.clone());
        let result = waiter.await;
        self.drain_waiters.borrow_mut().retain(|waiter| !waiter.done());
        result
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
