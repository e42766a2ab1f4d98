//! A panic leaves the loop usable, wherever it happens; and user code may always call back into the loop.

mod harness;

use std::{cell::RefCell, rc::Rc, time::Duration};

use harness::{Log, OnDrop, here, one_turn, reports, run, virtual_loop};
use oneloop::{Error, Result, Task, create_task, gather, sleep, yield_now};

/// What a panic may carry: something whose own destructor panics.
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the payload's destructor");
        }
    }
}

fn still_works(event_loop: &oneloop::EventLoop) {
    assert!(!event_loop.is_running());
    let value = event_loop.run_until_complete(async {
        yield_now().await?;
        create_task(async { Ok(oneloop::current_task().is_some()) }).await
    });
    assert!(value.unwrap());
}

#[test]
fn in_callbacks_timers_and_done_callbacks() {
    let event_loop = virtual_loop();
    let (told, log) = (reports(&event_loop), Log::default());
    event_loop.call_soon(|| panic!("soon"));
    event_loop.call_later(Duration::from_secs(1), || panic!("timer"));
    event_loop.call_later(Duration::from_secs(1), log.adds("behind"));
    let future = event_loop.create_future::<()>();
    future.add_done_callback(|_| panic!("done"));
    future.add_done_callback(log.calls("next"));
    future.set_result(()).unwrap();
    let thread = event_loop.handle();
    std::thread::spawn(move || thread.call_soon_threadsafe(|| panic!("letter"))).join().unwrap().unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(2))).unwrap();
    assert_eq!(log.text(), "next behind");
    for what in ["soon", "timer", "done", "letter"] {
        assert!(told.text().contains(what), "{what} is missing in {}", told.text());
    }
    still_works(&event_loop);
}

#[test]
fn in_a_poll_it_is_raised_again_where_the_task_is_awaited() {
    let event_loop = virtual_loop();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        event_loop.run_until_complete(async {
            let task: Task<()> = create_task(async { panic!("poll") });
            task.await
        })
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"poll"));
    still_works(&event_loop);
}

/// A task's future, its result, what a callback has captured, and the payload of a panic.
#[test]
fn in_a_drop() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let bomb = OnDrop(|| panic!("captured"));
    event_loop.call_soon(move || drop(bomb));
    event_loop.call_soon(|| std::panic::panic_any(Bomb));
    drop(event_loop.create_task(async { Ok(Bomb) }));
    let cancelled = event_loop.create_task(async {
        let me = oneloop::current_task().unwrap();
        me.cancel(); // beats the value, which is dropped
        Ok(Bomb)
    });
    let future_dropped: Task<()> = event_loop.create_task({
        let bomb = OnDrop(|| panic!("future"));
        let mut bomb = Some(bomb);
        std::future::poll_fn(move |_| {
            assert!(bomb.as_mut().is_some());
            std::task::Poll::Ready(Ok(()))
        })
    });
    let waits = event_loop.create_task(async move {
        let raised = std::panic::AssertUnwindSafe(future_dropped.into_future());
        raised.0.await
    });
    for _ in 0..4 {
        one_turn(&event_loop);
    }
    assert!(cancelled.done() && waits.done());
    drop(waits);
    assert!(told.text().contains("captured") && told.text().contains("future"), "{}", told.text());
    still_works(&event_loop);
}

/// A listener's captures go when it has run: inside the fence.
#[test]
fn in_a_result_that_an_abandoned_gather_drops() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    drop(event_loop.create_task(async {
        drop(gather([async { Ok(Bomb) }]));
        Ok(())
    }));
    for _ in 0..4 {
        one_turn(&event_loop);
    }
    assert!(told.text().contains("destructor"), "{}", told.text());
    still_works(&event_loop);
}

#[test]
fn in_the_exception_handler_or_an_errors_display() {
    #[derive(Debug)]
    struct Rude;
    impl std::fmt::Display for Rude {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("display")
        }
    }
    impl std::error::Error for Rude {}
    let event_loop = virtual_loop();
    drop(event_loop.create_task::<()>(async { Err(Error::other(Rude)) }));
    one_turn(&event_loop);
    event_loop.set_exception_handler(|_, _| std::panic::panic_any(Bomb));
    event_loop.call_soon(|| panic!("reported to a handler that panics"));
    one_turn(&event_loop);
    still_works(&event_loop);
}

/// Two destructors that panic in one go would end the program: each has a fence of its own.
#[test]
fn in_many_destructors_while_the_loop_closes() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let future = event_loop.create_future::<()>();
    for n in 0..2 {
        let (a, b, c, d) = (bomb(n), bomb(n), bomb(n), bomb(n));
        event_loop.call_soon(move || drop(a));
        event_loop.call_later(Duration::from_secs(1), move || drop(b));
        event_loop.handle().call_soon_threadsafe(|| ()).unwrap();
        let waits = future.clone();
        drop(event_loop.create_task(async move {
            let _c = c;
            (&waits).await
        }));
        event_loop
            .add_signal_handler([10, 12][n], move || {
                let _d = &d;
            })
            .unwrap();
    }
    drop(event_loop);
    assert!(told.text().matches("bomb").count() >= 8, "{}", told.text());
}

fn bomb(n: usize) -> OnDrop<impl FnMut()> {
    OnDrop(move || panic!("bomb {n}"))
}

/// Decision 7: destructors that spawn, call, sleep, cancel, settle, while the loop closes.
#[test]
fn destructors_may_use_the_loop_that_closes() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let (timer, future) = (event_loop.call_later(Duration::from_secs(1), || ()), event_loop.create_future::<()>());
    let inner = log.clone();
    let other = event_loop.create_task(sleep(Duration::from_secs(1)));
    let busy = OnDrop(move || {
        timer.cancel();
        other.cancel();
        let _ = future.set_result(());
        assert!(here().is_closed());
        here().call_soon(inner.adds("never"));
        here().call_later(Duration::ZERO, inner.adds("never"));
        assert!(here().handle().call_soon_threadsafe(|| unreachable!()).is_err());
        let held = OnDrop(inner_add(&inner, "dropped"));
        let child: Task<()> = create_task(async move {
            let _held = held;
            unreachable!()
        });
        assert_eq!(child.result().unwrap_err().to_string(), "Event loop is closed");
        assert_eq!(oneloop::run(async { Ok(()) }).unwrap_err().kind(), "runtime");
    });
    drop(event_loop.create_task(async move {
        let _busy = busy;
        sleep(Duration::from_secs(9)).await
    }));
    one_turn(&event_loop);
    let stays = event_loop.clone();
    drop(event_loop);
    assert_eq!(log.text(), "dropped");
    assert!(stays.is_closed() && stays.all_tasks().is_empty());
    let late: Task<()> = stays.create_task(async { unreachable!() });
    assert!(late.done() && !late.cancelled());
}

fn inner_add(log: &Log, what: &'static str) -> impl FnMut() + use<> {
    let log = log.clone();
    move || log.add(what)
}

/// Rule 10: asyncio's texts, at once. The outer loop is unharmed.
#[test]
fn a_nested_run_is_an_error_at_once() {
    let event_loop = Rc::new(virtual_loop());
    let inner = event_loop.clone();
    event_loop
        .run_until_complete(async move {
            let texts = [
                inner.run_forever().unwrap_err(),
                inner.run_until_complete(async { Ok(()) }).unwrap_err(),
                virtual_loop().run_until_complete(async { Ok(()) }).unwrap_err(),
                oneloop::run(async { Ok(()) }).unwrap_err(),
            ]
            .map(|error| error.to_string());
            assert_eq!(texts[0], "This event loop is already running");
            assert_eq!(texts[1], texts[0]);
            assert_eq!(texts[2], "Cannot run the event loop while another loop is running");
            assert_eq!(texts[3], "asyncio.run() cannot be called from a running event loop");
            let other = virtual_loop();
            let log = Log::default();
            let held = OnDrop(inner_add(&log, "dropped"));
            drop(other.create_task::<()>(async move {
                let _held = held;
                Ok(())
            }));
            drop(other); // its destructors run with it current, and this one is current again after
            assert_eq!(log.text(), "dropped");
            assert!(here().is_running() && oneloop::current_task().is_some());
            sleep(Duration::from_secs(1)).await
        })
        .unwrap();
    assert_eq!(oneloop::get_running_loop().unwrap_err().to_string(), "no running event loop");
}

/// Rule 23: exactly when the last handle goes, or the task ends without one.
#[test]
fn an_error_that_nobody_saw_is_reported_once() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let fails = || async { Result::<()>::Err(Error::other("lost")) };
    drop(event_loop.create_task(fails()));
    one_turn(&event_loop);
    assert_eq!(told.take(), "[Task exception was never retrieved: Task-1: lost]");
    let kept = event_loop.create_task(fails());
    one_turn(&event_loop);
    assert_eq!(told.take(), "");
    drop(kept); // between two runs
    assert_eq!(told.take(), "[Task exception was never retrieved: Task-2: lost]");
    event_loop
        .run_until_complete(async move {
            let task = create_task(fails());
            assert!((&task).await.is_err());
            drop(task); // seen through a reference
            assert!(create_task(fails()).await.is_err());
            assert!(gather([fails(), fails()]).await.is_err());
            yield_now().await?;
            let cancelled = create_task(fails());
            cancelled.cancel();
            drop(cancelled);
            yield_now().await
        })
        .unwrap();
    assert_eq!(told.take(), "");
}

/// `tasks.py: __step` refuses a task that awaits itself.
#[test]
fn awaiting_oneself_is_an_error_at_once() {
    run(async {
        let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let me = slot.clone();
        let task = create_task(async move {
            let me = me.borrow_mut().take().unwrap();
            (&me).await
        });
        *slot.borrow_mut() = Some(task);
        yield_now().await?;
        yield_now().await
    })
    .unwrap();
}

/// `runners.py: Runner.close`: what is left is cancelled in the order of making, cleans up, and is waited for, whether
/// main returns or panics.
#[test]
fn run_cancels_and_waits_for_what_is_left() {
    for panics in [false, true] {
        let log = Rc::new(RefCell::new(Vec::new()));
        let outer = log.clone();
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            oneloop::run(async move {
                for n in 0..3 {
                    let log = log.clone();
                    drop(create_task(async move {
                        let slept = sleep(Duration::from_secs(3600)).await;
                        yield_now().await?;
                        log.borrow_mut().push(n);
                        slept
                    }));
                }
                yield_now().await?;
                assert!(!panics, "main");
                Ok(())
            })
        }));
        assert_eq!(ran.is_err(), panics);
        assert_eq!(*outer.borrow(), [0, 1, 2]);
    }
}

/// A future whose destructor panics, and which returns what panics when it is dropped.
struct Twice;

impl std::future::Future for Twice {
    type Output = Result<Bomb>;

    fn poll(self: std::pin::Pin<&mut Self>, _cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<Bomb>> {
        std::task::Poll::Ready(Ok(Bomb))
    }
}

impl Drop for Twice {
    fn drop(&mut self) {
        panic!("the future's destructor");
    }
}

#[test]
fn in_the_destructors_of_a_future_and_of_what_it_has_returned() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    drop(event_loop.create_task(Twice));
    one_turn(&event_loop);
    assert_eq!(told.text(), "[Task exception was never retrieved: Task-1: the future's destructor]");
    still_works(&event_loop);
}

#[test]
fn in_a_slow_callback_which_is_logged_as_slow_nevertheless() {
    let (event_loop, lines) = (virtual_loop(), Log::default());
    let logged = lines.clone();
    event_loop.set_debug(true);
    event_loop.set_slow_callback_duration(Duration::ZERO);
    event_loop.set_logger(move |line| logged.add(line.split(" took").next().unwrap_or_default()));
    event_loop.call_soon(|| panic!("slow"));
    one_turn(&event_loop);
    assert_eq!(lines.text(), "Exception in callback: slow Executing a callback");
}
