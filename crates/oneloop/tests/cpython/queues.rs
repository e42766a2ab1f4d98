//! `test_queues.py`.

use std::{cell::Cell, rc::Rc, time::Duration};

use oneloop::{Event, Queue, Result, TaskGroup, create_task, sleep, wait_for, yield_now};

use crate::harness::{Log, here, run};

/// The three kinds, for what is the same in all.
fn kinds<T: Ord>(maxsize: usize) -> [Queue<T>; 3] {
    [Queue::new(maxsize), Queue::lifo(maxsize), Queue::priority(maxsize)]
}

/// A number that the queue shows of itself.
fn shown<T>(queue: &Queue<T>, field: &str) -> String {
    let shown = format!("{queue:?}");
    let rest = shown.split(&format!("{field}: ")).nth(1).unwrap_or_else(|| panic!("{field} in {shown}")).to_owned();
    rest.split(',').next().unwrap().trim().to_owned()
}

fn kind<T>(result: Result<T>) -> &'static str {
    result.err().map_or("ok", |error| error.kind())
}

/// Mirrors CPython QueueBasicTests.test_generic_alias.
/// Mirrors CPython QueueBasicTests.test_empty.
/// Mirrors CPython QueueBasicTests.test_full.
#[test]
fn empty_and_full() {
    run(async {
        let queue = Queue::<i32>::new(0);
        assert!(queue.empty());
        queue.put(1).await?;
        assert!(!queue.empty());
        assert_eq!(queue.get().await?, 1);
        assert!(queue.empty() && !queue.full());
        let queue = Queue::new(1);
        queue.put(1).await?;
        assert!(queue.full());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueueBasicTests.test_order.
/// Mirrors CPython LifoQueueTests.test_order.
/// Mirrors CPython PriorityQueueTests.test_order.
#[test]
fn the_three_orders() {
    run(async {
        let expected = [[1, 3, 2], [2, 3, 1], [1, 2, 3]];
        for (queue, expected) in kinds(0).into_iter().zip(expected) {
            for item in [1, 3, 2] {
                queue.put(item).await?;
            }
            let items = [queue.get().await?, queue.get().await?, queue.get().await?];
            assert_eq!(items, expected);
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueueBasicTests.test_maxsize.
#[test]
fn a_putter_waits_for_room() {
    run(async {
        let (queue, log) = (Queue::new(2), Log::default());
        assert_eq!(queue.maxsize(), 2);
        let (puts, tells) = (queue.clone(), log.clone());
        let putter = create_task(async move {
            for item in 0..3 {
                puts.put(item).await?;
                tells.add(item);
            }
            Ok(true)
        });
        yield_now().await?;
        yield_now().await?;
        assert_eq!(log.text(), "0 1");
        assert_eq!(queue.get().await?, 0);
        yield_now().await?;
        assert_eq!(log.text(), "0 1 2");
        assert_eq!((queue.get().await?, queue.get().await?), (1, 2));
        assert!(putter.done() && putter.result()?);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueueGetTests.test_blocking_get.
/// Mirrors CPython QueueGetTests.test_nonblocking_get.
/// Mirrors CPython QueueGetTests.test_nonblocking_get_exception.
/// Mirrors CPython QueuePutTests.test_blocking_put.
/// Mirrors CPython QueuePutTests.test_nonblocking_put.
/// Mirrors CPython QueuePutTests.test_nonblocking_put_exception.
#[test]
fn without_waiting() {
    run(async {
        let queue = Queue::new(0);
        queue.put_nowait(1)?;
        assert_eq!(queue.get().await?, 1);
        queue.put(1).await?;
        assert_eq!(queue.get().await?, 1);
        Ok(())
    })
    .unwrap();
    let queue = Queue::new(1); // no loop runs
    queue.put_nowait(1).unwrap();
    assert_eq!(kind(queue.put_nowait(2)), "queue-full");
    assert_eq!(queue.get_nowait().unwrap(), 1);
    assert_eq!(kind(queue.get_nowait()), "queue-empty");
}

/// Mirrors CPython QueueGetTests.test_get_with_putters.
/// Mirrors CPython QueueGetTests.test_get_with_waiting_putters.
#[test]
fn a_get_wakes_a_putter() {
    run(async {
        let queue = Queue::new(1);
        queue.put("a").await?;
        let waits = create_task(queue.put("b"));
        yield_now().await?;
        assert!(!waits.done());
        assert_eq!(queue.get().await?, "a");
        assert_eq!(shown(&queue, "putters"), "0");
        yield_now().await?;
        assert!(waits.done() && queue.get_nowait()? == "b");
        let both = (create_task(queue.put("a")), create_task(queue.put("b")));
        assert_eq!((queue.get().await?, queue.get().await?), ("a", "b"));
        assert!(both.0.done());
        both.1.await
    })
    .unwrap();
}

/// Mirrors CPython QueueGetTests.test_blocking_get_wait.
/// Mirrors CPython QueuePutTests.test_blocking_put_wait.
#[test]
fn one_that_waits_until_the_other_comes() {
    run(async {
        let (queue, started, finished) = (Queue::new(0), Event::new(), Rc::new(Cell::new(false)));
        let (gets, starts, finishes) = (queue.clone(), started.clone(), finished.clone());
        let getter = create_task(async move {
            starts.set();
            let item = gets.get().await?;
            finishes.set(true);
            Ok(item)
        });
        started.wait().await?;
        assert!(!finished.get());
        let puts = queue.clone();
        here().call_later(Duration::from_millis(10), move || puts.put_nowait(1).unwrap());
        assert!(getter.await? == 1 && finished.get());

        let (queue, started, finished) = (Queue::new(1), Event::new(), Rc::new(Cell::new(false)));
        let gets = queue.clone();
        here().call_later(Duration::from_millis(10), move || assert_eq!(gets.get_nowait().unwrap(), 1));
        let (starts, finishes) = (started.clone(), finished.clone());
        let putter = create_task(async move {
            starts.set();
            queue.put(1).await?;
            queue.put(2).await?;
            finishes.set(true);
            Ok(())
        });
        started.wait().await?;
        assert!(!finished.get());
        putter.await?;
        assert!(finished.get());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueueGetTests.test_get_cancelled_race.
#[test]
fn a_cancelled_getter_takes_nothing() {
    run(async {
        let queue = Queue::new(0);
        let (t1, t2) = (create_task(queue.get()), create_task(queue.get()));
        yield_now().await?;
        t1.cancel();
        yield_now().await?;
        assert!(t1.done());
        queue.put("a").await?;
        yield_now().await?;
        assert_eq!(t2.await?, "a");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueueGetTests.test_why_are_getters_waiting.
#[test]
fn a_producer_and_a_consumer() {
    let queue = Queue::new(1);
    run(TaskGroup::scope(async move |group| {
        let puts = queue.clone();
        drop(group.create_task(async move {
            for item in 0..5 {
                puts.put(item).await?;
            }
            Ok(())
        })?);
        group
            .create_task(async move {
                for expected in 0..5 {
                    assert_eq!(queue.get().await?, expected);
                }
                Ok(())
            })
            .map(drop)
    }))
    .unwrap();
}

/// Mirrors CPython QueueGetTests.test_cancelled_getters_not_being_held_in_self_getters.
/// Mirrors CPython QueuePutTests.test_cancelled_puts_not_being_held_in_self_putters.
/// Mirrors CPython QueuePutTests.test_cancelled_put_silence_value_error_exception.
#[test]
fn who_was_cancelled_stands_in_no_line() {
    run(async {
        let queue = Queue::<i32>::new(5);
        assert!(wait_for(Duration::from_millis(100), queue.get()).await.unwrap_err().is_timeout());
        assert_eq!(shown(&queue, "getters"), "0");
        let queue = Queue::new(1);
        queue.put_nowait(1)?;
        let put = create_task(queue.put(1));
        yield_now().await?;
        assert_eq!(shown(&queue, "putters"), "1");
        put.cancel();
        assert!(put.await.unwrap_err().is_cancelled());
        assert_eq!(shown(&queue, "putters"), "0");
        let put = create_task(queue.put(1));
        yield_now().await?;
        queue.get_nowait()?; // takes it out of the line
        put.cancel();
        assert!(put.await.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueuePutTests.test_get_cancel_drop_one_pending_reader.
#[test]
fn a_reader_that_is_cancelled_when_it_is_woken_loses_no_item() {
    run(async {
        let queue = Queue::new(0);
        let reader = create_task(queue.get());
        yield_now().await?;
        queue.put_nowait(1)?;
        queue.put_nowait(2)?;
        reader.cancel();
        assert!(reader.await.unwrap_err().is_cancelled());
        assert_eq!(create_task(queue.get()).await?, 1);
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueuePutTests.test_get_cancel_drop_many_pending_readers.
#[test]
fn the_next_reader_is_woken_in_place_of_one_that_was_cancelled() {
    run(TaskGroup::scope(async |group| {
        let queue = Queue::new(0);
        let readers =
            [group.create_task(queue.get())?, group.create_task(queue.get())?, group.create_task(queue.get())?];
        yield_now().await?;
        queue.put_nowait(1)?;
        queue.put_nowait(2)?;
        readers[0].cancel();
        assert!((&readers[0]).await.unwrap_err().is_cancelled());
        assert_eq!(((&readers[2]).await?, readers[1].result()?), (2, 1));
        Ok(())
    }))
    .unwrap();
}

/// Mirrors CPython QueuePutTests.test_put_cancel_drop.
#[test]
fn a_writer_that_is_cancelled_when_it_is_woken() {
    run(async {
        let queue = Queue::new(1);
        queue.put_nowait(1)?;
        let writer = create_task(queue.put(2));
        yield_now().await?;
        assert_eq!(queue.get_nowait()?, 1);
        writer.cancel();
        assert!(writer.await.unwrap_err().is_cancelled());
        create_task(queue.put(2)).await?;
        assert_eq!((queue.get_nowait()?, queue.qsize()), (2, 0));
        Ok(())
    })
    .unwrap();
}

/// A size is a whole number here; what a queue with room for 1.3 does there, one with room for two does.
///
/// Mirrors CPython QueuePutTests.test_float_maxsize.
#[test]
fn full_at_the_first_number_that_reaches_the_size() {
    run(async {
        let queue = Queue::new(2);
        queue.put_nowait(1)?;
        queue.put_nowait(2)?;
        assert!(queue.full() && kind(queue.put_nowait(3)) == "queue-full");
        let queue = Queue::new(2);
        queue.put(1).await?;
        queue.put(2).await?;
        assert!(queue.full());
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueuePutTests.test_put_cancelled.
/// Mirrors CPython QueuePutTests.test_put_with_waiting_getters.
#[test]
fn a_put_wakes_a_getter() {
    run(async {
        let queue = Queue::new(0);
        let puts = queue.clone();
        let putter = create_task(async move {
            puts.put("a").await?;
            Ok(true)
        });
        assert_eq!(queue.get().await?, "a");
        assert!(putter.done() && putter.result()?);
        let getter = create_task(queue.get());
        yield_now().await?;
        queue.put("b").await?;
        assert_eq!(getter.await?, "b");
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython QueuePutTests.test_put_cancelled_race.
#[test]
fn a_cancelled_putter_puts_nothing() {
    run(async {
        let queue = Queue::new(1);
        let [a, b, c] = ["a", "b", "X"].map(|item| create_task(queue.put(item)));
        yield_now().await?;
        assert!(a.done() && !b.done());
        c.cancel();
        yield_now().await?;
        assert!(c.done() && queue.get_nowait()? == "a");
        yield_now().await?;
        assert_eq!(queue.get_nowait()?, "b");
        b.await
    })
    .unwrap();
}

/// Mirrors CPython QueuePutTests.test_why_are_putters_waiting.
#[test]
fn several_putters_are_let_in_by_several_gets() {
    let queue = Queue::new(2);
    run(TaskGroup::scope(async move |group| {
        let gets = queue.clone();
        drop(group.create_task(async move {
            yield_now().await?;
            for _ in 0..gets.qsize() {
                gets.get_nowait()?;
            }
            Ok(())
        })?);
        for item in 0..4 {
            drop(group.create_task(queue.put(item))?);
        }
        Ok(())
    }))
    .unwrap();
}

/// Mirrors CPython _QueueJoinTestMixin.test_task_done_underflow.
/// Mirrors CPython _QueueJoinTestMixin.test_join_empty_queue.
#[test]
fn joining_an_empty_queue() {
    run(async {
        for queue in kinds::<i32>(0) {
            assert_eq!(queue.task_done().unwrap_err().to_string(), "task_done() called too many times");
            let joins = create_task(async move {
                queue.join().await?;
                queue.join().await
            });
            yield_now().await?;
            assert!(joins.done());
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython _QueueJoinTestMixin.test_task_done.
#[test]
fn join_waits_until_all_is_done() {
    for queue in kinds::<i32>(0) {
        run(TaskGroup::scope(async move |group| {
            for item in 0..100 {
                queue.put_nowait(item)?;
            }
            let (sum, running) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(true)));
            for _ in 0..2 {
                let (queue, sum, running) = (queue.clone(), sum.clone(), running.clone());
                drop(group.create_task(async move {
                    while running.get() {
                        sum.set(sum.get() + queue.get().await?);
                        queue.task_done()?;
                    }
                    Ok(())
                })?);
            }
            queue.join().await?;
            assert_eq!(sum.get(), (0..100).sum());
            running.set(false);
            queue.put_nowait(0)?;
            queue.put_nowait(0)
        }))
        .unwrap();
    }
}

/// What a queue that was shut down, and is empty, answers.
async fn is_shut_down(queue: &Queue<&'static str>) -> Result<()> {
    assert_eq!(kind(queue.put("data").await), "queue-shut-down");
    assert_eq!(kind(queue.put_nowait("data")), "queue-shut-down");
    assert_eq!(kind(queue.get().await), "queue-shut-down");
    assert_eq!(kind(queue.get_nowait()), "queue-shut-down");
    Ok(())
}

/// Mirrors CPython _QueueShutdownTestMixin.test_shutdown_empty.
#[test]
fn shutdown_of_an_empty_queue() {
    run(async {
        for queue in kinds(0) {
            let get = create_task(queue.get());
            yield_now().await?;
            queue.shutdown(false);
            assert_eq!(queue.qsize(), 0);
            queue.join().await?;
            yield_now().await?;
            assert!(get.done() && kind(get.await) == "queue-shut-down");
            is_shut_down(&queue).await?;
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython _QueueShutdownTestMixin.test_shutdown_nonempty.
#[test]
fn shutdown_leaves_what_is_in_the_queue() {
    run(async {
        for queue in kinds(1) {
            queue.put_nowait("data")?;
            let (join, put) = (create_task(queue.join()), create_task(queue.put("data2")));
            yield_now().await?;
            assert!(!put.done());
            queue.shutdown(false);
            assert_eq!(queue.qsize(), 1);
            yield_now().await?;
            assert!(put.done() && kind(put.await) == "queue-shut-down");
            assert_eq!(queue.get().await?, "data");
            yield_now().await?;
            assert!(!join.done());
            is_shut_down(&queue).await?;
            queue.task_done()?;
            yield_now().await?;
            assert!(join.done());
            join.await?;
            assert_eq!(kind(queue.task_done()), "value");
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython _QueueShutdownTestMixin.test_shutdown_immediate.
#[test]
fn immediate_shutdown_drops_what_is_in_the_queue() {
    run(async {
        for queue in kinds(0) {
            queue.put_nowait("data")?;
            let join = create_task(queue.join());
            queue.shutdown(true);
            assert_eq!(queue.qsize(), 0);
            yield_now().await?;
            assert!(join.done());
            join.await?;
            is_shut_down(&queue).await?;
            assert_eq!(kind(queue.task_done()), "value");
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython _QueueShutdownTestMixin.test_shutdown_immediate_with_unfinished.
#[test]
fn immediate_shutdown_does_not_finish_what_was_got() {
    run(async {
        for queue in kinds(0) {
            queue.put_nowait("data")?;
            queue.put_nowait("data")?;
            let join = create_task(queue.join());
            assert_eq!(queue.get().await?, "data");
            queue.shutdown(true);
            assert_eq!(queue.qsize(), 0);
            yield_now().await?;
            assert!(!join.done());
            is_shut_down(&queue).await?;
            queue.task_done()?;
            assert_eq!(kind(queue.task_done()), "value");
            yield_now().await?;
            assert!(join.done());
            join.await?;
        }
        Ok(())
    })
    .unwrap();
}

/// Rule 47. Same program in CPython: `['stolen 1', 'second 2', 'first 3']`.
#[test]
fn a_woken_getter_whose_item_was_stolen_goes_to_the_end_of_the_line() {
    let log = Log::default();
    let told = log.clone();
    run(async move {
        let queue = Queue::new(0);
        let getter = |name: &'static str| {
            let (queue, log) = (queue.clone(), told.clone());
            create_task(async move {
                let item = queue.get().await?;
                log.add(format!("{name} {item}"));
                Ok(())
            })
        };
        let getters = [getter("first"), getter("second")];
        yield_now().await?;
        queue.put_nowait(1)?;
        told.add(format!("stolen {}", queue.get_nowait()?));
        yield_now().await?;
        queue.put_nowait(2)?;
        yield_now().await?;
        queue.put_nowait(3)?;
        for task in getters {
            task.await?;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "stolen 1 second 2 first 3");
}

/// Items that are equal to their `Ord` come in the order of Python's heap: what is expected is what the same program
/// prints in CPython, with items that compare by their letter.
#[test]
fn equal_priorities_come_in_the_order_of_heapq() {
    #[derive(PartialEq, Eq)]
    struct Item(char, usize);
    impl PartialOrd for Item {
        fn partial_cmp(&self, other: &Item) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Item {
        fn cmp(&self, other: &Item) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    let queue = Queue::priority(0);
    for (at, letter) in "abacbaabcabacb".chars().enumerate() {
        queue.put_nowait(Item(letter, at)).unwrap();
    }
    let mut order = Vec::new();
    while let Ok(Item(letter, at)) = queue.get_nowait() {
        order.push(format!("{letter}{at}"));
    }
    assert_eq!(order.join(" "), "a0 a2 a6 a5 a11 a9 b13 b10 b1 b4 b7 c8 c12 c3");
}

/// Section 9 of the design: a getter that is dropped after it was woken wakes the next one.
#[test]
fn a_woken_getter_that_is_dropped_passes_its_turn_on() {
    run(async {
        let queue = Queue::new(0);
        let mut woken = Box::pin(queue.get());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(woken.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        let next = create_task(queue.get());
        yield_now().await?;
        queue.put_nowait(1)?;
        drop(woken);
        assert_eq!(wait_for(Duration::from_secs(1), next).await?, 1);
        sleep(Duration::from_secs(1)).await
    })
    .unwrap();
}
