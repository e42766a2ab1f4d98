//! `Event`: a flag that tasks wait for.
//!
//! Neighbours: `line.rs`. Invariant: whoever waits when `set` is called goes on, even if `clear` follows at once.
//!
//! Counterparts: `asyncio.Event` (`locks.py`). In .NET it is made of a `TaskCompletionSource`, whose `SetResult` runs
//! the waiters inside the call; here they run in a later turn.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use super::line::{At, Line, LoopBound, Waiter};
use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
};

/// A flag that is set and cleared, and that tasks can wait for. Clones are the same event.
///
/// ```
/// # oneloop::run(async {
/// let event = oneloop::Event::new();
/// let waits = event.clone();
/// let task = oneloop::create_task(async move { waits.wait().await });
/// event.set();
/// task.await
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Event {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    set: Cell<bool>,
    line: Line,
    bound: LoopBound,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Event {
        Event::default()
    }

    /// Sets the flag, and wakes all who wait, in the order in which they came.
    pub fn set(&self) {
        if self.shared.set.replace(true) {
            return;
        }
        for waiter in self.shared.line.waiting(usize::MAX) {
            waiter.wake(&self.shared.bound);
        }
    }

    /// Clears the flag: who asks from now on waits.
    pub fn clear(&self) {
        self.shared.set.set(false);
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.shared.set.get()
    }

    /// Waits until the flag is set; does not suspend if it is. Cancellation safe: a waiter that goes takes nothing
    /// with it.
    ///
    /// # Errors
    /// `Cancelled`; `Runtime` on another loop than the one on which a task has first waited.
    pub fn wait(&self) -> EventWait {
        EventWait { shared: self.shared.clone(), place: None }
    }
}

/// What [`Event::wait`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct EventWait {
    shared: Rc<Shared>,
    place: Option<Rc<Waiter>>,
}

impl Future for EventWait {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let place = match &this.place {
            Some(place) => place,
            None if take_cancellation() => return Poll::Ready(Err(Error::Cancelled)),
            None if this.shared.set.get() => return Poll::Ready(Ok(())),
            None => {
                this.shared.bound.bind("the Event is bound to a different event loop")?;
                this.place.insert(this.shared.line.join(At::Event))
            }
        };
        let result = std::task::ready!(place.poll(cx));
        this.leave();
        Poll::Ready(result)
    }
}

impl EventWait {
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.line.leave(&place);
        }
    }
}

impl Drop for EventWait {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).field("waiters", &self.shared.line.len()).finish()
    }
}

impl fmt::Debug for EventWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventWait")
    }
}
