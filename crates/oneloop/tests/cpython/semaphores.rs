//! `SemaphoreTests` of `test_locks.py`.

use std::{cell::RefCell, rc::Rc, time::Duration};

use oneloop::{
    BoundedSemaphore, Error, Semaphore, Task, TaskGroup, create_task, gather, gather_return_exceptions, sleep,
    wait_for, yield_now,
};

use crate::harness::{Log, here, run};

/// A task that takes a permit and keeps it.
fn take(semaphore: &Semaphore, log: &Log, what: u8) -> Task<bool> {
    let (semaphore, log) = (semaphore.clone(), log.clone());
    create_task(async move {
        semaphore.acquire().await?.forget();
        log.add(what);
        Ok(true)
    })
}

fn waiters(semaphore: &Semaphore) -> String {
    let shown = format!("{semaphore:?}");
    shown.split("waiters: ").nth(1).unwrap().trim_end_matches(" }").to_owned()
}

/// Mirrors CPython SemaphoreTests.test_initial_value_zero.
/// Mirrors CPython SemaphoreTests.test_semaphore_value.
#[test]
fn no_permits_and_no_fewer() {
    assert!(Semaphore::new(0).locked());
    let _: fn(usize) -> Semaphore = Semaphore::new; // a negative number can't be written
}

/// Mirrors CPython SemaphoreTests.test_acquire.
#[test]
fn acquire() {
    run(async {
        let (semaphore, log) = (Semaphore::new(3), Log::default());
        semaphore.acquire().await?.forget();
        semaphore.acquire().await?.forget();
        assert!(!semaphore.locked());
        let (t1, t2, t3) = (take(&semaphore, &log, 1), take(&semaphore, &log, 2), take(&semaphore, &log, 3));
        yield_now().await?;
        assert!(log.text() == "1" && semaphore.locked() && waiters(&semaphore) == "2");
        assert_eq!(semaphore.available(), 0);
        let t4 = take(&semaphore, &log, 4);
        semaphore.release();
        semaphore.release();
        assert_eq!(semaphore.available(), 0, "set aside for those who wait");
        yield_now().await?;
        assert_eq!(log.text(), "1 2 3");
        assert!(semaphore.available() == 0 && semaphore.locked() && waiters(&semaphore) == "1");
        assert!(t1.done() && t1.result()? && t2.done() && t3.done() && !t4.done());
        semaphore.release();
        gather([t2, t3, t4]).await.map(drop)
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_cancel.
#[test]
fn acquire_cancel() {
    run(async {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await?.forget();
        let acquire = create_task(semaphore.acquire());
        let cancels = acquire.clone();
        here().call_soon(move || assert!(cancels.cancel()));
        assert!(acquire.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(waiters(&semaphore), "0");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_cancel_before_awoken.
#[test]
fn a_release_passes_over_those_who_were_cancelled() {
    run(async {
        let (semaphore, log) = (Semaphore::new(0), Log::default());
        let [t1, t2, t3, t4] = [1, 2, 3, 4].map(|n| take(&semaphore, &log, n));
        yield_now().await?;
        t1.cancel();
        t2.cancel();
        semaphore.release();
        yield_now().await?;
        yield_now().await?;
        assert!(t3.done() && !t4.done());
        t4.cancel();
        yield_now().await
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_hang.
#[test]
fn a_cancelled_waiter_does_not_hold_up_the_next() {
    run(async {
        let (semaphore, log) = (Semaphore::new(0), Log::default());
        let [t1, t2] = [1, 2].map(|n| take(&semaphore, &log, n));
        yield_now().await?;
        t1.cancel();
        semaphore.release();
        yield_now().await?;
        yield_now().await?;
        assert!(semaphore.locked() && t2.done() && t1.cancelled());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_no_hang.
#[test]
fn a_permit_that_was_set_aside_for_a_cancelled_waiter_comes_back() {
    run(async {
        let semaphore = Semaphore::new(1);
        let t2: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let (first, cancels) = (semaphore.clone(), t2.clone());
        let t1 = create_task(async move {
            let permit = first.acquire().await?;
            yield_now().await?;
            drop(permit);
            cancels.take().unwrap().cancel();
            Ok(())
        });
        let second = semaphore.clone();
        let task = create_task(async move {
            let _permit = second.acquire().await?;
            unreachable!("it was cancelled")
        });
        *t2.borrow_mut() = Some(task.clone());
        let results = gather_return_exceptions([t1, task]).await?;
        assert!(results[0].is_ok() && results[1].as_ref().is_err_and(Error::is_cancelled));
        wait_for(Duration::from_secs(1), semaphore.acquire()).await.map(drop)
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_release_not_acquired.
#[test]
fn a_bounded_one_notices_one_release_too_many() {
    let semaphore = BoundedSemaphore::new(1);
    assert_eq!(semaphore.release().unwrap_err().to_string(), "BoundedSemaphore released too many times");
    run(async move {
        let permit = semaphore.acquire().await?;
        assert!(semaphore.locked());
        semaphore.release()?;
        drop(permit); // given back by hand before: no second time
        assert_eq!(semaphore.available(), 1);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_release_no_waiters.
#[test]
fn release_no_waiters() {
    run(async {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await?.forget();
        assert!(semaphore.locked());
        semaphore.release();
        assert!(!semaphore.locked());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_fifo_order.
#[test]
fn in_turns() {
    let log = Log::default();
    let result = log.clone();
    run(TaskGroup::scope(async move |group| {
        let semaphore = Semaphore::new(1);
        for tag in ["c1", "c2", "c3"] {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            drop(group.create_task(async move {
                for round in 1..=2 {
                    semaphore.acquire().await?.forget();
                    log.add(format!("{tag}_{round}"));
                    sleep(Duration::from_millis(10)).await?;
                    semaphore.release();
                }
                Ok(())
            })?);
        }
        Ok(())
    }))
    .unwrap();
    assert_eq!(result.text(), "c1_1 c2_1 c3_1 c1_2 c2_2 c3_2");
}

/// Mirrors CPython SemaphoreTests.test_acquire_fifo_order_2.
#[test]
fn who_comes_back_queues_behind_the_others() {
    run(async {
        let (semaphore, log) = (Semaphore::new(1), Log::default());
        let t1 = take(&semaphore, &log, 1);
        let (again, tells) = (semaphore.clone(), log.clone());
        let t2 = create_task(async move {
            again.acquire().await?.forget();
            tells.add(2);
            again.release();
            again.acquire().await?.forget();
            tells.add(4);
            Ok(true)
        });
        let t3 = take(&semaphore, &log, 3);
        yield_now().await?;
        semaphore.release();
        semaphore.release();
        gather([t1, t2, t3]).await?;
        assert_eq!(log.text(), "1 2 3 4");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_fifo_order_3.
#[test]
fn two_releases_after_the_first_was_cancelled() {
    run(async {
        let (semaphore, log) = (Semaphore::new(0), Log::default());
        let [t1, t2, t3] = [1, 2, 3].map(|n| take(&semaphore, &log, n));
        yield_now().await?;
        t1.cancel();
        yield_now().await?;
        semaphore.release();
        semaphore.release();
        gather_return_exceptions([t1, t2, t3]).await?;
        assert_eq!(log.text(), "2 3");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython SemaphoreTests.test_acquire_fifo_order_4.
#[test]
fn the_first_that_goes_on_lets_in_those_who_had_to_queue_behind_it() {
    run(async {
        let (semaphore, log) = (Semaphore::new(0), Log::default());
        let (first, tells) = (semaphore.clone(), log.clone());
        let t1 = create_task(async move {
            first.acquire().await?.forget();
            assert_eq!(first.available(), 0, "all who wait were woken");
            let last = tells.clone();
            let t4 = create_task(async move {
                last.add(4);
                Ok(())
            });
            tells.add(1);
            Ok(t4)
        });
        let (second, tells) = (semaphore.clone(), log.clone());
        let t2 = create_task(async move {
            (0..3).for_each(|_| second.release());
            assert!(second.available() == 2 && second.locked());
            second.acquire().await?.forget();
            tells.add(2);
            Ok(())
        });
        let (third, tells) = (semaphore.clone(), log.clone());
        let t3 = create_task(async move {
            third.acquire().await?.forget();
            assert!(third.locked());
            tells.add(3);
            Ok(())
        });
        yield_now().await?;
        assert!(semaphore.available() == 2 && waiters(&semaphore) == "3");
        yield_now().await?;
        let t4 = t1.await?;
        gather([t2, t3, t4]).await?;
        assert_eq!(log.text(), "1 2 3 4");
        Ok(())
    })
    .unwrap();
}

/// Section 9 of the design: a waiter that is dropped after a permit was set aside for it.
#[test]
fn a_chosen_waiter_that_is_dropped_passes_its_permit_on() {
    run(async {
        let (semaphore, log) = (Semaphore::new(0), Log::default());
        let mut chosen = Box::pin(semaphore.acquire());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(chosen.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        let next = take(&semaphore, &log, 2);
        yield_now().await?;
        semaphore.release();
        drop(chosen);
        assert!(wait_for(Duration::from_secs(1), next).await?);
        Ok::<_, Error>(())
    })
    .unwrap();
}
