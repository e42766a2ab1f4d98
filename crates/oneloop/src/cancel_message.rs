//! What a canceller says: the `msg` of asyncio's `cancel(msg)`.
//!
//! Job: [`Task::cancel_with`] leaves a sentence, [`cancel_message`] reads it where `Err(Cancelled)` is caught. The error
//! itself stays a value without parts. Neighbours: `cancel.rs` carries the sentence to whoever takes the request;
//! `future.rs` keeps it in the outcome of what was cancelled. Invariants:
//!
//! - A cancellation without a sentence forgets the one before it: what is read belongs to what was caught last.
//! - A program that never says anything pays for nothing: there is no sentence in a task, and the table stays empty.
//!
//! Counterparts: `_cancel_message`, `_cancelled_exc`, `_make_cancelled_error` (`futures.py`). A .NET token carries no
//! reason.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    rc::Rc,
    sync::Arc,
};

use crate::{
    any_future::{AnyFuture, Watched},
    cancel::cancel_because,
    error::Error,
    event_loop::{Core, with_running},
    future::{FutureState, Outcome},
    join::Task,
    ready::TaskId,
    settable::SettableFuture,
    task_ref::TaskRef,
};

/// Why something was cancelled, if the canceller said so.
#[derive(Clone, Default)]
pub(crate) struct Reason(Option<Rc<Said>>);

struct Said {
    text: Arc<str>,
    /// Of a task: told to the first who awaits it alone, since CPython keeps the exception itself there, and gives it
    /// away. A future makes a new one for each.
    once: bool,
    told: Cell<bool>,
}

impl Reason {
    pub(crate) const NONE: Reason = Reason(None);

    fn new(text: Option<Arc<str>>, once: bool) -> Reason {
        Reason(text.map(|text| Rc::new(Said { text, once, told: Cell::new(false) })))
    }

    /// For a future that keeps it.
    pub(crate) fn given(text: Option<&Arc<str>>) -> Reason {
        Reason::new(text.cloned(), false)
    }

    /// What was said of the cancellation that was caught last.
    pub(crate) fn caught() -> Reason {
        Reason::new(cancel_message(), false)
    }

    fn text(&self) -> Option<&Arc<str>> {
        self.0.as_ref().filter(|said| !said.told.get()).map(|said| &said.text)
    }

    /// For one who awaits.
    pub(crate) fn tell(&self) -> Reason {
        let told = Reason::new(self.text().cloned(), false);
        if let Some(said) = &self.0 {
            said.told.set(said.once);
        }
        told
    }

    /// The error that the current task catches now.
    pub(crate) fn raise(&self) -> Error {
        let text = self.text();
        let in_task = with_running(|core| {
            let task = core.current.get()?;
            if text.is_some() || !core.messages.of.borrow().is_empty() {
                core.messages.slot(core, task, |slot| slot.caught = text.cloned());
            }
            Some(())
        });
        if in_task.flatten().is_none() {
            OUTSIDE.with(|outside| outside.replace(text.cloned()));
        }
        Error::Cancelled
    }

    /// The error as a value, with the reason in it, until somebody is shown it.
    pub(crate) fn into_error(self) -> Error {
        self.text().map_or(Error::Cancelled, |text| Error::other(Carried(text.clone())))
    }
}

/// A cancellation that is another future's result (a child's, in `gather`), with its reason. Nobody else sees it.
#[derive(Debug)]
struct Carried(Arc<str>);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Carried {}

/// The error as people see it. The current task catches it now.
pub(crate) fn shown(error: &Error) -> Error {
    match error {
        Error::Cancelled => Reason::NONE.raise(),
        Error::Other(other) => match other.downcast_ref::<Carried>() {
            Some(Carried(text)) => Reason::given(Some(text)).raise(),
            None => error.clone(),
        },
        _ => error.clone(),
    }
}

thread_local! {
    /// What was caught outside of any task.
    static OUTSIDE: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// The sentences that are under way to tasks or were caught by them.
#[derive(Default)]
pub(crate) struct Messages {
    of: RefCell<HashMap<TaskId, Slot>>,
    /// How many entries there may be before those of tasks that have ended are looked for.
    room: Cell<usize>,
}

#[derive(Default)]
struct Slot {
    /// Of the request that waits for the task's next step.
    requested: Option<Arc<str>>,
    /// Of the cancellation that the task has caught last.
    caught: Option<Arc<str>>,
}

impl Messages {
    /// A request comes to rest at `task`, which takes it in its next step.
    pub(crate) fn request(&self, core: &Core, task: TaskId, text: Option<&Arc<str>>) {
        if text.is_some() || !self.of.borrow().is_empty() {
            self.slot(core, task, |slot| slot.requested = text.cloned());
        }
    }

    /// The current task takes its request.
    #[cold]
    pub(crate) fn deliver(&self, core: &Core) {
        if let Some(task) = core.current.get().filter(|_| !self.of.borrow().is_empty()) {
            self.slot(core, task, |slot| slot.caught = slot.requested.take());
        }
    }

    /// The sentence goes on with the request, to what the current task waits for.
    pub(crate) fn send_on(&self, core: &Core) -> Option<Arc<str>> {
        self.of.borrow_mut().get_mut(&core.current.get()?)?.requested.take()
    }

    /// The current task has ended with a cancellation: with the one that it has caught, or with one that came too late
    /// for any await of it.
    pub(crate) fn reason_of_end(&self, core: &Core, late: bool) -> Reason {
        let mut of = self.of.borrow_mut();
        if of.is_empty() {
            return Reason::NONE;
        }
        let slot = core.current.get().and_then(|task| of.remove(&task)).unwrap_or_default();
        Reason::new(if late { slot.requested } else { slot.caught }, !late)
    }

    fn slot(&self, core: &Core, task: TaskId, change: impl FnOnce(&mut Slot)) {
        let mut of = self.of.borrow_mut();
        if of.len() > self.room.get() {
            of.retain(|task, _| core.task(*task).is_some());
            self.room.set(2 * of.len() + 16);
        }
        change(of.entry(task).or_default());
    }
}

/// What the canceller said of the cancellation that the current task caught last: `e.args` in `except CancelledError
/// as e`. `None` if it said nothing. Outside of a task it is about what this thread caught last outside of one.
///
/// ```
/// # oneloop::run(async {
/// let task = oneloop::create_task(async {
///     match oneloop::sleep(std::time::Duration::from_secs(1)).await {
///         Err(oneloop::Error::Cancelled) => Ok(oneloop::cancel_message()),
///         _ => Ok(None),
///     }
/// });
/// oneloop::yield_now().await?;
/// task.cancel_with("the user has left"); // Python: task.cancel("the user has left")
/// assert_eq!(task.await?.as_deref(), Some("the user has left"));
/// # Ok(()) }).unwrap();
/// ```
pub fn cancel_message() -> Option<Arc<str>> {
    let task = with_running(|core| {
        let task = core.current.get()?;
        Some(core.messages.of.borrow().get(&task).and_then(|slot| slot.caught.clone()))
    });
    task.flatten().unwrap_or_else(|| OUTSIDE.with(|outside| outside.borrow().clone()))
}

impl<T> FutureState<T> {
    /// If it has ended with a cancellation: leaves what was said with `task`, which is about to catch it.
    pub(crate) fn tells_first(&self, core: &Core, task: TaskId) -> bool {
        let text = match &*self.outcome.borrow() {
            Outcome::Cancelled(reason) => reason.text().cloned(),
            Outcome::Finished(Err(Error::Cancelled)) => None,
            Outcome::Finished(Err(Error::Other(other))) => match other.downcast_ref::<Carried>() {
                Some(Carried(text)) => Some(text.clone()),
                None => return false,
            },
            _ => return false,
        };
        core.messages.request(core, task, text.as_ref());
        true
    }
}

/// What was said, of a future that was cancelled.
fn message_of<T>(state: &FutureState<T>) -> Option<Arc<str>> {
    match &*state.outcome.borrow() {
        Outcome::Cancelled(reason) => reason.text().cloned(),
        _ => None,
    }
}

impl<T: 'static> Task<T> {
    /// As [`cancel`](Task::cancel), and says why: `cancel(msg)`. [`cancel_message`] reads it where the cancellation is
    /// caught: in the task, and in who awaits the task.
    pub fn cancel_with(&self, message: &str) -> bool {
        self.inner.state.home.upgrade().is_some_and(|core| cancel_because(&core, self.inner.clone(), message))
    }

    /// What was said by the one whose request the task has not had yet, or by which it was cancelled. The second is
    /// told to one who awaits it, and to no other, as in CPython.
    pub fn cancel_message(&self) -> Option<Arc<str>> {
        let core = self.inner.state.home.upgrade().filter(|_| !self.done());
        let Some(core) = core else { return message_of(&self.inner.state) };
        core.messages.of.borrow().get(&self.id()).and_then(|slot| slot.requested.clone())
    }
}

impl TaskRef {
    /// As [`Task::cancel_with`].
    pub fn cancel_with(&self, message: &str) -> bool {
        self.core.upgrade().is_some_and(|core| cancel_because(&core, self.task.clone(), message))
    }
}

impl<T: 'static> SettableFuture<T> {
    /// As [`cancel`](SettableFuture::cancel), and says why: `cancel(msg)`. [`cancel_message`] reads it where the
    /// cancellation is caught.
    pub fn cancel_with(&self, message: &str) -> bool {
        self.cancel_for(Reason::given(Some(&message.into())))
    }

    /// What was said by the one who has cancelled it.
    pub fn cancel_message(&self) -> Option<Arc<str>> {
        message_of(self.state())
    }
}

impl<T: 'static> AnyFuture<T> {
    /// As [`cancel`](AnyFuture::cancel), and says why: `cancel(msg)`.
    pub fn cancel_with(&self, message: &str) -> bool {
        self.state().home.upgrade().is_some_and(|core| cancel_because(&core, self.target(), message))
    }

    /// What was said, if it was cancelled and nobody who awaits it has been told yet.
    pub fn cancel_message(&self) -> Option<Arc<str>> {
        message_of(self.state())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{cancel_message, create_task, event_loop::with_running, run, sleep, yield_now};

    /// A task that refuses to be cancelled keeps what was said to it, and is not told of again when it ends: unless the
    /// table is looked through, it grows with every one of them.
    #[test]
    fn what_was_said_to_tasks_that_have_ended_is_forgotten() {
        run(async {
            for n in 0..1000 {
                let refuses = create_task(async {
                    let _ = sleep(Duration::from_secs(9)).await;
                    Ok(cancel_message())
                });
                yield_now().await?;
                refuses.cancel_with(&n.to_string());
                assert_eq!(refuses.await?.as_deref(), Some(&*n.to_string()));
                let kept = with_running(|core| core.messages.of.borrow().len());
                assert!(kept.is_some_and(|kept| kept < 20), "{kept:?} are kept");
            }
            Ok(())
        })
        .unwrap();
    }
}
