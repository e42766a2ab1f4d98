//! `as_completed`: several futures, in the order in which they end.
//!
//! Neighbours: `queues.rs`: those that are done wait in a queue; `any_future.rs`. Invariants: it cancels nothing; when
//! its time is over each that is still awaited gives `Timeout`.
//!
//! Counterparts: `asyncio.as_completed` (`tasks.py: _AsCompletedIterator`, as iterator and as asynchronous iterator of
//! 3.13); `Task.WhenEach`, and before .NET 9 a loop around `WhenAny`.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::{
    any_future::{AnyFuture, EnsureFuture, Watched, ensure_all, running_loop},
    error::{Error, Result},
    handle::{Listener, TimerHandle},
    queues::{Queue, QueueGet},
};

/// Gives the results of `awaitables` in the order in which these end. What is iterated over are futures, one for each,
/// to be awaited one after the other; or see [`AsCompleted::next_done`]. After `timeout` (`None` is for ever) those that
/// are still awaited give `Timeout`; the tasks run on. Rust futures are made tasks at this call. In place of a future
/// of another loop comes the error `Value`.
///
/// ```
/// # use std::time::Duration;
/// # let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// # event_loop.run_until_complete(async {
/// let sleeps = [3, 1, 2].map(|n| async move {
///     oneloop::sleep(Duration::from_secs(n)).await?;
///     Ok(n)
/// });
/// let mut order = Vec::new();
/// for next in oneloop::as_completed(sleeps, None) {
///     order.push(next.await?);
/// }
/// assert_eq!(order, [1, 2, 3]);
/// # Ok(()) })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Panics
/// When no loop runs on this thread; when awaited, with the panic of the one that has ended.
#[track_caller]
pub fn as_completed<A: EnsureFuture>(
    awaitables: impl IntoIterator<Item = A>,
    timeout: impl Into<Option<Duration>>,
) -> AsCompleted<A::Value> {
    let event_loop = running_loop();
    let mut known = HashSet::new();
    let mut futures: Vec<_> = ensure_all(awaitables).into_iter().map(|future| future.here(&event_loop)).collect();
    futures.retain(|future| known.insert(future.id()));
    let left = futures.len();
    let shared = Rc::new(Shared {
        done: Queue::new(0),
        todo: RefCell::default(),
        left: Cell::new(left),
        timer: RefCell::default(),
    });
    let listener = Listener::new({
        let shared = shared.clone();
        move |which| shared.completed(which as usize)
    });
    for (which, future) in futures.iter().enumerate() {
        future.state().listen(&event_loop.core, listener.clone(), which as u32);
    }
    *shared.todo.borrow_mut() = futures.into_iter().map(Some).collect();
    if let Some(timeout) = timeout.into().filter(|_| left > 0) {
        let expires = (shared.clone(), listener.clone());
        let timer = event_loop.call_later(timeout, move || expires.0.expired(&expires.1));
        *shared.timer.borrow_mut() = Some(timer);
    }
    AsCompleted { watching: Rc::new(Watching { shared, listener }), left }
}

struct Shared<T: 'static> {
    /// Those that are done, in order. `None` is the place of one that was not done in time.
    done: Queue<Option<AnyFuture<T>>>,
    /// Those that aren't, in their places among the arguments.
    todo: RefCell<Vec<Option<AnyFuture<T>>>>,
    /// How many these are.
    left: Cell<usize>,
    timer: RefCell<Option<TimerHandle>>,
}

impl<T: 'static> Shared<T> {
    fn completed(&self, which: usize) {
        let future = self.todo.borrow_mut().get_mut(which).and_then(Option::take);
        let Some(future) = future else { return }; // the time was over before
        let _ = self.done.put_nowait(Some(future));
        self.left.update(|left| left - 1);
        let timer = self.timer.borrow_mut().take_if(|_| self.left.get() == 0);
        if let Some(timer) = timer {
            timer.cancel();
        }
    }

    fn expired(&self, listener: &Rc<Listener>) {
        for future in self.todo.take().into_iter().flatten() {
            future.unlisten(listener);
            let _ = self.done.put_nowait(None);
        }
    }
}

/// What `as_completed` has registered, for as long as there is somebody to be told.
struct Watching<T: 'static> {
    shared: Rc<Shared<T>>,
    listener: Rc<Listener>,
}

impl<T: 'static> Drop for Watching<T> {
    fn drop(&mut self) {
        let timer = self.shared.timer.take();
        if let Some(timer) = timer {
            timer.cancel();
        }
        for future in self.shared.todo.take().into_iter().flatten() {
            future.unlisten(&self.listener);
        }
    }
}

/// What [`as_completed`] returns.
pub struct AsCompleted<T: 'static> {
    watching: Rc<Watching<T>>,
    /// How many are still to be given.
    left: usize,
}

impl<T: 'static> AsCompleted<T> {
    /// The next one that is done, itself (`async for task in as_completed(tasks)`): so one sees which it is, and its
    /// result is there. `None` after the last.
    ///
    /// # Errors
    /// `Timeout`; `Cancelled`. Not the error of the one that is done.
    pub async fn next_done(&mut self) -> Result<Option<AnyFuture<T>>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.watching.shared.done.get().await?.ok_or(Error::Timeout).map(Some)
    }
}

impl<T: 'static> Iterator for AsCompleted<T> {
    type Item = NextCompleted<T>;

    fn next(&mut self) -> Option<NextCompleted<T>> {
        self.left = self.left.checked_sub(1)?;
        Some(NextCompleted { get: self.watching.shared.done.get(), _watching: self.watching.clone() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// One item of [`AsCompleted`]: awaiting it gives the result of the next future that is done.
#[must_use = "futures do nothing unless awaited"]
pub struct NextCompleted<T: 'static> {
    get: QueueGet<Option<AnyFuture<T>>>,
    _watching: Rc<Watching<T>>,
}

impl<T: 'static> Future for NextCompleted<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let future = ready!(Pin::new(&mut self.get).poll(cx))?;
        Poll::Ready(future.ok_or(Error::Timeout)?.into_result())
    }
}

impl<T: 'static> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<T: 'static> fmt::Debug for NextCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextCompleted")
    }
}
