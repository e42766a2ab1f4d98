//! The selector: what the loop waits in, and who is to be woken when a socket is ready.
//!
//! Job: mio's `Poll` (epoll or kqueue), a slab of registered sources, and for each direction of a source a readiness
//! bit and those who wait. Neighbours: `event_loop.rs` calls [`Selector::park`] once a turn; sockets (`net/`) and
//! signals hold a [`Registration`] and go through [`Registration::poll_io`]. Invariants:
//!
//! - Registration is edge-triggered: the kernel reports a change once. So the bit stays set until an operation says
//!   `WouldBlock`, or moves fewer bytes than it could have; only then may anybody wait.
//! - Who waits is stored before `Pending` is returned. Several may wait for one direction: an event wakes all.
//! - A token carries a generation: an event of a source that is gone never wakes the source that has its slot now.
//! - Dropping a registration frees its slot. The descriptor leaves epoll when it is closed, which costs no call.
//! - Nothing that a call could reach is borrowed while a waker runs: it may be a foreign one, and call the loop.
//!
//! Counterparts: asyncio's `selectors.EpollSelector` is level-triggered and calls back; .NET has `SocketAsyncEngine`
//! on hidden threads (Linux) or completion ports (Windows).

use std::{
    cell::{Cell, RefCell},
    io, mem,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use mio::{Events, Interest, Registry, Token, event::Source};
use slab::Slab;

use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
    event_loop::{Core, running},
    handle::Listener,
    observer::{Event, Unpark, WokenBy},
    ready::{Ready, Sleeper},
    task_ref::current_id,
    waiters::Waiters,
};

/// mio's waker has the token that no slot can have.
const WAKER: Token = Token(usize::MAX);
/// A token is a slot's index in its lower half and the slot's generation in its upper half.
const HALF: u32 = usize::BITS / 2;
const INDEX_MASK: usize = (1 << HALF) - 1;
/// A source that is never exhausted must not keep its reader's step going for ever: others are to run.
const TRIES_A_TURN: u32 = 64;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// One direction of a source.
#[derive(Default)]
pub(crate) struct Half {
    /// The kernel has said that an operation may succeed, and none has said otherwise since.
    pub(crate) ready: bool,
    /// The peer has finished or the socket has failed: no further event will come, so the bit is never cleared.
    pub(crate) ended: bool,
    /// The last turn in which an operation was tried, and how often it was in that.
    tries: (u64, u32),
    /// The tasks in a read or a write.
    pub(crate) waiters: Waiters,
    /// Called at each event: `add_reader`, `add_writer`, signals.
    pub(crate) listener: Option<Rc<Listener>>,
}

struct Slot {
    generation: usize,
    read: Half,
    write: Half,
}

impl Slot {
    fn half(&mut self, direction: Direction) -> &mut Half {
        if direction == Direction::Read { &mut self.read } else { &mut self.write }
    }
}

/// What the loop parks in.
pub(crate) struct Selector {
    /// None once the loop is closed.
    pub(crate) poll: RefCell<Option<mio::Poll>>,
    events: RefCell<Events>,
    pub(crate) slots: RefCell<Slots>,
    pub(crate) last_key: Cell<u32>,
    /// The last turn in which a descriptor was written that other programs share: see `net/fd.rs`.
    pub(crate) shared_write: Cell<u64>,
}

#[derive(Default)]
pub(crate) struct Slots {
    slab: Slab<Slot>,
    generation: usize,
}

impl Slots {
    fn get(&mut self, token: Token) -> Option<&mut Slot> {
        self.slab.get_mut(token.0 & INDEX_MASK).filter(|slot| slot.generation == token.0 >> HALF)
    }

    /// The sources, and each of their halves with its list of those who wait.
    pub(crate) fn halves(&mut self) -> impl Iterator<Item = (Token, Direction, &mut Half)> {
        self.slab.iter_mut().flat_map(|(index, Slot { generation, read, write })| {
            let token = Token(*generation << HALF | index);
            [(token, Direction::Read, read), (token, Direction::Write, write)]
        })
    }
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Selector {
            poll: RefCell::new(Some(mio::Poll::new()?)),
            events: RefCell::new(Events::with_capacity(1024)),
            slots: RefCell::default(),
            last_key: Cell::new(0),
            shared_write: Cell::new(0),
        })
    }

    /// What other threads ring to end a park.
    pub(crate) fn waker(&self) -> io::Result<mio::Waker> {
        self.with_registry(|registry| mio::Waker::new(registry, WAKER))
    }

    pub(crate) fn with_registry<R>(&self, ask: impl FnOnce(&Registry) -> io::Result<R>) -> io::Result<R> {
        self.poll.borrow().as_ref().map_or_else(|| Err(io::ErrorKind::NotConnected.into()), |poll| ask(poll.registry()))
    }

    /// How many sources are registered.
    pub(crate) fn len(&self) -> usize {
        self.slots.borrow().slab.len()
    }

    /// Waits for readiness: the one place in which the loop may block. A signal that interrupts it ends it early.
    #[inline(always)]
    pub(crate) fn park(&self, timeout: Option<Duration>) -> io::Result<()> {
        // Named, so that the borrows end here: a match would hold them through its arms.
        let polled = self.poll.borrow_mut().as_mut().map(|poll| poll.poll(&mut self.events.borrow_mut(), timeout));
        match polled {
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.borrow_mut().clear();
                Ok(())
            }
            result => result.unwrap_or(Ok(())),
        }
    }

    /// Sets the bits of what is ready and wakes those who wait for it: the I/O phase of a turn.
    pub(crate) fn dispatch<const OBSERVED: bool>(&self, core: &Core) -> Unpark {
        let mut unpark = Unpark::default();
        for event in self.events.borrow().iter() {
            if event.token() == WAKER {
                unpark.notified = true; // the inbox is looked at in any case
                continue;
            }
            unpark.events += 1;
            let failed = event.is_error();
            let read_ended = failed || event.is_read_closed();
            let write_ended = failed || event.is_write_closed();
            let readable = read_ended || event.is_readable();
            let writable = write_ended || event.is_writable();
            core.observe_if::<OBSERVED>(|| Event::IoEvent { token: event.token().0, readable, writable });
            core.wakes_for::<OBSERVED>(WokenBy::Io(event.token().0));
            if readable {
                self.set_ready(core, event.token(), Direction::Read, read_ended);
            }
            if writable {
                self.set_ready(core, event.token(), Direction::Write, write_ended);
            }
        }
        core.wakes_for::<OBSERVED>(WokenBy::Callback);
        unpark
    }

    #[inline]
    fn set_ready(&self, core: &Core, token: Token, direction: Direction, ended: bool) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get(token) else { return };
        let half = slot.half(direction);
        half.ready = true;
        half.ended |= ended;
        let (waiters, listener) = (mem::take(&mut half.waiters), half.listener.clone());
        drop(slots);
        waiters.schedule(core);
        if let Some(listener) = listener {
            core.push(Ready::Notify(listener, 0));
        }
    }
}

/// One source's place in the selector of one loop. Dropping it frees the place.
pub(crate) struct Registration {
    pub(crate) core: Rc<Core>,
    pub(crate) token: Token,
}

impl Registration {
    /// Registers `source` with the running loop, for both directions unless told otherwise: one `epoll_ctl` for the
    /// whole life of a socket.
    pub(crate) fn new(source: &mut impl Source, interest: Interest) -> Result<Registration> {
        let core = running().ok_or(Error::NO_RUNNING_LOOP)?;
        Registration::with(core, source, interest)
    }

    /// Registers `source` with the loop that is given.
    pub(crate) fn with(core: Rc<Core>, source: &mut impl Source, interest: Interest) -> Result<Registration> {
        let token = {
            let mut slots = core.selector.slots.borrow_mut();
            slots.generation = (slots.generation + 1) & INDEX_MASK;
            let generation = slots.generation;
            let index = slots.slab.insert(Slot { generation, read: Half::default(), write: Half::default() });
            Token(generation << HALF | index)
        };
        // From here on, an error drops the registration, and with it the slot.
        let registration = Registration { core, token };
        registration.core.observe(|| Event::Register { token: token.0, interest, task: current_id() });
        registration.core.selector.with_registry(|registry| registry.register(source, token, interest))?;
        Ok(registration)
    }

    /// Runs `operation` when the source is ready, again after each `WouldBlock`, until it gives something.
    /// A leaf: it takes a cancellation before it does anything. Nothing is lost when it is dropped. Each of several who
    /// wait at once comes with a `key` of its own (see `net/operation.rs`); 0 is for the one who owns the direction.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        key: u32,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> Poll<Result<R>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        loop {
            if !self.ready_or_wait(direction, key, cx.waker()) {
                return Poll::Pending;
            }
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.with_half(direction, |half| half.ready = false); // whatever an event has said
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result.map_err(Error::from)),
            }
        }
    }

    /// Says that the last operation moved fewer bytes than it could have: the next would block. Saves the call that
    /// would only hear `WouldBlock`. An end that the kernel has announced stays to be read.
    pub(crate) fn drained(&self, direction: Direction) {
        self.with_half(direction, |half| half.ready = half.ended);
    }

    /// True if an operation may succeed; else stores who is to be woken when one may, or wakes the task for the next turn.
    fn ready_or_wait(&self, direction: Direction, key: u32, waker: &Waker) -> bool {
        let turn = self.core.turn.get();
        let state = self.with_half(direction, |half| {
            half.tries = (turn, if half.tries.0 == turn { half.tries.1 + 1 } else { 1 });
            (half.ready, half.tries.1)
        });
        let (ready, tries) = state.unwrap_or((true, 0));
        if ready && tries > TRIES_A_TURN {
            waker.wake_by_ref();
        } else if !ready {
            self.core.observe_source_wait(self.token, direction);
            let sleeper = Sleeper::new(&self.core, waker);
            let old = self.with_half(direction, |half| half.waiters.wait(key, sleeper));
            drop(old); // with nothing borrowed: it may be foreign
        }
        ready && tries <= TRIES_A_TURN
    }

    pub(crate) fn with_half<R>(&self, direction: Direction, change: impl FnOnce(&mut Half) -> R) -> Option<R> {
        self.core.selector.slots.borrow_mut().get(self.token).map(|slot| change(slot.half(direction)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let slot = {
            let mut slots = self.core.selector.slots.borrow_mut();
            let here = slots.get(self.token).is_some();
            here.then(|| slots.slab.remove(self.token.0 & INDEX_MASK))
        };
        drop(slot); // its wakers may be foreign
        self.core.observe(|| Event::Deregister { token: self.token.0 });
    }
}
