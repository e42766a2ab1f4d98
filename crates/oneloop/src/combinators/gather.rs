//! `gather`: wait for all, in the order of the arguments.
//!
//! Job: watch several futures with one shared listener, and settle an outer future: with all results when the last is
//! done, with the first error at once. Neighbours: `any_future.rs`, `future.rs`; `gather_tuple.rs`, for results of
//! several types. Invariants: the siblings of a failed one run on; cancelling the outer cancels every unfinished child
//! and then waits for them.
//!
//! Counterparts: `asyncio.gather` (`tasks.py: gather, _GatheringFuture`); `Task.WhenAll` waits for all even when one
//! has failed. Rust's `try_join!` drops the siblings.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use crate::{
    any_future::{AnyFuture, EnsureFuture, Failure, Watched, elsewhere, ensure_all, running_loop},
    cancel::{CancelTarget, Way},
    error::Result,
    event_loop::Core,
    future::{Awaitable, FutureState, Outcome},
    handle::Listener,
    loop_ref::LoopRef,
    observer::WaitsFor,
    ready::TaskId,
};

/// Awaits all, and gives their values in the order of the arguments. When one fails, its error is given at once and the
/// others run on. Rust futures are made tasks in that order, at this call; a task can be given by value, or by
/// reference if its value can be cloned, and then more than once.
///
/// ```
/// # oneloop::run(async {
/// let squares = oneloop::gather((1..4).map(|n| async move { Ok(n * n) })).await?;
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok(()) }).unwrap();
/// ```
///
/// Cancelling what it returns, or the task that awaits it, cancels those that are not done; when all are, it gives
/// `Cancelled`, or the first error. A child that is cancelled by others is a failure with `Cancelled` as its error.
/// It takes two turns from the end of the last child until the awaiter runs.
///
/// # Panics
/// When no loop runs on this thread and none of the awaitables has one; when awaited, with the panic of a child.
#[track_caller]
pub fn gather<A: EnsureFuture>(awaitables: impl IntoIterator<Item = A>) -> AnyFuture<Vec<A::Value>> {
    let children = ensure_all(awaitables);
    gathering(Values(children))
}

/// As [`gather`], but errors are values like others: each child gives a `Result`, also `Err(Cancelled)`, and all are
/// waited for: `asyncio.gather(.., return_exceptions=True)`. What was said to a child that was cancelled can be asked of the
/// child alone ([`Task::cancel_message`](crate::Task::cancel_message)): the value `Err(Cancelled)` has no parts.
///
/// ```
/// # oneloop::run(async {
/// let halves = (1..4).map(|n| async move { if n % 2 == 0 { Ok(n / 2) } else { Err(oneloop::Error::other("odd")) } });
/// let results = oneloop::gather_return_exceptions(halves).await?;
/// assert!(results[0].is_err() && matches!(results[1], Ok(1)) && results[2].is_err());
/// # Ok(()) }).unwrap();
/// ```
///
/// # Panics
/// As [`gather`].
#[track_caller]
pub fn gather_return_exceptions<A: EnsureFuture>(
    awaitables: impl IntoIterator<Item = A>,
) -> AnyFuture<Vec<Result<A::Value>>> {
    let children = ensure_all(awaitables);
    gathering(Results(children))
}

/// Those that are waited for, and what comes of them together.
pub(crate) trait Children<V> {
    /// Whether an error is a value like others, and all are waited for.
    const RETURN_EXCEPTIONS: bool;

    fn len(&self) -> usize;
    fn child(&self, which: usize) -> &dyn Watched;

    /// All results, when all are done.
    fn collect(self) -> Result<V>;
}

struct Values<T: 'static>(Vec<AnyFuture<T>>);
struct Results<T: 'static>(Vec<AnyFuture<T>>);

impl<T: 'static> Children<Vec<T>> for Values<T> {
    const RETURN_EXCEPTIONS: bool = false;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn child(&self, which: usize) -> &dyn Watched {
        &self.0[which]
    }

    fn collect(self) -> Result<Vec<T>> {
        self.0.into_iter().map(AnyFuture::into_result).collect()
    }
}

impl<T: 'static> Children<Vec<Result<T>>> for Results<T> {
    const RETURN_EXCEPTIONS: bool = true;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn child(&self, which: usize) -> &dyn Watched {
        &self.0[which]
    }

    fn collect(self) -> Result<Vec<Result<T>>> {
        Ok(self.0.into_iter().map(AnyFuture::into_result).collect())
    }
}

struct Gathering<V, C> {
    state: FutureState<V>,
    /// Empty once all are done.
    children: RefCell<Option<C>>,
    /// How many are not done.
    left: Cell<usize>,
    /// The outer was cancelled: when the children are done it gives `Err(Cancelled)`, even if all refused.
    cancel_requested: Cell<bool>,
}

#[track_caller]
pub(crate) fn gathering<V: 'static, C: Children<V> + 'static>(children: C) -> AnyFuture<V> {
    let count = children.len();
    let home = (count > 0).then(|| children.child(0).home().upgrade()).flatten();
    let event_loop = home.map_or_else(running_loop, |core| LoopRef { core });
    if (0..count).any(|which| event_loop.core.is_other_than(children.child(which).home())) {
        return elsewhere(&event_loop);
    }
    let gathering = Rc::new(Gathering {
        state: FutureState::new(Rc::downgrade(&event_loop.core)),
        children: RefCell::new(Some(children)),
        left: Cell::new(count),
        cancel_requested: Cell::new(false),
    });
    if count == 0 {
        gathering.all_done();
    }
    let listener = Listener::new({
        let gathering = gathering.clone();
        move |which| gathering.child_done(which as usize)
    });
    let mut done = Vec::new();
    if let Some(children) = &*gathering.children.borrow() {
        for which in 0..count {
            let child = children.child(which);
            if child.is_done() {
                done.push(which);
            } else {
                child.listen(&event_loop.core, listener.clone(), which as u32);
            }
        }
    }
    // No turn goes by for those that are done already.
    done.into_iter().for_each(|which| gathering.child_done(which));
    AnyFuture::new(gathering)
}

impl<V: 'static, C: Children<V>> Gathering<V, C> {
    fn child_done(&self, which: usize) {
        self.left.set(self.left.get() - 1);
        let failure = self.failure(which); // an error that comes after the first counts as seen
        if let Some(failure) = failure.filter(|_| !self.state.is_done()) {
            self.settle(failure);
        }
        if self.left.get() == 0 {
            self.all_done();
        }
    }

    /// How the child failed, if that ends the whole. A cancelled child is a failure with `Cancelled` as its error: the
    /// outer itself wasn't cancelled.
    fn failure(&self, which: usize) -> Option<Outcome<V>> {
        let children = self.children.borrow();
        let child = children.as_ref()?.child(which);
        match child.failure() {
            Some(Failure::Panic(payload)) => Some(Outcome::Panicked(payload)),
            _ if C::RETURN_EXCEPTIONS => None,
            Some(Failure::Error(error)) => Some(Outcome::Finished(Err(error))),
            None => Some(Outcome::Finished(Err(child.reason()?.into_error()))),
        }
    }

    fn all_done(&self) {
        let children = self.children.take();
        if self.state.is_done() {
            return;
        }
        if self.cancel_requested.get() {
            // What was said to the last of the arguments, whichever has ended last (tasks.py: gather, whose loop over
            // the results leaves that one in `fut`).
            let last = children.filter(|children| children.len() > 0);
            let reason = last.and_then(|children| children.child(children.len() - 1).reason());
            self.settle(Outcome::Finished(Err(reason.unwrap_or_default().into_error())));
        } else if let Some(children) = children {
            self.settle(Outcome::Finished(children.collect()));
        }
    }

    fn settle(&self, outcome: Outcome<V>) {
        if let Some(core) = self.state.home.upgrade() {
            self.state.complete(&core, outcome);
        }
    }
}

impl<V: 'static, C: Children<V>> CancelTarget for Gathering<V, C> {
    fn takes_request(&self) -> bool {
        let children = self.children.borrow();
        let takes = |children: &C| (0..children.len()).any(|which| children.child(which).target().takes_request());
        !self.state.is_done() && children.as_ref().is_some_and(takes)
    }

    fn tells_first(&self, core: &Core, task: TaskId) -> bool {
        self.state.tells_first(core, task)
    }

    fn request(self: Rc<Self>, _core: &Core, way: &mut Way) {
        self.cancel_requested.set(true);
        let children = self.children.borrow();
        let Some(children) = &*children else { return };
        for child in (0..children.len()).rev().map(|which| children.child(which).target()) {
            if child.takes_request() {
                way.down(child);
            }
        }
    }

    fn is_ending(&self) -> bool {
        let children = self.children.borrow();
        let mut all = children.iter().flat_map(|children| (0..children.len()).map(|which| children.child(which)));
        !self.state.is_done() && all.all(Watched::is_done)
    }

    /// Whoever awaits the whole waits for each child that has not ended.
    fn waits_for(&self, tell: &mut dyn FnMut(WaitsFor)) {
        let children = self.children.borrow();
        for child in children.iter().flat_map(|children| (0..children.len()).map(|which| children.child(which))) {
            if !child.is_done() {
                child.target().waits_for(tell);
            }
        }
    }
}

impl<V, C> Drop for Gathering<V, C> {
    fn drop(&mut self) {
        self.state.report_dropped("_GatheringFuture");
    }
}

impl<V: 'static, C: Children<V>> Awaitable<V> for Gathering<V, C> {
    fn state(&self) -> &FutureState<V> {
        &self.state
    }
}
