//! Cancellation as a value: rules 27 to 35, and what only Rust can get wrong.

mod harness;

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc, task::Poll, time::Duration};

use harness::{ForeignSlot, Log, foreign, here, one_turn, run, virtual_loop};
use oneloop::{Error, Result, Task, create_task, sleep, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

/// Polls both in turn until one is done, and drops the other: `select!` of other crates.
async fn either<A, B, T>(a: A, b: B) -> T
where
    A: IntoFuture<Output = T>,
    B: IntoFuture<Output = T>,
{
    let (mut a, mut b) = (Box::pin(a.into_future()), Box::pin(b.into_future()));
    std::future::poll_fn(move |cx| match a.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(value),
        Poll::Pending => b.as_mut().poll(cx),
    })
    .await
}

async fn started<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> Result<Task<T>> {
    let task = create_task(future);
    yield_now().await?;
    Ok(task)
}

/// `tasks.py: Task.cancel` runs nothing; `__step` throws at the next one.
#[test]
fn cancel_runs_nothing_and_is_delivered_at_the_next_step() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let log = inner.clone();
        let task = started(async move {
            let slept = sleep(HOUR).await;
            log.add(if slept.is_err_and(|error| error.is_cancelled()) { "cancelled" } else { "?" });
            sleep(HOUR).await // delivered once: an edge, not a level
        })
        .await?;
        assert!(task.cancel());
        inner.add("asked");
        yield_now().await?;
        assert!(!task.done() && task.cancelling() == 1);
        assert!(task.cancel());
        yield_now().await?;
        assert!(task.cancelled() && !task.cancel());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "asked cancelled");
}

/// Rule 29, `TestTask.test_cancel_catch` and `test_cancel_both_task_and_inner_future`.
#[test]
fn a_task_may_refuse_and_may_fail_instead() {
    run(async {
        let refuses = started(async { Ok(sleep(HOUR).await.is_err()) }).await?;
        let fails = started(async { sleep(HOUR).await.map_err(|_| Error::other("instead")) }).await?;
        refuses.cancel();
        fails.cancel();
        assert!((&refuses).await?);
        assert!(!refuses.cancelled() && refuses.cancelling() == 1);
        assert_eq!((&fails).await.unwrap_err().to_string(), "instead");
        assert!(!fails.cancelled());
        Ok(())
    })
    .unwrap();
}

/// Rule 30. Same program in CPython: `[True, True, 'cancelled', (True, 2)]`.
#[test]
fn a_late_cancel_beats_the_result() {
    run(async {
        let future = here().create_future::<u8>();
        let waits = future.clone();
        let task = started(async move { waits.await }).await?;
        future.set_result(1)?;
        assert!(task.cancel() && task.cancel());
        assert!((&task).await.unwrap_err().is_cancelled());
        assert!(task.cancelled() && task.cancelling() == 2);

        let sleeper = create_task(sleep(Duration::from_secs(1)));
        let handle = Rc::new(sleeper);
        let cancels = handle.clone();
        here().call_later(Duration::from_secs(1), || ());
        yield_now().await?; // the sleep's timer comes first, and has woken the task when this cancels it
        let timer = here().call_later(Duration::from_secs(1), move || assert!(cancels.cancel()));
        assert!((&*handle).await.unwrap_err().is_cancelled());
        timer.cancel();
        Ok(())
    })
    .unwrap();
}

/// Same program in CPython: `['go on', 'cancelled', 'at await', 6, 'ValueError()']`.
#[test]
fn a_task_that_cancels_itself_gets_it_at_its_next_await_or_instead_of_its_value() {
    async fn cancel_me() {
        oneloop::current_task().unwrap().cancel();
    }
    run(async {
        let value: Task<u8> = create_task(async {
            cancel_me().await;
            Ok(5)
        });
        assert!((&value).await.unwrap_err().is_cancelled() && value.cancelled());
        let awaits = create_task(async {
            cancel_me().await;
            Ok(sleep(HOUR).await.is_err_and(|error| error.is_cancelled()))
        });
        assert!(awaits.await?);
        let future = here().create_future::<u8>();
        let awaited = future.clone();
        let awaits = create_task(async move {
            cancel_me().await;
            awaited.await
        });
        assert!(awaits.await.unwrap_err().is_cancelled());
        assert!(future.cancelled(), "it travels down, as in tasks.py: __step_run_and_handle_result");
        let fails: Task<u8> = create_task(async {
            cancel_me().await;
            Err(Error::other("own"))
        });
        assert_eq!(fails.await.unwrap_err().to_string(), "own");
        Ok(())
    })
    .unwrap();
}

/// Rule 32: the waiter resumes when the awaited task is done; if that one refused, with its value.
#[test]
fn it_travels_down_to_the_awaited_task_and_its_answer_comes_back() {
    run(async {
        let inner = started(async { Ok(sleep(HOUR).await.is_err()) }).await?;
        let outer = started(async move { inner.await }).await?;
        outer.cancel();
        assert!((&outer).await?, "the inner task refused");
        assert!(!outer.cancelled() && outer.cancelling() == 1);

        let inner = Rc::new(started(sleep(HOUR)).await?);
        let awaited = inner.clone();
        let outer = started(async move { (&*awaited).await }).await?;
        outer.cancel();
        assert!((&outer).await.is_err() && outer.cancelled() && inner.cancelled());

        let future = here().create_future::<u8>();
        let (one, other) = (future.clone(), future.clone());
        let one = started(async move { (&one).await }).await?;
        let other = started(async move { (&other).await }).await?;
        one.cancel();
        assert!((&one).await.is_err() && (&other).await.is_err() && future.cancelled());
        assert_eq!((one.cancelling(), other.cancelling()), (1, 0));
        Ok(())
    })
    .unwrap();
}

/// Rule 33.
#[test]
fn clean_up_may_await_and_a_second_cancel_interrupts_it() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let cleans = |log: Log| async move {
            let result = sleep(HOUR).await;
            log.add("begin");
            sleep(Duration::from_secs(1)).await?;
            log.add("end");
            result
        };
        let task = started(cleans(inner.clone())).await?;
        task.cancel();
        assert!((&task).await.is_err() && task.cancelled());
        let task = started(cleans(inner.clone())).await?;
        task.cancel();
        yield_now().await?;
        task.cancel();
        assert!((&task).await.is_err() && task.cancelled());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "begin end begin");
}

#[test]
fn uncancel_withdraws_and_at_zero_forgets_what_was_not_delivered() {
    run(async {
        let task = create_task(async { sleep(Duration::from_secs(1)).await.map(|()| 1) });
        task.cancel();
        task.cancel();
        assert_eq!((task.uncancel(), task.cancelling()), (1, 1));
        assert_eq!((task.uncancel(), task.uncancel()), (0, 0));
        assert_eq!(task.await?, 1); // tasks.py: uncancel, since 3.13
        Ok(())
    })
    .unwrap();
}

/// Decision 1: with no leaf of ours pending, the task is dropped whole.
#[test]
fn a_task_at_a_foreign_future_is_dropped_whole() {
    run(async {
        let slot = Rc::new(RefCell::new(ForeignSlot::<u8>::default()));
        let held = Rc::new(());
        let (inside, waits) = (held.clone(), slot.clone());
        let task = started(async move {
            let _inside = inside;
            let value = foreign(waits).await;
            unreachable!("{value}");
            #[expect(unreachable_code, reason = "the block's type")]
            Ok(())
        })
        .await?;
        task.cancel();
        assert!((&task).await.unwrap_err().is_cancelled());
        assert!(task.cancelled() && Rc::strong_count(&held) == 1);
        ForeignSlot::fill(&slot, 1);
        yield_now().await
    })
    .unwrap();
}

/// The loser of a `select!` is dropped; what it waited for is no longer what the task waits for. Its cancellation
/// would have been lost: sent to a future for which nobody waits.
#[test]
fn a_cancel_reaches_the_leaf_that_is_waited_for_and_not_one_that_was_dropped() {
    run(async {
        let future = here().create_future::<()>();
        let loser = future.clone();
        let task = started(async move {
            either((&loser).into_future(), yield_now().into_future()).await?;
            sleep(HOUR).await
        })
        .await?;
        yield_now().await?;
        yield_now().await?;
        assert!(task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!future.done(), "the loser was not this task's business any more");
        Ok(())
    })
    .unwrap();
}

/// As above, dropped in the very step in which it was polled.
#[test]
fn a_leaf_that_was_polled_and_dropped_in_one_step_is_not_waited_for() {
    run(async {
        let future = here().create_future::<()>();
        let loser = future.clone();
        let task = started(async move {
            either((&loser).into_future(), std::future::ready(Ok(()))).await?;
            sleep(HOUR).await
        })
        .await?;
        assert!(task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!future.done());
        Ok(())
    })
    .unwrap();
}

/// What a task had begun to wait for when it ended was taken for what the *next* task waits for.
#[test]
fn what_a_finished_task_waited_for_is_not_what_the_next_one_waits_for() {
    run(async {
        let future = here().create_future::<()>();
        let mut leaf: Pin<Box<_>> = Box::pin((&future).into_future());
        let kept = Rc::new(RefCell::new(None));
        let keep = kept.clone();
        let ends = create_task(std::future::poll_fn(move |cx| {
            assert!(leaf.as_mut().poll(cx).is_pending());
            let one = std::mem::replace(&mut leaf, Box::pin((&here().create_future()).into_future()));
            *keep.borrow_mut() = Some(one); // it outlives the task
            Poll::Ready(Ok(()))
        }));
        let sleeps = create_task(sleep(HOUR));
        ends.await?;
        sleeps.cancel();
        assert!(sleeps.await.unwrap_err().is_cancelled());
        assert!(!future.done(), "a stranger's future was cancelled");
        Ok(())
    })
    .unwrap();
}

/// `asyncio`: `['cancelled', 'soon']`.
#[test]
fn a_cancel_between_two_runs_is_delivered_in_the_next() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inner = log.clone();
    let task = event_loop.create_task(async move {
        let result = sleep(HOUR).await;
        inner.add("cancelled");
        result
    });
    one_turn(&event_loop);
    assert!(task.cancel());
    one_turn(&event_loop);
    assert_eq!(log.text(), "cancelled");
    assert!(task.cancelled());
}

/// A cancellation that no leaf of the task took must not be taken by somebody else's.
#[test]
fn an_undelivered_cancellation_ends_with_its_step() {
    let event_loop = virtual_loop();
    let slot = Rc::new(RefCell::new(ForeignSlot::<u8>::default()));
    let waits = slot.clone();
    let task = event_loop.create_task::<()>(async move {
        foreign(waits).await;
        Err(Error::other("an error wins"))
    });
    one_turn(&event_loop);
    let log = Log::default();
    let inner = log.clone();
    let handle = Rc::new(task);
    let cancels = handle.clone();
    event_loop.call_soon(move || {
        ForeignSlot::fill(&slot, 1);
        cancels.cancel();
        here().call_soon(move || {
            // Polled by hand in a callback: no task, so nobody's cancellation.
            let mut leaf = Box::pin(sleep(HOUR));
            let poll = harness::poll_with(std::task::Waker::noop(), leaf.as_mut());
            inner.add(poll.is_pending());
        });
    });
    event_loop.run_until_complete(async { sleep(HOUR).await }).unwrap();
    assert_eq!(log.text(), "true");
    assert!(handle.done() && !handle.cancelled());
}
