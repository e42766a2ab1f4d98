//! `test_waitfor.py`.

use std::{cell::Cell, rc::Rc, time::Duration};

use oneloop::{
    Error, Result, ReturnWhen, Task, create_task, get_running_loop, shield, sleep, wait, wait_for, yield_now,
};

use crate::harness::{Log, here, run};

const SECOND: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_micros(100);

fn timed_out<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.is_timeout())
}

/// Runs for two seconds whatever others want.
async fn stubborn(exited: Rc<Cell<bool>>) -> Result<()> {
    let end = get_running_loop()?.time() + 2 * SECOND;
    while here().time() < end {
        let _ = oneloop::sleep_until(end).await;
    }
    exited.set(true);
    Ok(())
}

/// Mirrors CPython AsyncioWaitForTest.test_asyncio_wait_for_cancelled.
/// Mirrors CPython AsyncioWaitForTest.test_asyncio_wait_for_timeout.
#[test]
fn it_waits_for_one_that_refuses() {
    run(async {
        let exited = Rc::new(Cell::new(false));
        let waits = create_task(wait_for(4 * SECOND, stubborn(exited.clone())));
        yield_now().await?;
        waits.cancel();
        wait([&waits], ReturnWhen::AllCompleted, None).await?;
        assert!(exited.replace(false));
        wait_for(SECOND, stubborn(exited.clone())).await?; // its value wins
        assert!(exited.get());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_future_done.
/// Mirrors CPython AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started.
#[test]
fn no_time_for_what_is_done_and_for_what_is_not_started() {
    run(async {
        let future = here().create_future();
        future.set_result("done")?;
        assert_eq!(wait_for(Duration::ZERO, &future).await?, "done");
        let started = Rc::new(Cell::new(false));
        let starts = started.clone();
        let result = wait_for(Duration::ZERO, async move {
            starts.set(true);
            Ok::<_, Error>(())
        });
        assert!(timed_out(result.await) && !started.get());
        Ok(())
    })
    .unwrap();
}

/// A task that sleeps, and notes that it was left.
fn sleeper(log: &Log) -> Task<&'static str> {
    let log = log.clone();
    create_task(async move {
        log.add("in");
        let slept = sleep(3600 * SECOND).await;
        log.add("out");
        slept.map(|()| "done")
    })
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0.
/// Mirrors CPython AsyncioWaitForTest.test_wait_for.
#[test]
fn a_task_that_has_no_time_left_is_cancelled() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        for delay in [Duration::ZERO, Duration::from_millis(100)] {
            let task = sleeper(&told);
            yield_now().await?;
            assert!(timed_out(wait_for(delay, &task).await));
            assert!(task.done() && task.cancelled());
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "in out in out");
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_blocking.
/// Mirrors CPython AsyncioWaitForTest.test_wait_for_race_condition.
#[test]
fn what_comes_in_time() {
    run(async {
        assert_eq!(wait_for(None, async { Ok::<_, Error>("done") }).await?, "done");
        let future = here().create_future();
        let waits = wait_for(Duration::from_millis(200), future.clone());
        here().call_soon(move || future.set_result("ok").unwrap());
        assert_eq!(waits.await?, "ok");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_cancellation_race_condition.
/// Mirrors CPython AsyncioWaitForTest.test_wait_for_cancel_suppressed.
#[test]
fn a_value_in_spite_of_the_expiry_wins() {
    run(async {
        let inner = async {
            assert!(sleep(SECOND).await.unwrap_err().is_cancelled());
            Ok::<_, Error>(42)
        };
        assert_eq!(wait_for(Duration::from_millis(10), inner).await?, 42);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation.
/// Mirrors CPython AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation_w_timeout_0.
#[test]
fn it_waits_until_the_cancelled_one_has_cleaned_up() {
    run(async {
        for delay in [SHORT, Duration::ZERO] {
            let cleaned_up = Rc::new(Cell::new(false));
            let cleans_up = cleaned_up.clone();
            let inner = create_task(async move {
                let slept = sleep(10 * SECOND).await;
                sleep(SHORT).await?;
                cleans_up.set(true);
                slept
            });
            sleep(SHORT).await?;
            assert!(timed_out(wait_for(delay, inner).await) && cleaned_up.get());
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_reraises_exception_during_cancellation.
#[test]
fn an_error_of_its_own_during_the_clean_up_wins() {
    run(async {
        let inner = create_task(async { sleep(SECOND).await.map_err(|_| Error::other("foo")) });
        assert_eq!(wait_for(SHORT, inner).await.unwrap_err().to_string(), "foo");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython AsyncioWaitForTest.test_cancel_blocking_wait_for.
/// Mirrors CPython AsyncioWaitForTest.test_cancel_wait_for.
#[test]
fn cancelling_the_wait_cancels_the_task() {
    run(async {
        for delay in [None, Some(60 * SECOND)] {
            let never = here().create_future::<()>();
            let task = create_task(async move { never.await });
            let waits = create_task({
                let task = task.clone();
                async move { wait_for(delay, &task).await }
            });
            let cancels = waits.clone();
            here().call_soon(move || assert!(cancels.cancel()));
            assert!(waits.await.unwrap_err().is_cancelled());
            assert!(task.cancelled());
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython AsyncioWaitForTest.test_wait_for_issue86296.
#[test]
fn a_cancellation_beats_the_result_of_one_that_has_ended() {
    run(async {
        let inner = create_task(async { Ok("done") });
        let (waits_for, reached_end) = (inner.clone(), Rc::new(Cell::new(false)));
        let reaches_end = reached_end.clone();
        let task = create_task(async move {
            wait_for(100 * SECOND, &waits_for).await?;
            sleep(SECOND).await?;
            reaches_end.set(true);
            Ok(())
        });
        assert!(!task.done());
        yield_now().await?;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(inner.done() && inner.await? == "done" && !reached_end.get());
        Ok(())
    })
    .unwrap();
}

fn slow() -> Task<&'static str> {
    create_task(async {
        sleep(Duration::from_millis(100)).await?;
        Ok("done")
    })
}

/// Mirrors CPython WaitForShieldTests.test_zero_timeout.
#[test]
fn a_shield_that_has_no_time_is_cancelled_and_the_task_is_not() {
    run(async {
        let task = slow();
        let shielded = shield(&task);
        assert!(timed_out(wait_for(Duration::ZERO, &shielded).await));
        assert!(!task.done() && !task.cancelled() && shielded.cancelled());
        sleep(SECOND).await?;
        assert!(task.done() && task.result()? == "done");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython WaitForShieldTests.test_none_timeout.
/// Mirrors CPython WaitForShieldTests.test_shielded_timeout.
#[test]
fn a_shielded_task_goes_on() {
    run(async {
        let task = slow();
        wait_for(None, shield(&task)).await?;
        assert!(task.done() && task.await? == "done");
        let task = slow();
        assert!(timed_out(wait_for(Duration::from_millis(10), shield(&task)).await));
        assert!(!task.done() && !task.cancelled());
        assert_eq!(task.await?, "done");
        Ok(())
    })
    .unwrap();
}
