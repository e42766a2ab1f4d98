//! `TestTaskGroup` of `test_taskgroups.py`.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    task::Waker,
    time::Duration,
};

use oneloop::{
    ContextVar, Error, Event, Result, Task, TaskGroup, copy_context, create_task, current_task, sleep, task_builder,
    yield_now,
};

use crate::harness::{Log, OnDrop, here, poll_with, run};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Sleeps, and gives `value`.
async fn after<T>(delay: u64, value: T) -> Result<T> {
    sleep(ms(delay)).await?;
    Ok(value)
}

/// Sleeps, and fails.
async fn crash_after(delay: u64, what: &'static str) -> Result<()> {
    sleep(ms(delay)).await?;
    Err(Error::other(what))
}

/// Sleeps, and fails however that ends.
async fn crash_at_last(delay: u64, what: &'static str) -> Result<()> {
    let _ = sleep(ms(delay)).await;
    Err(Error::other(what))
}

/// Sleeps, and notes when it was cancelled there.
async fn note_cancel(delay: u64, log: Log, what: &'static str) -> Result<()> {
    let slept = sleep(ms(delay)).await;
    if slept.is_err() {
        log.add(what);
    }
    slept
}

/// Starts a task of `runner`, cancels it after `delay`, and gives what comes of it.
async fn cancelled_after<T: Clone + 'static>(
    delay: u64,
    runner: impl Future<Output = Result<T>> + 'static,
) -> (Task<T>, Result<T>) {
    let task = create_task(runner);
    sleep(ms(delay)).await.unwrap();
    assert!(!task.done());
    task.cancel();
    let result = (&task).await;
    (task, result)
}

/// The errors of a group, those of a group inside it in brackets.
fn errors(error: &Error) -> String {
    assert_eq!(error.kind(), "group", "{error}");
    let each = |error: &Error| match error {
        Error::Group(_) => format!("[{}]", errors(error)),
        _ => error.to_string(),
    };
    error.errors().map(each).collect::<Vec<_>>().join(" ")
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_01.
/// Mirrors CPython TestTaskGroup.test_taskgroup_02.
#[test]
fn it_waits_for_all() {
    run(async {
        let (t1, t2) = TaskGroup::scope(async |group| {
            let t1 = group.create_task(after(100, 42))?;
            let t2 = group.create_task(after(200, 11))?;
            Ok((t1, t2))
        })
        .await?;
        assert_eq!((t1.result()?, t2.result()?), (42, 11));
        let (t1, t2) = TaskGroup::scope(async |group| {
            let t1 = group.create_task(after(100, 42))?;
            sleep(ms(150)).await?;
            Ok((t1, group.create_task(after(200, 11))?))
        })
        .await?;
        assert_eq!((t1.result()?, t2.result()?), (42, 11));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_03.
#[test]
fn a_cancelled_child_is_no_failure() {
    run(async {
        let (t1, t2) = TaskGroup::scope(async |group| {
            let t1 = group.create_task(after(1000, 42))?;
            sleep(ms(150)).await?;
            t1.cancel();
            Ok((t1, group.create_task(after(200, 11))?))
        })
        .await?;
        assert!(t1.cancelled() && t2.result()? == 11);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_04.
/// Mirrors CPython TestTaskGroup.test_cancel_children_on_child_error.
#[test]
fn the_first_failure_cancels_the_others_and_the_body() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let second: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let (kept, tells) = (second.clone(), told.clone());
        let runner = create_task(async move {
            TaskGroup::scope(async |group| {
                drop(group.create_task(crash_after(100, "zero"))?);
                *kept.borrow_mut() = Some(group.create_task(note_cancel(1000, tells.clone(), "child"))?);
                Ok(())
            })
            .await?;
            tells.add("never");
            Ok(())
        });
        assert_eq!(errors(&runner.await.unwrap_err()), "zero");
        assert!(second.take().unwrap().cancelled());
        let tells = told.clone();
        let runner = create_task(async move {
            TaskGroup::scope(async |group| {
                for _ in 0..3 {
                    drop(group.create_task(crash_after(100, "zero"))?);
                }
                drop(group.create_task(note_cancel(5000, tells.clone(), "child"))?);
                note_cancel(10_000, tells.clone(), "body").await
            })
            .await
        });
        assert_eq!(errors(&runner.await.unwrap_err()), "zero zero zero", "all ended in one turn");
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "child child body");
}

/// Mirrors CPython TestTaskGroup.test_cancellation.
/// Mirrors CPython TestTaskGroup.test_taskgroup_07.
/// Mirrors CPython TestTaskGroup.test_taskgroup_17.
/// Mirrors CPython TestTaskGroup.test_taskgroup_22.
#[test]
fn cancelled_from_outside_it_cancels_all_and_stays_cancelled() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let tells = told.clone();
        let (task, result) = cancelled_after(100, async move {
            TaskGroup::scope(async |group| {
                for _ in 0..5 {
                    drop(group.create_task(note_cancel(5000, tells.clone(), "child"))?);
                }
                Ok(())
            })
            .await
        })
        .await;
        assert!(result.unwrap_err().is_cancelled() && task.cancelled());
        assert_eq!(told.take(), ["child"; 5].join(" "));

        let tells = told.clone();
        let (_, result) = cancelled_after(100, async move {
            TaskGroup::scope(async |group| {
                for _ in 0..2 {
                    drop(group.create_task(note_cancel(5000, tells.clone(), "child"))?);
                }
                note_cancel(10_000, tells.clone(), "body").await
            })
            .await
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(told.take(), "body child child", "the body first: it has the children cancelled");

        let tells = told.clone();
        let body = TaskGroup::scope(async move |_| note_cancel(10_000, tells, "body").await);
        let (_, result) = cancelled_after(100, body).await;
        assert!(result.unwrap_err().is_cancelled());
        let (_, result) = cancelled_after(
            50,
            TaskGroup::scope(async |group| {
                drop((group.create_task(after(1000, 42))?, group.create_task(after(2000, 11))?));
                Ok(())
            }),
        )
        .await;
        assert!(result.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "body");
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_08.
/// Mirrors CPython TestTaskGroup.test_taskgroup_11.
/// Mirrors CPython TestTaskGroup.test_taskgroup_12.
#[test]
fn errors_hide_the_cancellation_from_outside() {
    async fn crashing(group: TaskGroup) -> Result<()> {
        for _ in 0..5 {
            drop(group.create_task(crash_at_last(10_000, "zero"))?);
        }
        sleep(ms(10_000)).await
    }
    let zeros = ["zero"; 5].join(" ");
    run(async move {
        let (_, result) = cancelled_after(100, TaskGroup::scope(crashing)).await;
        assert_eq!(errors(&result.unwrap_err()), zeros);
        let nested = TaskGroup::scope(async |_| TaskGroup::scope(crashing).await);
        let (_, result) = cancelled_after(100, nested).await;
        assert_eq!(errors(&result.unwrap_err()), format!("[{zeros}]"));
        let nested = TaskGroup::scope(async |group| {
            drop(group.create_task(sleep(ms(10_000)))?);
            TaskGroup::scope(crashing).await
        });
        let (_, result) = cancelled_after(100, nested).await;
        assert_eq!(errors(&result.unwrap_err()), format!("[{zeros}]"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_09.
/// Mirrors CPython TestTaskGroup.test_taskgroup_10.
#[test]
fn a_failing_body_cancels_the_children() {
    run(async {
        for delay in [100, 0] {
            let tasks: Rc<RefCell<Vec<Task<u8>>>> = Rc::default();
            let kept = tasks.clone();
            let result: Result<()> = TaskGroup::scope(async |group| {
                kept.borrow_mut().push(group.create_task(after(1000, 42))?);
                kept.borrow_mut().push(group.create_task(after(2000, 11))?);
                if delay > 0 {
                    sleep(ms(delay)).await?;
                }
                Err(Error::other("zero"))
            })
            .await;
            assert_eq!(errors(&result.unwrap_err()), "zero");
            assert!(tasks.borrow().iter().all(Task::cancelled));
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_13.
/// Mirrors CPython TestTaskGroup.test_taskgroup_14.
#[test]
fn a_failure_of_the_outer_group_and_one_of_the_inner() {
    async fn nested(outer: u64, inner: u64) -> Error {
        let runner = TaskGroup::scope(async move |group| {
            drop(group.create_task(crash_after(outer, "outer"))?);
            TaskGroup::scope(async move |group| group.create_task(crash_after(inner, "inner")).map(drop)).await
        });
        create_task(runner).await.unwrap_err()
    }
    run(async {
        assert_eq!(errors(&nested(100, 10_000).await), "outer");
        assert_eq!(errors(&nested(10_000, 100).await), "[inner]");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_15.
/// Mirrors CPython TestTaskGroup.test_taskgroup_16.
#[test]
fn a_child_that_fails_while_the_body_cleans_up() {
    async fn body(group: TaskGroup) -> Result<()> {
        drop(group.create_task(crash_at_last(300, "zero"))?);
        let slept = sleep(ms(10_000)).await;
        sleep(ms(500)).await?;
        slept
    }
    run(async {
        let (_, result) = cancelled_after(100, TaskGroup::scope(body)).await;
        assert_eq!(errors(&result.unwrap_err()), "zero");
        let (_, result) = cancelled_after(100, async { create_task(TaskGroup::scope(body)).await }).await;
        assert_eq!(errors(&result.unwrap_err()), "zero");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_18.
#[test]
fn a_body_that_fails_instead_of_being_cancelled() {
    let (_, result) = {
        let runner = async {
            let (task, result) = cancelled_after(
                100,
                TaskGroup::scope(async |_| sleep(ms(10_000)).await.map_err(|_| Error::other("instead"))),
            )
            .await;
            assert!(!task.cancelled());
            Ok(((), result))
        };
        run(runner).unwrap()
    };
    assert_eq!(errors(&result.unwrap_err()), "instead");
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_19.
/// Mirrors CPython TestTaskGroup.test_taskgroup_20a.
/// Mirrors CPython TestTaskGroup.test_taskgroup_21a.
#[test]
fn the_bodys_own_error_comes_last() {
    run(async {
        let runner = TaskGroup::scope(async |group| {
            drop(group.create_task(crash_after(100, "child"))?);
            crash_at_last(10_000, "body").await
        });
        assert_eq!(errors(&create_task(runner).await.unwrap_err()), "child body");
        Ok(())
    })
    .unwrap();
}

/// A panic takes the place of `KeyboardInterrupt`: it is no error among others, and goes on when all have ended.
///
/// Mirrors CPython TestTaskGroup.test_taskgroup_20.
#[test]
fn a_panic_of_the_body_or_of_a_child_goes_on_when_all_have_ended() {
    let log = Log::default();
    let told = log.clone();
    let of_the_body = catch_unwind(AssertUnwindSafe(|| {
        run::<()>(async move {
            let _seen = OnDrop(move || told.add("left"));
            TaskGroup::scope(async |group| {
                drop(group.create_task(crash_after(100, "zero"))?);
                let _ = sleep(ms(10_000)).await;
                panic!("the body's")
            })
            .await
        })
    }));
    assert_eq!(of_the_body.unwrap_err().downcast_ref::<&str>(), Some(&"the body's"));
    let told = log.clone();
    let of_a_child = catch_unwind(AssertUnwindSafe(|| {
        run(async move {
            TaskGroup::scope(async |group| {
                drop(group.create_task(note_cancel(10_000, told.clone(), "sibling"))?);
                drop(group.create_task(async { panic!("the child's") })? as Task<()>);
                note_cancel(10_000, told.clone(), "body").await
            })
            .await
        })
    }));
    assert_eq!(of_a_child.unwrap_err().downcast_ref::<String>().map(String::as_str), Some("the child's"));
    assert_eq!(log.text(), "left sibling body");
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_23.
#[test]
fn children_that_have_ended_are_forgotten() {
    fn tasks(group: &TaskGroup) -> usize {
        let shown = format!("{group:?}");
        shown.split("tasks: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
    }
    run(TaskGroup::scope(async |group| {
        for count in 0..10 {
            sleep(ms(100)).await?;
            drop(group.create_task(sleep(ms(300)))?);
            assert!(count != 5 || tasks(&group) < 5);
        }
        sleep(ms(1350)).await?;
        assert_eq!(tasks(&group), 0);
        Ok(())
    }))
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_24.
#[test]
fn children_may_make_children() {
    run(TaskGroup::scope(async |group| {
        let spawns = group.clone();
        group
            .create_task(async move {
                sleep(ms(100)).await?;
                drop((spawns.create_task(sleep(ms(100)))?, spawns.create_task(sleep(ms(200)))?));
                Ok(())
            })
            .map(drop)
    }))
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_25.
#[test]
fn a_group_that_grows_is_cancelled_whole() {
    fn hydra(group: TaskGroup, heads: Rc<Cell<u32>>) -> std::pin::Pin<Box<dyn Future<Output = Result<()>>>> {
        Box::pin(async move {
            heads.set(heads.get() + 1);
            sleep(ms(10)).await?;
            drop(group.create_task(hydra(group.clone(), heads.clone()))?);
            drop(group.create_task(hydra(group.clone(), heads))?);
            Ok(())
        })
    }
    run(async {
        let heads = Rc::new(Cell::new(0));
        let counted = heads.clone();
        let result = TaskGroup::scope(async |group| {
            drop(group.create_task(hydra(group.clone(), heads.clone()))?);
            let hercules = async move {
                while counted.get() < 10 {
                    sleep(ms(15)).await?;
                }
                Err(Error::other("zero"))
            };
            group.create_task(hercules).map(|_: Task<()>| ())
        })
        .await;
        assert_eq!(errors(&result.unwrap_err()), "zero");
        assert!(heads.get() >= 10);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_task_name.
/// Mirrors CPython TestTaskGroup.test_taskgroup_task_context.
#[test]
fn a_child_with_a_name_and_one_in_a_context() {
    thread_local! {
        static VARIABLE: ContextVar<u32> = const { ContextVar::new("cvar") };
    }
    async fn sets(value: u32) -> Result<()> {
        yield_now().await?;
        VARIABLE.with(|variable| drop(variable.set(value)));
        Ok(())
    }
    run(TaskGroup::scope(async |group| {
        let named = group.create_task_with(task_builder()?.name("yolo"), yield_now())?;
        assert_eq!(named.get_name(), "yolo");
        let context = copy_context();
        let seen = || context.run(|| VARIABLE.with(ContextVar::get)).unwrap();
        assert!(seen().is_none());
        group.create_task_with(task_builder()?.context(context.clone()), sets(1))?.await?;
        assert_eq!(seen(), Some(1));
        group.create_task_with(task_builder()?.context(context.clone()), sets(2))?.await?;
        assert_eq!(seen(), Some(2));
        Ok(())
    }))
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_no_create_task_after_failure.
#[test]
fn no_new_children_while_it_shuts_down() {
    let log = Log::default();
    let told = log.clone();
    let result = run(TaskGroup::scope(async move |group| {
        drop(group.create_task(crash_after(1, "zero"))?);
        let late = group.clone();
        let tries = async move {
            if sleep(ms(1000)).await.is_err() {
                told.add(
                    late.create_task(crash_after(1, "late")).map_or_else(|error| error.to_string(), |_| "?".into()),
                );
            }
            Ok(())
        };
        group.create_task(tries).map(drop)
    }));
    assert_eq!(errors(&result.unwrap_err()), "zero");
    assert_eq!(log.text(), "TaskGroup is shutting down");
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_context_manager_exit_raises.
#[test]
fn a_body_whose_clean_up_fails_after_a_child_has() {
    run(async {
        let main = create_task(async {
            let result: Result<()> = TaskGroup::scope(async |group| {
                drop(group.create_task(async { Err::<(), _>(Error::other("child")) })?);
                let _ = sleep(ms(1000)).await;
                Err(Error::other("clean-up"))
            })
            .await;
            assert_eq!(current_task().unwrap().cancelling(), 0);
            assert_eq!(errors(&result.unwrap_err()), "child clean-up");
            Ok(())
        });
        main.await
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_already_entered.
/// Mirrors CPython TestTaskGroup.test_taskgroup_double_enter.
#[test]
fn it_is_entered_once() {
    run(async {
        let group = TaskGroup::new();
        let again = group.clone();
        group
            .enter(async move {
                let error = again.enter(async { Ok(()) }).await.unwrap_err();
                assert!(error.to_string().contains("has already been entered"));
                Ok(())
            })
            .await?;
        let error = group.enter(async { Ok(()) }).await.unwrap_err();
        assert!(error.to_string().contains("has already been entered"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_finished.
/// Mirrors CPython TestTaskGroup.test_taskgroup_not_entered.
/// Mirrors CPython TestTaskGroup.test_coro_closed_when_tg_closed.
#[test]
fn no_children_before_and_after() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let refuse = |group: &TaskGroup| {
            let tells = told.clone();
            let captured = OnDrop(move || tells.add("dropped"));
            let result = group.create_task(async move {
                let _captured = captured;
                Ok(())
            });
            told.add(result.unwrap_err());
        };
        let group = TaskGroup::new();
        refuse(&group);
        group.enter(async { Ok(()) }).await?;
        refuse(&group);
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "dropped TaskGroup has not been entered dropped TaskGroup is finished");
}

/// Mirrors CPython TestTaskGroup.test_taskgroup_without_parent_task.
#[test]
fn it_needs_a_task_around_it() {
    run(async {
        let group = TaskGroup::new();
        let (entered, seen) = (group.clone(), here().create_future());
        let tells = seen.clone();
        here().call_soon(move || {
            let mut entering = Box::pin(entered.enter(async { Ok(()) }));
            let std::task::Poll::Ready(result) = poll_with(Waker::noop(), entering.as_mut()) else { unreachable!() };
            tells.set_result(result.unwrap_err().to_string()).unwrap();
        });
        assert!(seen.await?.contains("parent task"));
        assert!(group.create_task(yield_now()).unwrap_err().to_string().contains("has not been entered"));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_cancelling_level_preserved.
/// Mirrors CPython TestTaskGroup.test_nested_groups_both_cancelled.
#[test]
fn it_takes_its_own_requests_back_and_no_others() {
    run(async {
        let result = TaskGroup::scope(async |group| group.create_task(crash_after(0, "child")).map(drop)).await;
        assert_eq!(errors(&result.unwrap_err()), "child");
        assert_eq!(current_task().unwrap().cancelling(), 0);

        let result = TaskGroup::scope(async |outer| {
            let inner = TaskGroup::scope(async |inner| {
                drop(inner.create_task(crash_after(0, "inner"))?);
                outer.create_task(crash_after(0, "outer")).map(drop)
            })
            .await;
            assert_eq!(errors(&inner.unwrap_err()), "inner");
            Ok(())
        })
        .await;
        assert_eq!(errors(&result.unwrap_err()), "outer");
        assert_eq!(current_task().unwrap().cancelling(), 0);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython TestTaskGroup.test_error_and_cancel.
#[test]
fn an_outside_cancellation_that_errors_have_hidden_is_delivered_afterwards() {
    run(async {
        let event = Event::new();
        let started = event.clone();
        let task = create_task(async move {
            let result = TaskGroup::scope(async |group| {
                drop(group.create_task(async move {
                    started.set();
                    yield_now().await?;
                    Err::<(), _>(Error::other("own"))
                })?);
                sleep(ms(1000)).await
            })
            .await;
            assert_eq!(errors(&result.unwrap_err()), "own");
            assert_eq!(current_task().unwrap().cancelling(), 1);
            sleep(ms(1000)).await
        });
        event.wait().await?;
        assert_eq!(task.cancelling(), 0);
        task.cancel();
        assert_eq!(task.cancelling(), 1);
        assert!((&task).await.unwrap_err().is_cancelled() && task.cancelled());
        Ok(())
    })
    .unwrap();
}

/// The order in which siblings are cancelled is that in which they were made (CPython's is a set's).
#[test]
fn siblings_are_cancelled_in_the_order_in_which_they_were_made() {
    let log = Log::default();
    let told = log.clone();
    let result = run(TaskGroup::scope(async move |group| {
        for name in ["a", "b", "c", "d", "e"] {
            drop(group.create_task(note_cancel(1000, told.clone(), name))?);
        }
        drop(group.create_task(crash_after(10, "zero"))?);
        note_cancel(1000, told.clone(), "body").await
    }));
    assert_eq!(errors(&result.unwrap_err()), "zero");
    assert_eq!(log.text(), "a b c d e body");
}

/// Section 9 of the design: a scope that is dropped half-way cancels its tasks, and withdraws its own request.
#[test]
fn a_scope_that_is_dropped_half_way_cancels_its_children() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let tells = told.clone();
        let mut scope = Box::pin(TaskGroup::scope(async move |group| {
            drop(group.create_task(note_cancel(1000, tells, "child"))?);
            sleep(ms(1000)).await
        }));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(scope.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        yield_now().await?;
        drop(scope);
        yield_now().await?;
        yield_now().await?;
        assert_eq!(current_task().unwrap().cancelling(), 0);
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "child");
}

/// A child that was started eagerly and has ended at once is none to wait for.
#[test]
fn a_child_that_ends_in_its_eager_start() {
    run(async {
        let result = TaskGroup::scope(async |group| {
            let done = group.create_task_with(task_builder()?.eager_start(true), async { Ok(1) })?;
            assert!(done.done());
            let eager = task_builder()?.eager_start(true);
            drop(group.create_task_with(eager, async { Err::<(), _>(Error::other("at once")) })?);
            sleep(ms(1000)).await
        })
        .await;
        assert_eq!(errors(&result.unwrap_err()), "at once");
        Ok(())
    })
    .unwrap();
}
