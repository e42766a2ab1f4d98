//! The tests of `wait` in `BaseTaskTests` of `test_tasks.py`.

use std::time::Duration;

use oneloop::{Error, Result, ReturnWhen, Task, Waitable, create_task, sleep, wait, yield_now};

use crate::harness::{Log, here, one_turn, run, virtual_loop};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A task that sleeps, and then fails if `fails`.
fn sleeper(delay: u64, fails: bool) -> Task<()> {
    create_task(async move {
        if delay > 0 {
            sleep(ms(delay)).await?;
        }
        if fails { Err(Error::other("zero")) } else { Ok(()) }
    })
}

/// Mirrors CPython BaseTaskTests.test_wait.
/// Mirrors CPython BaseTaskTests.test_wait_with_iterator_of_tasks.
/// Mirrors CPython BaseTaskTests.test_wait_generator.
#[test]
fn for_all() {
    run(async {
        let began = here().time();
        let (a, b) = (sleeper(100, false), sleeper(150, false));
        for _ in 0..2 {
            let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted, None).await?;
            assert!(done == [&b, &a] && pending.is_empty());
            assert_eq!(here().time() - began, ms(150), "the second time takes none");
        }
        let (done, _) = wait(Vec::from([b, a]), ReturnWhen::default(), None).await?;
        assert_eq!(done.len(), 2);
        let (done, pending) =
            wait((0..10).map(|n| create_task(async move { Ok(n) })), ReturnWhen::AllCompleted, None).await?;
        assert!(done.len() == 10 && pending.is_empty());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_wait_duplicate_coroutines.
#[test]
fn one_that_is_named_twice_counts_once() {
    run(async {
        let (c, spam) = (create_task(async { Ok("test") }), create_task(async { Ok("spam") }));
        let (done, pending) = wait([c.clone(), c, spam], ReturnWhen::AllCompleted, None).await?;
        let results: Result<Vec<_>> = done.iter().map(Task::result).collect();
        assert!(results? == ["test", "spam"] && pending.is_empty());
        Ok(())
    })
    .unwrap();
}

/// That only futures that exist can be waited for, and only in three ways, the types say.
///
/// Mirrors CPython BaseTaskTests.test_wait_errors.
/// Mirrors CPython BaseTaskTests.test_wait_invalid_args.
#[test]
#[allow(clippy::assertions_on_constants, reason = "the types are what is tested")]
fn for_nothing() {
    struct Probe<T>(std::marker::PhantomData<T>);
    trait Otherwise {
        const CAN: bool = false;
    }
    impl<T> Otherwise for Probe<T> {}
    impl<T: Waitable> Probe<T> {
        const CAN: bool = true;
    }
    assert!(<Probe<Task<()>>>::CAN && !<Probe<oneloop::Sleep>>::CAN);
    let error = run(wait(Vec::<Task<()>>::new(), ReturnWhen::AllCompleted, None)).unwrap_err();
    assert_eq!(error.to_string(), "Set of Tasks/Futures is empty.");
}

/// Mirrors CPython BaseTaskTests.test_wait_first_completed.
#[test]
fn for_the_first() {
    run(async {
        let began = here().time();
        let (a, b) = (sleeper(10_000, false), sleeper(100, false));
        let (done, pending) = wait([&b, &a], ReturnWhen::FirstCompleted, None).await?;
        assert!(done == [&b] && pending == [&a]);
        assert!(!a.done() && b.done() && b.result().is_ok());
        assert_eq!(here().time() - began, ms(100));
        wait([a, b], ReturnWhen::AllCompleted, None).await.map(drop)
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_wait_really_done.
#[test]
fn what_is_done_meanwhile_is_done() {
    run(async {
        let a = create_task(yield_now());
        let b = create_task(async {
            yield_now().await?;
            yield_now().await
        });
        let (done, pending) = wait([&b, &a], ReturnWhen::FirstCompleted, None).await?;
        assert!(done == [&b, &a] && pending.is_empty());
        assert!(a.done() && b.done());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_wait_first_exception.
/// Mirrors CPython BaseTaskTests.test_wait_first_exception_in_wait.
#[test]
fn for_the_first_error() {
    run(async {
        for delay in [0, 10] {
            let began = here().time();
            let (a, b) = (sleeper(10_000, false), sleeper(delay, true));
            let (done, pending) = wait([&b, &a], ReturnWhen::FirstException, None).await?;
            assert!(done == [&b] && pending == [&a]);
            assert_eq!(here().time() - began, ms(delay));
            assert!(b.error()?.is_some());
            a.cancel(); // no error: the wait for the first one goes on
            let c = sleeper(10, false);
            let (done, _) = wait([&a, &c], ReturnWhen::FirstException, None).await?;
            assert_eq!(done.len(), 2);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_wait_with_exception.
#[test]
fn errors_are_not_raised() {
    run(async {
        let began = here().time();
        let (a, b) = (sleeper(100, false), sleeper(150, true));
        for _ in 0..2 {
            let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted, None).await?;
            assert!(done.len() == 2 && pending.is_empty());
            assert_eq!(done.iter().filter(|task| task.error().unwrap().is_some()).count(), 1);
            assert_eq!(here().time() - began, ms(150));
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_wait_with_timeout.
/// Mirrors CPython BaseTaskTests.test_wait_concurrent_complete.
#[test]
fn with_a_timeout() {
    run(async {
        for timeout in [110, 100] {
            let began = here().time();
            let (a, b) = (sleeper(100, false), sleeper(150, false));
            yield_now().await?; // they begin to sleep before the time of the wait begins
            let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted, ms(timeout)).await?;
            assert!(done == [&a] && pending == [&b], "with {timeout} ms");
            assert_eq!(here().time() - began, ms(timeout));
            wait([a, b], ReturnWhen::AllCompleted, None).await?;
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_yield_wait_does_not_shield_cancel.
#[test]
fn a_cancelled_wait_leaves_the_tasks_alone() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let waiter = event_loop.create_future::<()>();
    let (awaited, told) = (waiter.clone(), log.clone());
    let outer = event_loop.create_task(async move {
        let tells = told.clone();
        let inner = create_task(async move {
            awaited.await?;
            tells.add("inner");
            Ok(())
        });
        wait([inner], ReturnWhen::AllCompleted, None).await?;
        told.add("outer");
        Ok(())
    });
    one_turn(&event_loop);
    outer.cancel();
    assert!(event_loop.run_until_complete(outer).unwrap_err().is_cancelled());
    waiter.set_result(()).unwrap();
    one_turn(&event_loop);
    assert_eq!(log.text(), "inner");
}

/// Rule 20: two turns from the end of the task to the one that waits. Same program in CPython: `['end', 1, 2, 'waited']`.
#[test]
fn two_hops() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let tells = told.clone();
        let task = create_task(async move {
            yield_now().await?;
            yield_now().await?;
            tells.add("end");
            let first = tells.clone();
            here().call_soon(move || {
                first.add(1);
                let second = first.clone();
                here().call_soon(move || second.add(2));
            });
            Ok(())
        });
        wait([task], ReturnWhen::AllCompleted, None).await?;
        told.add("waited");
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "end 1 2 waited");
}

/// Tasks of several types, by reference. What was registered is taken back, however often one waits for the same.
#[test]
fn several_types_and_nothing_left_behind() {
    run(async {
        let (a, b) = (create_task(async { Ok(1) }), here().create_future::<&str>());
        let both: [&dyn Waitable; 2] = [&a, &b];
        let (done, pending) = wait(both, ReturnWhen::FirstCompleted, None).await?;
        assert_eq!((done.len(), pending.len()), (1, 1));
        let counted = std::rc::Rc::new(());
        for _ in 0..3 {
            let held = counted.clone();
            let waits = create_task({
                let b = b.clone();
                async move {
                    let _held = held;
                    wait([b], ReturnWhen::AllCompleted, Duration::from_secs(1)).await.map(drop)
                }
            });
            waits.await?;
        }
        assert_eq!(std::rc::Rc::strong_count(&counted), 1);
        Ok(())
    })
    .unwrap();
}
