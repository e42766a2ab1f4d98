//! Rule 20, for everything that waits: how many turns go by from what is waited for to the step of the one that waits.
//!
//! `hops.py` is the same program for CPython, line by line, and `hops.txt` is what CPython 3.13 prints for it.

use std::{cell::Cell, future::Future, rc::Rc, time::Duration};

use oneloop::{
    Barrier, Condition, Error, Event, Lock, Queue, Result, ReturnWhen, Semaphore, Task, TaskGroup, as_completed,
    create_task, gather, gather_return_exceptions, shield, sleep, timeout, wait, wait_for, yield_now,
};

use crate::harness::{Log, here, run};

const LONG: Duration = Duration::from_secs(100);

/// Counts turns, and notes how many went by since `start`.
#[derive(Clone, Default)]
struct Hops {
    turn: Rc<Cell<u32>>,
    start: Rc<Cell<u32>>,
    log: Log,
}

impl Hops {
    fn tick(&self) {
        let this = self.clone();
        here().call_soon(move || {
            this.turn.set(this.turn.get() + 1);
            this.tick();
        });
    }

    fn start(&self) {
        self.start.set(self.turn.get());
    }

    fn note(&self, what: impl std::fmt::Display) {
        self.log.add(format!("{what}_{}", self.turn.get() - self.start.get()));
    }

    /// A task that awaits `future`, and notes how that ended.
    fn noting<T: 'static, F>(&self, what: &'static str, future: F) -> Task<()>
    where
        F: IntoFuture<Output = Result<T>> + 'static,
    {
        let this = self.clone();
        create_task(async move {
            match future.await {
                Ok(_) => this.note(what),
                Err(Error::Cancelled) => this.note(format!("{what}!CancelledError")),
                Err(error) => this.note(format!("{what}!{error}")),
            }
            Ok(())
        })
    }

    /// A task that waits for long, and notes when it is cancelled.
    fn child(&self) -> impl Future<Output = Result<()>> + 'static {
        let this = self.clone();
        async move {
            let slept = sleep(LONG).await;
            this.note("group-child");
            slept
        }
    }
}

async fn settle() -> Result<()> {
    for _ in 0..5 {
        yield_now().await?;
    }
    Ok(())
}

async fn ender(turns: u32) -> Result<()> {
    for _ in 0..turns {
        yield_now().await?;
    }
    Ok(())
}

async fn locks(hops: &Hops) -> Result<()> {
    let event = Event::new();
    let _t = hops.noting("event", event.wait());
    settle().await?;
    hops.start();
    event.set();
    settle().await?;

    let lock = Lock::new();
    lock.acquire().await?.forget();
    let locked = |what| hops.noting(what, lock.acquire());
    let _ts = [locked("lock1"), locked("lock2")];
    settle().await?;
    hops.start();
    lock.release()?;
    settle().await?;

    lock.acquire().await?.forget();
    let acquires = lock.acquire();
    let cancelled = create_task(async move { acquires.await.map(drop) });
    let _t = locked("lock-after-cancel");
    settle().await?;
    hops.start();
    lock.release()?;
    cancelled.cancel();
    settle().await?;

    let semaphore = Semaphore::new(0);
    let _ts = ["sem1", "sem2"].map(|what| {
        let acquires = semaphore.acquire();
        hops.noting(what, async move { acquires.await.map(oneloop::SemaphorePermit::forget) })
    });
    settle().await?;
    hops.start();
    semaphore.release();
    semaphore.release();
    settle().await
}

async fn conditions(hops: &Hops) -> Result<()> {
    let condition = Condition::new();
    let waits = |what: &'static str| {
        let (condition, hops) = (condition.clone(), hops.clone());
        create_task(async move {
            let _guard = condition.acquire().await?;
            condition.wait().await?;
            hops.note(what);
            Ok(())
        })
    };
    let _ts = [waits("cond1"), waits("cond2")];
    settle().await?;
    hops.start();
    let guard = condition.acquire().await?;
    condition.notify_all()?;
    drop(guard);
    settle().await?;
    let ts = [waits("y"), waits("cond-passed-on")];
    settle().await?;
    hops.start();
    let guard = condition.acquire().await?;
    condition.notify(1)?;
    drop(guard);
    ts[0].cancel();
    settle().await
}

async fn queues(hops: &Hops) -> Result<()> {
    let queue = Queue::new(1);
    let _t = hops.noting("get", queue.get());
    settle().await?;
    hops.start();
    queue.put_nowait(1)?;
    settle().await?;
    queue.put_nowait(2)?;
    let _t = hops.noting("put", queue.put(3));
    settle().await?;
    hops.start();
    queue.get_nowait()?;
    settle().await?;
    let _t = hops.noting("join", queue.join());
    settle().await?;
    hops.start();
    for _ in 0..3 {
        queue.task_done()?;
    }
    settle().await
}

async fn barriers(hops: &Hops) -> Result<()> {
    let barrier = Barrier::new(3)?;
    hops.start();
    let _ts = [0, 1, 2].map(|n| {
        let (barrier, hops) = (barrier.clone(), hops.clone());
        create_task(async move {
            let index = barrier.wait().await?;
            hops.note(format!("barrier{n}:{index}"));
            Ok(())
        })
    });
    settle().await?;
    settle().await?;
    let breaks = |n: usize| {
        let (barrier, hops) = (barrier.clone(), hops.clone());
        create_task(async move {
            if barrier.wait().await.is_err_and(|error| error.kind() == "broken-barrier") {
                hops.note(format!("broken{n}"));
            }
            Ok(())
        })
    };
    let _ts = [breaks(0), breaks(1)];
    settle().await?;
    hops.start();
    barrier.reset().await?;
    hops.note("reset");
    settle().await?;
    let _ts = [breaks(0), breaks(1)];
    settle().await?;
    hops.start();
    barrier.abort().await?;
    hops.note("abort");
    settle().await
}

async fn gathers(hops: &Hops, done: &Task<()>) -> Result<()> {
    let future = here().create_future();
    let _t = hops.noting("gather", gather([future.clone()]));
    settle().await?;
    hops.start();
    future.set_result(1)?;
    settle().await?;
    hops.start();
    gather([ender(2), ender(1)]).await?;
    hops.note("gather-tasks");
    settle().await?;
    hops.start();
    gather([done]).await?;
    hops.note("gather-done");
    hops.start();
    gather(Vec::<Task<()>>::new()).await?;
    hops.note("gather-empty");
    let future = here().create_future::<()>();
    let t = hops.noting("gather-cancel", gather_return_exceptions([future]));
    settle().await?;
    hops.start();
    t.cancel();
    settle().await?;
    let stubborn = || async {
        match sleep(LONG).await {
            Err(_) => yield_now().await,
            slept => slept,
        }
    };
    let t = hops.noting("gather-refused", gather([stubborn(), stubborn()]));
    settle().await?;
    hops.start();
    t.cancel();
    settle().await
}

async fn waits(hops: &Hops, done: &Task<()>) -> Result<()> {
    for (what, return_when) in [("wait", ReturnWhen::AllCompleted), ("wait-first", ReturnWhen::FirstCompleted)] {
        hops.start();
        wait([create_task(ender(2)), create_task(ender(1))], return_when, None).await?;
        hops.note(what);
    }
    hops.start();
    wait([done], ReturnWhen::AllCompleted, None).await?;
    hops.note("wait-done");
    hops.start();
    for next in as_completed([2, 1, 1].map(|turns| create_task(ender(turns))), None) {
        next.await?;
        hops.note("completed");
    }
    hops.start();
    let mut completed = as_completed([done.clone(), create_task(ender(3))], None);
    while completed.next_done().await?.is_some() {
        hops.note("async-completed");
    }
    settle().await
}

async fn shields(hops: &Hops) -> Result<()> {
    let future = here().create_future();
    let _t = hops.noting("shield", shield(future.clone()));
    settle().await?;
    hops.start();
    future.set_result(1)?;
    settle().await?;
    let future = here().create_future::<()>();
    let t = hops.noting("shield-outer", shield(future));
    settle().await?;
    hops.start();
    t.cancel();
    settle().await?;
    let future = here().create_future::<()>();
    let _t = hops.noting("shield-inner", shield(future.clone()));
    settle().await?;
    hops.start();
    future.cancel();
    settle().await?;
    hops.start();
    shield(ender(1)).await?;
    hops.note("shield-coro");
    Ok(())
}

async fn groups(hops: &Hops) -> Result<()> {
    hops.start();
    TaskGroup::scope(async |group| {
        drop((group.create_task(ender(2))?, group.create_task(ender(1))?));
        Ok(())
    })
    .await?;
    hops.note("group");
    hops.start();
    TaskGroup::scope(async |_| Ok(())).await?;
    hops.note("group-empty");
    hops.start();
    let result = TaskGroup::scope(async |group| {
        let fails = group.create_task(async {
            yield_now().await?;
            Err::<(), _>(Error::other("value"))
        })?;
        drop((fails, group.create_task(hops.child())?));
        let slept = sleep(LONG).await;
        hops.note("group-body");
        slept
    })
    .await;
    assert_eq!(result.unwrap_err().kind(), "group");
    hops.note("group-error");
    let children = hops.clone();
    let t = hops.noting(
        "group-cancelled",
        TaskGroup::scope(async move |group| {
            drop((group.create_task(children.child())?, group.create_task(children.child())?));
            Ok(())
        }),
    );
    settle().await?;
    hops.start();
    t.cancel();
    settle().await
}

async fn limits(hops: &Hops, done: &Task<()>) -> Result<()> {
    hops.start();
    wait_for(LONG, ender(1)).await?;
    hops.note("wait_for");
    hops.start();
    wait_for(LONG, create_task(ender(1))).await?;
    hops.note("wait_for-task");
    hops.start();
    assert!(wait_for(Duration::ZERO, ender(1)).await.is_err_and(|error| error.is_timeout()));
    hops.note("wait_for-0");
    let t = create_task(sleep(LONG));
    settle().await?;
    hops.start();
    assert!(wait_for(Duration::ZERO, t).await.is_err_and(|error| error.is_timeout()));
    hops.note("wait_for-0-task");
    hops.start();
    wait_for(Duration::ZERO, done).await?;
    hops.note("wait_for-0-done");
    hops.start();
    assert!(timeout(Duration::ZERO, async |_| sleep(LONG).await).await.is_err_and(|error: Error| error.is_timeout()));
    hops.note("timeout-0");
    hops.start();
    let result: Result<()> = timeout(Duration::ZERO, async |_| {
        TaskGroup::scope(async |group| group.create_task(hops.child()).map(drop)).await
    })
    .await;
    assert!(result.unwrap_err().is_timeout());
    hops.note("timeout-0-group");
    Ok(())
}

async fn cancelled(hops: &Hops) -> Result<()> {
    async fn nested() -> Result<()> {
        create_task(async { create_task(sleep(LONG)).await }).await
    }
    let lock = Lock::new();
    lock.acquire().await?.forget();
    let waiting: [&dyn Fn() -> Task<()>; 6] = [
        &|| hops.noting("cancel-lock", lock.acquire()),
        &|| hops.noting("cancel-event", Event::new().wait()),
        &|| hops.noting("cancel-get", Queue::<()>::new(0).get()),
        &|| hops.noting("cancel-nested", nested()),
        &|| hops.noting("cancel-barrier", Barrier::new(2).unwrap().wait()),
        &|| hops.noting("cancel-wait", wait([create_task(sleep(LONG))], ReturnWhen::AllCompleted, None)),
    ];
    for wait in waiting {
        let task = wait();
        settle().await?;
        hops.start();
        task.cancel();
        settle().await?;
    }
    Ok(())
}

#[test]
fn as_many_turns_as_in_cpython() {
    let hops = Hops::default();
    let counts = hops.clone();
    run(async move {
        counts.tick();
        settle().await?;
        locks(&counts).await?;
        conditions(&counts).await?;
        queues(&counts).await?;
        barriers(&counts).await?;
        let done = create_task(ender(0));
        gathers(&counts, &done).await?;
        waits(&counts, &done).await?;
        shields(&counts).await?;
        groups(&counts).await?;
        limits(&counts, &done).await?;
        cancelled(&counts).await
    })
    .unwrap();
    let ours: Vec<String> = hops.log.text().split(' ').map(|entry| entry.replace('_', " ")).collect();
    let theirs: Vec<String> = include_str!("hops.txt").lines().map(|entry| entry.replace('_', " ")).collect();
    assert_eq!(ours, theirs);
}
