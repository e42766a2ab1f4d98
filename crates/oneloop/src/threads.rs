//! What other threads may have of a loop.
//!
//! Job: `call_soon_threadsafe`. Neighbours: `ready.rs`, whose inbox it fills. Invariant: nothing else of a loop is
//! `Send`, so the compiler refuses what asyncio can only warn of in debug mode (`_check_thread`).

use crate::{
    context::{current_values, with_values},
    error::{Error, Result},
    event_loop::running,
    handle::Callback,
    loop_ref::LoopRef,
    ready::{Inbox, Letter, Ready},
    sync::Arc,
};

/// What other threads may have of a loop.
#[derive(Clone)]
pub struct LoopHandle {
    inbox: Arc<Inbox>,
}

impl LoopRef {
    /// A reference for other threads.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle { inbox: self.core.inbox.clone() }
    }
}

impl LoopHandle {
    /// Queues `callback` on the loop's thread, and ends its park: `call_soon_threadsafe`. Called from a turn of the
    /// loop itself it is `call_soon`, in one order with that.
    ///
    /// # Errors
    /// `Runtime` when the loop is closed.
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce() + Send + 'static) -> Result<()> {
        const CLOSED: Error = Error::Runtime("Event loop is closed");
        match running().filter(|core| Arc::ptr_eq(&core.inbox, &self.inbox)) {
            Some(core) if core.closed.get() => Err(CLOSED),
            Some(core) => {
                core.push(Ready::Call(Callback::new(callback)));
                Ok(())
            }
            None => {
                let values = current_values(); // of this thread's context: they run with the callback
                let letter = Letter::Call(Box::new(move || with_values(values, callback)));
                self.inbox.add(letter).map_err(|_| CLOSED)
            }
        }
    }
}
