//! `test_timeouts.py`.

use std::{task::Poll, task::Waker, time::Duration};

use oneloop::{Error, Result, TaskGroup, Timeout, create_task, current_task, sleep, timeout, timeout_at, yield_now};

use crate::harness::{Log, here, poll_with, run};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A limit that ends so much later, to be asked afterwards.
fn limit(delay: impl Into<Option<Duration>>) -> Timeout {
    Timeout::new(delay.into().map(|delay| here().time() + delay))
}

async fn hour() -> Result<()> {
    sleep(HOUR).await
}

fn timed_out<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.is_timeout())
}

/// Mirrors CPython TimeoutTests.test_timeout_basic.
/// Mirrors CPython TimeoutTests.test_timeout_at_basic.
/// Mirrors CPython TimeoutTests.test_waiter_cancelled.
#[test]
fn it_cancels_its_body_and_says_timeout() {
    run(async {
        assert!(timed_out(timeout(ms(10), async |_| hour().await).await));
        let cm = limit(ms(10));
        assert!(timed_out(cm.enter(hour()).await) && cm.expired());
        let deadline = here().time() + ms(10);
        let cm = Timeout::new(Some(deadline));
        let log = Log::default();
        let body = async {
            let slept = hour().await;
            log.add(slept.as_ref().unwrap_err().kind());
            slept
        };
        assert!(timed_out(cm.enter(body).await));
        assert!(cm.expired() && cm.when() == Some(deadline));
        assert_eq!(log.text(), "cancelled");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_nested_timeouts.
#[test]
fn of_two_that_expire_at_once_the_outer_says_timeout() {
    run(async {
        let deadline = Some(here().time() + ms(10));
        let (cm1, cm2, log) = (Timeout::new(deadline), Timeout::new(deadline), Log::default());
        let result = cm1
            .enter(async {
                let inner = cm2.enter(hour()).await;
                log.add(inner.as_ref().unwrap_err().kind());
                inner
            })
            .await;
        assert!(timed_out(result) && cm1.expired() && cm2.expired());
        assert_eq!(log.text(), "cancelled");
        assert_eq!(current_task().unwrap().cancelling(), 0);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_not_called.
/// Mirrors CPython TimeoutTests.test_timeout_disabled.
/// Mirrors CPython TimeoutTests.test_timeout_at_disabled.
#[test]
fn left_in_time() {
    run(async {
        let cm = limit(10 * SECOND);
        cm.enter(sleep(ms(10))).await?;
        assert!(!cm.expired() && cm.when().unwrap() > here().time());
        timeout(None, async |cm| {
            sleep(ms(10)).await?;
            assert!(!cm.expired() && cm.when().is_none());
            Ok(())
        })
        .await?;
        timeout_at(None, async |cm| {
            sleep(ms(10)).await?;
            assert!(!cm.expired() && cm.when().is_none());
            Ok(())
        })
        .await
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_zero.
/// Mirrors CPython TimeoutTests.test_timeout_zero_sleep_zero.
/// Mirrors CPython TimeoutTests.test_timeout_in_the_past_sleep_zero.
#[test]
fn no_time_and_less() {
    run(async {
        let now = here().time();
        let cm = limit(Duration::ZERO);
        assert!(timed_out(cm.enter(hour()).await) && cm.expired() && cm.when() == Some(now));
        let cm = limit(Duration::ZERO);
        assert!(timed_out(cm.enter(yield_now()).await) && cm.expired());
        let past = now.checked_sub(11 * SECOND).unwrap();
        let cm = Timeout::new(Some(past));
        assert!(timed_out(cm.enter(yield_now()).await) && cm.expired() && cm.when() == Some(past));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_foreign_exception_passed.
/// Mirrors CPython TimeoutTests.test_foreign_exception_on_timeout.
/// Mirrors CPython TimeoutTests.test_foreign_exception_on_timeout_2.
#[test]
fn an_error_of_the_bodys_own_passes() {
    run(async {
        let cm = limit(ms(10));
        let result: Result<()> = cm.enter(async { Err(Error::other("key")) }).await;
        assert!(result.unwrap_err().to_string() == "key" && !cm.expired());
        let cm = limit(ms(10));
        let result = cm.enter(async { hour().await.map_err(|_| Error::other("zero")) }).await;
        assert!(result.unwrap_err().to_string() == "zero" && cm.expired());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_exception_context.
#[test]
fn clean_up_after_an_error_may_run_out_of_time() {
    run(async {
        let result = timeout(ms(10), async |_| {
            let failed: Result<()> = Err(Error::other("zero"));
            sleep(SECOND).await?; // `finally`: its error takes the place of the first
            failed
        });
        assert!(timed_out(result.await));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_foreign_cancel_doesnt_timeout_if_not_expired.
#[test]
fn a_cancellation_of_others_stays_one() {
    run(async {
        let cm = limit(10 * SECOND);
        let result = cm
            .enter(async {
                current_task().unwrap().cancel();
                hour().await
            })
            .await;
        assert!(result.unwrap_err().is_cancelled() && !cm.expired());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_outer_task_is_not_cancelled.
#[test]
fn its_task_is_not_cancelled() {
    run(async {
        let task = create_task(async {
            assert!(timed_out(timeout(ms(1), async |_| hour().await).await));
            Ok(())
        });
        (&task).await?;
        assert!(task.done() && !task.cancelled() && task.cancelling() == 0);
        Ok(())
    })
    .unwrap();
}

/// A busy loop comes to both deadlines in one turn, the inner one's first: the timers stand in that order here.
///
/// Mirrors CPython TimeoutTests.test_nested_timeouts_concurrent.
/// Mirrors CPython TimeoutTests.test_nested_timeouts_loop_busy.
#[test]
fn both_are_over_when_the_loop_comes_to_look() {
    run(async {
        let log = Log::default();
        let result = timeout(HOUR, async |outer| {
            let inner: Result<()> = timeout(ms(10), async |inner| {
                outer.reschedule(inner.when())?;
                hour().await
            })
            .await;
            log.add(inner.unwrap_err().kind());
            hour().await
        });
        // CPython's inner one takes back one request of two, and lets the cancellation pass. So does ours; the body above
        // swallows it, and the next hour is cut short by nobody: the outer one has had its turn.
        let began = here().time();
        result.await?;
        assert_eq!(log.text(), "cancelled");
        assert_eq!(here().time() - began, HOUR + ms(10));
        let result = timeout(HOUR, async |outer| {
            timeout(ms(10), async |inner| {
                outer.reschedule(inner.when())?;
                hour().await
            })
            .await?;
            hour().await
        });
        assert!(timed_out(result.await) && here().time() - began == HOUR + ms(20));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_reschedule.
#[test]
fn it_is_moved_by_another_task() {
    run(async {
        let future = here().create_future();
        let (deadline1, lent) = (here().time() + 10 * SECOND, future.clone());
        let deadline2 = deadline1 + 20 * SECOND;
        let task = create_task(timeout_at(deadline1, async move |cm| {
            lent.set_result(cm.clone())?;
            hour().await
        }));
        let cm = future.await?;
        assert_eq!(cm.when(), Some(deadline1));
        cm.reschedule(Some(deadline2))?;
        assert_eq!(cm.when(), Some(deadline2));
        cm.reschedule(None)?;
        assert_eq!(cm.when(), None);
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled() && !cm.expired());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_nested_timeout_in_finally.
#[test]
fn clean_up_has_a_limit_of_its_own() {
    run(async {
        let result = timeout(ms(10), async |_| {
            let slept = sleep(SECOND).await;
            assert!(timed_out(timeout(ms(10), async |_| hour().await).await));
            slept
        });
        assert!(timed_out(result.await));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_after_cancellation.
/// Mirrors CPython TimeoutTests.test_cancel_in_timeout_after_cancellation.
#[test]
fn after_a_cancellation_that_was_swallowed() {
    run(async {
        current_task().unwrap().cancel();
        assert!(sleep(SECOND).await.unwrap_err().is_cancelled());
        assert!(timed_out(timeout(Duration::ZERO, async |_| sleep(SECOND).await).await));
        assert_eq!(current_task().unwrap().cancelling(), 1);
        let result: Result<()> = timeout(SECOND, async |_| {
            current_task().unwrap().cancel();
            sleep(2 * SECOND).await
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_already_entered.
/// Mirrors CPython TimeoutTests.test_timeout_double_enter.
#[test]
fn it_is_entered_once() {
    run(async {
        let cm = limit(ms(10));
        cm.enter(async {
            let again: Result<()> = cm.enter(async { Ok(()) }).await;
            assert!(again.unwrap_err().to_string().contains("has already been entered"));
            Ok(())
        })
        .await?;
        let again: Result<()> = cm.enter(async { Ok(()) }).await;
        assert!(again.unwrap_err().to_string().contains("has already been entered"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_finished.
/// Mirrors CPython TimeoutTests.test_timeout_expired.
/// Mirrors CPython TimeoutTests.test_timeout_expiring.
/// Mirrors CPython TimeoutTests.test_timeout_not_entered.
#[test]
fn it_can_be_moved_only_while_it_counts() {
    fn refused(cm: &Timeout) -> String {
        cm.reschedule(Some(here().time() + SECOND)).unwrap_err().to_string()
    }
    run(async {
        let cm = limit(ms(10));
        assert!(refused(&cm).contains("has not been entered"));
        cm.enter(async { Ok(()) }).await?;
        assert!(refused(&cm).contains("finished"));
        let cm = limit(ms(10));
        assert!(timed_out(cm.enter(hour()).await));
        assert!(refused(&cm).contains("expired"));
        let cm = limit(ms(10));
        cm.enter(async {
            assert!(hour().await.unwrap_err().is_cancelled());
            assert!(refused(&cm).contains("expiring"));
            Ok(())
        })
        .await
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_without_task.
#[test]
fn it_needs_a_task_around_it() {
    run(async {
        let (cm, seen) = (limit(ms(10)), here().create_future());
        let (entered, tells) = (cm.clone(), seen.clone());
        here().call_soon(move || {
            let mut entering = Box::pin(entered.enter(async { Ok(()) }));
            let Poll::Ready(result) = poll_with(Waker::noop(), entering.as_mut()) else { unreachable!() };
            tells.set_result(result.unwrap_err().to_string()).unwrap();
        });
        assert!(seen.await?.contains("task"));
        assert!(cm.reschedule(None).unwrap_err().to_string().contains("has not been entered"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TimeoutTests.test_timeout_taskgroup.
#[test]
fn a_group_whose_clean_up_fails_hides_the_timeout() {
    run(async {
        let result: Result<()> = timeout(ms(10), async |_| {
            TaskGroup::scope(async |group| {
                drop(group.create_task(async {
                    let _ = sleep(2 * SECOND).await;
                    Err::<(), _>(Error::other("zero"))
                })?);
                sleep(SECOND).await?;
                Err(Error::other("value"))
            })
            .await
        })
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.errors().map(Error::to_string).collect::<Vec<_>>(), ["zero"]);
        Ok(())
    })
    .unwrap();
}
