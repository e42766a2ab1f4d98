//! What an observer is told is what happens: who woke a task, and what the task is called.

mod harness;

use std::{cell::RefCell, rc::Rc};

use harness::{here, one_turn};
use oneloop::{
    EventLoop, LoopEvent, Observer, Recorder, Stamp, ThreadFuture, create_task, net::UdpSocket, sleep, task_builder,
    yield_now,
};

fn observed() -> (EventLoop, Rc<Recorder>) {
    let recorder = Rc::new(Recorder::default());
    (EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build().unwrap(), recorder)
}

/// Who has woken tasks, in order, without a repetition.
fn wakes(recorder: &Recorder) -> Vec<String> {
    let lines = recorder.lines();
    let by =
        lines.iter().filter_map(|line| line.split_once("by: ")?.1.split_once([',', '(']).map(|(by, _)| by.to_owned()));
    let mut by: Vec<String> = by.collect();
    by.dedup();
    by
}

#[test]
fn what_a_callback_woke_was_said_to_be_woken_by_the_socket_before() {
    let (event_loop, recorder) = observed();
    let waits = event_loop
        .run_until_complete(async {
            let address = "127.0.0.1:0".parse().unwrap();
            let (one, other) = (UdpSocket::bind(address)?, UdpSocket::bind(address)?);
            one.send_to(b"news", other.local_addr()?).await?;
            other.recv_from(&mut [0; 9]).await?; // an event of a socket
            let future = here().create_future::<()>();
            let waits = create_task({
                let future = future.clone();
                async move {
                    future.await?;
                    yield_now().await?;
                    sleep(std::time::Duration::from_secs(1)).await
                }
            });
            yield_now().await?;
            here().call_soon(move || future.set_result(()).unwrap());
            Ok(waits)
        })
        .unwrap();
    let begun = recorder.lines().len();
    event_loop.run_until_complete(waits).unwrap();
    let by = wakes(&recorder);
    assert!(by.ends_with(&["Callback", "Itself", "Timer"].map(str::to_owned)), "{by:?}");
    drop(event_loop.create_task(async { Ok(()) }));
    let last = recorder.lines().split_off(begun).pop().unwrap();
    assert!(last.contains("by: Outside"), "after the run nobody of the loop wakes: {last}");
    one_turn(&event_loop);
}

#[test]
fn a_task_with_a_default_name_was_told_under_another_number() {
    let (event_loop, recorder) = observed();
    event_loop
        .run_until_complete(async {
            let named = task_builder()?.name("named").create_task(async { Ok(()) });
            let another = task_builder()?.name("another").create_task(async { Ok(()) });
            let unnamed = create_task(async { Ok(()) });
            assert_eq!(unnamed.get_name(), "Task-2");
            named.await?;
            another.await?;
            unnamed.await
        })
        .unwrap();
    let lines = recorder.lines();
    let names: Vec<&str> = lines.iter().filter_map(|line| line.split_once("name: ").map(|(_, name)| name)).collect();
    assert_eq!(names, ["\"named\" }", "\"another\" }", "\"Task-2\" }"]);
}

/// Cancels a future of another thread's as soon as its task is made.
#[derive(Default)]
struct Canceller {
    future: RefCell<Option<ThreadFuture<()>>>,
}

impl Observer for Canceller {
    fn event(&self, _stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        if let LoopEvent::Spawn { .. } = event
            && let Some(future) = self.future.take()
        {
            assert!(future.cancel());
        }
    }
}

#[test]
fn a_thread_future_that_is_cancelled_while_its_task_is_made_let_the_task_run() {
    let canceller = Rc::new(Canceller::default());
    let event_loop = EventLoop::builder().virtual_clock(true).observer(canceller.clone()).build().unwrap();
    let (told, hears) = std::sync::mpsc::channel();
    event_loop
        .run_until_complete(async move {
            let future = here().handle().run_coroutine_threadsafe(move || async move {
                told.send("begun").unwrap();
                yield_now().await
            });
            canceller.future.replace(Some(future));
            for _ in 0..5 {
                yield_now().await?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(hears.try_iter().count(), 0, "a task that is cancelled before it begins never does");
}

#[test]
fn a_handler_or_a_logger_that_holds_its_loop_kept_it_for_ever() {
    let alive = Rc::new(());
    let event_loop = EventLoop::new().unwrap();
    let (one, other) = ((event_loop.clone(), alive.clone()), (event_loop.clone(), alive.clone()));
    event_loop.set_exception_handler(move |_, _| drop(one.clone()));
    event_loop.set_logger(move |_| drop(other.clone()));
    drop(event_loop);
    assert_eq!(Rc::strong_count(&alive), 1);
}
