//! The tests of `as_completed` in `BaseTaskTests` of `test_tasks.py`.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    time::Duration,
};

use oneloop::{EnsureFuture, Error, Result, ReturnWhen, as_completed, create_task, sleep, wait};

use crate::harness::{here, run};

type Coroutine = Pin<Box<dyn Future<Output = Result<&'static str>>>>;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A coroutine that sleeps, and gives `value`.
fn after(delay: u64, value: &'static str) -> Coroutine {
    Box::pin(async move {
        if delay > 0 {
            sleep(ms(delay)).await?;
        }
        Ok(value)
    })
}

/// `for f in as_completed(..): values.append(await f)`, and the same with `async for`.
async fn collected<A: EnsureFuture<Value = &'static str>>(
    awaitables: impl IntoIterator<Item = A>,
    timeout: Option<Duration>,
    asynchronously: bool,
) -> Result<Vec<String>> {
    let mut values = Vec::new();
    if asynchronously {
        let mut completed = as_completed(awaitables, timeout);
        loop {
            match completed.next_done().await {
                Ok(Some(future)) => values.push(future.await?.to_owned()),
                Ok(None) => break,
                Err(error) if error.is_timeout() => {
                    values.push("timeout".to_owned());
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    } else {
        for next in as_completed(awaitables, timeout) {
            match next.await {
                Ok(value) => values.push(value.to_owned()),
                Err(error) if error.is_timeout() => values.push("timeout".to_owned()),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(values)
}

/// Mirrors CPython BaseTaskTests.test_as_completed.
#[test]
fn in_the_order_of_their_ends() {
    run(async {
        for asynchronously in [false, true] {
            let began = here().time();
            let all = [after(10, "b"), after(150, "c"), after(10, "a")];
            assert_eq!(collected(all, None, asynchronously).await?, ["b", "a", "c"]);
            assert_eq!(here().time() - began, ms(150));
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_same_tasks_in_as_out.
#[test]
fn what_comes_out_is_what_went_in() {
    run(async {
        let (b, d) = (create_task(after(1, "b")), create_task(after(2, "d")));
        let mut completed = as_completed([&b, &d], None);
        assert!(completed.next_done().await?.unwrap() == b);
        assert!(completed.next_done().await?.unwrap() == d);
        assert!(completed.next_done().await?.is_none());
        // Of coroutines, it is the tasks that were made of them.
        let mut completed = as_completed([after(0, "a"), after(0, "c")], None);
        while let Some(done) = completed.next_done().await? {
            assert!(done.done() && done != b && done != d);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_with_timeout.
#[test]
fn with_a_timeout() {
    run(async {
        for asynchronously in [false, true] {
            let began = here().time();
            let tasks = [create_task(after(100, "a")), create_task(after(150, "b"))];
            assert_eq!(collected(&tasks, Some(ms(120)), asynchronously).await?, ["a", "timeout"]);
            assert_eq!(here().time() - began, ms(120));
            let (done, _) = wait(tasks, ReturnWhen::AllCompleted, None).await?;
            assert_eq!(done[1].result()?, "b", "it was not cancelled");
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_with_unused_timeout.
#[test]
fn a_timeout_that_is_not_needed_is_taken_back() {
    run(async {
        for asynchronously in [false, true] {
            let began = here().time();
            assert_eq!(collected([after(10, "a")], Some(ms(1000)), asynchronously).await?, ["a"]);
            assert_eq!(here().time() - began, ms(10));
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_resume_iterator.
#[test]
fn it_can_be_resumed() {
    run(async {
        let four = || ["0", "1", "2", "3"].map(|value| after(0, value));
        let (mut iterator, mut values) = (as_completed(four(), None), Vec::new());
        for next in iterator.by_ref().take(2) {
            values.push(next.await?);
        }
        assert_eq!(values.len(), 2);
        for next in iterator {
            values.push(next.await?);
        }
        assert_eq!(values, ["0", "1", "2", "3"]);
        let (mut iterator, mut values) = (as_completed(four(), None), Vec::new());
        while let Some(done) = iterator.next_done().await? {
            values.push(done.await?);
        }
        assert!(values.len() == 4 && iterator.next().is_none());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_reverse_wait.
#[test]
fn the_first_that_is_awaited_gets_the_first_that_ends() {
    run(async {
        let began = here().time();
        let mut futures: Vec<_> = as_completed([after(50, "a"), after(100, "b")], None).collect();
        assert_eq!(futures.len(), 2);
        assert_eq!(futures.pop().unwrap().await?, "a");
        assert_eq!(here().time() - began, ms(50));
        assert_eq!(futures.pop().unwrap().await?, "b");
        assert_eq!(here().time() - began, ms(100));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_concurrent.
#[test]
fn several_can_be_awaited_at_once() {
    run(async {
        let futures = as_completed([after(50, "a"), after(50, "b")], None);
        let (done, _) = wait(futures.map(create_task), ReturnWhen::AllCompleted, None).await?;
        let results: Result<Vec<_>> = done.iter().map(oneloop::Task::result).collect();
        assert_eq!(results?, ["a", "b"]);
        Ok(())
    })
    .unwrap();
}

/// A Rust future is given up by value, so it is a task that is named twice here.
///
/// Mirrors CPython BaseTaskTests.test_as_completed_duplicate_coroutines.
#[test]
fn one_that_is_named_twice_counts_once() {
    run(async {
        for asynchronously in [false, true] {
            let (ham, spam) = (create_task(after(0, "ham")), create_task(after(0, "spam")));
            assert_eq!(collected([&ham, &ham, &spam], None, asynchronously).await?, ["ham", "spam"]);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_as_completed_coroutine_without_loop.
/// Mirrors CPython BaseTaskTests.test_as_completed_coroutine_use_running_loop.
#[test]
fn a_coroutine_needs_a_running_loop() {
    let without = catch_unwind(AssertUnwindSafe(|| as_completed([after(0, "a")], None)));
    assert!(without.is_err());
    run(async {
        let mut futures: Vec<_> = as_completed([after(0, "a")], None).collect();
        assert!(futures.len() == 1 && futures.pop().unwrap().await? == "a");
        Ok(())
    })
    .unwrap();
}

/// It takes a list: one future alone is none, and does not compile.
///
/// Mirrors CPython BaseTaskTests.test_as_completed_invalid_args.
#[test]
#[allow(clippy::assertions_on_constants, reason = "the types are what is tested")]
fn one_alone_is_no_list() {
    struct Probe<T>(std::marker::PhantomData<T>);
    trait Otherwise {
        const CAN: bool = false;
    }
    impl<T> Otherwise for Probe<T> {}
    impl<T: IntoIterator<Item: EnsureFuture>> Probe<T> {
        const CAN: bool = true;
    }
    assert!(<Probe<Vec<Coroutine>>>::CAN);
    assert!(!<Probe<Coroutine>>::CAN && !<Probe<oneloop::SettableFuture<()>>>::CAN);
}

/// An error comes out where its task is awaited, and those that come later are there still.
#[test]
fn an_error_among_them() {
    run(async {
        let fails: Coroutine = Box::pin(async { Err(Error::other("zero")) });
        let mut iterator = as_completed([after(10, "a"), fails], None);
        assert_eq!(iterator.next().unwrap().await.unwrap_err().to_string(), "zero");
        assert_eq!(iterator.next().unwrap().await?, "a");
        Ok(())
    })
    .unwrap();
}
