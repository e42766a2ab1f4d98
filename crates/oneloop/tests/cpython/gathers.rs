//! The `gather` tests of `test_tasks.py`: of futures, and of coroutines that await them.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    time::Duration,
};

use oneloop::{
    AnyFuture, Error, EventLoop, Result, SettableFuture, create_task, gather, gather_return_exceptions, gather_tuple,
    gather_tuple_return_exceptions, sleep,
};

use crate::harness::{Log, one_turn, reports, virtual_loop};

/// As many turns as anything can need here.
fn run_briefly(event_loop: &EventLoop) {
    (0..8).for_each(|_| one_turn(event_loop));
}

fn futures<const N: usize>(event_loop: &EventLoop) -> [SettableFuture<i32>; N] {
    std::array::from_fn(|_| event_loop.create_future())
}

/// `gather` of the futures themselves, or of coroutines that await them.
fn gathered(event_loop: &EventLoop, futures: &[SettableFuture<i32>], of_coroutines: bool) -> AnyFuture<Vec<i32>> {
    let futures = futures.to_vec();
    if !of_coroutines {
        return gather(futures); // no loop runs: theirs is taken
    }
    let coroutines = futures.into_iter().map(|future| async move { future.await });
    event_loop.run_until_complete(async move { Ok(gather(coroutines)) }).unwrap()
}

fn gathered_with_errors(
    event_loop: &EventLoop,
    futures: &[SettableFuture<i32>],
    of_coroutines: bool,
) -> AnyFuture<Vec<Result<i32>>> {
    let futures = futures.to_vec();
    if !of_coroutines {
        return gather_return_exceptions(futures);
    }
    let coroutines = futures.into_iter().map(|future| async move { future.await });
    event_loop.run_until_complete(async move { Ok(gather_return_exceptions(coroutines)) }).unwrap()
}

fn shown(results: &[Result<i32>]) -> String {
    let each = |result: &Result<i32>| result.as_ref().map_or_else(Error::to_string, i32::to_string);
    results.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Mirrors CPython GatherTestsBase.test_success.
/// Mirrors CPython GatherTestsBase.test_result_exception_success.
#[test]
fn results_in_the_order_of_the_arguments() {
    fn check<V: Clone + 'static>(gathered: impl Fn(&EventLoop, &[SettableFuture<i32>]) -> AnyFuture<V>) -> V {
        let (event_loop, log) = (virtual_loop(), Log::default());
        let [a, b, c] = futures(&event_loop);
        let all = gathered(&event_loop, &[a.clone(), b.clone(), c.clone()]);
        all.add_done_callback(log.calls("called"));
        b.set_result(1).unwrap();
        a.set_result(2).unwrap();
        run_briefly(&event_loop);
        assert!(log.text().is_empty() && !all.done());
        c.set_result(3).unwrap();
        run_briefly(&event_loop);
        assert_eq!(log.text(), "called");
        all.result().unwrap()
    }
    for of_coroutines in [false, true] {
        assert_eq!(check(|event_loop, list| gathered(event_loop, list, of_coroutines)), [2, 1, 3]);
        let with_errors = check(|event_loop, list| gathered_with_errors(event_loop, list, of_coroutines));
        assert_eq!(shown(&with_errors), "2, 1, 3");
    }
}

/// Mirrors CPython GatherTestsBase.test_one_exception.
#[test]
fn the_first_error_ends_it() {
    for of_coroutines in [false, true] {
        let (event_loop, log) = (virtual_loop(), Log::default());
        let told = reports(&event_loop);
        let [a, b, c, d, e] = futures(&event_loop);
        let list = [a.clone(), b.clone(), c.clone(), d.clone(), e.clone()];
        let all = gathered(&event_loop, &list, of_coroutines);
        all.add_done_callback(log.calls("called"));
        a.set_result(1).unwrap();
        b.set_error(Error::other("zero")).unwrap();
        run_briefly(&event_loop);
        assert!(all.done() && log.text() == "called");
        assert_eq!(all.error().unwrap().unwrap().to_string(), "zero");
        // Does nothing, and what fails later counts as seen.
        c.set_result(3).unwrap();
        d.cancel();
        e.set_error(Error::other("late")).unwrap();
        run_briefly(&event_loop);
        drop((list, e, all));
        assert_eq!(told.text(), "");
    }
}

/// Mirrors CPython GatherTestsBase.test_return_exceptions.
#[test]
fn errors_as_values() {
    for of_coroutines in [false, true] {
        let (event_loop, log) = (virtual_loop(), Log::default());
        let [a, b, c, d] = futures(&event_loop);
        let list = [a.clone(), b.clone(), c.clone(), d.clone()];
        let all = gathered_with_errors(&event_loop, &list, of_coroutines);
        all.add_done_callback(log.calls("called"));
        b.set_result(1).unwrap();
        c.set_error(Error::other("zero")).unwrap();
        a.set_result(3).unwrap();
        run_briefly(&event_loop);
        assert!(!all.done());
        d.set_error(Error::other("own")).unwrap();
        run_briefly(&event_loop);
        assert!(all.done() && log.text() == "called");
        assert_eq!(shown(&all.result().unwrap()), "3, 1, zero, own");
    }
}

/// Mirrors CPython FutureGatherTests.test_constructor_empty_sequence_without_loop.
/// Mirrors CPython CoroutineGatherTests.test_constructor_without_loop.
#[test]
fn without_a_loop() {
    let of_nothing = catch_unwind(|| gather(Vec::<SettableFuture<i32>>::new()));
    assert!(of_nothing.is_err());
    let of_coroutines = catch_unwind(AssertUnwindSafe(|| gather([async { Ok("abc") }])));
    let message = of_coroutines.unwrap_err().downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(message.is_empty() || message.contains("needs a running event loop"), "{message}");
}

/// Mirrors CPython FutureGatherTests.test_constructor_empty_sequence_use_running_loop.
/// Mirrors CPython FutureGatherTests.test_constructor_empty_sequence_use_global_loop.
#[test]
fn of_nothing() {
    let event_loop = virtual_loop();
    let all = event_loop.run_until_complete(async { Ok(gather(Vec::<SettableFuture<i32>>::new())) }).unwrap();
    assert!(all.done() && all.result().unwrap().is_empty());
    assert!(event_loop.run_until_complete(all).unwrap().is_empty());
}

/// Mirrors CPython FutureGatherTests.test_constructor_heterogenous_futures.
/// Mirrors CPython BaseTaskTests.test_ensure_future_error_msg.
#[test]
fn futures_of_two_loops() {
    let (one, other) = (virtual_loop(), virtual_loop());
    let all = gather([one.create_future::<i32>(), other.create_future()]);
    let error = all.error().unwrap().unwrap();
    assert!(error.to_string().contains("The future belongs to a different loop"), "{error}");
}

/// Mirrors CPython FutureGatherTests.test_constructor_homogenous_futures.
#[test]
fn the_loop_is_that_of_the_futures() {
    let event_loop = virtual_loop();
    let children = futures::<3>(&event_loop);
    for _ in 0..2 {
        let all = gather(&children);
        run_briefly(&event_loop);
        assert!(!all.done());
    }
    let all = gather(&children);
    children.iter().for_each(|child| child.set_result(1).unwrap());
    assert_eq!(event_loop.run_until_complete(all).unwrap(), [1, 1, 1]);
}

/// Mirrors CPython FutureGatherTests.test_one_cancellation.
#[test]
fn a_cancelled_child_is_an_error_and_does_not_cancel_the_outer() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let [a, b, c, d, e] = futures(&event_loop);
    let all = gather([a.clone(), b.clone(), c.clone(), d.clone(), e.clone()]);
    all.add_done_callback(log.calls("called"));
    a.set_result(1).unwrap();
    b.cancel();
    run_briefly(&event_loop);
    assert!(all.done() && log.text() == "called" && !all.cancelled());
    assert!(all.error().unwrap().unwrap().is_cancelled());
    c.set_result(3).unwrap();
    d.cancel();
    e.set_error(Error::other("late")).unwrap();
    run_briefly(&event_loop);
}

/// Mirrors CPython FutureGatherTests.test_result_exception_one_cancellation.
#[test]
fn cancellations_as_values() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let list = futures::<6>(&event_loop);
    let all = gather_return_exceptions(list.clone());
    all.add_done_callback(log.calls("called"));
    let [a, b, c, d, e, f] = list;
    a.set_result(1).unwrap();
    b.set_error(Error::other("zero")).unwrap();
    c.cancel();
    run_briefly(&event_loop);
    assert!(!all.done());
    d.set_result(3).unwrap();
    e.cancel();
    f.set_error(Error::other("own")).unwrap();
    let results = event_loop.run_until_complete(all).unwrap();
    assert!(results[2].as_ref().is_err_and(Error::is_cancelled));
    assert!(results[4].as_ref().is_err_and(Error::is_cancelled));
    assert_eq!(
        shown(&[results[0].clone(), results[1].clone(), results[3].clone(), results[5].clone()]),
        "1, zero, 3, own"
    );
    assert_eq!(log.text(), "called");
}

/// Mirrors CPython CoroutineGatherTests.test_constructor_use_running_loop.
/// Mirrors CPython CoroutineGatherTests.test_constructor_use_global_loop.
#[test]
fn of_coroutines_on_the_loop_that_runs_and_of_tasks_of_one_that_does_not() {
    let event_loop = virtual_loop();
    let all = event_loop.run_until_complete(async { Ok(gather((0..2).map(|_| async { Ok("abc") }))) }).unwrap();
    assert_eq!(event_loop.run_until_complete(all).unwrap(), ["abc", "abc"]);
    let all = gather((0..2).map(|_| event_loop.create_task(async { Ok("abc") })));
    assert_eq!(event_loop.run_until_complete(all).unwrap(), ["abc", "abc"]);
}

/// A Rust future is given up by value, so it is a task that is named twice here.
///
/// Mirrors CPython CoroutineGatherTests.test_duplicate_coroutines.
#[test]
fn one_that_is_named_twice_gives_its_result_twice() {
    let event_loop = virtual_loop();
    let all = event_loop.run_until_complete(async {
        let (c, other) = (create_task(async { Ok("abc") }), create_task(async { Ok("def") }));
        gather([&c, &c, &other, &c]).await
    });
    assert_eq!(all.unwrap(), ["abc", "abc", "def", "abc"]);
}

/// Mirrors CPython CoroutineGatherTests.test_cancellation_broadcast.
#[test]
fn cancelling_the_outer_cancels_all_children() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let waiter = event_loop.create_future::<()>();
    let child = || {
        let (waiter, log) = (waiter.clone(), log.clone());
        event_loop.create_task(async move {
            waiter.await?;
            log.add("inner");
            Ok(())
        })
    };
    let (child1, child2) = (child(), child());
    let gatherer: Rc<RefCell<Option<AnyFuture<Vec<()>>>>> = Rc::default();
    let (children, kept, told) = ([child1.clone(), child2.clone()], gatherer.clone(), log.clone());
    let outer = event_loop.create_task(async move {
        let all = gather(children);
        *kept.borrow_mut() = Some(all.clone());
        all.await?;
        told.add("outer");
        Ok(())
    });
    one_turn(&event_loop);
    assert!(outer.cancel());
    assert!(event_loop.run_until_complete(outer).unwrap_err().is_cancelled());
    assert!(!gatherer.take().unwrap().cancel());
    assert!(waiter.cancelled() && child1.cancelled() && child2.cancelled());
    one_turn(&event_loop);
    assert_eq!(log.text(), "");
}

/// Mirrors CPython CoroutineGatherTests.test_exception_marking.
#[test]
fn an_error_after_the_first_is_not_reported() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let [a, b] = futures(&event_loop);
    let (fa, fb) = (a.clone(), b.clone());
    let outer = event_loop.create_task(async move {
        let inner = |future: SettableFuture<i32>| async move {
            future.await?;
            Err::<(), _>(Error::other("should not be ignored"))
        };
        gather([inner(fa), inner(fb)]).await.map(drop)
    });
    one_turn(&event_loop);
    a.set_result(1).unwrap();
    run_briefly(&event_loop);
    b.set_result(1).unwrap();
    run_briefly(&event_loop);
    assert_eq!(outer.error().unwrap().unwrap().to_string(), "should not be ignored");
    drop(outer);
    assert_eq!(told.text(), "");
}

/// What is no awaitable is no argument: `gather(c, {})` does not compile.
///
/// Mirrors CPython CoroutineGatherTests.test_issue46672.
/// Mirrors CPython BaseTaskTests.test_ensure_future_neither.
#[test]
#[allow(clippy::assertions_on_constants, reason = "the types are what is tested")]
fn what_is_no_awaitable_is_refused_by_its_type() {
    struct Probe<T>(std::marker::PhantomData<T>);
    trait Otherwise {
        const CAN: bool = false;
    }
    impl<T> Otherwise for Probe<T> {}
    impl<T: oneloop::EnsureFuture> Probe<T> {
        const CAN: bool = true;
    }
    assert!(<Probe<oneloop::Task<()>>>::CAN, "the probe sees what can be");
    assert!(!<Probe<&str>>::CAN && !<Probe<Vec<()>>>::CAN);
}

/// Mirrors CPython BaseTaskTests.test_cancel_gather_1.
#[test]
fn it_cannot_be_cancelled_once_all_children_are_done() {
    let event_loop = virtual_loop();
    let future = event_loop.create_future();
    let awaited = future.clone();
    let all = event_loop.run_until_complete(async move { Ok(gather([async move { awaited.await }])) }).unwrap();
    run_briefly(&event_loop);
    let (cancels, answer) = (all.clone(), Rc::new(Cell::new(None)));
    let answers = answer.clone();
    // The child awaits the future, and this callback comes after it: so the child is done when it runs.
    future.add_done_callback(move |_| answers.set(Some(cancels.cancel())));
    future.set_result(42).unwrap();
    assert_eq!(event_loop.run_until_complete(&all).unwrap(), [42]);
    assert_eq!(answer.get(), Some(false));
    assert!(!all.cancelled());
}

/// Mirrors CPython BaseTaskTests.test_cancel_gather_2.
#[test]
fn a_cancellation_is_no_value_when_it_is_the_outers_own() {
    let result = crate::harness::run(async {
        let task = create_task(async {
            loop {
                let naps = [sleep(Duration::from_millis(50))];
                gather_return_exceptions(naps).await?;
            }
            #[allow(unreachable_code)]
            Ok(())
        });
        sleep(Duration::from_millis(200)).await?;
        task.cancel();
        task.await
    });
    assert!(result.unwrap_err().is_cancelled());
}

/// Results of several types.
#[test]
fn tuples() {
    let event_loop = virtual_loop();
    let all = event_loop.run_until_complete(async {
        let task = create_task(async { Ok('c') });
        let future = oneloop::get_running_loop()?.create_future::<()>();
        future.set_result(())?;
        gather_tuple((async { Ok(1_u8) }, async { Ok("two") }, &task, future)).await
    });
    assert_eq!(all.unwrap(), (1, "two", 'c', ()));
    let first = event_loop.run_until_complete(async {
        let late = async {
            sleep(Duration::from_secs(1)).await?;
            Err::<(), _>(Error::other("late"))
        };
        gather_tuple((late, async { Err::<u8, _>(Error::other("first")) })).await
    });
    assert_eq!(first.unwrap_err().to_string(), "first");
    let (good, bad) = event_loop
        .run_until_complete(async {
            gather_tuple_return_exceptions((async { Ok(1) }, async { Err::<u8, _>(Error::Cancelled) })).await
        })
        .unwrap();
    assert!(good.is_ok() && bad.unwrap_err().is_cancelled());
}
