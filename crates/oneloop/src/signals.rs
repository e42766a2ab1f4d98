//! Signals: Ctrl-C as a callback on the loop.
//!
//! Job: `add_signal_handler`. signal-hook's handler writes to a pipe, which is a source like any other: a signal
//! becomes a readable descriptor, then a listener in the ready queue, then a callback in a turn; nothing of ours runs
//! inside the signal handler. Neighbours: `selector.rs`. Invariant: the callback runs outside of any task.
//!
//! Counterparts: `loop.add_signal_handler` (`unix_events.py`); `Console.CancelKeyPress` and
//! `PosixSignalRegistration`, which call on a pool thread.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt, io,
    rc::Rc,
};

use mio::Interest;
use signal_hook_mio::v1_0::Signals as SignalPipe;

use crate::{
    context,
    error::{Error, Result},
    handle::Listener,
    loop_ref::LoopRef,
    ready::Ready,
    selector::{Direction, Registration},
};

/// The handlers of one loop, by number of the signal.
#[derive(Default)]
pub(crate) struct Signals {
    handlers: BTreeMap<i32, SignalHandler>,
    /// How many handlers there ever were.
    count: u64,
}

struct SignalHandler {
    /// Tells it from an earlier or later one for the same signal.
    number: u64,
    /// The pipe goes first: it is closed before its place in the selector is free. The listener there only borrows it.
    _pipe: Rc<RefCell<SignalPipe>>,
    _registration: Registration,
}

impl LoopRef {
    /// Calls `callback` on the loop at each `signal` (`2` is SIGINT, `15` SIGTERM), in place of what the signal does
    /// otherwise. Replaces the handler that was there.
    ///
    /// # Errors
    /// `Io` for what is no signal, for one that can't be caught, or when no descriptor is left.
    pub fn add_signal_handler(&self, signal: i32, callback: impl FnMut() + 'static) -> Result<()> {
        self.catch_signal(signal, callback).map(drop)
    }

    /// Removes the handler. Whether there was one. The signal does nothing from then on: signal-hook can't give the
    /// old behaviour back.
    pub fn remove_signal_handler(&self, signal: i32) -> bool {
        let handler = self.core.signals.borrow_mut().handlers.remove(&signal);
        handler.is_some()
    }

    /// As `add_signal_handler`. Returns the handler's number.
    pub(crate) fn catch_signal(&self, signal: i32, callback: impl FnMut() + 'static) -> Result<u64> {
        if self.is_closed() {
            return Err(Error::Runtime("Event loop is closed"));
        }
        check_signal(signal)?;
        self.remove_signal_handler(signal);
        let mut pipe = SignalPipe::new([signal])?;
        let registration = Registration::with(self.core.clone(), &mut pipe, Interest::READABLE)?;
        let pipe = Rc::new(RefCell::new(pipe));
        // One listener runs when the pipe is readable and queues the callback: a turn later, as in asyncio.
        let callback = Rc::new(RefCell::new(callback));
        let context = Rc::new(Cell::new(context::inherited()));
        let call = Listener::new(move |_| context::within(&context, || (callback.borrow_mut())()));
        let listener = Listener::new({
            let (pipe, core) = (Rc::downgrade(&pipe), self.core.me.clone());
            move |_| {
                if let (Some(pipe), Some(core)) = (pipe.upgrade(), core.upgrade()) {
                    let came = pipe.borrow_mut().pending().count();
                    (0..came).for_each(|_| core.push(Ready::Notify(call.clone(), 0)));
                }
            }
        });
        registration.listen(Direction::Read, listener);
        let mut signals = self.core.signals.borrow_mut();
        signals.count += 1;
        let number = signals.count;
        signals.handlers.insert(signal, SignalHandler { number, _pipe: pipe, _registration: registration });
        Ok(number)
    }

    /// Whether there is a handler for `signal`.
    pub(crate) fn has_signal_handler(&self, signal: i32) -> bool {
        self.core.signals.borrow().handlers.contains_key(&signal)
    }

    /// Removes the handler with this number, if it is still the one for `signal`.
    pub(crate) fn release_signal(&self, signal: i32, number: u64) {
        let is_ours = self.core.signals.borrow().handlers.get(&signal).is_some_and(|handler| handler.number == number);
        if is_ours {
            self.remove_signal_handler(signal);
        }
    }
}

/// Refuses what is no signal, what no program can catch, and what says that the program itself has gone wrong, after
/// which it can't go on to a turn of the loop. signal-hook panics at all of them (`unix_events.py: _check_signal`,
/// `add_signal_handler`, which take the last).
fn check_signal(signal: i32) -> Result<()> {
    const LAST: i32 = if cfg!(target_os = "linux") { 64 } else { 31 };
    /// SIGKILL and SIGSTOP.
    const UNCATCHABLE: [i32; 2] = [9, if cfg!(target_os = "linux") { 19 } else { 17 }];
    /// SIGILL, SIGFPE and SIGSEGV.
    const FAULTS: [i32; 3] = [4, 8, 11];
    let why = match signal {
        1..=LAST if UNCATCHABLE.contains(&signal) => format!("sig {signal} cannot be caught"),
        1..=LAST if FAULTS.contains(&signal) => format!("sig {signal} is a fault, which no turn of a loop can handle"),
        1..=LAST => return Ok(()),
        _ => format!("invalid signal number {signal}"),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, why).into())
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

impl Registration {
    /// Calls `listener` at each event from now on. Returns who was called before, for the caller to drop.
    pub(crate) fn listen(&self, direction: Direction, listener: Rc<Listener>) -> Option<Rc<Listener>> {
        self.with_half(direction, |half| half.listener.replace(listener)).flatten()
    }
}
