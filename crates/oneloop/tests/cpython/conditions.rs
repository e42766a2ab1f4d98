//! `ConditionTests` of `test_locks.py`.

use std::{cell::Cell, rc::Rc, time::Duration};

use oneloop::{Condition, Error, Lock, Result, create_task, timeout, wait_for, yield_now};

use crate::harness::{Log, here, run};

/// Waits once, and keeps the lock, or gives it back by hand, as CPython's tests do.
async fn wait_once(condition: Condition, log: Log, what: u8, releases: bool) -> Result<bool> {
    condition.acquire().await?.forget();
    condition.wait().await?;
    log.add(what);
    if releases {
        condition.release()?;
    }
    Ok(true)
}

/// Mirrors CPython ConditionTests.test_wait.
#[test]
fn wait() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let condition = Condition::new();
        let tasks = [1, 2, 3].map(|n| create_task(wait_once(condition.clone(), result.clone(), n, false)));
        yield_now().await?;
        assert!(result.text().is_empty() && !condition.locked());
        condition.acquire().await?.forget();
        condition.notify(1)?;
        yield_now().await?;
        assert!(result.text().is_empty() && condition.locked());
        condition.release()?;
        yield_now().await?;
        assert!(result.text() == "1" && condition.locked());
        condition.notify(2)?;
        yield_now().await?;
        assert!(result.text() == "1" && condition.locked());
        condition.release()?;
        yield_now().await?;
        assert!(result.text() == "1 2" && condition.locked());
        condition.release()?;
        yield_now().await?;
        assert!(result.text() == "1 2 3" && condition.locked());
        for task in tasks {
            assert!(task.done() && task.result()?);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_wait_cancel.
#[test]
fn a_cancelled_wait_has_the_lock_again() {
    run(async {
        let condition = Condition::new();
        condition.acquire().await?.forget();
        let waits = create_task(condition.wait());
        let cancels = waits.clone();
        here().call_soon(move || assert!(cancels.cancel()));
        assert!(waits.await.is_err_and(|error| error.is_cancelled()));
        assert!(condition.locked() && format!("{condition:?}").contains("waiters: 0"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_wait_cancel_contested.
#[test]
fn a_cancel_while_it_queues_for_the_lock_waits_for_the_lock() {
    run(async {
        let condition = Condition::new();
        condition.acquire().await?.forget();
        let waits = create_task(condition.wait());
        yield_now().await?;
        assert!(!condition.locked());
        condition.acquire().await?.forget();
        condition.notify(1)?;
        let (cancels, releases) = (waits.clone(), condition.clone());
        here().call_soon(move || assert!(cancels.cancel()));
        here().call_soon(move || releases.release().unwrap());
        let _ = waits.await;
        assert!(condition.locked());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_wait_cancel_after_notify.
#[test]
fn cancelled_after_the_notification() {
    run(async {
        let (condition, waited) = (Condition::new(), Rc::new(Cell::new(false)));
        let (waits, has_waited) = (condition.clone(), waited.clone());
        let waiter = create_task(async move {
            let _guard = waits.acquire().await?;
            has_waited.set(true);
            waits.wait().await
        });
        yield_now().await?;
        condition.acquire().await?.forget();
        condition.notify(1)?;
        yield_now().await?;
        waiter.cancel();
        yield_now().await?;
        condition.release()?;
        yield_now().await?;
        assert!(waiter.cancelled() && waited.get());
        assert!(!condition.locked());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_wait_unacquired.
/// Mirrors CPython ConditionTests.test_wait_for_unacquired.
#[test]
fn waiting_needs_the_lock() {
    run(async {
        let condition = Condition::new();
        assert_eq!(condition.wait().await.unwrap_err().to_string(), "cannot wait on un-acquired lock");
        assert_eq!(condition.wait_for(|| Some([1, 2, 3])).await?, Some([1, 2, 3]), "it need not wait");
        assert_eq!(condition.wait_for(|| false).await.unwrap_err().kind(), "runtime");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_notify_unacquired.
/// Mirrors CPython ConditionTests.test_notify_all_unacquired.
#[test]
fn notifying_needs_the_lock() {
    let condition = Condition::new();
    assert_eq!(condition.notify(1).unwrap_err().to_string(), "cannot notify on un-acquired lock");
    assert_eq!(condition.notify_all().unwrap_err().kind(), "runtime");
}

/// Mirrors CPython ConditionTests.test_wait_for.
#[test]
fn wait_for_a_predicate() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let (condition, holds) = (Condition::new(), Rc::new(Cell::new(false)));
        let (waits, asks, tells) = (condition.clone(), holds.clone(), result.clone());
        let task = create_task(async move {
            waits.acquire().await?.forget();
            if waits.wait_for(|| asks.get()).await? {
                tells.add(1);
                waits.release()?;
            }
            Ok(true)
        });
        yield_now().await?;
        assert_eq!(result.text(), "");
        condition.acquire().await?.forget();
        condition.notify(1)?;
        condition.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "");
        holds.set(true);
        condition.acquire().await?.forget();
        condition.notify(1)?;
        condition.release()?;
        yield_now().await?;
        assert!(result.text() == "1" && task.done() && task.result()?);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_notify.
#[test]
fn notify() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let condition = Condition::new();
        let tasks = [1, 2, 3].map(|n| create_task(wait_once(condition.clone(), result.clone(), n, true)));
        yield_now().await?;
        assert_eq!(result.text(), "");
        condition.acquire().await?.forget();
        condition.notify(1)?;
        condition.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "1");
        condition.acquire().await?.forget();
        condition.notify(1)?;
        condition.notify(2048)?;
        condition.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "1 2 3");
        for task in tasks {
            assert!(task.done() && task.result()?);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_notify_all.
#[test]
fn notify_all() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let condition = Condition::new();
        let tasks = [1, 2].map(|n| create_task(wait_once(condition.clone(), result.clone(), n, true)));
        yield_now().await?;
        assert_eq!(result.text(), "");
        condition.acquire().await?.forget();
        condition.notify_all()?;
        condition.release()?;
        yield_now().await?;
        assert_eq!(result.text(), "1 2");
        for task in tasks {
            assert!(task.done() && task.result()?);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_context_manager.
/// Mirrors CPython ConditionTests.test_explicit_lock.
#[test]
fn its_lock_may_be_one_that_others_have() {
    async fn both_ways(lock: &Lock, condition: &Condition) -> Result<()> {
        assert!(!lock.locked() && !condition.locked());
        let guard = condition.acquire().await?;
        assert!(lock.locked() && condition.locked());
        drop(guard);
        assert!(!lock.locked() && !condition.locked());
        let guard = lock.acquire().await?;
        assert!(lock.locked() && condition.locked());
        drop(guard);
        assert!(!lock.locked() && !condition.locked());
        Ok(())
    }
    run(async {
        let condition = Condition::new();
        let guard = condition.acquire().await?;
        assert!(condition.locked());
        drop(guard);
        assert!(!condition.locked());
        let lock = Lock::new();
        both_ways(&lock, &Condition::with_lock(&lock)).await
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_ambiguous_loops.
#[test]
fn on_another_loop_it_says_so() {
    async fn wait_shortly(condition: Condition) -> Result<()> {
        let _guard = condition.acquire().await?;
        wait_for(Duration::from_secs(1), condition.wait()).await
    }
    let (lock, condition) = (Lock::new(), Condition::new());
    // Bound by a wait for the lock, and by a wait for the condition.
    let bound = (lock.clone(), condition.clone());
    run(async move {
        let _guard = bound.0.acquire().await?;
        assert!(wait_for(Duration::from_secs(1), bound.0.acquire()).await.is_err());
        assert!(wait_shortly(bound.1).await.unwrap_err().is_timeout());
        Ok(())
    })
    .unwrap();
    run(async move {
        let _guard = lock.acquire().await?; // at once, so without regard to the loop
        let error = Condition::with_lock(&lock).acquire().await.unwrap_err();
        assert!(error.to_string().contains("is bound to a different event loop"), "{error}");
        let error = wait_shortly(condition.clone()).await.unwrap_err();
        assert!(error.to_string().contains("is bound to a different event loop"), "{error}");
        assert!(!condition.locked(), "the guard has gone");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_timeout_in_block.
#[test]
fn a_wait_that_times_out_has_the_lock_again() {
    run(async {
        let condition = Condition::new();
        let guard = condition.acquire().await?;
        let result = wait_for(Duration::from_millis(500), condition.wait()).await;
        assert!(result.unwrap_err().is_timeout());
        assert!(condition.locked());
        drop(guard);
        assert!(!condition.locked(), "the guard that was made before the wait is good again");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython ConditionTests.test_cancelled_error_wakeup.
/// Mirrors CPython ConditionTests.test_cancelled_error_re_aquire.
#[test]
fn a_cancellation_comes_out_of_either_half_of_a_wait() {
    async fn waits(condition: Condition, wake: Rc<Cell<bool>>, log: Log) -> Result<()> {
        let _guard = condition.acquire().await?;
        let result = condition.wait_for(|| wake.get()).await;
        log.add(result.as_ref().map_or_else(Error::kind, |_| "woken"));
        result.map(drop)
    }
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let (condition, wake) = (Condition::new(), Rc::new(Cell::new(false)));
        let task = create_task(waits(condition.clone(), wake.clone(), told.clone()));
        yield_now().await?;
        task.cancel();
        assert!((&task).await.unwrap_err().is_cancelled() && task.cancelled());

        let task = create_task(waits(condition.clone(), wake.clone(), told));
        yield_now().await?;
        condition.acquire().await?.forget();
        wake.set(true);
        condition.notify(1)?;
        yield_now().await?;
        task.cancel();
        condition.release()?;
        assert!((&task).await.unwrap_err().is_cancelled() && task.cancelled());
        assert!(!condition.locked());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "cancelled cancelled");
}

/// A notified consumer is cancelled before it can consume: the notification must reach the other one.
async fn a_cancelled_consumer(while_it_relocks: bool) -> Result<()> {
    let (condition, state) = (Condition::new(), Rc::new(Cell::new(0)));
    let consumers = [(); 2].map(|()| {
        let (condition, state) = (condition.clone(), state.clone());
        create_task(async move {
            let _guard = condition.acquire().await?;
            loop {
                condition.wait_for(|| state.get() != 0).await?;
                if state.get() < 0 {
                    return Ok(());
                }
                state.set(state.get() - 1);
            }
        })
    });
    yield_now().await?;
    let guard = condition.acquire().await?;
    state.set(1);
    condition.notify(1)?;
    if while_it_relocks {
        yield_now().await?;
    }
    consumers[0].cancel();
    // The other one consumes, and tells nobody: this ends with its time.
    let consumed = timeout(Duration::from_millis(10), async |_| condition.wait_for(|| state.get() == 0).await).await;
    assert!(consumed.unwrap_err().is_timeout() && state.get() == 0);
    state.set(-1);
    condition.notify_all()?;
    drop(guard);
    (&consumers[1]).await
}

/// Mirrors CPython ConditionTests.test_cancelled_wakeup.
#[test]
fn a_waiter_that_is_cancelled_when_it_is_notified_loses_nothing() {
    run(a_cancelled_consumer(false)).unwrap();
}

/// Mirrors CPython ConditionTests.test_cancelled_wakeup_relock.
#[test]
fn a_waiter_that_is_cancelled_when_it_takes_the_lock_again_loses_nothing() {
    run(a_cancelled_consumer(true)).unwrap();
}

/// Section 9 of the design: a wait that is dropped half-way can't take the lock again. It passes a notification on, and
/// the caller's guard must not free the lock under its next holder.
#[test]
fn a_wait_that_is_dropped_half_way() {
    run(async {
        let condition = Condition::new();
        let guard = condition.acquire().await?;
        let mut wait = Box::pin(condition.wait());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(wait.as_mut().poll(cx))).await;
        assert!(polled.is_pending() && !condition.locked());
        let log = Log::default();
        let other = create_task(wait_once(condition.clone(), log.clone(), 2, true));
        yield_now().await?;
        let holder = condition.acquire().await?;
        condition.notify(1)?;
        drop(wait);
        drop(guard);
        assert!(condition.locked(), "it is the new holder's");
        drop(holder);
        assert!(other.await? && log.text() == "2", "the notification has gone on to the other one");
        Ok(())
    })
    .unwrap();
}
