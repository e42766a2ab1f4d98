//! How a loop is made.
//!
//! Job: the options of an [`EventLoop`], and the parts of its [`Core`] put together. Neighbours: `event_loop.rs`.
//! Counterpart: `asyncio.EventLoopPolicy` and the arguments of `asyncio.run(debug=, loop_factory=)`.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    num::NonZeroU32,
    rc::Rc,
    time::Duration,
};

use slab::Slab;

use crate::{
    cancel::Step,
    cancel_message::Messages,
    clock::Clock,
    debug::DebugMode,
    error::Result,
    event_loop::{Core, EventLoop},
    executor::Jobs,
    loop_ref::LoopRef,
    observer::{Observer, WokenBy},
    ready::Inbox,
    selector::Selector,
    sync::Arc,
};

/// How to make an [`EventLoop`] that differs from the default.
#[derive(Default)]
pub struct Builder {
    virtual_clock: bool,
    poll_every: Option<u32>,
    observer: Option<Rc<dyn Observer>>,
}

impl Builder {
    /// A clock that stands still while anything runs and jumps to the next deadline when only timers are left.
    /// For tests and pictures; sockets are meant to have both their ends on the loop, or to be in-memory ones.
    pub fn virtual_clock(mut self, on: bool) -> Builder {
        self.virtual_clock = on;
        self
    }

    /// Asks the kernel every `turns` turns while tasks are ready, and at least once a millisecond (the clock is looked at
    /// each fourth turn). The default is 1,
    /// as in asyncio: each turn pays for one `epoll_wait`, and no socket waits longer than a turn.
    pub fn poll_every(mut self, turns: u32) -> Builder {
        self.poll_every = Some(turns.max(1));
        self
    }

    /// Has `observer` told of everything that the loop does.
    pub fn observer(mut self, observer: Rc<dyn Observer>) -> Builder {
        self.observer = Some(observer);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    /// `Io` when the operating system has no descriptors left for the selector.
    pub fn build(self) -> Result<EventLoop> {
        let selector = Selector::new()?;
        let bell = selector.waker()?;
        let clock = Clock::new(self.virtual_clock);
        let core = Rc::new_cyclic(|me| Core {
            me: me.clone(),
            ready: RefCell::new(VecDeque::new()),
            spare_waker: Cell::default(),
            tasks: RefCell::new(Slab::new()),
            timers: RefCell::default(),
            selector,
            inbox: Arc::new(Inbox::new(move || drop(bell.wake()))),
            polled_at: Cell::new(clock.now()),
            collected_at: Cell::new(clock.now()),
            clock,
            current: Cell::new(None),
            step: Step::default(),
            messages: Messages::default(),
            signals: RefCell::default(),
            watches: RefCell::default(),
            jobs: Jobs::default(),
            debug: DebugMode::new(self.observer.is_some()),
            observer: self.observer,
            waking: Cell::new(WokenBy::Outside),
            next_number: Cell::new(NonZeroU32::MIN),
            unnamed: Cell::new(0),
            turn: Cell::new(0),
            poll_every: self.poll_every.unwrap_or(1),
            running: Cell::new(false),
            stopping: Cell::new(false),
            closed: Cell::new(false),
        });
        Ok(EventLoop(LoopRef { core }))
    }
}

/// With `poll_every(n)`, the kernel is asked at least this often while tasks are ready.
const POLL_AT_LEAST_EVERY: Duration = Duration::from_millis(1);
/// In turns: to read the clock in each would cost a tenth of a turn.
const LOOK_AT_CLOCK_EVERY: u64 = 4;

impl Core {
    /// Whether this turn asks the kernel though something is ready.
    pub(crate) fn is_poll_due(&self) -> bool {
        if self.poll_every == 1 {
            return true;
        }
        let by_count = self.turn.get().is_multiple_of(u64::from(self.poll_every));
        if !by_count && !self.turn.get().is_multiple_of(LOOK_AT_CLOCK_EVERY) {
            return false;
        }
        let now = self.clock.now();
        let due = by_count || now.saturating_duration_since(self.polled_at.get()) >= POLL_AT_LEAST_EVERY;
        if due {
            self.polled_at.set(now);
        }
        due
    }
}
