//! `BaseTaskTests` of `test_tasks.py`, but for those of the combinators.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use oneloop::{
    AnyFuture, Context, ContextVar, Error, Event, Result, SettableFuture, Task, all_tasks, copy_context, create_task,
    current_task, ensure_future, gather, sleep, task_builder, wait_for, yield_now,
};

use crate::harness::{Log, here, one_turn, reports, run, virtual_loop};

const HOUR: Duration = Duration::from_secs(3600);

static CVAR: ContextVar<&str> = ContextVar::with_default("cvar", || "nope");

async fn ok() -> Result<&'static str> {
    Ok("ok")
}

/// Mirrors CPython BaseTaskTests.test_task_basics.
/// Mirrors CPython BaseTaskTests.test_task_class.
/// Mirrors CPython BaseTaskTests.test_task_set_methods.
/// Mirrors CPython BaseTaskTests.test_generic_alias.
#[test]
fn a_task_gives_what_its_body_gives() {
    let event_loop = virtual_loop();
    async fn number(n: u32) -> Result<u32> {
        Ok(n)
    }
    let task: Task<u32> = event_loop.create_task(async { Ok(number(42).await? + number(1000).await?) });
    assert!(task.get_loop().is_some_and(|its| !its.is_running()));
    assert_eq!(task.result().unwrap_err().kind(), "invalid-state");
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), 1042);
    // Only its body settles a task: it has no set_result.
    assert!(task.done() && !task.cancelled() && task.error().unwrap().is_none());
}

/// A body that notes where it stands each time it is polled, and when it goes.
struct Body(Log, u32);

impl Future for Body {
    type Output = Result<u32>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Result<u32>> {
        self.0.add(format!("{:p}", &raw const *self));
        self.1 += 1;
        cx.waker().wake_by_ref();
        if self.1 == 3 { Poll::Ready(Ok(self.1)) } else { Poll::Pending }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.add("dropped");
    }
}

/// There is no `get_coro`: the task owns its body, and it is gone when the task has ended. But it is the very one that
/// was given, never a copy or another one around it that would be polled elsewhere.
/// Mirrors CPython BaseTaskTests.test_get_coro.
#[test]
fn a_task_drives_the_body_that_it_was_given() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let body = Box::pin(Body(log.clone(), 0));
    let place = format!("{:p}", &raw const *body);
    let task = event_loop.create_task(body);
    assert_eq!(event_loop.run_until_complete(&task).unwrap(), 3);
    assert_eq!(log.lines(), format!("{place}\n{place}\n{place}\ndropped\n"));
}

#[test]
fn ensure_future_makes_a_task_of_what_is_none() {
    run(async {
        let made: AnyFuture<&str> = ensure_future(ok());
        assert!(!made.done());
        assert_eq!(made.await?, "ok");
        let future: SettableFuture<&str> = here().create_future();
        future.set_result("ko")?;
        let same = ensure_future(&future);
        assert!(same == future && same.done());
        assert_eq!(same.await?, "ko");
        let task = create_task(ok());
        let same = ensure_future(&task);
        assert!(same == task);
        assert_eq!(same.await?, "ok");
        let awaitable = std::pin::pin!(async { Ok(3) });
        assert_eq!(awaitable.await.map_err(|error: Error| error)?, 3);
        Ok(())
    })
    .unwrap();
}

/// What can't be awaited isn't accepted by the compiler; and a future knows its loop.
/// Mirrors CPython BaseTaskTests.test_create_task_with_noncoroutine.
/// Mirrors CPython BaseTaskTests.test_create_task_with_async_function.
/// Mirrors CPython BaseTaskTests.test_create_task_with_asynclike_function.
/// Mirrors CPython BaseTaskTests.test_iscoroutinefunction.
/// Mirrors CPython BaseTaskTests.test_coroutine_non_gen_function.
/// Mirrors CPython BaseTaskTests.test_coroutine_non_gen_function_return_future.
#[test]
fn any_future_whose_output_is_a_result_can_be_a_task() {
    run(async {
        let (function, block) = (create_task(ok()), create_task(async { Ok("block") }));
        let by_hand = create_task(std::future::poll_fn(|_| std::task::Poll::Ready(Ok("by hand"))));
        let by_function = create_task(std::future::ready(Ok("returned")));
        let mut all = Vec::new();
        for task in [function, block, by_hand, by_function] {
            all.push(task.await?);
        }
        assert_eq!(all, ["ok", "block", "by hand", "returned"]);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_task_awaits_on_itself.
#[test]
fn awaiting_oneself() {
    run(async {
        let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let me = slot.clone();
        let task = create_task(async move {
            let task = me.borrow().clone().unwrap();
            task.await
        });
        *slot.borrow_mut() = Some(task.clone());
        let error = (&task).await.unwrap_err();
        assert_eq!(error.to_string(), "Task cannot await on itself");
        Ok(())
    })
    .unwrap();
}

/// What a task must not wait for is thrown into it a turn later (`tasks.py: __step_run_and_handle_result`, which calls
/// `call_soon(self.__step, new_exc)`), and a request to cancel that comes before goes first.
#[test]
fn what_must_not_be_awaited_is_refused_a_turn_later() {
    let other = virtual_loop();
    let foreign = other.create_future::<()>();
    let log = run(async move {
        let (log, turn) = (Log::default(), Rc::new(Cell::new(0)));
        let counts = turn.clone();
        let ticks: Task<()> = create_task(async move {
            loop {
                counts.set(counts.get() + 1);
                yield_now().await?;
            }
        });
        let inner = log.clone();
        let body = async move {
            let me = oneloop::current_task().unwrap();
            for refused in [0, 1] {
                let begun = turn.get();
                let error = if refused == 0 { (&me).await } else { foreign.clone().await };
                inner.add(format!("{} after {}", error.unwrap_err(), turn.get() - begun));
            }
            let cancels = me.clone();
            here().call_soon(move || {
                cancels.cancel_with("meanwhile");
            });
            let caught = (&me).await.unwrap_err();
            inner.add(format!("{caught} ({})", oneloop::cancel_message().unwrap()));
            me.uncancel();
            let begun = turn.get();
            yield_now().await?;
            inner.add(format!("goes on after {}", turn.get() - begun));
            Ok(())
        };
        create_task(body).await?;
        ticks.cancel();
        Ok(log)
    });
    let expected = "Task cannot await on itself after 1 Task got Future attached to a different loop after 1 \
                    the task was cancelled (meanwhile) goes on after 1";
    assert_eq!(log.unwrap().text(), expected);
}

/// `cancel()` sets `_log_traceback` to false before it looks whether there is anything to cancel (`tasks.py`,
/// `futures.py`): "cancel everything that is left" doesn't want to hear of errors. A gather's looks first.
#[test]
fn who_cancels_what_has_failed_has_seen_it() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let fails = || async { Err::<(), _>(Error::other("failed")) };
    event_loop
        .run_until_complete(async move {
            let tasks = [create_task(fails()), create_task(fails())];
            let settable = here().create_future::<()>();
            settable.set_error(Error::other("set"))?;
            let (shielded, gathered) = (oneloop::shield(fails()), gather([create_task(fails())]));
            for _ in 0..4 {
                yield_now().await?;
            }
            assert!(!tasks[0].cancel() && !tasks[1].cancel_with("now") && !settable.cancel() && !shielded.cancel());
            assert!(!gathered.cancel());
            Ok(())
        })
        .unwrap();
    assert_eq!(told.text(), "[_GatheringFuture exception was never retrieved: failed]");
}

/// Mirrors CPython BaseTaskTests.test_bare_create_task.
/// Mirrors CPython BaseTaskTests.test_bare_create_named_task.
/// Mirrors CPython BaseTaskTests.test_task_set_name_pylong.
#[test]
fn names() {
    run(async {
        let bare = create_task(ok());
        let named = task_builder()?.name("1234").create_task(ok());
        let next = create_task(ok());
        assert_eq!([bare.get_name(), named.get_name(), next.get_name()], ["Task-2", "1234", "Task-3"]);
        named.set_name("5678");
        named.set_name("9");
        assert_eq!(named.get_name(), "9");
        assert_eq!((bare.await?, named.await?, next.await?), ("ok", "ok", "ok"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_cancelling.
/// Mirrors CPython BaseTaskTests.test_cancel.
#[test]
fn cancelling() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(HOUR));
    assert_eq!(task.cancelling(), 0);
    assert!(task.cancel() && task.cancel());
    assert_eq!(task.cancelling(), 2);
    assert!(event_loop.run_until_complete(task.clone()).unwrap_err().is_cancelled());
    assert!(task.done() && task.cancelled() && !task.cancel());
}

/// Mirrors CPython BaseTaskTests.test_uncancel_basic.
#[test]
fn uncancelling() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async {
        if sleep(HOUR).await.is_err() {
            current_task().unwrap().uncancel();
        }
        sleep(HOUR).await
    });
    let a_moment = || event_loop.run_until_complete(sleep(Duration::from_millis(10))).unwrap();
    a_moment();
    assert!(task.cancel() && task.cancelling() == 1 && !task.cancelled());
    a_moment();
    assert!(task.cancelling() == 0 && !task.cancelled());
    assert!(task.cancel() && task.cancelling() == 1 && !task.cancelled());
    assert!(event_loop.run_until_complete(task.clone()).unwrap_err().is_cancelled());
    assert!(task.cancelled());
    task.uncancel();
    assert!(task.cancelled() && task.done());
}

/// Mirrors CPython BaseTaskTests.test_uncancel_structured_blocks.
#[test]
fn a_time_limit_made_by_hand() {
    async fn request(sleeps: Duration, limit: Duration) -> Result<(bool, bool)> {
        let task = current_task().unwrap();
        let timed_out = Rc::new(Cell::new(false));
        let (sets, cancels) = (timed_out.clone(), task.clone());
        let timer = here().call_later(limit, move || {
            sets.set(true);
            cancels.cancel();
        });
        let inner = sleep(sleeps).await;
        timer.cancel();
        assert!(timer.cancelled());
        let result = match inner {
            Err(Error::Cancelled) if timed_out.get() && task.uncancel() == 0 => Err(Error::Timeout),
            result => result,
        };
        assert_eq!(result.is_err_and(|error| error.is_timeout()), timed_out.get());
        yield_now().await?; // not affected
        Ok((timed_out.get(), !timed_out.get()))
    }
    let event_loop = virtual_loop();
    let slow = event_loop.create_task(request(HOUR, Duration::from_millis(100)));
    assert_eq!(event_loop.run_until_complete(slow.clone()).unwrap(), (true, false));
    let fast = event_loop.create_task(request(Duration::ZERO, HOUR));
    assert_eq!(event_loop.run_until_complete(fast.clone()).unwrap(), (false, true));
    assert_eq!((slow.cancelling(), fast.cancelling()), (0, 0));
}

/// Mirrors CPython BaseTaskTests.test_uncancel_resets_must_cancel.
#[test]
fn a_request_that_is_taken_back_before_it_is_delivered() {
    let event_loop = virtual_loop();
    let future = event_loop.create_future();
    let waits = future.clone();
    let task = event_loop.create_task(async move {
        waits.await?;
        Ok(42)
    });
    one_turn(&event_loop);
    future.set_result(()).unwrap();
    task.cancel();
    assert_eq!((task.cancelling(), task.uncancel(), task.cancelling()), (1, 0, 0));
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 42);
}

/// Mirrors CPython BaseTaskTests.test_cancel_yield.
/// Mirrors CPython BaseTaskTests.test_cancel_inner_future.
/// Mirrors CPython BaseTaskTests.test_cancel_both_task_and_inner_future.
#[test]
fn cancelling_what_a_task_waits_for_cancels_the_task() {
    for (task_too, future_too) in [(false, true), (true, true), (true, false)] {
        let event_loop = virtual_loop();
        let future = event_loop.create_future::<()>();
        let waits = future.clone();
        let task = event_loop.create_task(async move { (&waits).await.map(|()| 12) });
        one_turn(&event_loop);
        if future_too {
            future.cancel();
        }
        if task_too {
            assert!(task.cancel());
        }
        assert!(event_loop.run_until_complete(task.clone()).unwrap_err().is_cancelled());
        assert!(task.cancelled() && future.cancelled());
    }
}

/// Mirrors CPython BaseTaskTests.test_cancel_task_catching.
/// Mirrors CPython BaseTaskTests.test_cancel_task_ignoring.
#[test]
fn a_task_that_goes_on() {
    let event_loop = virtual_loop();
    let (first, second, third) =
        (event_loop.create_future::<()>(), event_loop.create_future::<()>(), event_loop.create_future::<()>());
    let (one, two, three) = (first.clone(), second.clone(), third.clone());
    let task = event_loop.create_task(async move {
        (&one).await?;
        if (&two).await.is_err_and(|error| error.is_cancelled()) {
            (&three).await?;
        }
        Ok(42)
    });
    one_turn(&event_loop);
    first.set_result(()).unwrap();
    one_turn(&event_loop);
    task.cancel();
    assert!(second.cancelled());
    one_turn(&event_loop);
    one_turn(&event_loop);
    assert!(!task.done());
    third.set_result(()).unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), 42);
    assert!(!task.cancelled());
}

/// Mirrors CPython BaseTaskTests.test_cancel_current_task.
/// Mirrors CPython BaseTaskTests.test_cancel_at_end.
#[test]
fn a_task_that_cancels_itself() {
    for sleeps in [true, false] {
        let event_loop = virtual_loop();
        let task = event_loop.create_task(async move {
            let me = current_task().unwrap();
            assert!(me.cancel() && me.cancelling() == 1);
            if sleeps {
                sleep(HOUR).await?;
                unreachable!("the sleep was cancelled");
            }
            Ok(12)
        });
        assert!(event_loop.run_until_complete(task.clone()).unwrap_err().is_cancelled());
        assert!(task.done() && task.cancelled() && !task.cancel());
    }
}

/// Mirrors CPython BaseTaskTests.test_cancel_awaited_task.
#[test]
fn cancelling_a_task_that_another_awaits() {
    let event_loop = virtual_loop();
    let inner = event_loop.create_task(sleep(HOUR));
    let awaited = inner.clone();
    let outer = event_loop.create_task(async move { (&awaited).await });
    one_turn(&event_loop);
    one_turn(&event_loop);
    assert!(inner.cancel());
    assert!(event_loop.run_until_complete(outer.clone()).unwrap_err().is_cancelled());
    assert!(inner.cancelled() && outer.cancelled());
}

/// Mirrors CPython BaseTaskTests.test_stop_while_run_in_complete.
#[test]
fn stopping_before_the_end() {
    let event_loop = virtual_loop();
    let count = Rc::new(Cell::new(0));
    let counts = count.clone();
    let task = event_loop.create_task(async move {
        while counts.get() < 10 {
            sleep(Duration::from_millis(100)).await?;
            counts.set(counts.get() + 1);
            if counts.get() == 2 {
                here().stop();
            }
        }
        Ok(())
    });
    let error = event_loop.run_until_complete(task.clone()).unwrap_err();
    assert_eq!(error.to_string(), "Event loop stopped before Future completed.");
    assert!(!task.done() && count.get() == 2);
    event_loop.run_until_complete(task).unwrap();
}

/// A NaN can't be made a `Duration`.
/// Mirrors CPython BaseTaskTests.test_sleep.
/// Mirrors CPython BaseTaskTests.test_sleep_when_delay_is_nan.
#[test]
fn sleeping() {
    assert!(Duration::try_from_secs_f64(f64::NAN).is_err());
    let event_loop = virtual_loop();
    let began = event_loop.time();
    event_loop
        .run_until_complete(async {
            sleep(Duration::from_millis(50)).await?;
            sleep(Duration::from_millis(50)).await
        })
        .unwrap();
    assert_eq!(event_loop.time() - began, Duration::from_millis(100));
}

/// Mirrors CPython BaseTaskTests.test_sleep_cancel.
/// Mirrors CPython BaseTaskTests.test_task_cancel_sleeping_task.
#[test]
fn a_cancelled_sleep_takes_its_timer_back() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(HOUR));
    let began = event_loop.time();
    let cancels = task.clone();
    event_loop.call_later(Duration::from_secs(1), move || assert!(cancels.cancel()));
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    one_turn(&event_loop);
    assert_eq!(event_loop.time() - began, Duration::from_secs(1));
}

/// Mirrors CPython BaseTaskTests.test_task_cancel_waiter_future.
#[test]
fn a_cancelled_waiter_leaves_the_future_it_waited_for_cancelled() {
    let event_loop = virtual_loop();
    let future = event_loop.create_future::<()>();
    let waits = future.clone();
    let task = event_loop.create_task(async move { (&waits).await });
    one_turn(&event_loop);
    task.cancel();
    assert!(event_loop.run_until_complete(task.clone()).unwrap_err().is_cancelled());
    assert!(future.cancelled() && task.cancelled());
}

/// Mirrors CPython BaseTaskTests.test_step_result_future.
#[test]
fn returning_a_future_does_not_await_it() {
    run(async {
        let future = here().create_future::<u32>();
        let inner = future.clone();
        let returned = create_task(async move { Ok(inner) }).await?;
        assert!(!returned.done());
        future.set_result(1)?;
        assert_eq!(returned.await?, 1);
        Ok(())
    })
    .unwrap();
}

/// What is no `Error` is a panic: it comes out where the task is awaited, and the task is done and not cancelled.
/// Mirrors CPython BaseTaskTests.test_baseexception_during_cancel.
#[test]
fn a_panic_while_it_is_cancelled() {
    let event_loop = virtual_loop();
    let task: Task<()> = event_loop.create_task(async {
        let _cancelled = sleep(HOUR).await;
        panic!("instead");
    });
    one_turn(&event_loop);
    task.cancel();
    one_turn(&event_loop);
    assert!(task.done() && !task.cancelled());
    assert_eq!(task.error().unwrap().unwrap().to_string(), "instead");
}

/// Mirrors CPython BaseTaskTests.test_current_task.
#[test]
fn the_current_task() {
    assert!(current_task().is_none() && all_tasks().is_empty());
    let event_loop = virtual_loop();
    let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
    let me = slot.clone();
    let task = event_loop.create_task(async move {
        assert!(current_task().unwrap() == *me.borrow().as_ref().unwrap());
        Ok(())
    });
    *slot.borrow_mut() = Some(task.clone());
    event_loop.run_until_complete(task).unwrap();
    assert!(current_task().is_none());
}

/// Mirrors CPython BaseTaskTests.test_current_task_with_interleaving_tasks.
#[test]
fn the_current_task_of_each_of_several() {
    run(async {
        let future = here().create_future::<()>();
        let (one, two) = (future.clone(), future.clone());
        let first = create_task(async move {
            let me = current_task().unwrap();
            (&one).await?;
            assert!(current_task().unwrap() == me);
            Ok(me)
        });
        let second = create_task(async move {
            let me = current_task().unwrap();
            two.set_result(())?;
            yield_now().await?;
            assert!(current_task().unwrap() == me);
            Ok(me)
        });
        assert!((&first).await? == first && (&second).await? == second);
        assert!((&first).await? != (&second).await?);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_yield_future_passes_cancel.
#[test]
fn cancelling_passes_down_through_several_tasks() {
    let event_loop = virtual_loop();
    let proof = Rc::new(Cell::new(0));
    let (inner_proof, outer_proof) = (proof.clone(), proof.clone());
    let inner = event_loop.create_task(async move {
        let slept = Event::new().wait().await;
        inner_proof.set(inner_proof.get() + 100);
        slept.map(drop)
    });
    let outer = event_loop.create_task(async move {
        let result = inner.await;
        outer_proof.set(outer_proof.get() + 10);
        result
    });
    one_turn(&event_loop);
    one_turn(&event_loop);
    outer.cancel();
    assert!(event_loop.run_until_complete(outer).unwrap_err().is_cancelled());
    assert_eq!(proof.get(), 110);
}

/// Mirrors CPython BaseTaskTests.test_log_destroyed_pending_task.
#[test]
fn a_task_that_is_dropped_with_its_loop_is_reported() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let waits = event_loop.create_future::<()>();
    drop(event_loop.create_task(async move { waits.await }));
    one_turn(&event_loop);
    drop(event_loop);
    assert_eq!(told.text(), "[Task was destroyed but it is pending!: Task-1]");
}

/// Mirrors CPython BaseTaskTests.test_tb_logger_not_called_after_cancel.
#[test]
fn a_task_that_was_cancelled_is_not_reported() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let task = event_loop.create_task(async { Err::<(), _>(Error::other("never")) });
    task.cancel();
    drop(task);
    one_turn(&event_loop);
    assert_eq!(told.text(), "");
}

/// Mirrors CPython BaseTaskTests.test_error_in_call_soon.
#[test]
fn a_loop_that_is_closed_takes_no_task() {
    let event_loop = virtual_loop();
    let stays = event_loop.clone();
    drop(event_loop);
    let dropped = Rc::new(());
    let held = dropped.clone();
    let task = stays.create_task(async move {
        let _held = held;
        Ok(())
    });
    assert_eq!(task.result().unwrap_err().to_string(), "Event loop is closed");
    assert!(!task.cancelled() && Rc::strong_count(&dropped) == 1);
}

/// A task of another loop can be awaited as little as a task of a loop that doesn't run: it never ends here.
/// Mirrors CPython BaseTaskTests.test_other_loop_future.
#[test]
fn the_future_of_another_loop() {
    let other = virtual_loop();
    let future = other.create_future::<()>();
    let ended = run(async move { wait_for(Duration::from_secs(1), future.into_future()).await });
    assert!(ended.is_err());
}

/// Mirrors CPython BaseTaskTests.test_context_1.
#[test]
fn a_task_has_its_own_context() {
    run(async {
        let sub = create_task(async {
            yield_now().await?;
            assert_eq!(CVAR.get(), Some("nope"));
            CVAR.set("something else");
            Ok(())
        });
        assert_eq!(CVAR.get(), Some("nope"));
        let sub2 = create_task(async {
            assert_eq!(CVAR.get(), Some("nope"));
            CVAR.set("something");
            Ok(())
        });
        CVAR.set("main");
        sub.await?;
        sub2.await?;
        assert_eq!(CVAR.get(), Some("main"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_context_2.
#[test]
fn done_callbacks_have_the_context_in_which_they_were_added() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        CVAR.set("first");
        let task = create_task(async { yield_now().await });
        let (one, two) = (inner.clone(), inner);
        task.add_done_callback(move |_| {
            one.add(CVAR.get().unwrap());
            CVAR.set("lost");
        });
        CVAR.set("second");
        task.add_done_callback(move |_| two.add(CVAR.get().unwrap()));
        CVAR.set("third");
        task.await?;
        assert_eq!(CVAR.get(), Some("third"));
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "first second");
}

/// Mirrors CPython BaseTaskTests.test_context_3.
#[test]
fn many_tasks_each_with_a_context() {
    static NUMBER: ContextVar<u32> = ContextVar::with_default("number", || 0);
    run(async {
        let tasks = (0..100).map(|n| async move {
            for step in 0..10 {
                NUMBER.set(n + step);
                yield_now().await?;
                assert_eq!(NUMBER.get(), Some(n + step));
            }
            Ok(())
        });
        gather(tasks).await?;
        assert_eq!(NUMBER.get(), Some(0));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BaseTaskTests.test_context_4.
/// Mirrors CPython BaseTaskTests.test_context_5.
/// Mirrors CPython BaseTaskTests.test_context_6.
/// Mirrors CPython BaseTaskTests.test_get_context.
#[test]
fn a_task_in_a_context_of_the_callers_choice() {
    let event_loop = virtual_loop();
    let context = Context::new();
    let in_it = event_loop.task_builder().context(context.clone()).create_task(async {
        CVAR.set("in the context");
        yield_now().await?;
        Ok(CVAR.get())
    });
    assert_eq!(event_loop.run_until_complete(in_it).unwrap(), Some("in the context"));
    assert_eq!((context.get(&CVAR), CVAR.get()), (Some("in the context"), Some("nope")));
    let again = event_loop.task_builder().context(context.clone()).create_task(async { Ok(CVAR.get()) });
    assert_eq!(event_loop.run_until_complete(again).unwrap(), Some("in the context"));
    let copy = context.copy();
    copy.run(|| CVAR.set("in the copy")).unwrap();
    assert_eq!((context.get(&CVAR), copy.get(&CVAR)), (Some("in the context"), Some("in the copy")));
}

/// Contexts flow into callbacks and timers as well (rule 55), and one that runs can't be entered again.
#[test]
fn contexts_and_callbacks() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let token = CVAR.set("one");
        let (soon, later) = (inner.clone(), inner.clone());
        here().call_soon(move || soon.add(CVAR.get().unwrap()));
        here().call_later(Duration::from_secs(1), move || later.add(CVAR.get().unwrap()));
        assert_eq!(token.old_value(), None);
        CVAR.reset(token)?;
        assert_eq!(CVAR.get(), Some("nope"));
        let context = copy_context();
        let same = context.clone();
        let nested = context.run(move || same.run(|| ()))?;
        assert_eq!(nested.unwrap_err().to_string(), "cannot enter context: it is already entered");
        sleep(HOUR).await
    })
    .unwrap();
    assert_eq!(log.text(), "one one");
}

/// `tasks.py: __eager_start`: rule 26.
#[test]
fn an_eager_task_runs_inside_the_call() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let me = current_task().unwrap();
        let body = inner.clone();
        CVAR.set("outside");
        let eager = task_builder()?.eager_start(true).create_task(async move {
            body.add(format!("starts as {}", current_task().unwrap().get_name()));
            CVAR.set("inside");
            yield_now().await?;
            body.add(format!("goes on, {}", CVAR.get().unwrap()));
            Ok(1)
        });
        assert!(current_task().unwrap() == me);
        inner.add(CVAR.get().unwrap());
        assert!(!eager.done());
        let done = task_builder()?.eager_start(true).create_task(async { Ok(2) });
        assert!(done.done());
        done.add_done_callback(inner.calls("callback"));
        inner.add(done.await?);
        inner.add(eager.await?);
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "starts as Task-2 outside 2 goes on, inside callback 1");
}
