//! Context variables: values that belong to a flow of execution, not to a thread.
//!
//! Job: [`ContextVar`], [`Context`], and the rule by which they flow. A task gets a *copy* of the context in which it
//! is made; a callback, a timer and a done-callback get a copy of the one in which they are registered; a plain
//! `.await` shares the caller's. So what a task sets is seen by what it awaits and by tasks that it makes later, and by
//! nobody outside of it. Neighbours: `task.rs` and `exceptions.rs` (the fence round a callback) swap contexts in and out,
//! `handle.rs` captures them, `threads.rs` takes a copy to another thread. Invariants:
//!
//! - As long as no variable was set on a thread, no context exists there: each place that swaps tests one flag.
//! - The context that runs is in `CURRENT`; that of a task that doesn't is in the task.
//! - A copy costs one allocation, whatever it holds: copies share one list, which is copied when one of them is changed.
//!
//! Counterparts: `contextvars.ContextVar`, `Context`, `copy_context`; `AsyncLocal<T>` and `ExecutionContext` in .NET,
//! where an async method's change is undone when it returns.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    cells::peek,
    error::{Error, Result},
    event_loop::running,
    exceptions::{ExceptionContext, IN_CALLBACK},
    join::Task,
    task::Header,
    task_ref::TaskRef,
};

thread_local! {
    /// Whether this thread has ever had a context. Until then each hook below is a test of this flag.
    static USED: Cell<bool> = const { Cell::new(false) };
    /// The context that runs. None is an empty one that nobody has set anything in yet.
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

/// One variable's value. It may go to another thread with `to_thread`.
type Value = Arc<dyn Any + Send + Sync>;

/// The variables that are set, by id, in ascending order. Shared by the copies of a context until one is changed.
type Values = Arc<Vec<(u64, Value)>>;

/// A variable whose value depends on the context that runs: `contextvars.ContextVar`, `AsyncLocal<T>`. Meant to be a
/// `static`. The value may go to another thread with [`to_thread`](crate::to_thread), so it is `Send + Sync`.
///
/// ```
/// use oneloop::ContextVar;
/// static REQUEST: ContextVar<u32> = ContextVar::new("request");
///
/// oneloop::run(async {
///     REQUEST.set(1);
///     let child = oneloop::create_task(async {
///         assert_eq!(REQUEST.get(), Some(1), "copied when the task was made");
///         REQUEST.set(2);
///         Ok(())
///     });
///     child.await?;
///     assert_eq!(REQUEST.get(), Some(1), "what the child has set stays with the child");
///     Ok(())
/// }).unwrap();
/// ```
pub struct ContextVar<T> {
    name: &'static str,
    default: Option<fn() -> T>,
    /// 0 until it is used for the first time.
    id: AtomicU64,
}

impl<T: Clone + Send + Sync + 'static> ContextVar<T> {
    /// A variable without a default. The name is for people.
    pub const fn new(name: &'static str) -> ContextVar<T> {
        ContextVar { name, default: None, id: AtomicU64::new(0) }
    }

    /// A variable that has the value of `default` wherever it was not set.
    pub const fn with_default(name: &'static str, default: fn() -> T) -> ContextVar<T> {
        ContextVar { name, default: Some(default), id: AtomicU64::new(0) }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value in the context that runs, else the default. `None` (Python: `LookupError`) if there is neither.
    pub fn get(&self) -> Option<T> {
        self.find(&current_values()).or_else(|| self.default.map(|default| default()))
    }

    /// The value in the context that runs, else `default`, whatever the variable's own default is.
    pub fn get_or(&self, default: T) -> T {
        self.find(&current_values()).unwrap_or(default)
    }

    /// Sets the value in the context that runs. The token undoes it.
    pub fn set(&self, value: T) -> Token<T> {
        let context = current_context();
        let old = context.replace(self.id(), Some(Arc::new(value)));
        Token { variable: self.id(), old, context, is_for: PhantomData }
    }

    /// Gives the variable back what it had before the [`set`](ContextVar::set) that `token` is from.
    ///
    /// # Errors
    /// `Value` if the token is from another variable or was made in another context.
    pub fn reset(&self, token: Token<T>) -> Result<()> {
        if token.variable != self.id() {
            return Err(Error::Value("the token was created by a different ContextVar"));
        }
        if !Rc::ptr_eq(&current_context().0, &token.context.0) {
            return Err(Error::Value("the token was created in a different Context"));
        }
        token.context.replace(token.variable, token.old);
        Ok(())
    }

    fn find(&self, values: &Option<Values>) -> Option<T> {
        let values = values.as_ref()?;
        let at = values.binary_search_by_key(&self.id(), |(id, _)| *id).ok()?;
        values[at].1.downcast_ref::<T>().cloned()
    }

    /// The variable's id: the first use gives it one.
    fn id(&self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        match self.id.load(Ordering::Relaxed) {
            0 => {
                let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
                // Another thread may have been first: then its id counts.
                self.id.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|id| id, |_| new)
            }
            id => id,
        }
    }
}

/// What [`ContextVar::set`] returns: the way back.
pub struct Token<T> {
    variable: u64,
    old: Option<Value>,
    context: Context,
    is_for: PhantomData<fn() -> T>,
}

impl<T: Clone + 'static> Token<T> {
    /// What the variable had before. `None` (Python: `Token.MISSING`) if it was not set.
    pub fn old_value(&self) -> Option<T> {
        self.old.as_ref().and_then(|old| old.downcast_ref::<T>()).cloned()
    }
}

/// The values of all variables for one flow of execution: `contextvars.Context`, `ExecutionContext`. Clones are the
/// same context; [`copy`](Context::copy) makes another.
#[derive(Clone)]
pub struct Context(Rc<Shared>);

struct Shared {
    values: RefCell<Option<Values>>,
    /// Whether it runs, or something runs inside of what runs in it.
    entered: Cell<bool>,
}

const ALREADY_ENTERED: Error = Error::Runtime("cannot enter context: it is already entered");

/// Contexts are equal if they are one: `task.get_context() is context`.
impl PartialEq for Context {
    fn eq(&self, other: &Context) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Context {}

/// A copy of the context that runs.
pub fn copy_context() -> Context {
    Context::with(current_values())
}

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

impl Context {
    /// An empty context.
    pub fn new() -> Context {
        Context::with(None)
    }

    fn with(values: Option<Values>) -> Context {
        USED.set(true);
        Context(Rc::new(Shared { values: RefCell::new(values), entered: Cell::new(false) }))
    }

    /// Another context with the same values.
    pub fn copy(&self) -> Context {
        Context::with(self.0.values.borrow().clone())
    }

    /// Calls `function` in this context: what it sets stays here.
    ///
    /// # Errors
    /// `Runtime` if the context runs already.
    pub fn run<R>(&self, function: impl FnOnce() -> R) -> Result<R> {
        if self.0.entered.get() {
            return Err(ALREADY_ENTERED);
        }
        Ok(self.enter(function))
    }

    /// `function`, for a callback that is to run in this very context and not in a copy of the one that runs now: what
    /// `context=` is in asyncio's `call_soon`, `call_later` and `add_done_callback`. If it panics, that is reported in
    /// this context too; if the context runs already when its turn comes, that is reported instead.
    ///
    /// ```
    /// use oneloop::{Context, ContextVar};
    /// static WHO: ContextVar<&str> = ContextVar::with_default("who", || "nobody");
    ///
    /// # oneloop::run(async {
    /// let context = Context::new();
    /// oneloop::get_running_loop()?.call_soon(context.callback(|| drop(WHO.set("the callback"))));
    /// oneloop::yield_now().await?;
    /// assert_eq!((WHO.get(), context.get(&WHO)), (Some("nobody"), Some("the callback")));
    /// # Ok(()) }).unwrap();
    /// ```
    pub fn callback<F: FnOnce() + 'static>(&self, function: F) -> impl FnOnce() + use<F> {
        let context = self.clone();
        move || {
            if !context.0.entered.get() {
                context.enter_fenced(function);
            } else if let Some(core) = running() {
                core.tell(&ExceptionContext::new(IN_CALLBACK).with_error(ALREADY_ENTERED));
            }
        }
    }

    /// Calls a callback in this context, and reports its panic there: asyncio's exception handler runs in the context
    /// of what has failed.
    fn enter_fenced(&self, function: impl FnOnce()) {
        let ran = catch_unwind(AssertUnwindSafe(|| self.enter(function)));
        match (ran, running()) {
            (Ok(()), _) => {}
            (Err(payload), Some(core)) => self.enter(|| core.report(IN_CALLBACK, payload)),
            (Err(payload), None) => resume_unwind(payload),
        }
    }

    /// What `variable` has in this context, its default not counted (Python: `context.get(variable)`).
    pub fn get<T: Clone + Send + Sync + 'static>(&self, variable: &ContextVar<T>) -> Option<T> {
        variable.find(&self.0.values.borrow())
    }

    /// How many variables are set in it.
    pub fn len(&self) -> usize {
        self.0.values.borrow().as_ref().map_or(0, |values| values.len())
    }

    /// Whether no variable is set in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enter<R>(&self, function: impl FnOnce() -> R) -> R {
        within(&Cell::new(Some(self.clone())), function)
    }

    /// Sets or removes a value, and returns the one before.
    fn replace(&self, id: u64, value: Option<Value>) -> Option<Value> {
        let mut shared = self.0.values.borrow_mut();
        let values = Arc::make_mut(shared.get_or_insert_default());
        match (values.binary_search_by_key(&id, |(id, _)| *id), value) {
            (Ok(at), Some(value)) => Some(std::mem::replace(&mut values[at].1, value)),
            (Ok(at), None) => Some(values.remove(at).1),
            (Err(at), Some(value)) => {
                values.insert(at, (id, value));
                None
            }
            (Err(_), None) => None,
        }
    }
}

impl Header {
    /// The context of the task's steps, unless it runs now or nothing was ever set in it.
    pub(crate) fn kept_context(&self) -> Option<Context> {
        peek(&self.context).filter(|_| !self.stepping.get())
    }

    fn get_context(&self) -> Context {
        if self.stepping.get() {
            return current_context();
        }
        let context = self.kept_context().unwrap_or_default();
        self.context.set(Some(context.clone()));
        context
    }
}

impl<T: 'static> Task<T> {
    /// The context in which its steps run: `Task.get_context`. It is the task's own, no copy.
    pub fn get_context(&self) -> Context {
        self.inner.header.get_context()
    }
}

impl TaskRef {
    /// As [`Task::get_context`].
    pub fn get_context(&self) -> Context {
        self.task.header().get_context()
    }
}

/// The context that runs, made now if nothing was set in it before.
fn current_context() -> Context {
    look_at_current(|current| current.clone()).unwrap_or_else(|| {
        let context = Context::new();
        context.0.entered.set(true);
        CURRENT.set(Some(context.clone()));
        context
    })
}

/// A look at the context that runs; none while the thread is being torn down.
fn look_at_current<R>(look: impl FnOnce(&Option<Context>) -> Option<R>) -> Option<R> {
    CURRENT
        .try_with(|cell| {
            let current = cell.take();
            let seen = look(&current);
            cell.set(current);
            seen
        })
        .ok()
        .flatten()
}

/// The values of the context that runs: what a copy of it begins with. They may go to another thread.
pub(crate) fn current_values() -> Option<Values> {
    if !USED.get() {
        return None;
    }
    look_at_current(|current| current.as_ref().and_then(|context| context.0.values.borrow().clone()))
}

/// The context for a task or a callback that is made now. None is an empty one.
pub(crate) fn inherited() -> Option<Context> {
    current_values().map(|values| Context::with(Some(values)))
}

/// `function`, to be called in a copy of the context that runs now.
pub(crate) fn captured(function: impl FnOnce() + 'static) -> Box<dyn FnOnce()> {
    match inherited() {
        None => Box::new(function),
        Some(context) => Box::new(move || context.enter_fenced(function)),
    }
}

/// Calls `function` in `context`, if there is one and it doesn't run already.
pub(crate) fn in_its_own<R>(context: Option<Context>, function: impl FnOnce() -> R) -> R {
    match context.filter(|context| !context.0.entered.get()) {
        Some(context) => context.enter(function),
        None => function(),
    }
}

/// Calls `function`, which comes from elsewhere, with the values that it had there.
pub(crate) fn with_values<R>(values: Option<Values>, function: impl FnOnce() -> R) -> R {
    match values {
        None => function(),
        Some(values) => Context::with(Some(values)).enter(function),
    }
}

/// Calls `body` in the context that is in `slot`. Afterwards, also after a panic, it is in `slot` again, with what the
/// body has set.
#[inline]
pub(crate) fn within<R>(slot: &Cell<Option<Context>>, body: impl FnOnce() -> R) -> R {
    /// Swaps when it is dropped.
    struct SwapBack<'a>(&'a Cell<Option<Context>>);
    impl Drop for SwapBack<'_> {
        #[inline]
        fn drop(&mut self) {
            if USED.get() {
                swap(self.0, false);
            }
        }
    }
    // With no context anywhere there is nothing to swap: both are empty. The body may change that.
    if USED.get() {
        swap(slot, true);
    }
    let _swap_back = SwapBack(slot);
    body()
}

/// Exchanges the context that runs with the one in `slot`, which is entered, or left, by that.
#[cold]
fn swap(slot: &Cell<Option<Context>>, entering: bool) {
    let _torn_down = CURRENT.try_with(|current| {
        let mark = |cell: &Cell<Option<Context>>, entered| {
            let context = cell.take();
            if let Some(context) = &context {
                context.0.entered.set(entered);
            }
            cell.set(context);
        };
        if entering {
            mark(slot, true);
        } else {
            mark(current, false);
        }
        current.swap(slot);
    });
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("len", &self.len()).finish_non_exhaustive()
    }
}
