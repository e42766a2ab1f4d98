//! Work on other threads. No test waits for time to pass: threads wait for channels.

mod harness;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use harness::{Log, here, run, virtual_loop};
use oneloop::{ContextVar, Error, LoopHandle, Result, ThreadPoolExecutor, create_task, sleep, to_thread, yield_now};

static VARIABLE: ContextVar<u32> = ContextVar::with_default("variable", || 0);

/// The log is CPython's for the same program.
#[test]
fn the_result_comes_back_by_a_callback_of_the_loop() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let (go, gone) = mpsc::channel::<()>();
        let future = here().run_in_executor(None, move || {
            gone.recv().map_err(Error::other)?;
            Ok(1)
        });
        let callback = inner.clone();
        future.add_done_callback(move |future| callback.add(format!("done {}", future.result().unwrap())));
        let (log, awaited) = (inner.clone(), future.clone());
        let task = create_task(async move {
            let value = (&awaited).await?;
            log.add(format!("task {value}"));
            Ok(())
        });
        yield_now().await?;
        go.send(()).unwrap();
        task.await
    })
    .unwrap();
    assert_eq!(log.text(), "done 1 task 1");
}

#[test]
fn a_call_that_no_thread_has_begun_is_cancelled_and_one_that_runs_goes_on() {
    let ran = Arc::new(AtomicUsize::new(0));
    let pool = ThreadPoolExecutor::new(1);
    let (pool_inside, counted) = (pool.clone(), ran.clone());
    run(async move {
        let (go, gone) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel::<()>();
        let (count, counts) = (counted.clone(), counted.clone());
        let running = here().run_in_executor(Some(&pool_inside), move || {
            begun.send(()).unwrap();
            gone.recv().unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let queued = here().run_in_executor(Some(&pool_inside), move || {
            counts.fetch_add(10, Ordering::SeqCst);
            Ok(())
        });
        has_begun.recv().unwrap();
        assert!(running.cancel() && queued.cancel());
        assert!((&running).await.unwrap_err().is_cancelled() && queued.await.unwrap_err().is_cancelled());
        yield_now().await?; // the pool hears of it by a callback: a turn later
        go.send(()).unwrap();
        Ok(())
    })
    .unwrap();
    pool.shutdown(true);
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[test]
fn an_error_and_a_panic_come_out_where_they_are_awaited() {
    let event_loop = virtual_loop();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        event_loop.run_until_complete(async {
            let error = to_thread(|| Err::<(), _>(Error::other("no"))).await.unwrap_err();
            assert_eq!(error.to_string(), "no");
            to_thread::<()>(|| panic!("on a thread")).await
        })
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"on a thread"));
}

/// What CPython tests with `ToThreadTests.test_to_thread_contextvars`.
#[test]
fn to_thread_takes_the_context_along_and_run_in_executor_does_not() {
    run(async {
        VARIABLE.set(5);
        let seen = to_thread(|| {
            VARIABLE.set(VARIABLE.get().unwrap() + 1);
            Ok(VARIABLE.get())
        });
        assert_eq!(seen.await?, Some(6));
        assert_eq!(VARIABLE.get(), Some(5), "what the thread has set stays there");
        assert_eq!(here().run_in_executor(None, || Ok(VARIABLE.get())).await?, Some(0));
        Ok(())
    })
    .unwrap();
}

/// Decision 8 of the mirror: the clock would else be at the timer before the thread has answered.
#[test]
fn a_virtual_clock_stands_still_while_a_job_is_out() {
    run(async {
        let began = here().time();
        let (go, gone) = mpsc::channel::<()>();
        let job = here().run_in_executor(None, move || gone.recv().map_err(Error::other));
        let timer = create_task(async {
            sleep(Duration::from_secs(3600)).await?;
            Ok(here().time())
        });
        yield_now().await?;
        std::thread::spawn(move || go.send(()).unwrap());
        job.await?;
        assert_eq!(here().time(), began);
        assert_eq!(timer.await?, began + Duration::from_secs(3600));
        Ok(())
    })
    .unwrap();
}

#[test]
fn threads_are_made_when_they_are_needed_and_reused() {
    let pool = ThreadPoolExecutor::named(2, "worker");
    let inside = pool.clone();
    run(async move {
        assert_eq!(inside.threads(), 0);
        let alone = ThreadPoolExecutor::named(1, "alone");
        for _ in 0..3 {
            let name = || Ok(std::thread::current().name().map(str::to_owned));
            assert_eq!(here().run_in_executor(Some(&alone), name).await?.as_deref(), Some("alone_0"));
        }
        alone.shutdown(true);
        let jobs = (0..4).map(|n| here().run_in_executor(Some(&inside), move || Ok(n))).collect::<Vec<_>>();
        let mut results = Vec::new();
        for job in jobs {
            results.push(job.await?);
        }
        assert_eq!(results, [0, 1, 2, 3]);
        Ok(())
    })
    .unwrap();
    assert!(pool.threads() <= 2);
    pool.shutdown(true);
    let refused = run(async move { here().run_in_executor(Some(&pool), || Ok(())).await });
    assert_eq!(refused.unwrap_err().to_string(), "cannot schedule new futures after shutdown");
}

/// `base_events.py: shutdown_default_executor`; `run` does it at its end, and the loop goes on meanwhile.
#[test]
fn run_waits_for_the_default_executor_which_may_still_need_the_loop() {
    let (told, tell) = mpsc::channel();
    oneloop::run(async move {
        let handle = here().handle();
        drop(here().run_in_executor(None, move || {
            let answer = handle.run_coroutine_threadsafe(|| async { to_nothing().await });
            told.send(answer.result()).unwrap();
            Ok(())
        }));
        Ok(())
    })
    .unwrap();
    assert_eq!(tell.try_recv().unwrap().unwrap(), 7);
}

async fn to_nothing() -> Result<u32> {
    yield_now().await?;
    Ok(7)
}

#[test]
fn after_the_shutdown_the_default_executor_is_refused() {
    let error = run(async {
        to_thread(|| Ok(())).await?;
        here().shutdown_default_executor(None).await?;
        to_thread(|| Ok(())).await
    });
    assert_eq!(error.unwrap_err().to_string(), "Executor shutdown has been called");
}

#[test]
fn getaddrinfo_asks_on_a_thread() {
    run(async {
        let addresses = here().getaddrinfo("127.0.0.1", 80).await?;
        assert_eq!(addresses, [std::net::SocketAddr::from(([127, 0, 0, 1], 80))]);
        Ok(())
    })
    .unwrap();
}

/// What CPython tests with `RunCoroutineThreadsafeTests.test_run_coroutine_threadsafe`.
#[test]
fn a_coroutine_of_another_thread() {
    let result = run(async {
        let handle = here().handle();
        to_thread(move || {
            let task = handle.run_coroutine_threadsafe(|| async {
                yield_now().await?;
                Ok(1 + 2)
            });
            task.result()
        })
        .await
    });
    assert_eq!(result.unwrap(), 3);
}

/// What CPython tests with `RunCoroutineThreadsafeTests.test_run_coroutine_threadsafe_with_exception`.
#[test]
fn a_coroutine_of_another_thread_that_fails() {
    let result = run(async {
        let handle = here().handle();
        to_thread(move || handle.run_coroutine_threadsafe(|| async { Err::<(), _>(Error::other("Fail!")) }).result())
            .await
    });
    assert_eq!(result.unwrap_err().to_string(), "Fail!");
}

/// What CPython tests with `RunCoroutineThreadsafeTests.test_run_coroutine_threadsafe_with_timeout`.
/// What CPython tests with `RunCoroutineThreadsafeTests.test_run_coroutine_threadsafe_task_cancelled`.
#[test]
fn a_coroutine_of_another_thread_that_is_cancelled() {
    let event_loop = oneloop::EventLoop::new().unwrap();
    let waits = |handle: LoopHandle| {
        let task = handle.run_coroutine_threadsafe(|| async {
            let _refused = sleep(Duration::from_secs(3600)).await;
            Ok(())
        });
        assert!(matches!(task.result_timeout(Duration::from_millis(1)), Err(Error::Timeout)));
        assert!(!task.done() && task.cancel());
        assert!(task.done() && task.cancel(), "it is cancelled here at once, whatever the task makes of it");
        task.result()
    };
    let handle = event_loop.handle();
    let result = event_loop.run_until_complete(async move { to_thread(move || waits(handle)).await });
    assert!(result.unwrap_err().is_cancelled());
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn waiting_on_the_loops_own_thread_is_an_error_at_once() {
    let error = run(async { here().handle().run_coroutine_threadsafe(|| async { Ok(()) }).result() });
    assert_eq!(error.unwrap_err().kind(), "runtime");
}

#[test]
fn a_loop_that_closes_lets_nobody_wait_for_ever() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (thread, on_thread) = (handle.clone(), handle.clone());
    let never = std::thread::spawn(move || thread.run_coroutine_threadsafe(|| async { Ok(()) })).join().unwrap();
    let began = event_loop.run_in_executor(None, || Ok(()));
    drop(event_loop);
    drop(began);
    assert!(never.result().unwrap_err().is_cancelled());
    assert!(on_thread.run_coroutine_threadsafe(|| async { Ok(()) }).result().unwrap_err().is_cancelled());
}

/// Tells when its thread has ended.
struct AtEnd(mpsc::Sender<()>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

thread_local! {
    static AT_END: std::cell::RefCell<Option<AtEnd>> = const { std::cell::RefCell::new(None) };
}

#[test]
fn the_threads_of_a_pool_that_was_dropped_waited_for_ever() {
    let (tells, ended) = mpsc::channel();
    run(async move {
        let pool = ThreadPoolExecutor::new(1);
        let job = here().run_in_executor(Some(&pool), move || {
            AT_END.set(Some(AtEnd(tells)));
            Ok(())
        });
        job.await?;
        drop(pool);
        Ok(())
    })
    .unwrap();
    ended.recv().unwrap();
}

#[test]
fn a_thread_has_things_done_to_what_stays_on_the_loops_thread() {
    let event = std::rc::Rc::new(oneloop::Event::new());
    let (alive, given) = (std::rc::Rc::downgrade(&event), event.clone());
    run(async move {
        let bound = here().local(given);
        let clone = bound.clone();
        let thread = std::thread::spawn(move || clone.call_soon_threadsafe(|event| event.set()));
        event.wait().await?;
        thread.join().unwrap()?;
        yield_now().await?;
        assert_eq!(alive.strong_count(), 2, "as long as one names it");
        drop(bound);
        yield_now().await?;
        assert_eq!(alive.strong_count(), 1, "and no longer");
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_a_thread_names_is_gone_with_its_loop() {
    let value = std::rc::Rc::new(());
    let event_loop = virtual_loop();
    let bound = event_loop.local(value.clone());
    drop(event_loop);
    assert_eq!(std::rc::Rc::strong_count(&value), 1);
    let closed = std::thread::spawn(move || bound.call_soon_threadsafe(|_| ())).join().unwrap();
    assert_eq!(closed.unwrap_err().to_string(), "Event loop is closed");
}

#[test]
fn a_thread_future_that_was_looked_at_forgot_that_it_was_cancelled() {
    let looked = run(async {
        let handle = here().handle();
        to_thread(move || {
            let future = handle.run_coroutine_threadsafe(|| async { Err::<(), _>(Error::Cancelled) });
            let result = future.result_timeout(Duration::from_secs(3600));
            Ok((result.unwrap_err().is_cancelled(), future.cancelled()))
        })
        .await
    });
    assert_eq!(looked.unwrap(), (true, true));
}
