//! What other threads may have of a loop.
//!
//! Job: `call_soon_threadsafe`. Neighbours: `ready.rs`, whose inbox it fills. Invariant: nothing else of a loop is
//! `Send`, so the compiler refuses what asyncio can only warn of in debug mode (`_check_thread`).

use crate::{
    error::{Error, Result},
    loop_ref::LoopRef,
    ready::{Inbox, Letter},
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
    /// Queues `callback` on the loop's thread, and ends its park: `call_soon_threadsafe`.
    ///
    /// # Errors
    /// `Runtime` when the loop is closed.
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce() + Send + 'static) -> Result<()> {
        self.inbox.add(Letter::Call(Box::new(callback))).map_err(|_| Error::Runtime("Event loop is closed"))
    }
}
