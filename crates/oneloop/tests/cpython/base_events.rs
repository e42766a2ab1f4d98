//! `BaseEventLoopTests` of `test_base_events.py`, `TimerTests` of `test_events.py` and `SelectorEventLoopSignalTests` of
//! `test_unix_events.py`.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    rc::Rc,
    time::Duration,
};

use oneloop::{
    Context, ContextVar, Error, Event, EventLoop, ExceptionContext, Task, ThreadPoolExecutor, create_task,
    current_task, gather, sleep, task_builder, yield_now,
};

use crate::harness::{Log, OnDrop, here, one_turn, reports, run, virtual_loop};

const SIGUSR1: i32 = 10;

/// What a loop logs, from now on.
fn logged(event_loop: &EventLoop) -> Log {
    let log = Log::default();
    let lines = log.clone();
    event_loop.set_logger(move |line| lines.add(format!("[{line}]")));
    log
}

/// Mirrors CPython BaseEventLoopTests.test_not_implemented.
/// Mirrors CPython BaseEventLoopTests.test_close.
#[test]
fn a_closed_loop() {
    let event_loop = virtual_loop();
    assert!(!event_loop.is_closed());
    let stays = event_loop.clone();
    let running = event_loop.run_until_complete(async { here().close() });
    assert_eq!(running.unwrap_err().to_string(), "Cannot close a running event loop");
    event_loop.close().unwrap();
    event_loop.close().unwrap(); // the second does nothing
    assert!(event_loop.is_closed() && stays.is_closed() && !stays.is_running());
    let log = Log::default();
    stays.call_soon(log.adds("never"));
    let closed = "Event loop is closed";
    assert_eq!(stays.handle().call_soon_threadsafe(|| ()).unwrap_err().to_string(), closed);
    assert_eq!(stays.add_signal_handler(SIGUSR1, || ()).unwrap_err().to_string(), closed);
    let job = stays.run_in_executor(None, || Ok(()));
    assert_eq!(job.error().unwrap().unwrap().to_string(), closed);
    assert_eq!(log.text(), "");
}

/// Mirrors CPython BaseEventLoopTests.test__add_callback_handle.
/// Mirrors CPython BaseEventLoopTests.test_call_soon.
/// Mirrors CPython BaseEventLoopTests.test__run_once_schedule_handle.
#[test]
fn call_soon() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (inner, later) = (log.clone(), log.clone());
    let handle = event_loop.call_soon(move || {
        inner.add("first");
        here().call_soon(later.adds("nested"));
    });
    assert!(!handle.cancelled());
    one_turn(&event_loop);
    assert_eq!(log.text(), "first");
    one_turn(&event_loop);
    assert_eq!(log.text(), "first nested");
}

/// What can't be called doesn't compile, nor what is no task factory: a task is made as the builder says.
/// Mirrors CPython BaseEventLoopTests.test_call_soon_non_callable.
/// Mirrors CPython BaseEventLoopTests.test_set_exc_handler_invalid.
/// Mirrors CPython BaseEventLoopTests.test_set_task_factory_invalid.
/// Mirrors CPython BaseEventLoopTests.test_set_task_factory.
/// Mirrors CPython BaseEventLoopTests.test_create_task.
/// Mirrors CPython BaseEventLoopTests.test_create_named_task_with_default_factory.
/// Mirrors CPython BaseEventLoopTests.test_create_named_task_with_custom_factory.
#[test]
fn making_tasks() {
    let event_loop = virtual_loop();
    let plain = event_loop.create_task(async { Ok(1) });
    let named = event_loop.task_builder().name("test_task").create_task(async { Ok(2) });
    let eager = event_loop.task_builder().eager_start(true).create_task(async { Ok(3) });
    assert!(!eager.done(), "the loop doesn't run");
    assert_eq!((plain.get_name(), named.get_name()), ("Task-1".to_owned(), "test_task".to_owned()));
    let sum = event_loop.run_until_complete(async { Ok(plain.await? + named.await? + eager.await?) });
    assert_eq!(sum.unwrap(), 6);
}

/// Mirrors CPython BaseEventLoopTests.test_create_task_error_closes_coro.
#[test]
fn a_body_that_no_loop_will_run_is_dropped_at_once() {
    let event_loop = virtual_loop();
    let stays = event_loop.clone();
    event_loop.close().unwrap();
    let dropped = Rc::new(Cell::new(false));
    let drops = dropped.clone();
    let held = OnDrop(move || drops.set(true));
    let task: Task<()> = stays.create_task(async move {
        let _held = held;
        Ok(())
    });
    assert!(dropped.get() && task.done());
}

/// Mirrors CPython BaseEventLoopTests.test__add_callback_cancelled_handle.
/// Mirrors CPython TimerTests.test_timer.
#[test]
fn cancelled_handles() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let soon = event_loop.call_soon(log.adds("soon"));
    let timer = event_loop.call_later(Duration::ZERO, log.adds("later"));
    assert!(!soon.cancelled() && !timer.cancelled());
    soon.cancel();
    timer.cancel();
    timer.cancel();
    assert!(soon.cancelled() && timer.cancelled());
    one_turn(&event_loop);
    assert_eq!(log.text(), "");
}

/// Mirrors CPython TimerTests.test_when.
/// Mirrors CPython TimerTests.test_hash.
/// Mirrors CPython TimerTests.test_timer_comparison.
/// Mirrors CPython BaseEventLoopTests.test_time_and_call_at.
#[test]
fn timers_have_a_time_and_are_ordered_by_it() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let when = event_loop.time() + Duration::from_millis(100);
    let ends = event_loop.clone();
    let inner = log.clone();
    let late = event_loop.call_at(when, move || {
        inner.add(if ends.time() == when { "late, in time" } else { "?" });
        ends.stop();
    });
    let early = event_loop.call_at(when - Duration::from_millis(50), log.adds("early"));
    assert!(early.when() < late.when() && late.when() == when);
    event_loop.run_forever().unwrap();
    assert_eq!(log.text(), "early late, in time");
}

/// A delay can't be negative; a time in the past can, and sorts before what is later.
/// Mirrors CPython BaseEventLoopTests.test_call_later.
/// Mirrors CPython BaseEventLoopTests.test_call_later_negative_delays.
#[test]
fn a_time_in_the_past() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let now = event_loop.time();
    let before = |ms| now.checked_sub(Duration::from_millis(ms)).unwrap();
    event_loop.call_at(before(1000), log.adds("a"));
    event_loop.call_at(before(2000), log.adds("b"));
    event_loop.call_later(Duration::ZERO, log.adds("c"));
    one_turn(&event_loop);
    assert_eq!(log.text(), "b a c");
}

/// That a thread calls a loop that isn't its own doesn't compile, in debug mode or not.
/// Mirrors CPython BaseEventLoopTests.test_check_thread.
/// Mirrors CPython BaseEventLoopTests.test_set_debug.
/// Mirrors CPython BaseEventLoopTests.test_env_var_debug.
#[test]
fn debug_mode_is_switched_on_by_hand() {
    let event_loop = virtual_loop();
    assert!(!event_loop.get_debug());
    event_loop.set_debug(true);
    assert!(event_loop.get_debug());
    event_loop.set_debug(false);
    assert!(!event_loop.get_debug());
}

/// `base_events.py: _run_once`: what is logged of a slow step (rule 15).
#[test]
fn slow_steps_are_logged_in_debug_mode() {
    let event_loop = virtual_loop();
    let log = logged(&event_loop);
    assert_eq!(event_loop.slow_callback_duration(), Duration::from_millis(100));
    event_loop.set_slow_callback_duration(Duration::ZERO);
    event_loop.call_soon(|| ());
    one_turn(&event_loop);
    assert_eq!(log.take(), "", "not in debug mode");
    event_loop.set_debug(true);
    let slow = event_loop.task_builder().name("slow").create_task(async { yield_now().await });
    let waits = event_loop.create_task(async move { slow.await });
    event_loop.call_soon(|| ());
    one_turn(&event_loop);
    let lines = log.take();
    assert!(lines.contains("[Executing slow (made at ") && lines.contains("base_events.rs:"), "{lines}");
    assert!(lines.contains("[Executing Task-1 (made at ") && lines.contains(", last await at "), "{lines}");
    assert!(lines.contains("[Executing a callback took 0.0"), "{lines}");
    event_loop.set_slow_callback_duration(Duration::from_secs(3600));
    event_loop.run_until_complete(waits).unwrap();
    assert_eq!(log.take(), "");
}

/// Mirrors CPython BaseEventLoopTests.test__run_once.
/// Mirrors CPython BaseEventLoopTests.test__run_once_cancelled_event_cleanup.
#[test]
fn cancelled_timers_do_not_hold_the_loop_up() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let began = event_loop.time();
    let late = event_loop.call_later(Duration::from_secs(3600), log.adds("never"));
    event_loop.call_later(Duration::from_secs(1), log.adds("timer"));
    late.cancel();
    let many: Vec<_> = (0..300).map(|_| event_loop.call_later(Duration::from_secs(7200), log.adds("never"))).collect();
    many.iter().for_each(|timer| timer.cancel());
    event_loop.run_until_complete(oneloop::sleep(Duration::from_secs(2))).unwrap();
    assert_eq!((log.text().as_str(), event_loop.time() - began), ("timer", Duration::from_secs(2)));
}

/// What is awaited is a future with a `Result`, and of the loop itself.
/// Mirrors CPython BaseEventLoopTests.test_run_until_complete_type_error.
/// Mirrors CPython BaseEventLoopTests.test_run_until_complete_loop.
#[test]
fn run_until_complete_takes_what_can_be_awaited() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok(1) });
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 1);
    assert_eq!(event_loop.run_until_complete(async { Ok(2) }).unwrap(), 2);
}

/// Mirrors CPython BaseEventLoopTests.test_run_until_complete_loop_orphan_future_close_loop.
#[test]
fn a_task_that_outlives_its_loop() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
    let keeps = slot.clone();
    event_loop
        .run_until_complete(async move {
            *keeps.borrow_mut() = Some(create_task(async { Event::new().wait().await.map(drop) }));
            yield_now().await
        })
        .unwrap();
    event_loop.close().unwrap();
    assert_eq!(told.text(), "[Task was destroyed but it is pending!: Task-2]");
    let task = slot.take().unwrap();
    assert!(!task.done() && !task.cancelled() && !task.cancel());
    assert_eq!(task.result().unwrap_err().to_string(), "Result is not set.");
    let awaits = run(async move { task.await });
    assert_eq!(awaits.unwrap_err().to_string(), "Task got Future attached to a different loop");
}

/// Mirrors CPython BaseEventLoopTests.test_set_default_executor.
/// Mirrors CPython BaseEventLoopTests.test_set_default_executor_error.
#[test]
fn the_default_executor() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    event_loop.set_default_executor(ThreadPoolExecutor::named(1, "mine"));
    let (go, gone) = std::sync::mpsc::channel::<()>();
    event_loop
        .run_until_complete(async move {
            let name = here().run_in_executor(None, || Ok(std::thread::current().name().map(str::to_owned)));
            assert_eq!(name.await?.as_deref(), Some("mine_0"));
            drop(here().run_in_executor(None, move || Ok(gone.recv().is_ok())));
            Ok(())
        })
        .unwrap();
    go.send(()).unwrap();
    let its_loop = event_loop.clone();
    // The virtual clock stands still while a job is out: the wait is over when the job is.
    let shuts_down = async move { its_loop.shutdown_default_executor(Some(Duration::from_secs(1))).await };
    event_loop.run_until_complete(shuts_down).unwrap();
    assert_eq!(told.text(), "");
    let refused = event_loop.run_in_executor(None, || Ok(()));
    assert_eq!(refused.error().unwrap().unwrap().to_string(), "Executor shutdown has been called");
}

/// Mirrors CPython BaseEventLoopTests.test_shutdown_default_executor_timeout.
#[test]
fn the_default_executor_is_given_up_when_a_job_does_not_end() {
    let event_loop = EventLoop::new().unwrap();
    let told = reports(&event_loop);
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let (ended, has_ended) = std::sync::mpsc::channel();
    let shuts_down = async move {
        let stuck = here().run_in_executor(None, move || {
            let _ = gone.recv();
            ended.send(()).map_err(Error::other)
        });
        here().shutdown_default_executor(Some(Duration::from_millis(10))).await?;
        assert!(!stuck.done());
        go.send(()).map_err(Error::other)?;
        stuck.await
    };
    event_loop.run_until_complete(shuts_down).unwrap();
    has_ended.recv().unwrap();
    assert_eq!(told.text(), "[The executor did not finishing joining its threads within 0.01 seconds.]");
}

/// Mirrors CPython BaseEventLoopTests.test_default_exc_handler_callback.
/// Mirrors CPython BaseEventLoopTests.test_default_exc_handler_coro.
#[test]
fn the_default_handler_logs() {
    let event_loop = virtual_loop();
    let log = logged(&event_loop);
    event_loop.call_soon(|| panic!("zero"));
    one_turn(&event_loop);
    assert_eq!(log.take(), "[Exception in callback: zero]");
    event_loop.call_later(Duration::ZERO, || panic!("timer"));
    one_turn(&event_loop);
    assert_eq!(log.take(), "[Exception in callback: timer]");
    drop(event_loop.create_task(async { Err::<(), _>(Error::other("in a task")) }));
    one_turn(&event_loop);
    assert_eq!(log.take(), "[Task exception was never retrieved: Task-1: in a task]");
}

/// Mirrors CPython BaseEventLoopTests.test_set_exc_handler_custom.
#[test]
fn a_handler_of_ones_own() {
    let event_loop = virtual_loop();
    let log = logged(&event_loop);
    let told = Log::default();
    let tells = told.clone();
    event_loop.set_exception_handler(move |its, context| {
        assert!(its.is_running() && context.error().is_some());
        tells.add(context.message());
    });
    event_loop.call_soon(|| panic!("one"));
    one_turn(&event_loop);
    assert_eq!((told.take().as_str(), log.take().as_str()), ("Exception in callback", ""));
    event_loop.set_exception_handler(|its, context| its.default_exception_handler(context));
    event_loop.call_soon(|| panic!("two"));
    one_turn(&event_loop);
    assert_eq!(log.take(), "[Exception in callback: two]");
    event_loop.reset_exception_handler();
    let context = ExceptionContext::new("mine").with_error(Error::Timeout);
    event_loop.call_exception_handler(&context);
    assert!(log.take().starts_with("[mine: "));
    assert_eq!(told.text(), "");
}

/// Mirrors CPython BaseEventLoopTests.test_set_exc_handler_broken.
/// Mirrors CPython BaseEventLoopTests.test_default_exc_handler_broken.
#[test]
fn a_handler_that_panics_and_a_logger_that_does() {
    let event_loop = virtual_loop();
    let log = logged(&event_loop);
    event_loop.set_exception_handler(|_, _| panic!("the handler"));
    event_loop.call_soon(|| panic!("zero"));
    one_turn(&event_loop);
    assert_eq!(log.take(), "[Unhandled error in exception handler: the handler] [Exception in callback: zero]");
    event_loop.set_logger(|_| panic!("the logger"));
    event_loop.call_soon(|| panic!("one"));
    event_loop.call_soon(log.adds("next"));
    one_turn(&event_loop);
    assert_eq!(log.text(), "next");
}

/// A panic of the main future leaves the run as `KeyboardInterrupt` does, and the loop can be used again.
/// Mirrors CPython BaseEventLoopTests.test_run_forever_keyboard_interrupt.
/// Mirrors CPython BaseEventLoopTests.test_run_until_complete_baseexception.
#[test]
fn a_panic_of_main() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let main = async {
        yield_now().await?;
        panic!("main");
        #[allow(unreachable_code)]
        Ok(())
    };
    let caught = catch_unwind(AssertUnwindSafe(|| event_loop.run_until_complete(main)));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"main"));
    assert!(!event_loop.is_running() && oneloop::get_running_loop().is_err());
    event_loop.call_soon(log.adds("still works"));
    one_turn(&event_loop);
    assert_eq!(log.text(), "still works");
}

/// Mirrors CPython BaseEventLoopTests.test_single_selecter_event_callback_after_stopping.
/// Mirrors CPython BaseEventLoopTests.test_run_once.
/// Mirrors CPython BaseEventLoopTests.test_run_forever_pre_stopped.
/// Mirrors CPython BaseEventLoopTests.test_custom_run_forever_integration.
#[test]
fn stopped_before_it_began() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (inner, next) = (log.clone(), log.clone());
    event_loop.call_soon(move || {
        inner.add("one");
        here().call_soon(next.adds("two"));
    });
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(log.text(), "one");
    event_loop.run_until_complete(async { yield_now().await }).unwrap();
    assert_eq!(log.text(), "one two");
}

pub(super) fn raise(signal: i32) {
    let kill = Command::new("kill").args([format!("-{signal}"), std::process::id().to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Rule 14: as a callback of the loop, outside of any task, in the context in which it was added.
/// Mirrors CPython SelectorEventLoopSignalTests.test_add_signal_handler.
/// Mirrors CPython SelectorEventLoopSignalTests.test_remove_signal_handler.
/// Mirrors CPython SelectorEventLoopSignalTests.test_remove_signal_handler_2.
/// Mirrors CPython SelectorEventLoopSignalTests.test_close.
#[test]
fn a_signal_handler() {
    static CALLS: oneloop::ContextVar<u32> = oneloop::ContextVar::with_default("calls", || 0);
    let event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let inner = log.clone();
    event_loop
        .run_until_complete(async move {
            let event = Event::new();
            let sets = event.clone();
            here().add_signal_handler(SIGUSR1, || panic!("it was replaced"))?;
            here().add_signal_handler(SIGUSR1, move || {
                assert!(current_task().is_none());
                CALLS.set(CALLS.get().unwrap() + 1);
                inner.add(CALLS.get().unwrap());
                sets.set();
            })?;
            for _ in 0..2 {
                event.clear();
                raise(SIGUSR1);
                event.wait().await?;
            }
            assert_eq!(CALLS.get(), Some(0));
            assert!(here().remove_signal_handler(SIGUSR1) && !here().remove_signal_handler(SIGUSR1));
            raise(SIGUSR1); // nobody hears it, and the process lives
            for _ in 0..3 {
                yield_now().await?;
            }
            here().add_signal_handler(SIGUSR1, || ())
        })
        .unwrap();
    drop(event_loop); // takes the handler with it
    assert_eq!(log.text(), "1 2");
}

/// A handler is a closure, not a coroutine; of its errors there is only the panic, which is reported.
/// Mirrors CPython SelectorEventLoopSignalTests.test_add_signal_handler_coroutine_error.
/// Mirrors CPython SelectorEventLoopSignalTests.test_handle_signal_no_handler.
/// Mirrors CPython SelectorEventLoopSignalTests.test_handle_signal_cancelled_handler.
#[test]
fn a_signal_handler_that_panics_and_one_that_is_gone() {
    const SIGUSR2: i32 = 12;
    let event_loop = EventLoop::new().unwrap();
    let told = reports(&event_loop);
    event_loop
        .run_until_complete(async {
            let event = Event::new();
            let sets = event.clone();
            here().add_signal_handler(SIGUSR2, move || {
                sets.set();
                panic!("in a handler");
            })?;
            raise(SIGUSR2);
            event.wait().await?;
            here().remove_signal_handler(SIGUSR2);
            yield_now().await
        })
        .unwrap();
    assert_eq!(told.text(), "[Exception in callback: in a handler]");
}

/// The same, and returns when all loops that listened before have heard of it: a process of several threads hears of a
/// signal in any of them, and in its own time.
pub(super) fn raise_and_hear(signal: i32) {
    let (tells, listening) = std::sync::mpsc::channel();
    let hears = std::thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        let heard = event_loop.clone();
        event_loop.add_signal_handler(signal, move || heard.stop()).unwrap();
        tells.send(()).unwrap();
        event_loop.run_forever().unwrap();
    });
    listening.recv().unwrap();
    raise(signal);
    hears.join().unwrap();
}

/// All signals of a loop come through one pipe: each is for its own handler, and one that came while there was none for
/// none that comes later. A handler that replaces another takes over what the loop has not seen yet, as in asyncio.
#[test]
fn signals_that_share_the_pipe() {
    const SIGURG: i32 = 23;
    const SIGWINCH: i32 = 28;
    let event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let inner = log.clone();
    let handler = move |name: &'static str| {
        let inner = inner.clone();
        move || inner.add(name)
    };
    event_loop.add_signal_handler(SIGURG, handler("urgent")).unwrap();
    event_loop.add_signal_handler(SIGWINCH, handler("resized")).unwrap();
    let turn = || (0..3).for_each(|_| one_turn(&event_loop));
    raise_and_hear(SIGWINCH);
    turn();
    raise_and_hear(SIGURG);
    turn();
    assert_eq!(log.text(), "resized urgent");
    assert!(event_loop.remove_signal_handler(SIGURG));
    raise_and_hear(SIGURG);
    raise_and_hear(SIGWINCH);
    event_loop.add_signal_handler(SIGWINCH, handler("replaced")).unwrap();
    event_loop.add_signal_handler(SIGURG, handler("too late")).unwrap();
    turn();
    assert_eq!(log.text(), "resized urgent replaced");
    raise_and_hear(SIGURG);
    turn();
    assert_eq!(log.text(), "resized urgent replaced too late");
}

/// Mirrors CPython SelectorEventLoopSignalTests.test_check_signal.
/// Mirrors CPython SelectorEventLoopSignalTests.test_add_signal_handler_setup_error.
/// Mirrors CPython SelectorEventLoopSignalTests.test_add_signal_handler_install_error.
/// Mirrors CPython SelectorEventLoopSignalTests.test_add_signal_handler_install_error2.
/// Mirrors CPython SelectorEventLoopSignalTests.test_add_signal_handler_install_error3.
/// Mirrors CPython SelectorEventLoopSignalTests.test_remove_signal_handler_cleanup_error.
/// Mirrors CPython SelectorEventLoopSignalTests.test_remove_signal_handler_error.
/// Mirrors CPython SelectorEventLoopSignalTests.test_remove_signal_handler_error2.
#[test]
fn signals_that_cannot_be_caught() {
    const SIGKILL: i32 = 9;
    let event_loop = virtual_loop();
    for signal in [-1, 0, SIGKILL, 4096] {
        let refused = event_loop.add_signal_handler(signal, || ());
        assert_eq!(refused.map_err(|error| error.kind()), Err("io"), "{signal}");
        assert!(!event_loop.remove_signal_handler(signal));
    }
    run(async {
        let task = task_builder()?.create_task(async { Ok(()) });
        task.await // the loop isn't harmed by it
    })
    .unwrap();
}

/// The handler runs in the context of what has failed: a task's own, a callback's copy, none of a gather
/// (`base_events.py: call_exception_handler`). CPython 3.13 prints the same.
#[test]
fn an_exception_handler_sees_the_context_of_what_has_failed() {
    static WHOSE: ContextVar<&str> = ContextVar::with_default("whose", || "none");
    let event_loop = virtual_loop();
    let log = Log::default();
    let heard = log.clone();
    event_loop.set_exception_handler(move |_, context| {
        let message = context.message().replace(" exception was never retrieved", "");
        heard.add(format!("[{message}: {}]", WHOSE.get().unwrap()));
    });
    event_loop
        .run_until_complete(async {
            let fails: Task<()> = create_task(async {
                WHOSE.set("the task's");
                Err(Error::QueueFull)
            });
            yield_now().await?;
            assert_eq!(fails.get_context().get(&WHOSE), Some("the task's"));
            drop(fails);
            let token = WHOSE.set("the callback's");
            here().call_soon(|| panic!("a callback"));
            here().call_later(Duration::ZERO, || panic!("a timer's"));
            WHOSE.reset(token)?;
            yield_now().await?;
            yield_now().await?;
            let context = Context::new();
            context.run(|| WHOSE.set("its own"))?;
            here().call_soon(context.callback(|| panic!("context=")));
            here().call_soon(context.callback({
                let (here, again) = (here(), context.clone());
                move || {
                    assert!(current_task().is_none() && again.run(|| ()).is_err());
                    here.call_soon(|| panic!("what it has queued"));
                }
            }));
            yield_now().await?;
            yield_now().await?;
            let future = here().create_future::<()>();
            drop(gather([future.clone()]));
            future.set_error(Error::QueueFull)?;
            yield_now().await
        })
        .unwrap();
    let callback = "[Exception in callback: the callback's]";
    let its_own = "[Exception in callback: its own]";
    let expected = format!("[Task: the task's] {callback} {callback} {its_own} {its_own} [_GatheringFuture: none]");
    assert_eq!(log.text(), expected);
}

/// A main future that stops the loop in its last step has ended, so the callback that would have stopped it is queued,
/// and stops the next run (`base_events.py: run_until_complete` takes a callback back that is not queued yet). CPython
/// 3.13 does the same.
#[test]
fn a_stop_in_the_last_step_of_a_run_stops_the_next_one() {
    let event_loop = virtual_loop();
    let stops = async {
        here().stop();
        Ok(2)
    };
    assert_eq!(event_loop.run_until_complete(stops).unwrap(), 2);
    let next = event_loop.run_until_complete(sleep(Duration::from_secs(1)));
    assert_eq!(next.unwrap_err().to_string(), "Event loop stopped before Future completed.");
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
}
