//! Wakers: stale ones, too many, from other threads, from the wrong loop, after the end.

mod harness;

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use harness::{here, one_turn, run, virtual_loop};
use oneloop::{EventLoop, Result, create_task, net::UdpSocket, yield_now};

type Counted = (oneloop::Task<()>, Rc<Cell<u32>>, Rc<RefCell<Option<Waker>>>);

/// A task that counts its polls and never ends, and its waker.
fn counted(event_loop: &EventLoop) -> Counted {
    let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None)));
    let task = event_loop.create_task({
        let (polls, waker) = (polls.clone(), waker.clone());
        poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            *waker.borrow_mut() = Some(cx.waker().clone());
            Poll::<Result<()>>::Pending
        })
    });
    one_turn(event_loop);
    (task, polls, waker)
}

async fn waker_of_this_task() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

#[test]
fn many_wakes_are_one_step() {
    let event_loop = virtual_loop();
    let (_task, polls, waker) = counted(&event_loop);
    let waker = waker.borrow().clone().unwrap();
    event_loop
        .run_until_complete(async move {
            for _ in 0..100 {
                waker.wake_by_ref();
            }
            yield_now().await
        })
        .unwrap();
    assert_eq!(polls.get(), 2);
}

/// All steps are lent one waker, but for those of a task whose waker somebody has kept: others must not be lent that.
#[test]
fn a_waker_that_was_kept_stays_with_its_task_while_others_are_stepped() {
    let event_loop = virtual_loop();
    let (_first, first_polls, first_waker) = counted(&event_loop);
    let (_second, second_polls, second_waker) = counted(&event_loop);
    let (first, second) = (first_waker.borrow().clone().unwrap(), second_waker.borrow().clone().unwrap());
    assert!(!first.will_wake(&second));
    event_loop
        .run_until_complete(async move {
            yield_now().await?; // steps that are lent the spare one
            thread::spawn(move || first.wake()).join().unwrap();
            yield_now().await?;
            yield_now().await
        })
        .unwrap();
    assert_eq!((first_polls.get(), second_polls.get()), (2, 1));
    drop((first_waker.borrow_mut().take(), second_waker.borrow_mut().take()));
    event_loop
        .run_until_complete(async move {
            second.wake_by_ref();
            yield_now().await
        })
        .unwrap();
    assert_eq!((first_polls.get(), second_polls.get()), (2, 2));
}

#[test]
fn a_wake_after_the_end_does_nothing() {
    run(async {
        let waker = create_task(async { Ok(waker_of_this_task().await) }).await?;
        waker.wake_by_ref();
        yield_now().await?;
        waker.wake();
        yield_now().await
    })
    .unwrap();
}

#[test]
fn a_stale_waker_does_not_step_the_task_that_has_its_slot_now() {
    let event_loop = virtual_loop();
    let stale = event_loop.run_until_complete(async { Ok(waker_of_this_task().await) }).unwrap();
    let (heir, polls, own) = counted(&event_loop);
    let from_outside = stale.clone();
    thread::spawn(move || from_outside.wake()).join().unwrap();
    stale.wake_by_ref(); // through the inbox: no loop runs here
    one_turn(&event_loop);
    assert_eq!((polls.get(), heir.done()), (1, false));
    event_loop.call_soon(move || stale.wake()); // and straight into the queue
    one_turn(&event_loop);
    one_turn(&event_loop);
    assert_eq!(polls.get(), 1);
    // Nor may it leave the heir marked as queued: its own wake would be lost.
    let own = own.borrow().clone().unwrap();
    event_loop.call_soon(move || own.wake());
    one_turn(&event_loop);
    one_turn(&event_loop);
    assert_eq!(polls.get(), 2);
}

/// A task that wakes itself in its last step leaves a step in the queue, and its slot to another.
#[test]
fn a_step_that_is_queued_for_a_dead_task_does_not_step_its_heir() {
    let event_loop = virtual_loop();
    let dead = event_loop.create_task(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }));
    let heirs = Rc::new(Cell::new(0));
    let polls = heirs.clone();
    event_loop.call_soon(move || {
        drop(here().create_task(poll_fn(move |_| {
            polls.set(polls.get() + 1);
            Poll::<Result<()>>::Pending
        })));
    });
    for _ in 0..4 {
        one_turn(&event_loop);
    }
    assert_eq!((dead.done(), heirs.get()), (true, 1));
}

#[test]
fn a_task_that_wakes_itself_in_its_step_is_stepped_again() {
    let mut polls = 0;
    let polls = run(poll_fn(move |cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        if polls < 5 { Poll::Pending } else { Poll::Ready(Ok(polls)) }
    }));
    assert_eq!(polls.unwrap(), 5);
}

#[test]
fn a_task_cancelled_while_queued_is_dropped_unpolled() {
    run(async {
        let held = Rc::new(());
        let inside = held.clone();
        let task = create_task(async move {
            let _inside = inside;
            unreachable!("a task that was cancelled before its first step never runs")
        });
        assert!(task.cancel());
        let result: Result<()> = task.await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(Rc::strong_count(&held), 1);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_wake_from_another_thread_ends_the_park() {
    let event_loop = EventLoop::new().unwrap();
    let mut polls = 0;
    event_loop
        .run_until_complete(poll_fn(move |cx| {
            polls += 1;
            if polls == 200 {
                return Poll::Ready(Ok(()));
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        }))
        .unwrap();
}

/// Four threads ring while the loop parks and unparks: each sees its own number before it goes on, so a lost wake
/// would hang the test.
#[test]
fn no_wake_is_lost_while_the_loop_parks() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 500;
    let event_loop = EventLoop::new().unwrap();
    let begin = Arc::new(Barrier::new(THREADS));
    let mut tasks = Vec::new();
    for _ in 0..THREADS {
        let (asked, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let begin = begin.clone();
        let mut thread = None;
        tasks.push(event_loop.create_task(poll_fn(move |cx| {
            if thread.is_none() {
                let (asked, answered, waker, begin) =
                    (asked.clone(), answered.clone(), cx.waker().clone(), begin.clone());
                thread = Some(thread::spawn(move || {
                    begin.wait();
                    for round in 1..=ROUNDS {
                        asked.store(round, Ordering::Release);
                        waker.wake_by_ref();
                        while answered.load(Ordering::Acquire) < round {
                            thread::yield_now();
                        }
                    }
                }));
            }
            let round = asked.load(Ordering::Acquire);
            answered.store(round, Ordering::Release);
            if round < ROUNDS { Poll::Pending } else { Poll::Ready(Ok(round)) }
        })));
    }
    let rounds = event_loop.run_until_complete(async { oneloop::gather(tasks).await }).unwrap();
    assert_eq!(rounds, [ROUNDS; THREADS]);
}

#[test]
fn call_soon_threadsafe_keeps_each_threads_order() {
    let event_loop = EventLoop::new().unwrap();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (done, all) = (event_loop.create_future::<()>(), seen.clone());
    let handle = event_loop.handle();
    thread::spawn(move || {
        for n in 0..1000 {
            let seen = seen.clone();
            handle.call_soon_threadsafe(move || seen.lock().unwrap().push(n)).unwrap();
        }
    });
    let (settle, watched) = (done.clone(), all.clone());
    let _watch = event_loop.create_task::<()>(async move {
        while watched.lock().unwrap().len() < 1000 {
            yield_now().await?;
        }
        settle.set_result(())
    });
    event_loop.run_until_complete(async { done.await }).unwrap();
    assert_eq!(*all.lock().unwrap(), (0..1000).collect::<Vec<_>>());
}

/// Same program in CPython: `['ts', 'soon', 'ts2']` (`base_events.py: call_soon_threadsafe` appends to `_ready`).
#[test]
fn call_soon_threadsafe_on_the_loops_own_thread_is_in_order_with_call_soon() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let all = seen.clone();
    run(async move {
        for n in 0..3 {
            let seen = seen.clone();
            if n == 1 {
                here().call_soon(move || seen.lock().unwrap().push(n));
            } else {
                here().handle().call_soon_threadsafe(move || seen.lock().unwrap().push(n))?;
            }
        }
        yield_now().await
    })
    .unwrap();
    assert_eq!(*all.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn call_soon_threadsafe_on_a_closed_loop_is_an_error_and_drops_the_callback() {
    let held = Arc::new(());
    let inside = held.clone();
    let handle = EventLoop::new().unwrap().handle();
    let error = thread::spawn(move || handle.call_soon_threadsafe(move || drop(inside)).unwrap_err());
    assert_eq!(error.join().unwrap().to_string(), "Event loop is closed");
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Decision 7: a waker of loop A that is woken while B runs reaches A.
#[test]
fn a_waker_of_one_loop_woken_in_anothers_turn_reaches_its_own() {
    let (a, b) = (virtual_loop(), virtual_loop());
    let (_task, polls, waker) = counted(&a);
    let waker = waker.borrow().clone().unwrap();
    // The same id in B must not be mistaken for A's.
    let (_twin, twin_polls, _) = counted(&b);
    b.run_until_complete(async move {
        waker.wake();
        yield_now().await
    })
    .unwrap();
    assert_eq!((polls.get(), twin_polls.get()), (1, 1));
    one_turn(&a);
    assert_eq!((polls.get(), twin_polls.get()), (2, 1));
}

#[test]
fn wakers_outlive_their_loop_here_on_other_threads_and_in_thread_local_destructors() {
    thread_local! {
        static LAST: RefCell<Option<Guard>> = const { RefCell::new(None) };
    }
    struct Guard(Waker);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.wake_by_ref();
        }
    }
    let there = thread::spawn(|| {
        LAST.with(|last| drop(last.borrow_mut().take())); // its destructor is registered before the loop's
        let event_loop = virtual_loop();
        let (_task, _, waker) = counted(&event_loop);
        let waker = waker.borrow().clone().unwrap();
        LAST.with(|last| *last.borrow_mut() = Some(Guard(waker.clone())));
        drop(event_loop);
        waker.wake_by_ref();
        waker
    });
    there.join().unwrap().wake();
}

#[test]
fn a_loop_kept_in_a_thread_local_is_dropped_with_its_tasks_at_the_threads_end() {
    thread_local! {
        static KEPT: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    thread::spawn(move || {
        KEPT.with(|kept| {
            let event_loop = virtual_loop();
            let guard = harness::OnDrop(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
            drop(event_loop.create_task(async move {
                let _guard = guard;
                oneloop::sleep(std::time::Duration::from_secs(1)).await
            }));
            one_turn(&event_loop);
            *kept.borrow_mut() = Some(event_loop);
        });
    })
    .join()
    .unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

/// Of two that wait for one socket inside another crate's combinator, which gives each a waker of its own.
#[test]
fn the_first_of_two_foreign_wakers_at_one_socket_was_never_woken() {
    run(async {
        let address = "127.0.0.1:0".parse().unwrap();
        let (sender, receiver) = (UdpSocket::bind(address)?, UdpSocket::bind(address)?);
        let (first, second, third) = (Woken::new(), Woken::new(), Woken::new());
        let (mut one, mut other, mut gone) = ([0; 4], [0; 4], [0; 4]);
        let mut one = pin!(receiver.recv_from(&mut one));
        let mut other = pin!(receiver.recv_from(&mut other));
        let mut gone = Box::pin(receiver.recv_from(&mut gone));
        assert!(first.poll(one.as_mut()).is_pending() && second.poll(other.as_mut()).is_pending());
        assert!(third.poll(gone.as_mut()).is_pending());
        drop(gone);
        assert_eq!(Arc::strong_count(&third), 1, "what is dropped waits no longer");
        assert!(first.poll(one.as_mut()).is_pending(), "a poll more does not double it");
        sender.send_to(b"news", receiver.local_addr()?).await?;
        while first.count() == 0 {
            yield_now().await?;
        }
        assert_eq!((first.count(), second.count()), (1, 1));
        assert!(first.poll(one.as_mut()).is_ready() && second.poll(other.as_mut()).is_pending());
        sender.send_to(b"more", receiver.local_addr()?).await?;
        while second.count() == 1 {
            yield_now().await?;
        }
        assert!(second.poll(other.as_mut()).is_ready());
        Ok(())
    })
    .unwrap();
}

/// A waker that counts.
struct Woken(AtomicUsize);

impl Woken {
    fn new() -> Arc<Woken> {
        Arc::new(Woken(AtomicUsize::new(0)))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn poll<F: Future>(self: &Arc<Self>, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
