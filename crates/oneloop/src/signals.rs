//! Signals: Ctrl-C as a callback on the loop.
//!
//! Job: `add_signal_handler`. signal-hook's handler marks the signal and writes to a pipe, which is a source like any
//! other and the same for all signals of a loop: a signal becomes a readable descriptor, then a listener in the ready
//! queue, then a callback in a turn; nothing of ours runs inside the signal handler. Neighbours: `selector.rs`.
//! Invariants: callbacks run outside of any task; a signal is for the handler that is there when the loop looks, and one
//! that came while there was none is for nobody.
//!
//! Counterparts: `loop.add_signal_handler` (`unix_events.py`); `Console.CancelKeyPress` and
//! `PosixSignalRegistration`, which call on a pool thread.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
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

/// The handlers of one loop, and the pipe that tells it of their signals.
#[derive(Default)]
pub(crate) struct Signals {
    pub(crate) handlers: BTreeMap<i32, SignalHandler>,
    /// While there is a handler.
    pub(crate) pipe: Option<RegisteredPipe>,
    /// How many handlers there ever were.
    count: u64,
}

#[derive(Clone)]
pub(crate) struct SignalHandler {
    /// Tells it from all others, also for the same signal.
    number: u64,
    heard: Rc<dyn Fn()>,
}

pub(crate) struct RegisteredPipe {
    /// Goes first: it is closed before its place in the selector is free.
    pipe: SignalPipe,
    /// Signals that have lost their handlers. It goes on hearing of them.
    forsaken: BTreeSet<i32>,
    _registration: Registration,
}

impl LoopRef {
    /// Calls `callback` on the loop when `signal` has come (`2` is SIGINT, `15` SIGTERM), in place of what the signal
    /// does otherwise. Several that come before the loop looks are one, as the kernel joins them, too. Replaces the
    /// handler that was there.
    ///
    /// # Errors
    /// `Io` for what is no signal, for one that can't be caught, or when no descriptor is left.
    pub fn add_signal_handler(&self, signal: i32, callback: impl FnMut() + 'static) -> Result<()> {
        let callback = RefCell::new(callback);
        let context = Cell::new(context::inherited());
        let call = Listener::new(move |_| context::within(&context, || (callback.borrow_mut())()));
        let event_loop = self.core.me.clone();
        // What hears of the signal only queues the callback: it runs a turn later, as in asyncio.
        let queue = move || {
            if let Some(core) = event_loop.upgrade() {
                core.push(Ready::Notify(call.clone(), 0));
            }
        };
        self.catch_signal(signal, queue).map(drop)
    }

    /// Removes the handler. Whether there was one. The signal does nothing from then on: signal-hook can't give the
    /// old behaviour back.
    pub fn remove_signal_handler(&self, signal: i32) -> bool {
        let mut signals = self.core.signals.borrow_mut();
        let handler = signals.handlers.remove(&signal);
        if let (Some(_), Some(made)) = (&handler, &mut signals.pipe) {
            made.forsaken.insert(signal);
        }
        let pipe = if signals.handlers.is_empty() { signals.pipe.take() } else { None };
        drop(signals); // what the handler holds is foreign
        drop(pipe);
        handler.is_some()
    }

    /// Has `heard` called when the loop finds that the signal has come. Returns the handler's number.
    pub(crate) fn catch_signal(&self, signal: i32, heard: impl Fn() + 'static) -> Result<u64> {
        if self.is_closed() {
            return Err(Error::LOOP_CLOSED);
        }
        check_signal(signal)?;
        let is_forsaken = |made: &mut RegisteredPipe| made.forsaken.remove(&signal);
        if self.core.signals.borrow_mut().pipe.as_mut().is_some_and(is_forsaken) {
            self.hear_signals(); // what came meanwhile is not for this handler
        }
        self.catch_in_pipe(signal)?;
        let (number, replaced) = {
            let mut signals = self.core.signals.borrow_mut();
            signals.count += 1;
            let handler = SignalHandler { number: signals.count, heard: Rc::new(heard) };
            (signals.count, signals.handlers.insert(signal, handler))
        };
        drop(replaced); // with nothing borrowed: it is foreign
        Ok(number)
    }

    /// Has the loop's pipe, which is made when there is none yet, told of `signal`.
    fn catch_in_pipe(&self, signal: i32) -> Result<()> {
        if let Some(made) = &self.core.signals.borrow().pipe {
            return Ok(made.pipe.add_signal(signal)?);
        }
        let mut pipe = SignalPipe::new([signal])?;
        let registration = Registration::with(self.core.clone(), &mut pipe, Interest::READABLE)?;
        let event_loop = self.core.me.clone();
        let hear = move |_| event_loop.upgrade().into_iter().for_each(|core| LoopRef { core }.hear_signals());
        registration.listen(Direction::Read, Listener::new(hear));
        self.core.signals.borrow_mut().pipe =
            Some(RegisteredPipe { pipe, forsaken: BTreeSet::new(), _registration: registration });
        Ok(())
    }

    /// Calls the handlers of the signals that have come since the last look.
    fn hear_signals(&self) {
        self.take_pending().iter().for_each(|handler| (handler.heard)());
    }

    /// The handlers of the signals that have come since the last look; a signal without one is forgotten.
    fn take_pending(&self) -> Vec<SignalHandler> {
        let mut signals = self.core.signals.borrow_mut();
        let Signals { handlers, pipe, .. } = &mut *signals;
        let pending = pipe.as_mut().map(|made| made.pipe.pending());
        pending.into_iter().flatten().filter_map(|signal| handlers.get(&signal).cloned()).collect()
    }

    /// Whether there is a handler for `signal`.
    pub(crate) fn has_signal_handler(&self, signal: i32) -> bool {
        self.core.signals.borrow().handlers.contains_key(&signal)
    }

    /// Whether the signal of the handler with this number has come since the loop looked last. It is taken: that handler
    /// won't be called for it.
    pub(crate) fn is_signal_pending(&self, number: u64) -> bool {
        let (ours, others): (Vec<_>, Vec<_>) =
            self.take_pending().into_iter().partition(|handler| handler.number == number);
        others.iter().for_each(|handler| (handler.heard)());
        !ours.is_empty()
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
