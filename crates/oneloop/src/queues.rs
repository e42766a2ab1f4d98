//! `Queue`: items that some tasks put and others get, in one of three orders.
//!
//! Neighbours: `locks/line.rs`, in which getters and putters wait; `locks/event.rs`, for `join`; `queues/items.rs`,
//! the three orders. Invariants, which are asyncio's and can be seen in the order of a program's events:
//!
//! - An item is not handed to the getter that it wakes: who comes first takes it, and a getter that finds the queue
//!   empty again goes to the end of the line.
//! - A getter (or putter) that is cancelled or dropped after it was woken wakes the next one, if there still is an
//!   item (or room).
//!
//! Counterparts: `asyncio.Queue`, `LifoQueue`, `PriorityQueue` (`queues.py`, with the shutdown of 3.13);
//! `System.Threading.Channels`, where the reader that waits is handed the item.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
    event_loop::running,
    locks::{
        Event, EventWait,
        line::{At, Line, LoopBound, Waiter},
    },
};

mod items;

use items::Items;

/// Hands items from task to task. Clones are the same queue.
///
/// ```
/// # oneloop::run(async {
/// let queue = oneloop::Queue::new(1); // one item at most
/// let sends = queue.clone();
/// let sender = oneloop::create_task(async move {
///     for n in 1..=3 {
///         sends.put(n).await?;
///     }
///     sends.shutdown(false);
///     Ok(())
/// });
/// let mut sum = 0;
/// while let Ok(n) = queue.get().await {
///     sum += n;
/// }
/// assert_eq!(sum, 6);
/// sender.await
/// # }).unwrap();
/// ```
pub struct Queue<T> {
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    items: RefCell<Items<T>>,
    /// 0 for no limit.
    maxsize: usize,
    getters: Line,
    putters: Line,
    /// The place of one who has waited before: the next one that waits needs no memory of its own.
    spare: Cell<Option<Rc<Waiter>>>,
    bound: LoopBound,
    /// Items that were put and for which nobody has called `task_done`.
    unfinished: Cell<usize>,
    /// Set while there are none.
    finished: Event,
    shut_down: Cell<bool>,
}

impl<T> Queue<T> {
    /// First in, first out. `maxsize` is how many items it holds at most; 0 is no limit.
    pub fn new(maxsize: usize) -> Queue<T> {
        Queue::of(Items::fifo(), maxsize)
    }

    /// Last in, first out: `asyncio.LifoQueue`.
    pub fn lifo(maxsize: usize) -> Queue<T> {
        Queue::of(Items::lifo(), maxsize)
    }

    /// The least item first: `asyncio.PriorityQueue`. Items are often `(priority, what)`; equal ones come in the order
    /// that Python's `heapq` gives them. The item's `Ord` must not use the queue itself.
    pub fn priority(maxsize: usize) -> Queue<T>
    where
        T: Ord,
    {
        Queue::of(Items::priority(), maxsize)
    }

    fn of(items: Items<T>, maxsize: usize) -> Queue<T> {
        let finished = Event::new();
        finished.set();
        Queue {
            shared: Rc::new(Shared {
                items: RefCell::new(items),
                maxsize,
                getters: Line::default(),
                putters: Line::default(),
                spare: Cell::new(None),
                bound: LoopBound::default(),
                unfinished: Cell::new(0),
                finished,
                shut_down: Cell::new(false),
            }),
        }
    }

    /// Puts an item, when there is room. Cancelled or dropped before that, it drops the item.
    ///
    /// # Errors
    /// `QueueShutDown`; `Cancelled`; `Runtime` on another loop than the one on which a task has first waited.
    pub fn put(&self, item: T) -> QueuePut<T> {
        QueuePut { shared: self.shared.clone(), item: Some(item), place: None }
    }

    /// Puts an item, now.
    ///
    /// # Errors
    /// `QueueFull`, `QueueShutDown`: the item is dropped.
    pub fn put_nowait(&self, item: T) -> Result<()> {
        self.shared.put_nowait(item)
    }

    /// Takes an item, when there is one. Cancellation safe: a task that goes takes no item with it.
    ///
    /// # Errors
    /// `QueueShutDown`, once the queue is empty; `Cancelled`; `Runtime` on another loop than the one on which a task
    /// has first waited.
    pub fn get(&self) -> QueueGet<T> {
        QueueGet { shared: self.shared.clone(), place: None }
    }

    /// Takes an item, now.
    ///
    /// # Errors
    /// `QueueEmpty`; `QueueShutDown`, once the queue is empty.
    pub fn get_nowait(&self) -> Result<T> {
        self.shared.get_nowait()
    }

    /// Says that all work for one item that was got is done: see [`join`](Queue::join).
    ///
    /// # Errors
    /// `Value` if it was said more often than items were put.
    pub fn task_done(&self) -> Result<()> {
        let left = self.shared.unfinished.get().checked_sub(1);
        self.shared.unfinished.set(left.ok_or(Error::Value("task_done() called too many times"))?);
        if left == Some(0) {
            self.shared.finished.set();
        }
        Ok(())
    }

    /// Waits until [`task_done`](Queue::task_done) was said for every item that was put.
    ///
    /// # Errors
    /// `Cancelled`; `Runtime` on another loop than the one on which a task has first waited.
    pub fn join(&self) -> EventWait {
        self.shared.finished.wait()
    }

    /// Has every `put` fail from now on, and every `get` once the queue is empty; at once, if `immediate`: then the
    /// items are dropped, and count as done. Who waits is woken to see it.
    pub fn shutdown(&self, immediate: bool) {
        let shared = &*self.shared;
        shared.shut_down.set(true);
        let dropped = if immediate { shared.items.borrow_mut().take_all() } else { Vec::new() };
        shared.unfinished.set(shared.unfinished.get().saturating_sub(dropped.len()));
        if immediate && shared.unfinished.get() == 0 {
            shared.finished.set();
        }
        while shared.wake_next(&shared.getters) {}
        while shared.wake_next(&shared.putters) {}
    }

    /// How many items are in it.
    pub fn qsize(&self) -> usize {
        self.shared.len()
    }

    /// How many items it holds at most; 0 is no limit.
    pub fn maxsize(&self) -> usize {
        self.shared.maxsize
    }

    /// Whether there is no item in it.
    pub fn empty(&self) -> bool {
        self.shared.len() == 0
    }

    /// Whether there is no room left.
    pub fn full(&self) -> bool {
        self.shared.is_full()
    }
}

impl<T> Shared<T> {
    fn len(&self) -> usize {
        self.items.borrow().len()
    }

    fn is_full(&self) -> bool {
        self.maxsize > 0 && self.len() >= self.maxsize
    }

    #[inline]
    fn put_nowait(&self, item: T) -> Result<()> {
        if self.shut_down.get() {
            return Err(Error::QueueShutDown);
        }
        if self.is_full() {
            return Err(Error::QueueFull);
        }
        self.items.borrow_mut().push(item);
        self.unfinished.set(self.unfinished.get() + 1);
        self.finished.clear();
        self.wake_next(&self.getters);
        Ok(())
    }

    fn get_nowait(&self) -> Result<T> {
        match self.take_item() {
            Some(item) => Ok(item),
            None if self.shut_down.get() => Err(Error::QueueShutDown),
            None => Err(Error::QueueEmpty),
        }
    }

    /// Takes an item, and has somebody use the room, if anybody waits for it.
    #[inline]
    fn take_item(&self) -> Option<T> {
        let item = self.items.borrow_mut().pop()?;
        self.wake_next(&self.putters);
        Some(item)
    }

    /// Takes those who have gone out of the line, and wakes the first who has not. False if there was none.
    #[inline]
    fn wake_next(&self, line: &Line) -> bool {
        while let Some(waiter) = line.pop() {
            if waiter.wake(&self.bound) {
                return true;
            }
        }
        false
    }

    /// A wait begins: at the end of the line.
    fn stand_in(&self, at: At, line: &Line, cx: &mut Context<'_>) -> Result<Rc<Waiter>> {
        let core = running().ok_or(Error::NO_RUNNING_LOOP)?;
        self.bound.bind_to(&core, "the Queue is bound to a different event loop")?;
        let place = line.join_again(at, self.spare.take());
        place.sleep(&core, cx);
        Ok(place)
    }

    /// Whether it is time to look: at once, or when whoever stands at `place` is woken. An error is a cancellation.
    #[inline]
    fn poll_turn(&self, place: &mut Option<Rc<Waiter>>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match place {
            Some(waiter) => {
                ready!(waiter.poll(cx))?;
                self.spare.set(place.take());
            }
            None if take_cancellation() => return Poll::Ready(Err(Error::Cancelled)),
            None => {}
        }
        Poll::Ready(Ok(()))
    }

    /// A wait ends without having had its turn. If it was woken, `there_is_more` says whether another could go on.
    fn give_up(&self, line: &Line, place: &Rc<Waiter>, there_is_more: bool) {
        let woken = place.is_woken();
        line.leave(place);
        if woken && there_is_more {
            self.wake_next(line);
        }
    }
}

/// What [`Queue::get`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct QueueGet<T> {
    shared: Rc<Shared<T>>,
    place: Option<Rc<Waiter>>,
}

impl<T> Future for QueueGet<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = &mut *self;
        if let Err(error) = ready!(this.shared.poll_turn(&mut this.place, cx)) {
            this.give_up();
            return Poll::Ready(Err(error));
        }
        match this.shared.take_item() {
            Some(item) => return Poll::Ready(Ok(item)),
            None if this.shared.shut_down.get() => return Poll::Ready(Err(Error::QueueShutDown)),
            None => this.place = Some(this.shared.stand_in(At::QueueGet, &this.shared.getters, cx)?),
        }
        Poll::Pending
    }
}

impl<T> QueueGet<T> {
    fn give_up(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.give_up(&self.shared.getters, &place, self.shared.len() > 0);
        }
    }
}

impl<T> Drop for QueueGet<T> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// What [`Queue::put`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct QueuePut<T> {
    shared: Rc<Shared<T>>,
    /// Empty once it was put.
    item: Option<T>,
    place: Option<Rc<Waiter>>,
}

/// The item is only ever moved.
impl<T> Unpin for QueuePut<T> {}

impl<T> Future for QueuePut<T> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        if let Err(error) = ready!(this.shared.poll_turn(&mut this.place, cx)) {
            this.give_up();
            return Poll::Ready(Err(error));
        }
        if !this.shared.is_full() || this.shared.shut_down.get() {
            let item = this.item.take().ok_or(Error::InvalidState("the item was put before"))?;
            return Poll::Ready(this.shared.put_nowait(item));
        }
        this.place = Some(this.shared.stand_in(At::QueuePut, &this.shared.putters, cx)?);
        Poll::Pending
    }
}

impl<T> QueuePut<T> {
    fn give_up(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.give_up(&self.shared.putters, &place, !self.shared.is_full());
        }
    }
}

impl<T> Drop for QueuePut<T> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("qsize", &self.qsize())
            .field("maxsize", &self.maxsize())
            .field("getters", &self.shared.getters.len())
            .field("putters", &self.shared.putters.len())
            .field("unfinished", &self.shared.unfinished.get())
            .field("shut_down", &self.shared.shut_down.get())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for QueueGet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueGet")
    }
}

impl<T> fmt::Debug for QueuePut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueuePut")
    }
}
