//! A test for each fault that was found in the loop, named for it.

mod harness;

use std::{
    cell::{Cell, RefCell},
    future::{Future, IntoFuture},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use harness::{Log, here, one_turn, run, virtual_loop};
use oneloop::{
    Error, EventLoop, Lock, Result, Semaphore, Task, create_task, gather,
    net::{AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream, UdpSocket, duplex},
    sleep, yield_now,
};

/// Long enough for a recursion over it to overflow any stack that a thread gets by default.
const LONG: usize = 100_000;

/// A chain of tasks, each of which awaits the one before it; the innermost waits for `last`. Returns the outermost.
fn chain(length: usize, last: oneloop::SettableFuture<usize>) -> Task<usize> {
    let mut task = create_task(async move { last.await });
    for _ in 1..length {
        let inner = task;
        task = create_task(async move { Ok(inner.await? + 1) });
    }
    task
}

#[test]
fn cancelling_a_long_chain_of_tasks_overflowed_the_stack() {
    run(async {
        let last = here().create_future();
        let task = chain(LONG, last.clone());
        yield_now().await?;
        yield_now().await?;
        assert!(task.cancel());
        assert!(last.cancelled(), "the request travels down at once");
        assert!(task.await.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_long_chain_of_tasks_that_ends_by_itself_does_not_overflow_the_stack_either() {
    run(async {
        let last = here().create_future();
        let task = chain(LONG, last.clone());
        yield_now().await?;
        last.set_result(1)?;
        assert_eq!(task.await?, LONG);
        Ok(())
    })
    .unwrap();
}

#[test]
fn dropping_a_loop_with_a_long_chain_of_tasks_overflowed_the_stack() {
    let event_loop = virtual_loop();
    let task = event_loop.run_until_complete(async {
        let task = chain(LONG, here().create_future());
        yield_now().await?;
        Ok(Rc::new(RefCell::new(Some(task))))
    });
    drop(event_loop);
    let task = task.unwrap().take().unwrap();
    assert!(!task.done(), "it stays pending, as in asyncio");
}

/// `RecursionError` in asyncio. Here whoever closes the circle takes the request, and the circle comes apart.
#[test]
fn cancelling_tasks_that_wait_for_each_other_in_a_circle_never_ended() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let slots: Rc<RefCell<Vec<Rc<Task<()>>>>> = Rc::default();
        for n in 0..3 {
            let (log, slots_inside) = (inner.clone(), slots.clone());
            let task = create_task(async move {
                let next = slots_inside.borrow()[(n + 1) % 3].clone();
                let result = (&*next).await;
                log.add(format!("{n}:{}", result.as_ref().err().map_or("none", Error::kind)));
                result
            });
            slots.borrow_mut().push(Rc::new(task));
        }
        yield_now().await?;
        yield_now().await?;
        let first = slots.borrow()[0].clone();
        assert!(first.cancel());
        assert!((&*first).await.unwrap_err().is_cancelled());
        slots.borrow_mut().clear();
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "2:cancelled 1:cancelled 0:cancelled");
}

/// A task that two others wait for is cancelled by each of them: that is no circle.
#[test]
fn a_request_may_come_to_one_task_by_two_ways() {
    run(async {
        let below = Rc::new(create_task(async { here().create_future::<()>().await }));
        let above = [0, 1].map(|_| {
            let below = below.clone();
            create_task(async move { (&*below).await })
        });
        yield_now().await?;
        yield_now().await?;
        let all = gather(above);
        let outer = create_task(async move { all.await.map(drop) });
        yield_now().await?;
        assert!(outer.cancel());
        assert_eq!(below.cancelling(), 2);
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(below.cancelled());
        Ok(())
    })
    .unwrap();
}

/// `Task <...> got Future <...> attached to a different loop` in asyncio (rule 24).
#[test]
fn awaiting_what_belongs_to_another_loop_hung() {
    let other = virtual_loop();
    let task = other.create_task(async { Ok(1) });
    let future = other.create_future::<u8>();
    let (by_ref, by_value) = run(async move {
        let by_ref = (&task).await;
        Ok((by_ref, (task.await, future.await)))
    })
    .unwrap();
    assert_eq!(by_ref.unwrap_err().kind(), "runtime");
    assert_eq!(by_value.0.unwrap_err().kind(), "runtime");
    assert_eq!(by_value.1.unwrap_err().kind(), "runtime");
}

#[test]
fn running_what_belongs_to_another_loop_hung() {
    let (one, other) = (virtual_loop(), virtual_loop());
    let foreign = other.create_future::<()>();
    let sentence = "The future belongs to a different loop than the one specified as the loop argument";
    assert_eq!(one.run_until_complete(foreign.clone()).unwrap_err().to_string(), sentence);
    let task = other.create_task(async { Ok(()) });
    assert_eq!(one.run_until_complete(task).unwrap_err().to_string(), sentence);
    let first = one.run_until_complete(async move {
        let mut all = oneloop::as_completed([foreign], None);
        all.next().unwrap().await
    });
    assert_eq!(first.unwrap_err().to_string(), sentence);
}

/// Both are the first task of their loop, and so have the same id.
#[test]
fn a_task_of_another_loop_with_the_same_id_was_taken_for_oneself() {
    let other = virtual_loop();
    let task = other.create_task(async { Ok(1) });
    let result = run(async move {
        assert_eq!(Some(task.id()), oneloop::current_task().map(|me| me.id()));
        Ok(task.await)
    });
    assert!(result.unwrap().unwrap_err().to_string().contains("different loop"));
    let me = Rc::new(RefCell::new(None::<Task<()>>));
    let event_loop = virtual_loop();
    let inside = me.clone();
    let task = event_loop.create_task(async move {
        let me = inside.borrow_mut().take().unwrap();
        me.await
    });
    let id = task.id();
    *me.borrow_mut() = Some(task);
    (0..2).for_each(|_| one_turn(&event_loop));
    assert!(!event_loop.all_tasks().iter().any(|task| task.id() == id), "awaiting itself is an error, not a hang");
}

#[test]
fn a_waiter_by_reference_got_invalid_state_when_the_handle_was_gone() {
    let told = Log::default();
    let event_loop = virtual_loop();
    let log = told.clone();
    event_loop.set_exception_handler(move |_, context| log.add(context));
    event_loop
        .run_until_complete(async {
            let task = create_task(async {
                yield_now().await?;
                Err::<(), _>(Error::other("the cache is cold"))
            });
            let waiting = (&task).into_future();
            drop(task);
            assert_eq!(waiting.await.unwrap_err().to_string(), "the cache is cold");
            Ok(())
        })
        .unwrap();
    assert_eq!(told.text(), "", "somebody saw it");
}

#[test]
fn an_error_in_a_settable_future_or_a_gather_was_never_reported() {
    let told = Log::default();
    let event_loop = virtual_loop();
    let log = told.clone();
    event_loop.set_exception_handler(move |_, context| log.add(context));
    event_loop
        .run_until_complete(async {
            let future = here().create_future::<()>();
            future.set_error(Error::other("one"))?;
            drop(future);
            let seen = here().create_future::<()>();
            seen.set_error(Error::other("seen"))?;
            assert!((&seen).await.is_err());
            drop(gather([async { Err::<(), _>(Error::other("two")) }]));
            yield_now().await?;
            yield_now().await
        })
        .unwrap();
    let gathering = "_GatheringFuture exception was never retrieved: two";
    assert_eq!(told.text(), format!("Future exception was never retrieved: one {gathering}"));
}

/// A value whose `clone` looks at the future that it is the result of.
#[derive(Debug)]
struct Curious(Rc<RefCell<Option<oneloop::SettableFuture<Curious>>>>, Rc<Cell<u32>>);

impl Clone for Curious {
    fn clone(&self) -> Curious {
        if let Some(future) = &*self.0.borrow() {
            assert!(future.done());
            let mut again = pin!(future.clone().into_future());
            let polled = again.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Err(Error::InvalidState(_)))), "it is being copied just now");
        }
        self.1.set(self.1.get() + 1);
        Curious(self.0.clone(), self.1.clone())
    }
}

#[test]
fn a_result_was_cloned_while_it_was_borrowed() {
    run(async {
        let (place, clones) = (Rc::default(), Rc::new(Cell::new(0)));
        let future = here().create_future();
        future.set_result(Curious(place, clones.clone()))?;
        let value = (&future).await?;
        *value.0.borrow_mut() = Some(future.clone());
        for _ in 0..2 {
            (&future).await?;
        }
        assert_eq!(clones.get(), 3);
        value.0.take();
        Ok(())
    })
    .unwrap();
}

/// The run that a task belonged to is over; when the task ends in a later one, that goes on.
#[test]
fn a_task_that_outlives_its_run_must_not_stop_another() {
    let event_loop = virtual_loop();
    let last = event_loop.create_future::<()>();
    let stop = event_loop.handle();
    let waiting = last.clone();
    let stopper = event_loop.create_task(async move {
        let here = here();
        here.stop();
        drop(stop);
        Ok(())
    });
    let first = event_loop.run_until_complete(async move { waiting.await });
    assert_eq!(first.unwrap_err().kind(), "runtime", "stop() came first");
    drop(stopper);
    let turns = event_loop.run_until_complete(async move {
        last.set_result(())?;
        for _ in 0..5 {
            yield_now().await?;
        }
        Ok(5)
    });
    assert_eq!(turns.unwrap(), 5);
}

/// A waker that was given to a thread and comes back late must not wake the task that was made meanwhile.
#[test]
fn a_waker_that_somebody_kept_is_not_given_to_another_task() {
    let event_loop = EventLoop::new().unwrap();
    let polls = Rc::new(Cell::new(0));
    let counted = polls.clone();
    event_loop
        .run_until_complete(async move {
            let kept = Rc::new(RefCell::new(None));
            let keep = kept.clone();
            let first = create_task(std::future::poll_fn(move |cx| {
                *keep.borrow_mut() = Some(cx.waker().clone());
                Poll::Ready(Ok(()))
            }));
            first.await?;
            let second = create_task(std::future::poll_fn(move |_| {
                counted.set(counted.get() + 1);
                Poll::<Result<()>>::Pending
            }));
            yield_now().await?;
            let waker = kept.borrow_mut().take().unwrap();
            waker.wake_by_ref();
            thread::spawn(move || waker.wake()).join().unwrap();
            yield_now().await?;
            yield_now().await?;
            drop(second);
            Ok(())
        })
        .unwrap();
    assert_eq!(polls.get(), 1);
}

/// A waker of somebody else's, whose destructor uses the loop, the future and the queue that it waited in.
struct Reenters(Arc<AtomicUsize>);

impl Wake for Reenters {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Reenters {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let here = here();
        here.call_soon(|| ());
        here.call_later(Duration::from_secs(1), || ()).cancel();
        drop(create_task(sleep(Duration::from_secs(1))));
        drop(TcpListener::bind(([127, 0, 0, 1], 0).into()));
    }
}

/// Polls `leaf` with one such waker after another, each of which replaces the one before, and drops it.
fn replace_wakers<F: Future>(leaf: F, drops: &Arc<AtomicUsize>) {
    let mut leaf = Box::pin(leaf);
    let before = drops.load(Ordering::Relaxed);
    for _ in 0..3 {
        let waker = Waker::from(Arc::new(Reenters(drops.clone())));
        assert!(leaf.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(leaf);
    assert!(drops.load(Ordering::Relaxed) >= before + 2, "at least two were replaced");
}

#[test]
fn a_waker_whose_destructor_uses_the_loop_met_a_borrow() {
    let drops = Arc::new(AtomicUsize::new(0));
    let dropped = drops.clone();
    let event_loop = EventLoop::new().unwrap();
    event_loop
        .run_until_complete(async move {
            replace_wakers(sleep(Duration::from_secs(9)), &drops);
            replace_wakers(here().create_future::<()>().into_future(), &drops);
            let future = here().create_future::<u8>();
            replace_wakers((&future).into_future(), &drops);
            let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
            replace_wakers(listener.accept(), &drops);
            drop(listener);
            let (mut one, mut other) = duplex(1);
            replace_wakers(one.read(&mut [0]), &drops);
            other.write_all(&[1]).await?;
            replace_wakers(other.write(&[2]), &drops);
            let semaphore = Semaphore::new(0);
            replace_wakers(semaphore.acquire(), &drops);
            drop((one, other));
            Ok(())
        })
        .unwrap();
    drop(event_loop);
    assert_eq!(dropped.load(Ordering::Relaxed), 7 * 3, "none is kept");
}

#[test]
fn the_first_of_two_tasks_that_read_one_socket_was_never_woken() {
    let event_loop = EventLoop::new().unwrap();
    let got = event_loop.run_until_complete(async {
        let socket = Rc::new(UdpSocket::bind(([127, 0, 0, 1], 0).into())?);
        let address = socket.local_addr()?;
        let readers = [0, 1].map(|_| {
            let socket = socket.clone();
            create_task(async move {
                let mut byte = [0];
                socket.recv_from(&mut byte).await?;
                Ok(byte[0])
            })
        });
        yield_now().await?;
        yield_now().await?;
        let sender = UdpSocket::bind(([127, 0, 0, 1], 0).into())?;
        sender.send_to(&[1], address).await?;
        sender.send_to(&[2], address).await?;
        let mut got = gather(readers).await?;
        got.sort_unstable();
        Ok(got)
    });
    assert_eq!(got.unwrap(), [1, 2]);
}

/// asyncio has one deque for both (rule 8).
#[test]
fn call_soon_threadsafe_between_two_runs_was_queued_behind_later_calls() {
    let event_loop = virtual_loop();
    let (log, sent) = (Log::default(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let told = sent.clone();
    let note = move |what: &'static str| {
        let told = told.clone();
        move || told.lock().unwrap().push(what)
    };
    event_loop.call_soon(note("1"));
    event_loop.handle().call_soon_threadsafe(note("2")).unwrap();
    event_loop.call_soon(note("3"));
    event_loop.handle().call_soon_threadsafe(note("4")).unwrap();
    let inner = log.clone();
    drop(event_loop.create_task(async move {
        inner.add("5");
        Ok(())
    }));
    one_turn(&event_loop);
    assert_eq!(*sent.lock().unwrap(), ["1", "2", "3", "4"]);
    assert_eq!(log.text(), "5", "in the same turn");
}

#[test]
fn reading_or_writing_no_bytes_waited_for_readiness() {
    let event_loop = EventLoop::new().unwrap();
    event_loop
        .run_until_complete(async {
            let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
            let mut client = TcpStream::connect(listener.local_addr()?).await?;
            let (mut server, _) = listener.accept().await?;
            assert_eq!(client.read(&mut []).await?, 0, "nothing has come, and nothing is waited for");
            assert_eq!(client.write(&[]).await?, 0);
            server.write_all(&[7]).await?;
            let mut byte = [0];
            assert_eq!(client.read(&mut byte).await?, 1);
            assert_eq!(byte, [7]);
            Ok(())
        })
        .unwrap();
}

/// Polls two futures in one task, the first one first, as a foreign `join!` does.
async fn join_both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(move |cx| {
        if first.is_none()
            && let Poll::Ready(result) = one.as_mut().poll(cx)
        {
            first = Some(result);
        }
        if second.is_none()
            && let Poll::Ready(result) = other.as_mut().poll(cx)
        {
            second = Some(result);
        }
        if first.is_some() && second.is_some() {
            return Poll::Ready((first.take().unwrap(), second.take().unwrap()));
        }
        Poll::Pending
    })
    .await
}

#[test]
fn a_timeout_in_one_branch_of_a_foreign_join_hit_a_sleep_in_the_other() {
    let (slept, limited) = run(async {
        let limited = oneloop::timeout(Duration::from_secs(1), async |_| sleep(Duration::from_secs(60)).await);
        Ok(join_both(sleep(Duration::from_secs(5)), limited).await)
    })
    .unwrap();
    assert!(slept.is_ok(), "it has nothing to do with the limit");
    assert!(limited.unwrap_err().is_timeout());
}

#[test]
fn a_timeout_in_one_branch_of_a_foreign_join_cancelled_the_task_that_the_other_awaits() {
    run(async {
        let ours = Rc::new(create_task(sleep(Duration::from_secs(60))));
        let inner = ours.clone();
        let limited = oneloop::timeout(Duration::from_secs(1), async move |_| (&*inner).await);
        let others = create_task(async {
            sleep(Duration::from_secs(5)).await?;
            Ok(5)
        });
        let (limited, others) = join_both(limited, others.into_future()).await;
        assert!(limited.unwrap_err().is_timeout());
        assert_eq!(others?, 5, "it was awaited last, and so had the request");
        assert!(ours.cancelled(), "the request went down to what the body awaits");
        Ok(())
    })
    .unwrap();
}

/// Decision 1: a scope drops a body that is at a foreign future, and gives the error in its place.
#[test]
fn a_timeout_around_a_foreign_future_in_a_foreign_join_ends_its_branch_alone() {
    run(async {
        let limited = oneloop::timeout(Duration::from_secs(1), async |_| {
            std::future::pending::<()>().await;
            Ok(())
        });
        let (limited, slept) = join_both(limited, sleep(Duration::from_secs(5))).await;
        assert!(limited.is_err_and(|error: Error| error.is_timeout()));
        slept
    })
    .unwrap();
}

/// A cancellation from outside goes on being one, whichever branch takes it.
#[test]
fn a_cancellation_from_outside_and_an_expiry_at_once_are_one_cancellation() {
    run(async {
        let task = create_task(async {
            oneloop::timeout(Duration::from_secs(1), async |_| sleep(Duration::from_secs(60)).await).await
        });
        let cancels = task.clone();
        here().call_later(Duration::from_secs(1), move || assert!(cancels.cancel()));
        let result = task.await;
        assert!(result.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

/// Makes a future by `acquire`, and keeps it though it gives `Err(Cancelled)`.
fn insists<F: Future<Output = Result<G>> + 'static, G>(log: &Log, name: &'static str, acquire: F) -> Task<()> {
    let log = log.clone();
    create_task(async move {
        let mut acquire = Box::pin(acquire);
        while let Err(error) = acquire.as_mut().await {
            log.add(format!("{name}:{}", error.kind()));
        }
        log.add(format!("{name}:acquired"));
        Ok(())
    })
}

/// A wait that has given `Err(Cancelled)` and is polled again begins anew, at the end of the line, and leaves nothing
/// behind.
#[test]
fn an_acquire_that_is_kept_after_its_cancellation_can_be_awaited_again() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire().await?;
        let [first, second] = ["first", "second"].map(|name| insists(&inner, name, semaphore.acquire()));
        yield_now().await?;
        first.cancel();
        yield_now().await?;
        drop(held);
        first.cancel(); // and once more, while the permit is set aside for the other
        gather([first, second]).await?;
        assert!(!semaphore.locked() && semaphore.available() == 1);

        let lock = Lock::new();
        let held = lock.acquire().await?;
        let [third, fourth] = ["third", "fourth"].map(|name| insists(&inner, name, lock.acquire()));
        yield_now().await?;
        drop(held);
        third.cancel(); // its turn has come, and it gives that up
        gather([third, fourth]).await?;
        assert!(!lock.locked());
        Ok(())
    })
    .unwrap();
    let semaphore = "first:cancelled second:acquired first:cancelled first:acquired";
    assert_eq!(log.text(), format!("{semaphore} third:cancelled fourth:acquired third:acquired"));
}

/// The run ends after its turn: there is nothing left to turn for. It would have turned for ever.
#[test]
fn a_loop_that_what_it_runs_has_dropped_ends_its_run() {
    let owner = virtual_loop();
    let event_loop = (*owner).clone();
    let log = Log::default();
    let never = log.clone();
    let result = event_loop.run_until_complete(async move {
        drop(owner);
        never.add("goes on to its next await");
        yield_now().await?;
        never.add("and no further");
        Ok(())
    });
    assert!(result.is_err(), "{result:?}");
    assert!(event_loop.is_closed() && !event_loop.is_running());
    assert_eq!(log.text(), "goes on to its next await");
}

/// `call_soon_threadsafe` is first in, first out with all that the loop's own thread queues. It stood behind that.
#[test]
fn what_a_thread_has_left_stands_before_what_is_queued_later() {
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let adds = |what: &'static str| {
        let log = log.clone();
        move || log.lock().unwrap().push(what)
    };
    let (before, left, after, task) = (adds("before"), adds("left"), adds("after"), adds("task"));
    run(async move {
        let handle = here().handle();
        here().call_soon(before);
        thread::spawn(move || handle.call_soon_threadsafe(left).unwrap()).join().unwrap();
        let task = create_task(async move {
            task();
            Ok(())
        });
        here().call_soon(after);
        task.await
    })
    .unwrap();
    assert_eq!(*log.lock().unwrap(), ["before", "left", "task", "after"]);
}

/// Also while the thread goes on leaving more: each letter would have looked at the inbox again, and have put what came
/// meanwhile before itself.
#[test]
fn what_a_busy_thread_leaves_keeps_its_order() {
    const LETTERS: usize = 20_000;
    let came = Arc::new(std::sync::Mutex::new(Vec::new()));
    let event_loop = EventLoop::new().unwrap();
    let (handle, letters) = (event_loop.handle(), came.clone());
    let busy = thread::spawn(move || {
        for n in 0..LETTERS {
            let letters = letters.clone();
            handle.call_soon_threadsafe(move || letters.lock().unwrap().push(n)).unwrap();
        }
    });
    while came.lock().unwrap().len() < LETTERS {
        event_loop.call_soon(|| ()); // between two runs
        one_turn(&event_loop);
    }
    busy.join().unwrap();
    assert!(came.lock().unwrap().is_sorted());
}
