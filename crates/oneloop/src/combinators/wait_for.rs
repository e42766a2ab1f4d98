//! `wait_for`: await one thing for at most so long.
//!
//! Neighbours: `timeouts.rs`, whose scope it is for a time above zero. Invariant: nothing is started that has no time:
//! with a limit of zero a Rust future is dropped unpolled, and a task that isn't done is cancelled and waited for.
//!
//! Counterparts: `asyncio.wait_for` (`tasks.py`, the rules of 3.12: in the caller's own task); `Task.WaitAsync`, which
//! leaves the loser running.

use std::{future::Future, time::Duration};

use super::{
    timeouts::{LoopError, Timeout},
    wait::{Waitable, Watch},
};
use crate::{
    any_future::AnyFuture,
    error::{Error, Result},
    handle::Listener,
    join::{Task, create_task},
    loop_ref::get_running_loop,
    settable::SettableFuture,
};

/// What [`wait_for`] takes: Rust futures, and handles to what exists already, by value or by reference.
pub trait Started: IntoFuture {
    /// How it is watched, if it is a handle to something that exists already.
    #[doc(hidden)]
    fn started(&self) -> Option<Watch>;
}

impl<F: Future> Started for F {
    fn started(&self) -> Option<Watch> {
        None
    }
}

macro_rules! started {
    ($($handle:ident),*) => {$(
        impl<T: 'static> Started for $handle<T> {
            fn started(&self) -> Option<Watch> {
                Some(self.watch())
            }
        }

        impl<T: Clone + 'static> Started for &$handle<T> {
            fn started(&self) -> Option<Watch> {
                Some(self.watch())
            }
        }
    )*};
}

started!(Task, SettableFuture, AnyFuture);

/// Awaits `future` for at most `delay`, in the caller's own task; `None` is for ever. On expiry it is cancelled and
/// waited for; a value that it gives in spite of it wins.
///
/// With a delay of zero, a task or future that is done gives its result, one that isn't is cancelled, and a Rust future
/// is not started.
///
/// ```
/// # use std::time::Duration;
/// # let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// # event_loop.run_until_complete(async {
/// let slept = oneloop::wait_for(Duration::from_secs(1), oneloop::sleep(Duration::from_secs(3600))).await;
/// assert!(slept.is_err_and(|error: oneloop::Error| error.is_timeout()));
/// # Ok(()) })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// `Timeout`; what `future` gives; `Runtime` outside a task.
pub async fn wait_for<T, E: LoopError, F: Started<Output = Result<T, E>>>(
    delay: impl Into<Option<Duration>>,
    future: F,
) -> Result<T, E> {
    let event_loop = get_running_loop()?;
    let delay = delay.into();
    if delay.is_some_and(|delay| delay.is_zero()) {
        return wait_for_no_time(future).await;
    }
    let limit = Timeout::new(delay.map(|delay| event_loop.core.after(delay)));
    limit.enter_with(future.into_future()).await
}

async fn wait_for_no_time<T, E: LoopError, F: Started<Output = Result<T, E>>>(future: F) -> Result<T, E> {
    let Some(watch) = future.started() else {
        drop(future);
        // asyncio makes a task of it, and cancels that: as many turns go by here.
        let unstarted = create_task(async { Ok(()) });
        cancel_and_wait(unstarted.watch()).await?;
        return Err(Error::Timeout.into());
    };
    if watch.0.is_done() {
        return future.into_future().await; // also a cancellation, which is its own and no time limit's
    }
    cancel_and_wait(watch).await?;
    future.into_future().await.map_err(|error| if error.is_cancelled() { Error::Timeout.into() } else { error })
}

/// Cancels, and waits for the end: `_cancel_and_wait`. The end is seen by a done-callback, so that a cancellation of
/// the caller stops the waiting at once.
async fn cancel_and_wait(Watch(future): Watch) -> Result<()> {
    let event_loop = get_running_loop()?;
    let ended = event_loop.create_future();
    let listener = Listener::once({
        let ended = ended.clone();
        move || drop(ended.set_result(()))
    });
    future.listen(&event_loop.core, listener.clone(), 0);
    future.cancel();
    let result = ended.await;
    future.unlisten(&listener);
    result
}
