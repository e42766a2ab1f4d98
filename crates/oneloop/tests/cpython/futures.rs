//! `BaseFutureTests` and `BaseFutureDoneCallbackTests` of `test_futures.py`.

use std::{cell::Cell, rc::Rc};

use oneloop::{CallbackId, Error, EventLoop, SettableFuture, create_task, ensure_future, to_thread, yield_now};

use crate::harness::{Log, here, one_turn, reports, run, virtual_loop};

fn future() -> (EventLoop, SettableFuture<u32>) {
    let event_loop = virtual_loop();
    let future = event_loop.create_future();
    (event_loop, future)
}

fn is_settled(future: &SettableFuture<u32>) {
    assert!(future.done());
    assert_eq!(future.set_result(1).unwrap_err().to_string(), "invalid state");
    assert_eq!(future.set_error(Error::Timeout).unwrap_err().kind(), "invalid-state");
    assert!(!future.cancel());
}

/// Mirrors CPython BaseFutureTests.test_initial_state.
/// Mirrors CPython BaseFutureTests.test_cancel.
#[test]
fn cancelled() {
    let (_event_loop, future) = future();
    assert!(!future.cancelled() && !future.done());
    assert!(future.cancel() && future.cancelled());
    assert!(future.result().unwrap_err().is_cancelled());
    assert!(future.error().unwrap_err().is_cancelled());
    is_settled(&future);
}

/// Mirrors CPython BaseFutureTests.test_result.
/// Mirrors CPython BaseFutureTests.test_set_result_unless_cancelled.
#[test]
fn with_a_result() {
    let (event_loop, future) = future();
    assert_eq!(future.result().unwrap_err().to_string(), "Result is not set.");
    future.set_result(42).unwrap();
    assert!(!future.cancelled());
    assert_eq!(future.result().unwrap(), 42);
    assert!(future.error().unwrap().is_none());
    is_settled(&future);
    let cancelled = event_loop.create_future();
    cancelled.cancel();
    assert!(cancelled.set_result(()).is_err() && cancelled.cancelled());
}

/// An error is a value: none is a class, and none means the end of an iteration.
/// Mirrors CPython BaseFutureTests.test_exception.
/// Mirrors CPython BaseFutureTests.test_exception_class.
/// Mirrors CPython BaseFutureTests.test_stop_iteration_exception.
/// Mirrors CPython BaseFutureTests.test_stop_iteration_subclass_exception.
/// Mirrors CPython BaseFutureTests.test_future_stop_iteration_args.
#[test]
fn with_an_error() {
    let (_event_loop, future) = future();
    assert_eq!(future.error().unwrap_err().to_string(), "Exception is not set.");
    future.set_error(Error::other("boom")).unwrap();
    assert!(!future.cancelled());
    assert_eq!(future.result().unwrap_err().to_string(), "boom");
    assert_eq!(future.error().unwrap().unwrap().to_string(), "boom");
    is_settled(&future);
}

/// Mirrors CPython BaseFutureTests.test_constructor_use_running_loop.
/// Mirrors CPython BaseFutureTests.test_constructor_use_global_loop.
/// Mirrors CPython BaseFutureTests.test_constructor_without_loop.
/// Mirrors CPython BaseFutureTests.test_constructor_positional.
/// Mirrors CPython BaseFutureTests.test_uninitialized.
#[test]
fn a_future_is_made_by_its_loop_and_is_whole_from_then_on() {
    assert_eq!(oneloop::get_running_loop().unwrap_err().to_string(), "no running event loop");
    let event_loop = virtual_loop();
    let future = event_loop.create_future::<u32>();
    assert_eq!(format!("{:?}", future.get_loop().unwrap()), format!("{event_loop:?}"));
    event_loop
        .run_until_complete(async {
            let future = here().create_future();
            assert!(future.get_loop().unwrap().is_running());
            future.set_result(())?;
            future.await
        })
        .unwrap();
}

/// Which types are futures is known at compile time: those that `ensure_future` refers to.
/// Mirrors CPython BaseFutureTests.test_isfuture.
/// Mirrors CPython BaseFutureTests.test_generic_alias.
#[test]
fn what_is_a_future() {
    let (_event_loop, future) = future();
    assert!(ensure_future(&future) == future);
}

/// Mirrors CPython BaseFutureTests.test_yield_from_twice.
/// Mirrors CPython BaseFutureTests.test_iter.
#[test]
fn awaiting_it_twice() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let future = here().create_future();
        let awaited = future.clone();
        let task = create_task(async move {
            inner.add("A");
            let first = (&awaited).await?;
            inner.add(format!("B {first}"));
            let second = (&awaited).await?; // doesn't suspend
            inner.add(format!("C {second}"));
            Ok(())
        });
        yield_now().await?;
        future.set_result(42)?;
        yield_now().await?;
        assert!(task.done());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "A B 42 C 42");
}

/// Who waits for a future that fails, or is cancelled, gets that at the await.
/// Mirrors CPython BaseFutureTests.test_future_iter_throw.
#[test]
fn an_error_comes_out_at_the_await() {
    run(async {
        let future = here().create_future::<()>();
        let awaited = future.clone();
        let task = create_task(async move { (&awaited).await });
        yield_now().await?;
        future.set_error(Error::other("thrown"))?;
        assert_eq!(task.await.unwrap_err().to_string(), "thrown");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseFutureTests.test_tb_logger_abandoned.
/// Mirrors CPython BaseFutureTests.test_tb_logger_not_called_after_cancel.
/// Mirrors CPython BaseFutureTests.test_tb_logger_result_unretrieved.
/// Mirrors CPython BaseFutureTests.test_tb_logger_result_retrieved.
/// Mirrors CPython BaseFutureTests.test_tb_logger_exception_retrieved.
/// Mirrors CPython BaseFutureTests.test_tb_logger_exception_result_retrieved.
#[test]
fn what_is_not_reported() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    drop(event_loop.create_future::<()>());
    let cancelled = event_loop.create_future::<()>();
    cancelled.cancel();
    let results = [event_loop.create_future(), event_loop.create_future()];
    results.iter().for_each(|future| future.set_result(42).unwrap());
    results[0].result().unwrap();
    let errors = [event_loop.create_future::<()>(), event_loop.create_future()];
    errors.iter().for_each(|future| future.set_error(Error::other("seen")).unwrap());
    errors[0].error().unwrap();
    errors[1].result().unwrap_err();
    drop((cancelled, results, errors));
    assert_eq!(told.text(), "");
}

/// Mirrors CPython BaseFutureTests.test_tb_logger_exception_unretrieved.
/// Mirrors CPython BaseFutureTests.test_future_exception_never_retrieved.
/// Mirrors CPython BaseFutureTests.test_future_exception_never_retrieved_debug.
#[test]
fn an_error_that_nobody_saw_is_reported_when_the_last_handle_goes() {
    for debug in [false, true] {
        let event_loop = virtual_loop();
        event_loop.set_debug(debug);
        let told = reports(&event_loop);
        let future = event_loop.create_future::<()>();
        future.set_error(Error::other("boom")).unwrap();
        let last = future.clone();
        drop(future);
        assert_eq!(told.take(), "");
        drop(last);
        assert_eq!(told.take(), "[Future exception was never retrieved: boom]");
    }
}

/// The future of another thread is `ThreadFuture` one way and `run_in_executor` the other.
/// Mirrors CPython BaseFutureTests.test_wrap_future.
/// Mirrors CPython BaseFutureTests.test_wrap_future_use_running_loop.
/// Mirrors CPython BaseFutureTests.test_wrap_future_use_global_loop.
/// Mirrors CPython BaseFutureTests.test_copy_state.
#[test]
fn the_future_of_another_thread() {
    run(async {
        let (thread, value) = to_thread(|| Ok((std::thread::current().id(), "oi"))).await?;
        assert_ne!(thread, std::thread::current().id());
        assert_eq!(value, "oi");
        assert_eq!(to_thread(|| Err::<(), _>(Error::other("copied"))).await.unwrap_err().to_string(), "copied");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseFutureTests.test_wrap_future_future.
#[test]
fn a_future_that_is_one_already_is_referred_to() {
    let (_event_loop, future) = future();
    let same = ensure_future(&future);
    assert!(ensure_future(&same) == future);
}

/// Mirrors CPython BaseFutureTests.test_wrap_future_without_loop.
#[test]
#[should_panic(expected = "event loop")]
fn without_a_loop_no_task_is_made() {
    drop(ensure_future(async { Ok(()) }));
}

/// Mirrors CPython BaseFutureTests.test_wrap_future_cancel.
/// Mirrors CPython BaseFutureTests.test_wrap_future_cancel2.
#[test]
fn cancelling_the_future_of_a_thread() {
    run(async {
        let pool = oneloop::ThreadPoolExecutor::new(1);
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let busy = here().run_in_executor(Some(&pool), move || Ok(gone.recv().is_err()));
        let queued = here().run_in_executor(Some(&pool), || -> oneloop::Result<()> { panic!("it was cancelled") });
        queued.cancel();
        yield_now().await?;
        drop(go);
        assert!(busy.await?);
        assert!(queued.await.unwrap_err().is_cancelled());
        let done = here().run_in_executor(Some(&pool), || Ok(42));
        let kept = done.clone();
        assert_eq!((&done).await?, 42);
        assert!(!kept.cancel(), "it was done before");
        assert_eq!(kept.result()?, 42);
        Ok(())
    })
    .unwrap();
}

/// Adds `count` callbacks of which each logs its number, and says so to the log.
fn callbacks(future: &SettableFuture<u32>, log: &Log, count: u32) -> Vec<CallbackId> {
    (0..count).map(|n| future.add_done_callback(log.calls(n))).collect()
}

fn after_settling(removes: &[usize]) -> String {
    let (event_loop, future) = future();
    let log = Log::default();
    let ids = callbacks(&future, &log, 3);
    for which in removes {
        assert!(future.remove_done_callback(&ids[*which]) && !future.remove_done_callback(&ids[*which]));
    }
    future.set_result(1).unwrap();
    assert_eq!(log.text(), "", "never inside the call");
    one_turn(&event_loop);
    assert!(!future.remove_done_callback(&ids[2]), "it has run");
    log.text()
}

/// Mirrors CPython BaseFutureDoneCallbackTests.test_callbacks_remove_first_callback.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_callbacks_remove_first_and_second_callback.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_callbacks_remove_third_callback.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_remove_done_callback.
#[test]
fn callbacks_that_are_removed() {
    assert_eq!(after_settling(&[]), "0 1 2");
    assert_eq!(after_settling(&[0]), "1 2");
    assert_eq!(after_settling(&[0, 1]), "2");
    assert_eq!(after_settling(&[2]), "0 1");
    assert_eq!(after_settling(&[0, 1, 2]), "");
}

/// Mirrors CPython BaseFutureDoneCallbackTests.test_callbacks_invoked_on_set_result.
#[test]
fn callbacks_get_the_future_with_its_result() {
    let (event_loop, future) = future();
    let log = Log::default();
    for what in [42, 17] {
        let log = log.clone();
        future.add_done_callback(move |future| log.add(format!("{what}:{}", future.result().unwrap())));
    }
    future.set_result(7).unwrap();
    drop(future); // it lives until they have run
    one_turn(&event_loop);
    assert_eq!(log.text(), "42:7 17:7");
}

/// Mirrors CPython BaseFutureDoneCallbackTests.test_callbacks_invoked_on_set_exception.
#[test]
fn callbacks_get_the_future_with_its_error() {
    let (event_loop, future) = future();
    let log = Log::default();
    let inner = log.clone();
    future.add_done_callback(move |future| inner.add(future.error().unwrap().unwrap()));
    future.set_error(Error::other("foo")).unwrap();
    one_turn(&event_loop);
    assert_eq!(log.text(), "foo");
}

/// A callback whose captures take callbacks out of the very list, as Python's `__eq__` may.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_remove_done_callbacks_list_mutation.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_remove_done_callbacks_list_clear.
#[test]
fn removing_while_removing() {
    let (event_loop, future) = future();
    let log = Log::default();
    let others = Rc::new(callbacks(&future, &log, 3));
    let (same, ids) = (future.clone(), others.clone());
    let removes = crate::harness::OnDrop(move || {
        for id in &*ids {
            same.remove_done_callback(id);
        }
    });
    let id = future.add_done_callback(move |_| drop(removes));
    assert!(future.remove_done_callback(&id));
    future.set_result(1).unwrap();
    one_turn(&event_loop);
    assert_eq!(log.text(), "");
}

/// Callbacks that add and remove callbacks while they are called.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_schedule_callbacks_list_mutation_1.
/// Mirrors CPython BaseFutureDoneCallbackTests.test_schedule_callbacks_list_mutation_2.
#[test]
fn changing_the_list_while_it_is_run() {
    let (event_loop, future) = future();
    let log = Log::default();
    let second: Rc<Cell<Option<CallbackId>>> = Rc::default();
    let (slot, inner) = (second.clone(), log.clone());
    future.add_done_callback(move |future| {
        assert!(!future.remove_done_callback(&slot.take().unwrap()), "it is queued already");
        future.add_done_callback(inner.calls("added"));
    });
    second.set(Some(future.add_done_callback(log.calls("second"))));
    future.set_result(1).unwrap();
    one_turn(&event_loop);
    assert_eq!(log.text(), "second");
    one_turn(&event_loop);
    assert_eq!(log.text(), "second added");
}
