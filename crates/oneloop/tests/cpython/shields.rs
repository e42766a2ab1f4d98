//! The tests of `shield` and `ensure_future` in `BaseTaskTests` of `test_tasks.py`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oneloop::{Error, EventLoop, Result, create_task, ensure_future, gather, shield, yield_now};

use crate::harness::{Log, one_turn, virtual_loop};

fn run_briefly(event_loop: &EventLoop) {
    (0..4).for_each(|_| one_turn(event_loop));
}

/// Mirrors CPython BaseTaskTests.test_shield_result.
/// Mirrors CPython BaseTaskTests.test_shield_exception.
/// Mirrors CPython BaseTaskTests.test_shield_cancel_inner.
#[test]
fn the_end_of_the_inner_is_that_of_the_outer() {
    let event_loop = virtual_loop();
    let inner = event_loop.create_future();
    let outer = shield(&inner);
    inner.set_result(42).unwrap();
    assert_eq!(event_loop.run_until_complete(outer).unwrap(), 42);
    let inner = event_loop.create_future::<()>();
    let outer = shield(&inner);
    inner.set_error(Error::other("expected")).unwrap();
    run_briefly(&event_loop);
    assert_eq!(outer.error().unwrap().unwrap().to_string(), "expected");
    let inner = event_loop.create_future::<()>();
    let outer = shield(&inner);
    inner.cancel();
    run_briefly(&event_loop);
    assert!(outer.cancelled());
}

/// Mirrors CPython BaseTaskTests.test_shield_cancel_outer.
#[test]
fn cancelling_the_outer_leaves_the_inner() {
    let event_loop = virtual_loop();
    let inner = event_loop.create_future();
    let outer = shield(&inner);
    run_briefly(&event_loop);
    outer.cancel();
    run_briefly(&event_loop);
    assert!(outer.cancelled() && !inner.done());
    inner.set_result(1).unwrap();
    assert_eq!(inner.result().unwrap(), 1);
}

/// Mirrors CPython BaseTaskTests.test_shield_shortcut.
#[test]
fn one_that_is_done_is_returned_itself() {
    let event_loop = virtual_loop();
    let future = event_loop.create_future();
    future.set_result(42).unwrap();
    let outer = shield(&future);
    assert!(outer == future);
    assert_eq!(event_loop.run_until_complete(outer).unwrap(), 42);
}

/// Mirrors CPython BaseTaskTests.test_shield_effect.
#[test]
fn cancelling_the_awaiting_task_leaves_the_inner() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let waiter = event_loop.create_future::<()>();
    let (awaited, told) = (waiter.clone(), log.clone());
    let outer = event_loop.create_task(async move {
        let tells = told.clone();
        shield(async move {
            awaited.await?;
            tells.add("inner");
            Ok(())
        })
        .await?;
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

/// Mirrors CPython BaseTaskTests.test_shield_gather.
#[test]
fn a_shield_around_a_gather() {
    let event_loop = virtual_loop();
    let (child1, child2) = (event_loop.create_future(), event_loop.create_future());
    let parent = gather([&child1, &child2]);
    let outer = shield(&parent);
    one_turn(&event_loop);
    outer.cancel();
    one_turn(&event_loop);
    assert!(outer.cancelled());
    child1.set_result(1).unwrap();
    child2.set_result(2).unwrap();
    one_turn(&event_loop);
    assert_eq!(parent.result().unwrap(), [1, 2]);
}

/// Mirrors CPython BaseTaskTests.test_gather_shield.
#[test]
fn a_gather_of_shields() {
    let event_loop = virtual_loop();
    let (child1, child2) = (event_loop.create_future(), event_loop.create_future());
    let (inner1, inner2) = (shield(&child1), shield(&child2));
    let parent = gather([&inner1, &inner2]);
    one_turn(&event_loop);
    parent.cancel();
    one_turn(&event_loop);
    assert!(parent.error().unwrap().unwrap().is_cancelled());
    assert!(inner1.cancelled() && inner2.cancelled());
    child1.set_result(1).unwrap();
    child2.set_result(2).unwrap();
    one_turn(&event_loop);
}

/// Mirrors CPython BaseTaskTests.test_shield_coroutine_without_loop.
/// Mirrors CPython BaseTaskTests.test_shield_coroutine_use_running_loop.
/// Mirrors CPython BaseTaskTests.test_shield_coroutine_use_global_loop.
#[test]
fn a_coroutine_needs_a_running_loop() {
    assert!(catch_unwind(AssertUnwindSafe(|| shield(async { Ok(42) }))).is_err());
    let event_loop = virtual_loop();
    let outer = event_loop.run_until_complete(async { Ok(shield(async { Ok(42) })) }).unwrap();
    assert_eq!(event_loop.run_until_complete(outer).unwrap(), 42);
    let outer = shield(event_loop.create_task(async { Ok(42) })); // of a loop that doesn't run, a task is needed
    assert_eq!(event_loop.run_until_complete(outer).unwrap(), 42);
}

/// Mirrors CPython BaseTaskTests.test_ensure_future_coroutine.
#[test]
fn ensure_future_makes_a_task_of_a_coroutine() {
    let event_loop = virtual_loop();
    assert!(catch_unwind(AssertUnwindSafe(|| ensure_future(async { Ok("ok") }))).is_err());
    let task = event_loop.run_until_complete(async { Ok(ensure_future(async { Ok("ok") })) }).unwrap();
    assert_eq!(event_loop.run_until_complete(&task).unwrap(), "ok");
    assert!(task.done() && task.result().unwrap() == "ok");
}

/// Mirrors CPython BaseTaskTests.test_ensure_future_future.
/// Mirrors CPython BaseTaskTests.test_ensure_future_task.
#[test]
fn ensure_future_gives_back_what_is_one() {
    let event_loop = virtual_loop();
    let original = event_loop.create_future();
    original.set_result("ko").unwrap();
    let future = ensure_future(&original);
    assert!(future == original);
    assert_eq!(event_loop.run_until_complete(&future).unwrap(), "ko");
    assert_eq!(future.result().unwrap(), "ko");
    let original = event_loop.create_task(async { Ok("ok") });
    let task = ensure_future(&original);
    assert!(task == original);
    assert_eq!(event_loop.run_until_complete(&task).unwrap(), "ok");
    assert_eq!(task.result().unwrap(), "ok");
    assert!(ensure_future(&task) == original);
}

/// Mirrors CPython BaseTaskTests.test_ensure_future_awaitable.
/// Mirrors CPython BaseTaskTests.test_ensure_future_task_awaitable.
#[test]
fn ensure_future_of_what_becomes_a_future() {
    struct Aw;
    impl IntoFuture for Aw {
        type Output = Result<&'static str>;
        type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Result<&'static str>>>>;

        fn into_future(self) -> Self::IntoFuture {
            Box::pin(async {
                yield_now().await?;
                Ok("ok")
            })
        }
    }
    let event_loop = virtual_loop();
    let result = event_loop.run_until_complete(async {
        let task = ensure_future(Aw.into_future());
        create_task(async { Ok(()) }).await?;
        task.await
    });
    assert_eq!(result.unwrap(), "ok");
}
