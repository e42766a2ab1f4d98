//! `wait`: until some or all of several futures are done.
//!
//! Neighbours: `any_future.rs`. Invariants: it never cancels what it waits for, and gives none of their errors; what it
//! had registered is taken back however it ends.
//!
//! Counterparts: `asyncio.wait` (`tasks.py: wait, _wait`), which gives sets; `Task.WhenAny`, `Task.WaitAll`.

use std::{cell::Cell, collections::HashSet, fmt, rc::Rc, time::Duration};

use crate::{
    any_future::{AnyFuture, EnsureFuture, Watched},
    error::{Error, Result},
    event_loop::with_running,
    handle::{Listener, TimerHandle},
    join::Task,
    loop_ref::get_running_loop,
    settable::SettableFuture,
};

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnWhen {
    /// As soon as one is done.
    FirstCompleted,
    /// As soon as one has failed (a cancelled one has not), or all are done.
    FirstException,
    /// When all are done.
    #[default]
    AllCompleted,
}

/// What [`wait`] can wait for: a handle to a future that exists already. A Rust future is none; make a task of it.
pub trait Waitable {
    /// How `wait` watches it.
    #[doc(hidden)]
    fn watch(&self) -> Watch;
}

/// A future of whatever type.
#[doc(hidden)]
pub struct Watch(pub(crate) Rc<dyn Watched>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("done", &self.0.is_done()).finish_non_exhaustive()
    }
}

impl<T: 'static> Waitable for AnyFuture<T> {
    fn watch(&self) -> Watch {
        Watch(Rc::new(self.clone()))
    }
}

impl<T: 'static> Waitable for Task<T> {
    fn watch(&self) -> Watch {
        Watch(Rc::new(self.clone().ensure_future()))
    }
}

impl<T: 'static> Waitable for SettableFuture<T> {
    fn watch(&self) -> Watch {
        Watch(Rc::new(self.clone().ensure_future()))
    }
}

impl<W: Waitable + ?Sized> Waitable for &W {
    fn watch(&self) -> Watch {
        (**self).watch()
    }
}

impl<W: Waitable + ?Sized> Waitable for Rc<W> {
    fn watch(&self) -> Watch {
        (**self).watch()
    }
}

/// Waits for `futures` until `return_when` says so, or until `timeout` is over (`None` is for ever). Gives those that
/// are done and those that aren't, each in the order of the arguments; one that is named twice counts once. Takes two
/// turns from the end of the last one until the caller runs. Cancellation safe: the futures are left alone.
///
/// Futures of several types can be given by reference: `[&a as &dyn Waitable, &b]`.
///
/// ```
/// # use std::time::Duration;
/// # use oneloop::{ReturnWhen, create_task, sleep, wait};
/// # let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// # event_loop.run_until_complete(async {
/// let tasks = [3, 1, 2].map(|n| create_task(sleep(Duration::from_secs(n))));
/// let (done, pending) = wait(&tasks, ReturnWhen::FirstCompleted, None).await?;
/// assert!(done == [&tasks[1]] && pending == [&tasks[0], &tasks[2]]);
/// # Ok(()) })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// `Value` for no futures at all; `Cancelled`. Never an error of one of the futures, nor `Timeout`.
pub async fn wait<W: Waitable>(
    futures: impl IntoIterator<Item = W>,
    return_when: ReturnWhen,
    timeout: impl Into<Option<Duration>>,
) -> Result<(Vec<W>, Vec<W>)> {
    let (mut seen, mut handles, mut watched) = (HashSet::new(), Vec::new(), Vec::new());
    for future in futures {
        let watch = future.watch().0;
        if seen.insert(watch.id()) {
            handles.push(future);
            watched.push(watch);
        }
    }
    if watched.is_empty() {
        return Err(Error::Value("Set of Tasks/Futures is empty."));
    }
    let registered = Registered::new(&watched, return_when, timeout.into())?;
    with_running(|core| core.observe_targets(|| watched.iter().filter(|watch| !watch.is_done()).map(|it| it.target())));
    registered.enough.clone().await?;
    drop(registered);
    let (mut done, mut pending) = (Vec::new(), Vec::new());
    for (handle, watch) in handles.into_iter().zip(watched) {
        if watch.is_done() { done.push(handle) } else { pending.push(handle) }
    }
    Ok((done, pending))
}

/// What `wait` has registered, and takes back on its way out.
struct Registered<'a> {
    futures: &'a [Rc<dyn Watched>],
    listener: Rc<Listener>,
    timer: Option<Rc<TimerHandle>>,
    /// Set when it has waited long enough.
    enough: SettableFuture<()>,
}

impl<'a> Registered<'a> {
    fn new(futures: &'a [Rc<dyn Watched>], return_when: ReturnWhen, timeout: Option<Duration>) -> Result<Self> {
        let event_loop = get_running_loop()?;
        let enough = event_loop.create_future::<()>();
        let timer = timeout.map(|timeout| {
            let enough = enough.clone();
            Rc::new(event_loop.call_later(timeout, move || drop(enough.set_result(()))))
        });
        let listener = Listener::new({
            let (enough, timer, futures) = (enough.clone(), timer.clone(), futures.to_vec());
            let left = Cell::new(futures.len());
            move |which| {
                left.set(left.get() - 1);
                let is_enough = left.get() == 0
                    || return_when == ReturnWhen::FirstCompleted
                    || return_when == ReturnWhen::FirstException && futures[which as usize].has_failed();
                if is_enough {
                    timer.iter().for_each(|timer| timer.cancel());
                    let _ = enough.set_result(()); // fails for all but the first
                }
            }
        });
        for (which, future) in futures.iter().enumerate() {
            future.listen(&event_loop.core, listener.clone(), which as u32);
        }
        Ok(Registered { futures, listener, timer, enough })
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.timer.iter().for_each(|timer| timer.cancel());
        for future in self.futures {
            future.unlisten(&self.listener);
        }
    }
}
