//! `BarrierTests` of `test_locks.py`.

use std::{cell::Cell, future::Future, rc::Rc};

use oneloop::{Barrier, Error, Result, ReturnWhen, Task, create_task, gather, wait, yield_now};

use crate::harness::{Log, run};

const N: usize = 5;

/// `n` tasks of the same body.
fn tasks<T: 'static, F: Future<Output = Result<T>> + 'static>(n: usize, body: impl Fn() -> F) -> Vec<Task<T>> {
    (0..n).map(|_| create_task(body())).collect()
}

fn is_broken<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == "broken-barrier")
}

fn state(barrier: &Barrier) -> String {
    let shown = format!("{barrier:?}");
    shown.split("state: ").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

/// How often something was noted.
fn count(log: &Log) -> usize {
    log.text().split_whitespace().count()
}

/// Mirrors CPython BarrierTests.test_barrier_parties.
#[test]
fn at_least_one_party() {
    assert_eq!(Barrier::new(0).unwrap_err().to_string(), "parties must be > 0");
    assert_eq!(Barrier::new(N).unwrap().parties(), N);
}

/// Mirrors CPython BarrierTests.test_context_manager.
#[test]
fn each_gets_an_index_of_its_own() {
    run(async {
        let barrier = Barrier::new(3)?;
        let mut indices = gather(tasks(3, || barrier.wait())).await?;
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2]);
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_filling_one_task.
/// Mirrors CPython BarrierTests.test_filling_one_task_twice.
#[test]
fn one_party_need_not_wait() {
    run(async {
        let barrier = Barrier::new(1)?;
        assert_eq!(barrier.wait().await?, 0);
        let t1 = create_task(barrier.wait());
        yield_now().await?;
        assert_eq!(barrier.n_waiting(), 0);
        let t2 = create_task(barrier.wait());
        yield_now().await?;
        assert_eq!(t1.result()?, t2.result()?);
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_filling_task_by_task.
#[test]
fn filling_task_by_task() {
    run(async {
        let barrier = Barrier::new(3)?;
        let t1 = create_task(barrier.wait());
        yield_now().await?;
        assert!(barrier.n_waiting() == 1 && state(&barrier) == "Filling");
        let t2 = create_task(barrier.wait());
        yield_now().await?;
        assert!(barrier.n_waiting() == 2 && state(&barrier) == "Filling");
        let t3 = create_task(barrier.wait());
        yield_now().await?;
        wait([t1, t2, t3], ReturnWhen::AllCompleted, None).await?;
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_filling_tasks_wait_twice.
/// Mirrors CPython BarrierTests.test_filling_tasks_check_return_value.
#[test]
fn a_second_round() {
    run(async {
        let (barrier, first, second) = (Barrier::new(N)?, Log::default(), Log::default());
        let mut indices = gather(tasks(N, || {
            let (barrier, first, second) = (barrier.clone(), first.clone(), second.clone());
            async move {
                barrier.wait().await?;
                first.add(true);
                let index = barrier.wait().await?;
                second.add(true);
                Ok(index)
            }
        }))
        .await?;
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2, 3, 4]);
        assert!(count(&first) == N && count(&second) == N);
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_draining_state.
#[test]
fn it_drains_until_the_last_has_left() {
    let log = Log::default();
    let seen = log.clone();
    run(async move {
        let barrier = Barrier::new(N)?;
        gather(tasks(N, || {
            let (barrier, seen) = (barrier.clone(), seen.clone());
            async move {
                barrier.wait().await?;
                seen.add(state(&barrier));
                Ok(())
            }
        }))
        .await?;
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "Draining Draining Draining Draining Filling");
}

/// Mirrors CPython BarrierTests.test_blocking_tasks_while_draining.
#[test]
fn who_comes_again_while_it_drains_waits_outside() {
    run(async {
        const AGAIN: usize = 2;
        let (barrier, others, left) = (Barrier::new(N)?, Barrier::new(N - AGAIN)?, Rc::new(Cell::new(AGAIN)));
        gather(tasks(N, || {
            let (barrier, others, left) = (barrier.clone(), others.clone(), left.clone());
            async move {
                barrier.wait().await?;
                if left.get() > 0 {
                    left.set(left.get() - 1);
                } else {
                    others.wait().await?;
                }
                barrier.wait().await
            }
        }))
        .await
        .map(drop)
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_filling_tasks_cancel_one.
#[test]
fn a_party_that_is_cancelled_does_not_count() {
    run(async {
        let (barrier, passed) = (Barrier::new(3)?, Log::default());
        let party = || {
            let (barrier, passed) = (barrier.clone(), passed.clone());
            create_task(async move {
                barrier.wait().await?;
                passed.add(true);
                Ok(())
            })
        };
        let t1 = party();
        yield_now().await?;
        assert_eq!(barrier.n_waiting(), 1);
        let t2 = party();
        yield_now().await?;
        assert_eq!(barrier.n_waiting(), 2);
        t1.cancel();
        yield_now().await?;
        assert_eq!(barrier.n_waiting(), 1);
        assert!((&t1).await.unwrap_err().is_cancelled() && t1.cancelled());
        let t3 = party();
        yield_now().await?;
        assert_eq!(barrier.n_waiting(), 2);
        let t4 = party();
        gather([t2, t3, t4]).await?;
        assert!(count(&passed) == 3 && barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_reset_barrier.
/// Mirrors CPython BarrierTests.test_abort_barrier.
#[test]
fn reset_and_abort_with_nobody_there() {
    run(async {
        let barrier = Barrier::new(1)?;
        let reset = create_task(barrier.reset());
        yield_now().await?;
        assert!(reset.done() && barrier.n_waiting() == 0 && !barrier.broken());
        let abort = create_task(barrier.abort());
        yield_now().await?;
        assert!(abort.done() && barrier.n_waiting() == 0 && barrier.broken());
        assert_eq!(barrier.wait().await.unwrap_err().to_string(), "Barrier aborted");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_reset_barrier_while_tasks_waiting.
#[test]
fn reset_throws_out_who_waits() {
    run(async {
        let (barrier, thrown_out) = (Barrier::new(N)?, Log::default());
        let parties = tasks(N - 1, || {
            let (barrier, thrown_out) = (barrier.clone(), thrown_out.clone());
            async move {
                if let Err(error) = barrier.wait().await {
                    thrown_out.add(error.kind());
                    assert_eq!(error.to_string(), "Abort or reset of barrier");
                }
                Ok(())
            }
        });
        yield_now().await?;
        let reset = create_task(barrier.reset());
        gather(parties).await?;
        assert_eq!(thrown_out.text(), ["broken-barrier"; N - 1].join(" "));
        assert!(barrier.n_waiting() == 0 && state(&barrier) == "Filling" && !barrier.broken());
        reset.await
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_reset_barrier_when_tasks_half_draining.
#[test]
fn reset_when_half_have_left() {
    run(async {
        let (barrier, thrown_out, left) = (Barrier::new(N)?, Log::default(), Rc::new(Cell::new(0)));
        gather(tasks(N, || {
            let (barrier, thrown_out, left) = (barrier.clone(), thrown_out.clone(), left.clone());
            async move {
                match barrier.wait().await {
                    Ok(_) => {
                        left.set(left.get() + 1);
                        if N - left.get() == N / 2 {
                            barrier.reset().await?; // with half of them still inside
                        }
                        Ok(())
                    }
                    result if is_broken(&result) => {
                        thrown_out.add(true);
                        Ok(())
                    }
                    result => result.map(drop),
                }
            }
        }))
        .await?;
        assert_eq!(count(&thrown_out), N / 2);
        assert!(barrier.n_waiting() == 0 && state(&barrier) == "Filling" && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_reset_barrier_when_tasks_half_draining_half_blocking.
#[test]
fn reset_when_half_have_left_and_come_again() {
    run(async {
        let (barrier, inside, outside) = (Barrier::new(N)?, Log::default(), Log::default());
        let passed = Rc::new(Cell::new(0));
        gather(tasks(N, || {
            let (barrier, inside, outside) = (barrier.clone(), inside.clone(), outside.clone());
            let passed = passed.clone();
            async move {
                let result = barrier.wait().await;
                if is_broken(&result) {
                    inside.add(true);
                    return barrier.wait().await.map(drop); // to reach the number
                }
                result?;
                passed.set(passed.get() + 1);
                if passed.get() > N / 2 {
                    barrier.reset().await?;
                    return barrier.wait().await.map(drop);
                }
                let result = barrier.wait().await;
                if is_broken(&result) {
                    outside.add(true); // never: those outside just wait
                }
                Ok(())
            }
        }))
        .await?;
        assert!(count(&inside) == N / 2 && count(&outside) == 0);
        assert!(barrier.n_waiting() == 0 && state(&barrier) == "Filling" && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_reset_barrier_while_tasks_waiting_and_waiting_again.
#[test]
fn who_was_thrown_out_may_come_again() {
    run(async {
        let (barrier, thrown_out, passed) = (Barrier::new(N)?, Log::default(), Log::default());
        let parties = tasks(N - 1, || {
            let (barrier, thrown_out, passed) = (barrier.clone(), thrown_out.clone(), passed.clone());
            async move {
                if is_broken(&barrier.wait().await) {
                    thrown_out.add(true);
                }
                barrier.wait().await?;
                passed.add(true);
                Ok(())
            }
        });
        let reset = create_task(barrier.reset());
        yield_now().await?;
        let (last, passes) = (barrier.clone(), passed.clone());
        let last = create_task(async move {
            last.wait().await?;
            passes.add(true);
            Ok(())
        });
        gather(parties).await?;
        assert!(count(&thrown_out) == N - 1 && count(&passed) == N);
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        reset.await?;
        last.await
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_reset_barrier_while_tasks_draining.
#[test]
fn reset_by_the_last_that_leaves() {
    run(async {
        let barrier = Barrier::new(N)?;
        let (again, thrown_out, passed, left) = (Log::default(), Log::default(), Log::default(), Rc::new(Cell::new(0)));
        gather(tasks(N, || {
            let (barrier, again, thrown_out) = (barrier.clone(), again.clone(), thrown_out.clone());
            let (passed, left) = (passed.clone(), left.clone());
            async move {
                barrier.wait().await?;
                left.set(left.get() + 1);
                if left.get() == N {
                    barrier.reset().await?;
                    barrier.wait().await?;
                } else {
                    let result = barrier.wait().await;
                    if result.is_ok() { again.add(true) } else { thrown_out.add(true) }
                }
                barrier.wait().await?;
                passed.add(true);
                Ok(())
            }
        }))
        .await?;
        assert!(count(&again) == N - 1 && count(&thrown_out) == 0 && count(&passed) == N);
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_abort_barrier_when_tasks_half_draining_half_blocking.
#[test]
fn abort_reaches_those_inside_and_those_outside() {
    run(async {
        let (barrier, inside, outside) = (Barrier::new(N)?, Log::default(), Log::default());
        let passed = Rc::new(Cell::new(0));
        gather(tasks(N, || {
            let (barrier, inside, outside) = (barrier.clone(), inside.clone(), outside.clone());
            let passed = passed.clone();
            async move {
                let result = barrier.wait().await;
                if is_broken(&result) {
                    inside.add(true);
                    return Ok(());
                }
                result?;
                passed.set(passed.get() + 1);
                if passed.get() > N / 2 {
                    barrier.abort().await?;
                } else if is_broken(&barrier.wait().await) {
                    outside.add(true);
                }
                Ok(())
            }
        }))
        .await?;
        assert!(barrier.broken() && count(&inside) == N / 2 && count(&outside) == N - N / 2 - 1);
        assert_eq!(barrier.n_waiting(), 0);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_abort_barrier_when_exception.
#[test]
fn abort_by_one_that_has_failed() {
    async fn party(barrier: Barrier, passed: Log) -> Result<()> {
        if barrier.wait().await? == N / 2 {
            return Err(Error::other("own"));
        }
        barrier.wait().await?;
        passed.add(true);
        Ok(())
    }
    run(async {
        let (barrier, passed, thrown_out) = (Barrier::new(N)?, Log::default(), Log::default());
        gather(tasks(N, || {
            let (barrier, passed, thrown_out) = (barrier.clone(), passed.clone(), thrown_out.clone());
            async move {
                match party(barrier.clone(), passed).await {
                    result if is_broken(&result) => thrown_out.add(true),
                    Err(_) => barrier.abort().await?,
                    Ok(()) => {}
                }
                Ok(())
            }
        }))
        .await?;
        assert!(barrier.broken() && count(&passed) == 0 && count(&thrown_out) == N - 1);
        assert_eq!(barrier.n_waiting(), 0);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython BarrierTests.test_abort_barrier_when_exception_then_resetting.
#[test]
fn abort_and_then_reset() {
    async fn party(barrier: &Barrier, passed: &Log) -> Result<()> {
        if barrier.wait().await? == N / 2 {
            return Err(Error::other("own"));
        }
        barrier.wait().await?;
        passed.add(true);
        Ok(())
    }
    run(async {
        let (barrier1, barrier2) = (Barrier::new(N)?, Barrier::new(N)?);
        let (passed, thrown_out, at_last) = (Log::default(), Log::default(), Log::default());
        gather(tasks(N, || {
            let (barrier1, barrier2) = (barrier1.clone(), barrier2.clone());
            let (passed, thrown_out, at_last) = (passed.clone(), thrown_out.clone(), at_last.clone());
            async move {
                match party(&barrier1, &passed).await {
                    result if is_broken(&result) => thrown_out.add(true),
                    Err(_) => barrier1.abort().await?,
                    Ok(()) => {}
                }
                if barrier2.wait().await? == N / 2 {
                    barrier1.reset().await?;
                }
                barrier2.wait().await?;
                barrier1.wait().await?;
                at_last.add(true);
                Ok(())
            }
        }))
        .await?;
        assert!(!barrier1.broken() && count(&passed) == 0 && count(&thrown_out) == N - 1 && count(&at_last) == N);
        assert_eq!(barrier1.n_waiting(), 0);
        Ok(())
    })
    .unwrap();
}
