//! What the probes of `07_timers` alone would not show: wakes from elsewhere, and fairness.

use std::pin::Pin;

use super::*;

#[test]
fn a_wake_from_another_thread_ends_the_park() {
    let event_loop = EventLoop::new().expect("a selector");
    let (send, receive) = std::sync::mpsc::channel();
    let mut woken = None;
    let waits = poll_fn(|context| {
        let thread = woken.get_or_insert_with(|| {
            let (waker, send) = (context.waker().clone(), send.clone());
            thread::spawn(move || {
                send.send("from the thread").expect("the test listens");
                waker.wake(); // nothing else could end the park: no timer, no socket
            })
        });
        match receive.try_recv() {
            Ok(word) => Poll::Ready((word, thread.thread().id())),
            Err(_) => Poll::Pending,
        }
    });
    let results = event_loop.run(std::iter::once(waits)).expect("the loop runs");
    assert_eq!(results[0].0, "from the thread");
    assert_ne!(results[0].1, thread::current().id());
}

#[test]
fn a_task_that_wakes_itself_starves_nobody() {
    let event_loop = EventLoop::new().expect("a selector");
    let done = Cell::new(false);
    let mut steps = 0_u64;
    let busy = poll_fn(|context| {
        steps += 1;
        if done.get() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        context.waker().wake_by_ref(); // twice is once
        Poll::Pending
    });
    let sleeper = async {
        let never = std::future::pending::<()>();
        let time = Duration::from_millis(5);
        assert!(event_loop.timeout(time, never).await.is_none());
        done.set(true);
    };
    let tasks: [Pin<Box<dyn Future<Output = ()>>>; 2] = [Box::pin(busy), Box::pin(sleeper)];
    event_loop.run(tasks.into_iter()).expect("the loop runs");
    assert!(steps > 1);
}
