//! `LockTests` of `test_locks.py`.

use std::{cell::Cell, future::Future, rc::Rc};

use oneloop::{BoundedSemaphore, Condition, Error, Event, Lock, Semaphore, SettableFuture, create_task, yield_now};

use crate::harness::{Log, here, run};

/// Whether `T` can be awaited: `Probe::<T>::CAN` is the inherent constant where its bound holds, and else the trait's.
struct Probe<T>(std::marker::PhantomData<T>);

trait Otherwise {
    const CAN: bool = false;
}

impl<T> Otherwise for Probe<T> {}

impl<T: IntoFuture> Probe<T> {
    const CAN: bool = true;
}

/// Mirrors CPython LockTests.test_lock.
/// Mirrors CPython LockTests.test_lock_by_with_statement.
/// Mirrors CPython SemaphoreTests.test_semaphore.
/// Mirrors CPython BarrierTests.test_barrier.
#[test]
#[allow(clippy::assertions_on_constants, reason = "the types are what is tested")]
fn the_primitives_themselves_cannot_be_awaited() {
    assert!(<Probe<SettableFuture<()>>>::CAN, "the probe sees what can be");
    assert!(!<Probe<Lock>>::CAN);
    assert!(!<Probe<Condition>>::CAN);
    assert!(!<Probe<Semaphore>>::CAN);
    assert!(!<Probe<BoundedSemaphore>>::CAN);
    assert!(!<Probe<oneloop::Barrier>>::CAN);
    assert!(!Lock::new().locked() && !Semaphore::new(1).locked());
}

/// Mirrors CPython LockTests.test_lock_doesnt_accept_loop_parameter.
#[test]
fn none_is_made_for_a_loop() {
    // Their types say so: no argument, or the number of permits.
    let _: fn() -> Lock = Lock::new;
    let _: fn() -> Condition = Condition::new;
    let _: fn() -> Event = Event::new;
    let _: fn(usize) -> Semaphore = Semaphore::new;
    let _: fn(usize) -> BoundedSemaphore = BoundedSemaphore::new;
    // So they can be made where no loop runs, and used on one afterwards.
    let lock = Lock::new();
    let takes = lock.clone();
    run(async move {
        takes.acquire().await?.forget();
        Ok(())
    })
    .unwrap();
    assert!(lock.locked());
}

/// Takes the lock, and keeps it.
async fn hold(lock: Lock, log: Log, what: u8) -> oneloop::Result<bool> {
    lock.acquire().await?.forget();
    log.add(what);
    Ok(true)
}

/// Mirrors CPython LockTests.test_acquire.
#[test]
fn acquire() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let lock = Lock::new();
        lock.acquire().await?.forget();
        let t1 = create_task(hold(lock.clone(), result.clone(), 1));
        let t2 = create_task(hold(lock.clone(), result.clone(), 2));
        yield_now().await?;
        assert_eq!(result.text(), "");
        lock.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "1");
        yield_now().await?;
        assert_eq!(result.text(), "1");
        let t3 = create_task(hold(lock.clone(), result.clone(), 3));
        lock.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "1 2");
        lock.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "1 2 3");
        for task in [t1, t2, t3] {
            assert!(task.done() && task.result()?);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython LockTests.test_acquire_cancel.
#[test]
fn acquire_cancel() {
    run(async {
        let lock = Lock::new();
        lock.acquire().await?.forget();
        let task = create_task(lock.acquire());
        let cancels = task.clone();
        here().call_soon(move || assert!(cancels.cancel()));
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(format!("{lock:?}").contains("waiters: 0"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython LockTests.test_cancel_race.
#[test]
fn a_release_passes_over_a_waiter_that_was_cancelled_and_has_not_run() {
    async fn lock_it(lock: Lock, blocker: Option<SettableFuture<()>>) -> oneloop::Result<()> {
        let _guard = lock.acquire().await?;
        if let Some(blocker) = blocker {
            blocker.await?;
        }
        Ok(())
    }
    run(async {
        let (lock, fa) = (Lock::new(), here().create_future());
        let ta = create_task(lock_it(lock.clone(), Some(fa.clone())));
        yield_now().await?;
        assert!(lock.locked());
        let tb = create_task(lock_it(lock.clone(), None));
        yield_now().await?;
        let tc = create_task(lock_it(lock.clone(), None));
        yield_now().await?;
        fa.set_result(())?;
        tb.cancel();
        yield_now().await?;
        assert!(!lock.locked() && ta.done() && tb.cancelled());
        tc.await
    })
    .unwrap();
}

/// Mirrors CPython LockTests.test_cancel_release_race.
#[test]
fn a_cancelled_waiter_and_a_release_let_one_in() {
    run(async {
        let (lock, locked, called) = (Lock::new(), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let lock_it = || {
            let (lock, locked, called) = (lock.clone(), locked.clone(), called.clone());
            create_task(async move {
                called.set(called.get() + 1);
                lock.acquire().await?.forget();
                locked.set(locked.get() + 1);
                Ok(())
            })
        };
        lock.acquire().await?.forget();
        let (t1, t2, t3) = (lock_it(), lock_it(), lock_it());
        yield_now().await?;
        let (cancels, releases) = (t1.clone(), lock.clone());
        here().call_soon(move || {
            cancels.cancel();
            releases.release().unwrap();
        });
        assert!((&t1).await.is_err_and(|error| error.is_cancelled()));
        assert_eq!((locked.get(), called.get()), (1, 3));
        assert!(t1.cancelled() && t2.done());
        t3.cancel();
        yield_now().await?;
        assert!(t3.cancelled());
        t2.await
    })
    .unwrap();
}

/// Mirrors CPython LockTests.test_finished_waiter_cancelled.
#[test]
fn a_release_after_the_first_was_cancelled_wakes_the_second() {
    run(async {
        let lock = Lock::new();
        let take = || {
            let acquire = lock.acquire();
            create_task(async move {
                acquire.await?.forget();
                Ok(())
            })
        };
        lock.acquire().await?.forget();
        let tb = take();
        yield_now().await?;
        let tc = take();
        tb.cancel();
        lock.release()?;
        yield_now().await?;
        assert!(lock.locked() && tb.cancelled());
        tc.await
    })
    .unwrap();
}

/// Mirrors CPython LockTests.test_release_not_acquired.
#[test]
fn release_not_acquired() {
    assert_eq!(Lock::new().release().unwrap_err().kind(), Error::Runtime("").kind());
}

/// Mirrors CPython LockTests.test_release_no_waiters.
/// Mirrors CPython LockTests.test_context_manager.
#[test]
fn released_by_hand_and_by_its_guard() {
    run(async {
        let lock = Lock::new();
        lock.acquire().await?.forget();
        assert!(lock.locked());
        lock.release()?;
        assert!(!lock.locked());
        let guard = lock.acquire().await?;
        assert!(lock.locked());
        drop(guard);
        assert!(!lock.locked());
        Ok(())
    })
    .unwrap();
}

/// Section 9 of the design: no Python log can show it. Who is chosen and then dropped passes the lock on.
#[test]
fn a_chosen_waiter_that_is_dropped_passes_the_lock_on() {
    run(async {
        let lock = Lock::new();
        let guard = lock.acquire().await?;
        let mut chosen = Box::pin(lock.acquire());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(chosen.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        let log = Log::default();
        let next = create_task(hold(lock.clone(), log.clone(), 2));
        yield_now().await?;
        drop(guard);
        drop(chosen);
        assert!(next.await?);
        assert_eq!(log.text(), "2");
        Ok(())
    })
    .unwrap();
}

/// A guard that somebody else's `release` has made void must not free the lock under its next holder.
#[test]
fn a_guard_frees_only_its_own_acquisition() {
    run(async {
        let lock = Lock::new();
        let old = lock.acquire().await?;
        lock.release()?;
        let new = lock.acquire().await?;
        drop(old);
        assert!(lock.locked());
        drop(new);
        assert!(!lock.locked());
        Ok(())
    })
    .unwrap();
}

/// Rule 48. In CPython: `RuntimeError: <asyncio.locks.Lock ...> is bound to a different event loop`.
#[test]
fn a_lock_that_was_waited_for_belongs_to_that_loop() {
    let lock = Lock::new();
    let contend = |lock: Lock| async move {
        let _guard = lock.acquire().await?;
        let waits = create_task(lock.acquire());
        yield_now().await?;
        drop(_guard);
        waits.await.map(drop)
    };
    run(contend(lock.clone())).unwrap();
    let elsewhere = lock.clone();
    run(async move { elsewhere.acquire().await.map(drop) }).unwrap(); // not contended
    let error = run(contend(lock)).unwrap_err();
    assert!(error.to_string().contains("is bound to a different event loop"), "{error}");
}
