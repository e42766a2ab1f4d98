//! What nobody can be given is reported here: a panic in a callback, an error that nobody awaited.
//!
//! Job: asyncio's `call_exception_handler`, and its "exception was never retrieved". Neighbours: `event_loop.rs` and
//! `task.rs` meet it through one call each. Invariant: a report never unwinds into the loop, whatever the handler, or
//! the `Display` of a user's error, does.
//!
//! Counterparts: `loop.set_exception_handler`, `default_exception_handler` (`base_events.py`);
//! `TaskScheduler.UnobservedTaskException`.

use std::{
    any::Any,
    cell::Cell,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use crate::{
    cells::peek,
    context,
    debug::panic_message,
    error::Error,
    event_loop::Core,
    future::{FutureState, Outcome},
    loop_ref::LoopRef,
    task::Header,
    task_ref::TaskRef,
};

type Handler = dyn Fn(&LoopRef, &ExceptionContext);

/// Who is told. None is the default: a line on stderr.
pub(crate) type ExceptionHandler = Cell<Option<Rc<Handler>>>;

/// What is said of a callback that has failed.
pub(crate) const IN_CALLBACK: &str = "Exception in callback";

/// What an exception handler is told: asyncio's dictionary. Its `Display` is all of it in one line.
#[derive(Clone, Debug)]
pub struct ExceptionContext {
    message: String,
    error: Option<Error>,
    task: Option<TaskRef>,
}

impl ExceptionContext {
    /// For a report of one's own, to [`LoopRef::call_exception_handler`].
    pub fn new(message: impl Into<String>) -> ExceptionContext {
        ExceptionContext { message: message.into(), error: None, task: None }
    }

    /// With the error that it is about.
    pub fn with_error(mut self, error: Error) -> ExceptionContext {
        self.error = Some(error);
        self
    }

    /// With the task that it is about.
    pub fn with_task(mut self, task: TaskRef) -> ExceptionContext {
        self.task = Some(task);
        self
    }

    /// What has happened, in asyncio's words: `context["message"]`.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error, if there is one (`context["exception"]`). A panic is an `Error::Other` with the panic's message.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The task, if it is about one: `context["task"]`, or `context["future"]` where a task's error was never retrieved.
    /// None where it is about a future that is no task.
    pub fn task(&self) -> Option<&TaskRef> {
        self.task.as_ref()
    }
}

impl fmt::Display for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(task) = &self.task {
            write!(f, ": {}", task.get_name())?;
        }
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

impl LoopRef {
    /// Has `handler` told of what nobody can be given: a panic in a callback, an error that nobody awaited. The default
    /// prints it to stderr. A handler that panics is reported to the default one.
    pub fn set_exception_handler(&self, handler: impl Fn(&LoopRef, &ExceptionContext) + 'static) {
        self.core.debug.exception_handler.set(Some(Rc::new(handler)));
    }

    /// Goes back to the default (asyncio: `set_exception_handler(None)`).
    pub fn reset_exception_handler(&self) {
        self.core.debug.exception_handler.set(None);
    }

    /// Tells the exception handler. It never panics.
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        self.core.tell(context);
    }

    /// What is done without a handler of one's own, for a handler that wants to go on with it: logs it.
    pub fn default_exception_handler(&self, context: &ExceptionContext) {
        self.core.log_report(context);
    }
}

impl Core {
    /// Logs a report. The `Display` of a user's error is user code.
    fn log_report(&self, context: &ExceptionContext) {
        let sentence = catch_unwind(AssertUnwindSafe(|| context.to_string())).unwrap_or_else(|payload| {
            forget_if_it_panics(payload);
            format!("{}: an error whose Display panics", context.message)
        });
        self.log(&sentence);
    }

    /// Runs user code that isn't a task's body, with no context variable set: a callback brings its own. A panic in it
    /// is reported, and the loop goes on.
    pub(crate) fn fence(&self, function: impl FnOnce()) {
        let outside = Cell::new(None);
        let run = || context::within(&outside, function);
        let fenced = || {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
                self.report(IN_CALLBACK, payload);
            }
        };
        self.watched(|| None, fenced);
        if let Some(context) = outside.take()
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(context)))
        {
            self.report(IN_CALLBACK, payload);
        }
    }

    /// Tells the exception handler of a panic that nobody can be given.
    pub(crate) fn report(&self, message: &str, payload: Box<dyn Any + Send>) {
        self.tell(&ExceptionContext::new(message).with_error(error_of(payload)));
    }

    pub(crate) fn tell(&self, context: &ExceptionContext) {
        let handler = peek(&self.debug.exception_handler);
        let (Some(handler), Some(core)) = (handler, self.me.upgrade()) else { return self.log_report(context) };
        let its_context = context.task.as_ref().and_then(|task| task.task.header().kept_context());
        let handle = || handler(&LoopRef { core }, context);
        let told = catch_unwind(AssertUnwindSafe(|| context::in_its_own(its_context, handle)));
        if let Err(payload) = told {
            let unhandled = ExceptionContext::new("Unhandled error in exception handler");
            self.log_report(&unhandled.with_error(error_of(payload)));
            self.log_report(context);
        }
    }

    /// asyncio's "Task exception was never retrieved", when a task ends and nobody has a handle to it.
    pub(crate) fn report_unseen<T>(&self, header: &Header, state: &FutureState<T>) {
        if state.has_unseen_error() {
            let task = self.task(header.id).map(|task| TaskRef::new(task, self.me.clone()));
            self.report_error(task, state);
        }
    }

    /// The same for the last handle of a task that has ended.
    pub(crate) fn report_error<T>(&self, task: Option<TaskRef>, state: &FutureState<T>) {
        if state.has_unseen_error() {
            self.report_error_of("Task", task, state);
        }
    }

    fn report_error_of<T>(&self, of: &str, task: Option<TaskRef>, state: &FutureState<T>) {
        let mut context = ExceptionContext::new(format!("{of} exception was never retrieved"));
        context.task = task;
        match state.take() {
            Outcome::Finished(Err(error)) => context.error = Some(error),
            Outcome::Panicked(payload) => context.error = Some(error_of(payload)),
            _ => return,
        }
        self.tell(&context);
    }
}

impl<T> FutureState<T> {
    /// As `report_error`, for a future that isn't a task. `of` is asyncio's name of its class.
    pub(crate) fn report_dropped(&self, of: &str) {
        if self.has_unseen_error()
            && let Some(core) = self.home.upgrade()
        {
            core.report_error_of(of, None, self);
        }
    }
}

/// The sentence of a panic that nobody can be given, as an error.
fn error_of(payload: Box<dyn Any + Send>) -> Error {
    let error = Error::other(panic_message(&*payload).to_owned());
    forget_if_it_panics(payload);
    error
}

/// Drops what a panic carried. Its destructor may panic as well, and is given up on then.
pub(crate) fn forget_if_it_panics(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}
