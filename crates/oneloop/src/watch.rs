//! `add_reader`, `add_writer`: a callback whenever a descriptor is ready.
//!
//! Job: asyncio's lowest interface to sockets, for libraries that bring their own. It is level-triggered: the callback
//! runs once a turn as long as there is something to read, or room to write, whatever it does. epoll is used
//! edge-triggered here, so the descriptor is registered anew after each callback that is still installed, and the
//! kernel reports it again if it is still ready. Neighbours: `selector.rs`. Invariants: a descriptor has one place in
//! the selector, for both directions; a callback that was removed doesn't run, even if its event has come.
//!
//! Counterparts: `loop.add_reader` (`selector_events.py: _add_reader`); .NET has none.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
};

use mio::{Interest, unix::SourceFd};

use crate::{
    context,
    error::{Error, Result},
    event_loop::Core,
    handle::Listener,
    loop_ref::LoopRef,
    selector::{Direction, Registration},
};

/// The descriptors that are watched, by number.
#[derive(Default)]
pub(crate) struct Watches(BTreeMap<RawFd, Watch>);

/// One descriptor. The callbacks of the two directions; at least one is there.
struct Watch {
    registration: Registration,
    reader: Option<Installed>,
    writer: Option<Installed>,
}

/// True as long as a callback is the one for its descriptor and direction.
type Installed = Rc<Cell<bool>>;

impl Watch {
    fn half(&mut self, direction: Direction) -> &mut Option<Installed> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    fn interest(&self) -> Interest {
        match (&self.reader, &self.writer) {
            (Some(_), None) => Interest::READABLE,
            (None, _) => Interest::WRITABLE,
            (Some(_), Some(_)) => Interest::READABLE | Interest::WRITABLE,
        }
    }

    /// Has the kernel report what is ready now, and from now on.
    fn rearm(&self, fd: RawFd) -> Result<()> {
        Ok(self.registration.rearm(&mut SourceFd(&fd), self.interest())?)
    }
}

impl LoopRef {
    /// Calls `callback` once a turn while `fd` has something to read, or has ended. Replaces the callback that was
    /// there. The descriptor should be non-blocking, and must stay open until
    /// [`remove_reader`](LoopRef::remove_reader).
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// let event_loop = oneloop::EventLoop::new()?;
    /// let (mut reader, mut writer) = std::io::pipe()?;
    /// writer.write_all(b"x")?;
    /// let fd = reader.try_clone()?;
    /// event_loop.add_reader(&fd, move || {
    ///     reader.read_exact(&mut [0]).unwrap();
    ///     oneloop::get_running_loop().unwrap().stop();
    /// })?;
    /// event_loop.run_forever()?;
    /// assert!(event_loop.remove_reader(&fd) && !event_loop.remove_reader(&fd));
    /// # Ok::<(), oneloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` when the kernel can't watch it (regular files), or when it belongs to a socket of this crate; `Runtime` when
    /// the loop is closed.
    pub fn add_reader(&self, fd: &impl AsRawFd, callback: impl FnMut() + 'static) -> Result<()> {
        self.watch(fd.as_raw_fd(), Direction::Read, callback)
    }

    /// As [`add_reader`](LoopRef::add_reader), while there is room to write.
    ///
    /// # Errors
    /// As `add_reader`.
    pub fn add_writer(&self, fd: &impl AsRawFd, callback: impl FnMut() + 'static) -> Result<()> {
        self.watch(fd.as_raw_fd(), Direction::Write, callback)
    }

    /// Removes the callback for reading. Whether there was one.
    pub fn remove_reader(&self, fd: &impl AsRawFd) -> bool {
        self.unwatch(fd.as_raw_fd(), Direction::Read)
    }

    /// Removes the callback for writing. Whether there was one.
    pub fn remove_writer(&self, fd: &impl AsRawFd) -> bool {
        self.unwatch(fd.as_raw_fd(), Direction::Write)
    }

    fn watch(&self, fd: RawFd, direction: Direction, callback: impl FnMut() + 'static) -> Result<()> {
        if self.is_closed() {
            return Err(Error::LOOP_CLOSED);
        }
        let mut watches = self.core.watches.borrow_mut();
        let installed = Rc::new(Cell::new(true));
        let watch = match watches.0.remove(&fd) {
            Some(mut watch) => {
                if let Some(old) = watch.half(direction).replace(installed.clone()) {
                    old.set(false);
                }
                watch.rearm(fd)?;
                watch
            }
            None => {
                let (reader, writer, interest) = match direction {
                    Direction::Read => (Some(installed.clone()), None, Interest::READABLE),
                    Direction::Write => (None, Some(installed.clone()), Interest::WRITABLE),
                };
                let registration = Registration::with(self.core.clone(), &mut SourceFd(&fd), interest)?;
                Watch { registration, reader, writer }
            }
        };
        let listener = self.listener(fd, installed, callback);
        let old = watch.registration.listen(direction, listener);
        watches.0.insert(fd, watch);
        drop(watches);
        drop(old); // what it had captured may call back into the loop
        Ok(())
    }

    /// What runs at each event. It knows the loop by a weak reference: the loop holds it.
    fn listener(&self, fd: RawFd, installed: Installed, callback: impl FnMut() + 'static) -> Rc<Listener> {
        let (core, callback) = (self.core.me.clone(), RefCell::new(callback));
        let context = Cell::new(context::inherited());
        Listener::new(move |_| {
            if !installed.get() {
                return;
            }
            /// Asks for the next report also when the callback panics.
            struct Rearm<'a>(&'a Installed, std::rc::Weak<Core>, RawFd);
            impl Drop for Rearm<'_> {
                fn drop(&mut self) {
                    if let Some(core) = self.1.upgrade().filter(|_| self.0.get())
                        && let Some(watch) = core.watches.borrow().0.get(&self.2)
                    {
                        let _closed_meanwhile = watch.rearm(self.2);
                    }
                }
            }
            let _rearm = Rearm(&installed, core.clone(), fd);
            context::within(&context, || (callback.borrow_mut())());
        })
    }

    fn unwatch(&self, fd: RawFd, direction: Direction) -> bool {
        let mut watches = self.core.watches.borrow_mut();
        let Some(watch) = watches.0.get_mut(&fd) else { return false };
        let Some(installed) = watch.half(direction).take() else { return false };
        installed.set(false);
        let old = watch.registration.with_half(direction, |half| half.listener.take());
        let gone = if watch.reader.is_none() && watch.writer.is_none() {
            watches.0.remove(&fd)
        } else {
            let _closed_before = watch.rearm(fd);
            None
        };
        drop(watches);
        if let Some(gone) = &gone {
            // Its owner may go on using it; one that was closed is gone from epoll already.
            let _closed_before = gone.registration.deregister(&mut SourceFd(&fd));
        }
        drop((gone, old));
        true
    }
}
