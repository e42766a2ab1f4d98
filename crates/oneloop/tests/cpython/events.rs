//! `EventTests` of `test_locks.py`.

use oneloop::{Event, create_task, yield_now};

use crate::harness::{Log, here, run};

async fn wait(event: Event, log: Log, what: u8) -> oneloop::Result<bool> {
    event.wait().await?;
    log.add(what);
    Ok(true)
}

/// Mirrors CPython EventTests.test_wait.
#[test]
fn who_comes_after_set_goes_first() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let event = Event::new();
        assert!(!event.is_set());
        let t1 = create_task(wait(event.clone(), result.clone(), 1));
        let t2 = create_task(wait(event.clone(), result.clone(), 2));
        yield_now().await?;
        assert_eq!(result.text(), "");
        let t3 = create_task(wait(event.clone(), result.clone(), 3));
        event.set();
        yield_now().await?;
        assert!(t1.done() && t2.done() && t3.done());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "3 1 2");
}

/// Mirrors CPython EventTests.test_wait_on_set.
#[test]
fn waiting_for_a_set_event_does_not_suspend() {
    run(async {
        let event = Event::new();
        event.set();
        let task = create_task(event.wait());
        yield_now().await?;
        assert!(task.done());
        task.await
    })
    .unwrap();
}

/// Mirrors CPython EventTests.test_wait_cancel.
#[test]
fn a_cancelled_waiter_leaves() {
    run(async {
        let event = Event::new();
        let waits = create_task(event.wait());
        let cancels = waits.clone();
        here().call_soon(move || assert!(cancels.cancel()));
        assert!(waits.await.is_err_and(|error| error.is_cancelled()));
        assert!(format!("{event:?}").contains("waiters: 0"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython EventTests.test_clear.
#[test]
fn clear() {
    let event = Event::new();
    assert!(!event.is_set());
    event.set();
    assert!(event.is_set());
    event.clear();
    assert!(!event.is_set());
}

/// Mirrors CPython EventTests.test_clear_with_waiters.
#[test]
fn a_waiter_goes_on_though_the_event_was_cleared_at_once() {
    let log = Log::default();
    let result = log.clone();
    run(async move {
        let event = Event::new();
        let task = create_task(wait(event.clone(), result.clone(), 1));
        yield_now().await?;
        assert_eq!(result.text(), "");
        event.set();
        event.clear();
        assert!(!event.is_set());
        event.set();
        event.set();
        assert!(format!("{event:?}").contains("waiters: 1"));
        yield_now().await?;
        assert_eq!(result.text(), "1");
        assert!(format!("{event:?}").contains("waiters: 0"));
        assert!(task.done() && task.result()?);
        Ok(())
    })
    .unwrap();
}

/// Between two runs, `set` queues its waiters where other calls of that moment stand. In CPython: `['soon', 'woken',
/// 'later']`.
#[test]
fn set_between_two_runs_keeps_its_place_in_the_queue() {
    let (event_loop, log) = (crate::harness::virtual_loop(), Log::default());
    let (event, woken) = (Event::new(), log.clone());
    let waits = event.clone();
    let task = event_loop.create_task(async move {
        waits.wait().await?;
        woken.add("woken");
        Ok(())
    });
    crate::harness::one_turn(&event_loop);
    event_loop.call_soon(log.adds("soon"));
    event.set();
    event_loop.call_soon(log.adds("later"));
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.text(), "soon woken later");
}
