//! Signals: Ctrl-C as a callback on the loop.
//!
//! Job: `add_signal_handler`. signal-hook's handler writes to a pipe, which is a source like any other: a signal
//! becomes a readable descriptor, then a listener in the ready queue, then a callback in a turn; nothing of ours runs
//! inside the signal handler. Neighbours: `selector.rs`. Invariant: the callback runs outside of any task.
//!
//! Counterparts: `loop.add_signal_handler` (`unix_events.py`); `Console.CancelKeyPress` and
//! `PosixSignalRegistration`, which call on a pool thread.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use mio::Interest;
use signal_hook_mio::v1_0::Signals as SignalPipe;

use crate::{
    error::{Error, Result},
    handle::Listener,
    loop_ref::LoopRef,
    selector::{Direction, Registration},
};

/// The handlers of one loop, by number of the signal.
#[derive(Default)]
pub(crate) struct Signals(BTreeMap<i32, (Rc<RefCell<SignalPipe>>, Registration)>);

impl LoopRef {
    /// Calls `callback` on the loop at each `signal` (`2` is SIGINT, `15` SIGTERM), in place of what the signal does
    /// otherwise. Replaces the handler that was there.
    ///
    /// # Errors
    /// `Io` when the signal can't be caught, or no descriptor is left.
    pub fn add_signal_handler(&self, signal: i32, callback: impl FnMut() + 'static) -> Result<()> {
        if self.is_closed() {
            return Err(Error::Runtime("Event loop is closed"));
        }
        self.remove_signal_handler(signal);
        let mut pipe = SignalPipe::new([signal])?;
        let registration = Registration::with(self.core.clone(), &mut pipe, Interest::READABLE)?;
        let pipe = Rc::new(RefCell::new(pipe));
        let listener = Listener::new({
            let (pipe, callback) = (pipe.clone(), RefCell::new(callback));
            move |_| {
                let came = pipe.borrow_mut().pending().count();
                for _ in 0..came {
                    (callback.borrow_mut())();
                }
            }
        });
        registration.listen(Direction::Read, listener);
        self.core.signals.borrow_mut().0.insert(signal, (pipe, registration));
        Ok(())
    }

    /// Removes the handler. Whether there was one. The signal does nothing from then on: signal-hook can't give the
    /// old behaviour back.
    pub fn remove_signal_handler(&self, signal: i32) -> bool {
        let handler = self.core.signals.borrow_mut().0.remove(&signal);
        handler.is_some()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
