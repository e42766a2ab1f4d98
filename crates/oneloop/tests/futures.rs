//! Futures that are settled from outside, and what waits for them: rules 16 to 18.

mod harness;

use std::time::Duration;

use harness::{Log, here, one_turn, run, virtual_loop};
use oneloop::{Error, create_task, yield_now};

#[test]
fn a_future_is_settled_once() {
    run(async {
        let future = here().create_future::<u8>();
        assert!(!future.done());
        future.set_result(1)?;
        assert!(future.done() && !future.cancelled());
        assert_eq!(future.set_result(2).unwrap_err().kind(), "invalid-state");
        assert_eq!(future.set_error(Error::Timeout).unwrap_err().kind(), "invalid-state");
        assert!(!future.cancel());
        assert_eq!((&future).await?, 1);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_cancelled_future_gives_cancelled_to_all_and_takes_no_result() {
    run(async {
        let future = here().create_future::<u8>();
        assert!(future.cancel());
        assert!(future.cancelled() && future.done());
        assert!(future.set_result(1).is_err());
        assert!((&future).await.unwrap_err().is_cancelled());
        assert!(future.await.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

/// `futures.py: __schedule_callbacks`. Same program in CPython: `['set', 'w1', 'c2', 'w3', 'c4', 'late']`.
#[test]
fn waiters_and_done_callbacks_stand_in_one_list_and_run_in_a_later_turn() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let log = inner;
        let future = here().create_future::<()>();
        let waiter = |name: &'static str| {
            let (log, future) = (log.clone(), future.clone());
            create_task(async move {
                (&future).await?;
                log.add(name);
                Ok(())
            })
        };
        let w1 = waiter("w1");
        yield_now().await?;
        future.add_done_callback(log.calls("c2"));
        let w3 = waiter("w3");
        yield_now().await?;
        future.add_done_callback(log.calls("c4"));
        future.set_result(())?;
        future.add_done_callback(log.calls("late"));
        log.add("set");
        w1.await?;
        w3.await
    })
    .unwrap();
    assert_eq!(log.text(), "set w1 c2 w3 c4 late");
}

/// Same program in CPython: `['waiter', 'callback', 'soon']`.
#[test]
fn the_order_of_the_list_holds_for_a_future_that_is_set_between_two_runs() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let future = event_loop.create_future::<()>();
    let (waits, adds) = (future.clone(), log.adds("waiter"));
    let _task = event_loop.create_task(async move { waits.await.map(|()| adds()) });
    one_turn(&event_loop);
    future.add_done_callback(log.calls("callback"));
    future.set_result(()).unwrap();
    event_loop.call_soon(log.adds("soon"));
    one_turn(&event_loop);
    assert_eq!(log.text(), "waiter callback soon");
}

#[test]
fn awaiting_what_is_done_does_not_suspend() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let future = here().create_future::<()>();
        future.set_result(())?;
        here().call_soon(inner.adds("turn"));
        (&future).await?;
        inner.add("here");
        yield_now().await
    })
    .unwrap();
    assert_eq!(log.text(), "here turn");
}

#[test]
fn a_result_awaited_by_value_is_gone_for_the_next() {
    run(async {
        let future = here().create_future::<String>();
        let other = future.clone();
        future.set_result("once".into())?;
        assert_eq!(future.await?, "once");
        assert_eq!(other.await.unwrap_err().kind(), "invalid-state");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_waiter_that_is_dropped_leaves_the_list_and_the_others_in_order() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let log = inner;
        let future = here().create_future::<()>();
        let mut waiting = Vec::new();
        for n in 0..4 {
            let mut one = Box::pin((&future).into_future());
            let log = log.clone();
            let waker = harness::foreign_waker(|| ());
            assert!(harness::poll_with(&waker, one.as_mut()).is_pending());
            let waits = future.clone();
            waiting.push(one);
            drop(create_task(async move {
                (&waits).await?;
                log.add(n);
                Ok(())
            }));
            yield_now().await?;
        }
        drop(waiting.remove(2));
        drop(waiting.remove(0));
        future.set_result(())?;
        yield_now().await?;
        yield_now().await
    })
    .unwrap();
    assert_eq!(log.text(), "0 1 2 3");
}

/// A done-callback may look at, and settle, anything: nothing is borrowed.
#[test]
fn done_callbacks_may_call_back_into_the_future() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let future = here().create_future::<u8>();
        let (same, log) = (future.clone(), inner);
        future.add_done_callback(move |_| {
            assert!(same.done() && !same.cancel() && same.set_result(2).is_err());
            same.add_done_callback(log.calls("again"));
            log.add("callback");
        });
        future.set_result(1)?;
        oneloop::sleep(Duration::from_secs(1)).await
    })
    .unwrap();
    assert_eq!(log.text(), "callback again");
}

/// A panic in one waiter's foreign waker must not lose the wakes of those behind it.
#[test]
fn a_panic_in_a_foreign_waker_loses_nobody_elses_wake() {
    let event_loop = virtual_loop();
    let reports = harness::reports(&event_loop);
    let log = Log::default();
    let inner = log.clone();
    event_loop
        .run_until_complete(async move {
            let log = inner;
            let future = here().create_future::<()>();
            let mut first = Box::pin((&future).into_future());
            let bad = harness::foreign_waker(|| panic!("a bad waker"));
            assert!(harness::poll_with(&bad, first.as_mut()).is_pending());
            let (waits, adds) = (future.clone(), log.adds("waiter"));
            let waiter = create_task(async move { (&waits).await.map(|()| adds()) });
            yield_now().await?;
            future.add_done_callback(log.calls("callback"));
            future.set_result(())?;
            waiter.await
        })
        .unwrap();
    assert_eq!(log.text(), "waiter callback");
    assert!(reports.text().contains("a bad waker"), "{}", reports.text());
}
