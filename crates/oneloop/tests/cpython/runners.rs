//! `RunTests` and `RunnerTests` of `test_runners.py`.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use oneloop::{
    ContextVar, Error, Event, EventLoop, Result, Runner, Task, copy_context, create_task, run, sleep, yield_now,
};

use crate::base_events::{raise, raise_and_hear};
use crate::harness::{Log, here, reports};

const HOUR: Duration = Duration::from_secs(3600);

/// Every loop of the process hears of a signal: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ctrl-C.
fn interrupt_self() {
    raise(2);
}

fn interrupt_self_and_hear() {
    raise_and_hear(2);
}

fn runner() -> Runner {
    Runner::new().unwrap().handle_interrupt(true)
}

/// Mirrors CPython RunTests.test_asyncio_run_return.
#[test]
fn run_returns_the_value() {
    let main = async {
        yield_now().await?;
        Ok(42)
    };
    assert_eq!(run(main).unwrap(), 42);
}

/// Mirrors CPython RunTests.test_asyncio_run_raises.
#[test]
fn run_returns_the_error() {
    let main = async {
        yield_now().await?;
        Err::<(), _>(Error::other("spam"))
    };
    assert_eq!(run(main).unwrap_err().to_string(), "spam");
}

/// What isn't a future doesn't compile, which `compile_fail` tests could show for each type but one is enough:
/// see the documentation of `Runner`.
/// Mirrors CPython RunTests.test_asyncio_run_only_coro.
/// Mirrors CPython RunnerTests.test_run_non_coro.
/// Mirrors CPython RunnerTests.test_run_future.
#[test]
fn run_takes_a_future_and_a_loop_also_a_task() {
    let event_loop = EventLoop::new().unwrap();
    let task = event_loop.create_task(async { Ok(1) });
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 1);
}

/// Mirrors CPython RunTests.test_asyncio_run_debug.
/// Mirrors CPython RunnerTests.test_debug.
/// Mirrors CPython RunnerTests.test_non_debug.
#[test]
fn debug_mode_is_the_loops() {
    for debug in [false, true] {
        let runner = Runner::new().unwrap();
        runner.get_loop().set_debug(debug);
        assert_eq!(runner.run(async { Ok(here().get_debug()) }).unwrap(), debug);
    }
}

/// Mirrors CPython RunTests.test_asyncio_run_from_running_loop.
/// Mirrors CPython RunnerTests.test_recursive_run.
#[test]
fn nested_runs() {
    let texts = run(async {
        let runner = Runner::new()?;
        let inner = runner.run(async { Ok(()) }).unwrap_err();
        std::mem::forget(runner); // nothing was started on it
        Ok([run(async { Ok(()) }).unwrap_err().to_string(), inner.to_string()])
    });
    let expected = [
        "asyncio.run() cannot be called from a running event loop",
        "Runner.run() cannot be called from a running event loop",
    ];
    assert_eq!(texts.unwrap(), expected);
}

/// Mirrors CPython RunTests.test_asyncio_run_cancels_hanging_tasks.
#[test]
fn what_is_left_is_cancelled() {
    let left: Rc<RefCell<Option<Task<()>>>> = Rc::default();
    let slot = left.clone();
    let value = run(async move {
        *slot.borrow_mut() = Some(create_task(async { sleep(HOUR).await }));
        Ok(123)
    });
    assert_eq!(value.unwrap(), 123);
    assert!(left.borrow().as_ref().is_some_and(Task::cancelled));
}

/// There are no asynchronous generators to close: what a task holds is dropped with it.
/// Mirrors CPython RunTests.test_asyncio_run_reports_hanging_tasks_errors.
/// Mirrors CPython RunTests.test_asyncio_run_closes_gens_after_hanging_tasks_errors.
#[test]
fn errors_of_what_is_left_are_reported_once() {
    for keeps_a_handle in [false, true] {
        let told = Log::default();
        let reports_to = told.clone();
        let kept = Rc::new(Cell::new(None));
        let (slot, dropped) = (kept.clone(), Rc::new(Cell::new(false)));
        let drops = dropped.clone();
        let failed = run(async move {
            here().set_exception_handler(move |_, context| {
                reports_to.add(format!("{context}; {}", context.task().unwrap().done()));
            });
            let task: Task<()> = create_task(async move {
                let _held = crate::harness::OnDrop(move || drops.set(true));
                let _cancelled = sleep(HOUR).await;
                Err(Error::other("division by zero"))
            });
            slot.set(keeps_a_handle.then_some(task));
            yield_now().await?;
            Err::<(), _>(Error::other("main"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "main");
        drop(kept.take());
        let expected = "unhandled exception during asyncio.run() shutdown: Task-2: division by zero; true";
        assert_eq!(told.text(), expected);
        assert!(dropped.get());
    }
}

/// There is no current loop but the running one.
/// Mirrors CPython RunTests.test_asyncio_run_set_event_loop.
/// Mirrors CPython RunnerTests.test_set_event_loop_called_once.
#[test]
fn a_loop_is_current_while_it_runs_and_no_longer() {
    let runner = Runner::new().unwrap();
    for _ in 0..2 {
        assert!(runner.run(async { Ok(oneloop::get_running_loop().is_ok()) }).unwrap());
        assert!(oneloop::get_running_loop().is_err());
    }
}

/// Mirrors CPython RunTests.test_asyncio_run_loop_factory.
/// Mirrors CPython RunTests.test_loop_factory_default_event_loop.
/// Mirrors CPython RunnerTests.test_custom_factory.
#[test]
fn a_loop_of_ones_own() {
    let event_loop = EventLoop::builder().virtual_clock(true).build().unwrap();
    let began = event_loop.time();
    let runner = Runner::with_loop(event_loop);
    let ended = runner.run(async {
        sleep(HOUR).await?;
        Ok(here().time())
    });
    assert_eq!(ended.unwrap(), began + HOUR);
    assert_eq!(runner.get_loop().time(), began + HOUR);
}

/// Using a closed runner doesn't compile: see its documentation.
/// Mirrors CPython RunnerTests.test_run.
/// Mirrors CPython RunnerTests.test_explicit_close.
/// Mirrors CPython RunnerTests.test_double_close.
/// Mirrors CPython RunnerTests.test_second_with_block_raises.
#[test]
fn closing() {
    for explicitly in [false, true] {
        let runner = Runner::new().unwrap();
        let event_loop = runner.get_loop();
        let done = runner.run(async {
            yield_now().await?;
            Ok("done")
        });
        assert_eq!(done.unwrap(), "done");
        assert!(!event_loop.is_closed());
        if explicitly {
            runner.close().unwrap();
            runner.close().unwrap(); // the second does nothing
            let late = runner.run(async { Ok(()) });
            assert_eq!(late.unwrap_err().to_string(), "Runner is closed");
        } else {
            drop(runner);
        }
        assert!(event_loop.is_closed());
    }
}

/// Mirrors CPython RunnerTests.test_run_keeps_context.
#[test]
fn runs_share_a_context() {
    static VARIABLE: ContextVar<u32> = ContextVar::with_default("cvar", || 0);
    async fn f(value: u32) -> Result<u32> {
        let old = VARIABLE.get().unwrap_or_default();
        VARIABLE.set(value);
        yield_now().await?;
        Ok(old)
    }
    let runner = Runner::new().unwrap();
    assert_eq!(runner.run(f(1)).unwrap(), 0);
    assert_eq!(VARIABLE.get(), Some(0), "the thread's own context isn't theirs");
    let context = copy_context();
    assert_eq!(runner.run_in(&context, f(2)).unwrap(), 0);
    assert_eq!(runner.run(f(3)).unwrap(), 1);
    assert_eq!(context.get(&VARIABLE), Some(2));
}

/// Mirrors CPython RunnerTests.test_interrupt_call_soon.
#[test]
fn ctrl_c_while_the_loop_is_busy() {
    let _alone = alone();
    let runner = runner();
    let log = Log::default();
    let inner = log.clone();
    let error = runner.run(async move {
        interrupt_self();
        let cancelled = loop {
            if let Err(error) = yield_now().await {
                break error;
            }
        };
        inner.add(cancelled.kind());
        Err::<(), _>(cancelled)
    });
    assert!(matches!(error, Err(Error::Interrupted)), "{error:?}");
    assert_eq!(log.text(), "cancelled");
}

/// Mirrors CPython RunnerTests.test_interrupt_wait.
#[test]
fn ctrl_c_while_the_loop_waits() {
    let _alone = alone();
    let runner = runner();
    let error = runner.run(async {
        interrupt_self();
        Event::new().wait().await
    });
    assert!(matches!(error, Err(Error::Interrupted)), "{error:?}");
}

/// A task that was cancelled for another reason as well ends as cancelled.
/// Mirrors CPython RunnerTests.test_interrupt_cancelled_task.
/// Mirrors CPython RunTests.test_asyncio_run_without_uncancel.
#[test]
fn ctrl_c_and_a_cancellation() {
    let _alone = alone();
    let runner = runner();
    let error = runner.run(async {
        let main = oneloop::current_task().unwrap();
        let _cancels = create_task(async move {
            yield_now().await?;
            main.cancel();
            interrupt_self();
            Ok(())
        });
        assert!(Event::new().wait().await.is_err(), "cancelled before the signal was looked at");
        Event::new().wait().await // by the signal, which the next run must not find
    });
    assert!(error.unwrap_err().is_cancelled(), "two requests are left");
    let error = runner.run(async {
        interrupt_self();
        // Asked by the signal, and by another while it cleans up.
        let asked = Event::new().wait().await;
        assert!(asked.is_err());
        oneloop::current_task().unwrap().cancel();
        Event::new().wait().await
    });
    assert!(error.unwrap_err().is_cancelled(), "one request is left");
    let error = runner.run(async {
        oneloop::current_task().unwrap().cancel();
        Event::new().wait().await
    });
    assert!(error.unwrap_err().is_cancelled(), "without a signal");
}

/// `runners.py: Runner.run`: what main makes of it is what counts; a second signal ends the run at once.
#[test]
fn ctrl_c_that_is_refused_and_a_second_one() {
    let _alone = alone();
    let runner = runner();
    let refuses = async {
        interrupt_self();
        let refused = Event::new().wait().await;
        assert!(refused.is_err());
        Ok(7)
    };
    assert_eq!(runner.run(refuses).unwrap(), 7);
    let insists = async {
        interrupt_self();
        let refused = Event::new().wait().await;
        assert!(refused.is_err());
        interrupt_self();
        Event::new().wait().await
    };
    assert!(matches!(runner.run(insists), Err(Error::Interrupted)));
}

/// A handler of one's own is in place of the runner's.
/// Mirrors CPython RunnerTests.test_signal_install_not_supported_ok.
#[test]
fn a_handler_of_ones_own_wins_and_a_runner_without_one_runs() {
    let _alone = alone();
    let runner = runner();
    let value = runner.run(async {
        let event = Event::new();
        let sets = event.clone();
        here().add_signal_handler(2, move || sets.set())?;
        interrupt_self();
        event.wait().await?;
        Ok("mine")
    });
    assert_eq!(value.unwrap(), "mine");
    assert!(runner.get_loop().remove_signal_handler(2), "the runner has left it");
    assert_eq!(Runner::new().unwrap().handle_interrupt(false).run(async { Ok(1) }).unwrap(), 1);
}

/// The result need not be anything that can be shown.
/// Mirrors CPython RunnerTests.test_no_repr_is_call_on_the_task_result.
#[test]
fn a_result_that_cannot_be_shown() {
    struct Mute;
    let event_loop = EventLoop::new().unwrap();
    event_loop.set_debug(true);
    let told = reports(&event_loop);
    let Mute = Runner::with_loop(event_loop).run(async { Ok(Mute) }).unwrap();
    assert_eq!(told.text(), "");
}

/// What is left may hang while it cleans up: Ctrl-C ends that, too.
#[test]
fn an_interrupt_while_what_is_left_cleans_up_was_lost() {
    let _alone = alone();
    let runner = runner();
    let main = async {
        drop(create_task(async {
            let _cancelled = sleep(HOUR).await;
            interrupt_self();
            sleep(HOUR).await
        }));
        yield_now().await?;
        Ok("main's value")
    };
    assert_eq!(runner.run(main).unwrap(), "main's value");
    assert!(matches!(runner.close(), Err(Error::Interrupted)));
    assert!(runner.get_loop().is_closed());
}

#[test]
fn an_interrupt_in_the_last_turn_was_lost() {
    let _alone = alone();
    let runner = runner();
    let last_step = runner.run(async {
        interrupt_self_and_hear();
        Ok(())
    });
    assert!(matches!(last_step, Err(Error::Interrupted)), "{last_step:?}");
    let last_turn = runner.run(async {
        here().call_soon(interrupt_self_and_hear);
        Ok(())
    });
    assert!(matches!(last_turn, Err(Error::Interrupted)));
    // Seen in the turn in which main ends, behind it.
    let same_turn = runner.run(async {
        interrupt_self_and_hear();
        yield_now().await
    });
    assert!(matches!(same_turn, Err(Error::Interrupted)));
    let goes_on = runner.run(async {
        yield_now().await?;
        Ok("goes on")
    });
    assert_eq!(goes_on.unwrap(), "goes on", "no stop is left behind");
}
