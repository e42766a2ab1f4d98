//! Time limits: rules 39 and 40.

mod harness;

use std::{cell::RefCell, rc::Rc, time::Duration};

use harness::{ForeignSlot, foreign, here, run};
use oneloop::{Error, Result, create_task, sleep, timeout, timeout_at, wait_for, yield_now};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn expiry_cancels_waits_for_the_clean_up_and_gives_timeout() {
    run(async {
        let began = here().time();
        let result: Result<()> = timeout(SECOND, async |_| {
            let slept = sleep(HOUR).await;
            sleep(SECOND).await?;
            slept
        })
        .await;
        assert!(result.unwrap_err().is_timeout());
        assert_eq!(here().time() - began, 2 * SECOND);
        sleep(SECOND).await // the request was withdrawn
    })
    .unwrap();
}

#[test]
fn whose_cancellation_it_is_in_nested_scopes() {
    run(async {
        let outer_first: Result<()> = timeout(SECOND, async |_| {
            let inner: Result<()> = timeout(HOUR, async |_| sleep(HOUR).await).await;
            assert!(inner.as_ref().is_err_and(Error::is_cancelled));
            inner
        })
        .await;
        assert!(outer_first.unwrap_err().is_timeout());
        let inner_first: Result<u8> = timeout(HOUR, async |_| {
            let inner: Result<()> = timeout(SECOND, async |_| sleep(HOUR).await).await;
            assert!(inner.unwrap_err().is_timeout());
            Ok(1)
        })
        .await;
        assert_eq!(inner_first?, 1);
        // Both expire in one turn: the inner one takes the outer's request for what it is (CPython: the outer's).
        let both: Result<()> = timeout(SECOND, async |_| timeout(SECOND, async |_| sleep(HOUR).await).await).await;
        assert!(both.unwrap_err().is_timeout());
        assert_eq!(sleep(SECOND).await.map_err(|error| error.kind()), Ok(()));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_cancellation_from_outside_stays_one_also_in_the_turn_of_the_expiry() {
    run(async {
        let task = create_task(async { timeout(SECOND, async |_| sleep(HOUR).await).await });
        yield_now().await?;
        task.cancel();
        assert!((&task).await.unwrap_err().is_cancelled());
        let task = Rc::new(create_task(async { timeout(SECOND, async |_| sleep(HOUR).await).await }));
        yield_now().await?;
        let cancels = task.clone();
        here().call_later(SECOND, move || assert!(cancels.cancel()));
        assert!((&*task).await.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_value_in_spite_of_the_expiry_wins() {
    run(async {
        let refused = timeout(SECOND, async |scope| {
            let _ = sleep(HOUR).await;
            Ok::<_, Error>(scope.expired())
        });
        assert!(refused.await?);
        let own: Result<()> = timeout(SECOND, async |_| sleep(HOUR).await.map_err(|_| Error::other("own"))).await;
        assert_eq!(own.unwrap_err().to_string(), "own");
        Ok(())
    })
    .unwrap();
}

/// `timeouts.py: reschedule` queues what is over with `call_soon`. In CPython: `['in', 'timeout']`.
#[test]
fn a_deadline_that_is_over_beats_a_bare_yield() {
    run(async {
        let zero: Result<()> = timeout(Duration::ZERO, async |_| yield_now().await).await;
        assert!(zero.unwrap_err().is_timeout());
        let past: Result<()> = timeout_at(None, async |scope| {
            scope.reschedule(Some(here().time() - SECOND))?;
            yield_now().await
        })
        .await;
        assert!(past.unwrap_err().is_timeout());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_deadline_can_be_moved_and_taken_away() {
    run(async {
        let began = here().time();
        let moved: Result<()> = timeout(SECOND, async |scope| {
            assert_eq!(scope.when(), Some(began + SECOND));
            scope.reschedule(Some(began + 2 * SECOND))?;
            sleep(HOUR).await
        })
        .await;
        assert!(moved.unwrap_err().is_timeout());
        assert_eq!(here().time() - began, 2 * SECOND);
        timeout(SECOND, async |scope| {
            scope.reschedule(None)?;
            sleep(HOUR).await
        })
        .await
    })
    .unwrap();
}

/// Decision 1: nothing of ours can take it inside, so the scope drops the body and takes it.
#[test]
fn a_foreign_future_inside_is_dropped() {
    run(async {
        let slot = Rc::new(RefCell::new(ForeignSlot::<u8>::default()));
        let result: Result<u8> = wait_for(SECOND, async { Ok(foreign(slot.clone()).await) }).await;
        assert!(result.unwrap_err().is_timeout());
        sleep(SECOND).await
    })
    .unwrap();
}

/// The foreign future was ready in the turn of the expiry: its value wins, and the request, which no leaf has taken,
/// must not be delivered to what comes after the scope.
#[test]
fn a_request_that_no_leaf_took_ends_with_its_scope() {
    run(async {
        let slot = Rc::new(RefCell::new(ForeignSlot::default()));
        let fills = slot.clone();
        let value: Result<u8> = timeout(SECOND, async move |_| {
            here().call_later(SECOND, move || ForeignSlot::fill(&fills, 7));
            Ok(foreign(slot).await)
        })
        .await;
        assert_eq!(value?, 7);
        sleep(SECOND).await
    })
    .unwrap();
}

#[test]
fn wait_for_a_task_cancels_it_and_waits_for_it() {
    run(async {
        let task = create_task(sleep(HOUR));
        let result: Result<()> = wait_for(SECOND, &task).await;
        assert!(result.unwrap_err().is_timeout() && task.cancelled());
        Ok(())
    })
    .unwrap();
}

/// `tasks.py: gather._done_callback`. In CPython: `['cleanup', "ValueError('own')", (False,)]`.
#[test]
fn a_cancelled_gather_raises_a_childs_own_error() {
    run(async {
        let outer = create_task(async {
            let child = || async { sleep(HOUR).await.map_err(|_| Error::other("own")) };
            oneloop::gather([child()]).await.map(drop)
        });
        yield_now().await?;
        yield_now().await?;
        outer.cancel();
        assert_eq!((&outer).await.unwrap_err().to_string(), "own");
        let outer = create_task(async {
            oneloop::gather((0..2).map(|_| async { Ok(sleep(HOUR).await.is_err()) })).await.map(drop)
        });
        yield_now().await?;
        yield_now().await?;
        outer.cancel();
        assert!((&outer).await.is_err() && outer.cancelled(), "though both refused");
        Ok(())
    })
    .unwrap();
}
