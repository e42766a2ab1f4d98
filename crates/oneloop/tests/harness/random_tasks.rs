//! Tasks that do random things to one another: sleep, yield, settle, cancel, spawn, gather, and refuse to be cancelled.
//!
//! Job: a run that depends on nothing but its seed, on any loop that is given. Neighbours: `schedules.rs` holds the
//! loop's invariants against it; `oneloop-trace`'s schedules record it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use oneloop::{
    EventLoop, Result, Semaphore, SettableFuture, create_task, gather, get_running_loop, sleep, span_begin, span_end,
    timeout, wait_for, yield_now,
};

/// What the tasks of one run share.
pub(crate) struct Shared {
    random: Cell<u64>,
    futures: RefCell<Vec<SettableFuture<()>>>,
    pub(crate) semaphore: Semaphore,
    /// How many things a task does at most.
    most: u64,
}

impl Shared {
    pub(crate) fn new(event_loop: &EventLoop, seed: u64, most: u64) -> Rc<Shared> {
        Rc::new(Shared {
            random: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            futures: RefCell::new((0..9).map(|_| event_loop.create_future()).collect()),
            semaphore: Semaphore::new(2),
            most,
        })
    }

    fn random(&self, below: u64) -> u64 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x % below
    }

    fn future(&self) -> SettableFuture<()> {
        let futures = self.futures.borrow();
        futures[self.random(futures.len() as u64) as usize].clone()
    }
}

/// The body of a task that was started by so many others.
pub(crate) async fn act(shared: Rc<Shared>, depth: u32) -> Result<()> {
    let limit = Duration::from_millis(1);
    for _ in 0..shared.random(shared.most) {
        let outcome = match shared.random(10) {
            0 => yield_now().await,
            1 => sleep(Duration::from_millis(shared.random(4))).await,
            2 => shared.future().set_result(()).or(Ok(())),
            3 => (&shared.future()).await,
            4 => {
                let all = get_running_loop()?.all_tasks();
                all[shared.random(all.len() as u64) as usize].cancel();
                Ok(())
            }
            5 if depth < 3 => create_task(Box::pin(act(shared.clone(), depth + 1))).await,
            6 if depth < 3 => {
                gather([Box::pin(act(shared.clone(), 9)), Box::pin(act(shared.clone(), 9))]).await.map(drop)
            }
            7 => timeout(limit, async |_| sleep(2 * limit).await).await,
            8 => wait_for(limit, sleep(2 * limit)).await,
            _ => {
                span_begin("permit");
                let permit = shared.semaphore.acquire().await;
                span_end("permit");
                yield_now().await.and(permit.map(drop))
            }
        };
        if shared.random(2) == 0 {
            outcome?; // else it refuses
        }
    }
    Ok(())
}
