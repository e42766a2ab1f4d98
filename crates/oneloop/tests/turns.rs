//! What one turn runs, and in which order. The expected logs are those of CPython 3.11 for the same program.

mod harness;

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use harness::{Log, here, one_turn, run, virtual_loop};
use oneloop::{create_task, gather, sleep, yield_now};

const TINY: Duration = Duration::from_nanos(1);

/// `base_events.py: _run_once`: what is queued during a turn waits for the next one.
#[test]
fn a_turn_runs_what_was_ready_when_it_began() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (inner, event_loop_ref) = (log.clone(), event_loop.clone());
    event_loop.call_soon(move || {
        inner.add("first");
        event_loop_ref.call_soon(inner.adds("nested"));
    });
    event_loop.call_soon(log.adds("second"));
    one_turn(&event_loop);
    assert_eq!(log.text(), "first second");
    one_turn(&event_loop);
    assert_eq!(log.text(), "first second nested");
}

/// `base_events.py: stop`: the rest of the batch still runs, and what is left stays for the next run.
#[test]
fn stop_ends_the_run_after_the_turn() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (inner, event_loop_ref) = (log.clone(), event_loop.clone());
    event_loop.call_soon(move || {
        event_loop_ref.stop();
        event_loop_ref.call_soon(inner.adds("later"));
        inner.add("stop");
    });
    event_loop.call_soon(log.adds("rest"));
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), "stop rest");
    one_turn(&event_loop);
    assert_eq!(log.take(), "later");
}

#[test]
fn stop_before_run_forever_makes_exactly_one_turn_and_does_not_jump_the_clock() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let began = event_loop.time();
    event_loop.call_later(Duration::from_secs(1), log.adds("timer"));
    one_turn(&event_loop);
    assert_eq!((log.text().as_str(), event_loop.time()), ("", began));
    assert!(!event_loop.is_running());
}

#[test]
fn stop_before_run_until_complete_leaves_the_task_for_the_next_run() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    event_loop.stop();
    let inner = log.clone();
    let error = event_loop
        .run_until_complete(async move {
            inner.add("step");
            yield_now().await?;
            inner.add("end");
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "Event loop stopped before Future completed.");
    assert_eq!(log.take(), "step");
    event_loop.run_until_complete(async { sleep(TINY).await }).unwrap();
    assert_eq!(log.take(), "end");
}

/// A finished run's done-callback must not stop a later one (`base_events.py: _run_until_complete_cb` is removed).
#[test]
fn the_task_of_a_stopped_run_does_not_stop_the_next() {
    let event_loop = virtual_loop();
    event_loop.stop();
    let _ = event_loop.run_until_complete(async { yield_now().await });
    let turns = event_loop.run_until_complete(async {
        for _ in 0..5 {
            yield_now().await?;
        }
        Ok(5)
    });
    assert_eq!(turns.unwrap(), 5);
}

#[test]
fn a_task_that_wakes_itself_for_ever_starves_no_timer() {
    let real = oneloop::EventLoop::new().unwrap();
    let task = real.create_task::<()>(async {
        loop {
            yield_now().await?;
        }
    });
    real.run_until_complete(sleep(Duration::from_millis(2))).unwrap();
    assert!(!task.done());
    task.cancel();
}

#[test]
fn timers_with_equal_deadlines_fire_in_the_order_in_which_they_were_added() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let when = event_loop.time() + Duration::from_secs(5);
    for n in 0..9 {
        event_loop.call_at(when, log.adds(n));
    }
    event_loop.run_until_complete(oneloop::sleep_until(when)).unwrap();
    assert_eq!(log.text(), "0 1 2 3 4 5 6 7 8");
}

/// `events.py: TimerHandle.cancel` of a timer that this turn has already queued.
#[test]
fn a_due_timer_can_be_cancelled_by_an_earlier_callback_of_the_same_turn() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let handle = Rc::new(Cell::new(None::<oneloop::TimerHandle>));
    let when = event_loop.time() + Duration::from_secs(1);
    let (cancels, inner) = (handle.clone(), log.clone());
    event_loop.call_at(when, move || {
        inner.add("first");
        cancels.take().unwrap().cancel();
    });
    handle.set(Some(event_loop.call_at(when, log.adds("second"))));
    event_loop.run_until_complete(oneloop::sleep_until(when)).unwrap();
    assert_eq!(log.text(), "first");
}

/// Same program in CPython: `['soon1', 'soon2', 'later0', 'later0b', 'soon1.1']`.
#[test]
fn call_later_zero_passes_the_heap_and_comes_behind_what_is_ready() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let done = here().create_future::<()>();
        here().call_later(Duration::ZERO, inner.adds("later0"));
        let soon = inner.clone();
        here().call_soon(move || {
            soon.add("soon1");
            here().call_soon(soon.adds("soon1.1"));
        });
        let (later, settle) = (inner.clone(), done.clone());
        here().call_later(Duration::ZERO, move || {
            later.add("later0b");
            let _ = settle.set_result(());
        });
        here().call_soon(inner.adds("soon2"));
        done.await
    })
    .unwrap();
    assert_eq!(log.text(), "soon1 soon2 later0 later0b soon1.1");
}

/// How many turns lie between an event and whoever waits for it. Same program in CPython:
/// `[0, 1, 'sleep0', 'future', 2, 3, 'task', 4, 'gather', 5, ...]`; `tasks.py: sleep` of a tiny delay takes the
/// timer's callback and one turn more, which real time decides there and the virtual clock here.
#[test]
fn hops_from_completion_to_resumption() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let log = inner;
        let future = here().create_future::<()>();
        let mut tasks = Vec::new();
        let ticks = log.clone();
        tasks.push(create_task(async move {
            for turn in 0..7 {
                ticks.add(turn);
                sleep(Duration::ZERO).await?;
            }
            Ok(())
        }));
        let adds = log.adds("sleep0");
        tasks.push(create_task(async move { sleep(Duration::ZERO).await.map(|()| adds()) }));
        let (adds, waits) = (log.adds("future"), future.clone());
        tasks.push(create_task(async move { waits.await.map(|()| adds()) }));
        let adds = log.adds("task");
        tasks.push(create_task(async move { create_task(yield_now()).await.map(|()| adds()) }));
        let adds = log.adds("gather");
        tasks.push(create_task(async move { gather([yield_now(), yield_now()]).await.map(|_| adds()) }));
        here().call_soon(move || drop(future.set_result(())));
        gather(tasks).await
    })
    .unwrap();
    assert_eq!(log.text(), "0 1 sleep0 future 2 3 task 4 gather 5 6");
}

#[test]
fn a_tiny_sleep_takes_one_turn_more_than_a_timers_callback() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let adds = log.adds("sleep");
    let _task = event_loop.create_task(async move { sleep(TINY).await.map(|()| adds()) });
    one_turn(&event_loop); // arms the timer
    event_loop.call_at(event_loop.time() + TINY, log.adds("callback"));
    event_loop.call_at(event_loop.time() + 2 * TINY, log.adds("next"));
    event_loop.run_until_complete(sleep(TINY * 3)).unwrap();
    assert_eq!(log.text(), "callback sleep next");
}

#[test]
fn a_callback_that_is_cancelled_never_runs_and_frees_what_it_holds_at_once() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let held = harness::OnDrop(log_drop(&log));
    let handle = event_loop.call_soon(move || drop(held));
    handle.cancel();
    assert_eq!(log.take(), "freed");
    let held = harness::OnDrop(log_drop(&log));
    event_loop.call_later(TINY, move || drop(held)).cancel();
    assert_eq!(log.take(), "freed");
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
    assert_eq!(log.take(), "");
}

fn log_drop(log: &Log) -> impl FnMut() + use<> {
    let log = log.clone();
    move || log.add("freed")
}

#[test]
fn the_virtual_clock_jumps_to_each_deadline_exactly() {
    let began_outside = Instant::now();
    let event_loop = virtual_loop();
    let began = event_loop.time();
    let log = Log::default();
    for hours in [3_u64, 1, 2] {
        let (log, clock) = (log.clone(), event_loop.clone());
        event_loop.call_later(Duration::from_secs(hours * 3600), move || {
            log.add((clock.time() - began).as_secs() / 3600);
        });
    }
    event_loop.run_until_complete(sleep(Duration::from_secs(4 * 3600))).unwrap();
    assert_eq!(log.text(), "1 2 3");
    assert_eq!(event_loop.time() - began, Duration::from_secs(4 * 3600));
    assert!(began_outside.elapsed() < Duration::from_secs(3600), "no time was waited for");
}

/// A delay that no clock can count is far off, not a panic (`call_later(1e18, ..)` in Python is only refused by time).
#[test]
fn the_longest_delay_is_no_panic() {
    run(async {
        let handle = here().call_later(Duration::MAX, || unreachable!());
        assert!(handle.when() > here().time());
        let task = create_task(sleep(Duration::MAX));
        yield_now().await?;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        handle.cancel();
        Ok(())
    })
    .unwrap();
}

#[test]
fn poll_every_changes_no_order() {
    let logs = [1, 2, 61].map(|turns| {
        let event_loop = oneloop::EventLoop::builder().virtual_clock(true).poll_every(turns).build().unwrap();
        let log = Log::default();
        let inner = log.clone();
        event_loop
            .run_until_complete(async move {
                gather((0..5_u32).map(|n| {
                    let log = inner.clone();
                    async move {
                        for round in 0..20 {
                            sleep(Duration::from_millis(u64::from((n * 7 + round * 3) % 5))).await?;
                            log.add(format!("{n}.{round}"));
                        }
                        Ok(())
                    }
                }))
                .await
            })
            .unwrap();
        log.text()
    });
    assert_eq!(logs[0], logs[1]);
    assert_eq!(logs[0], logs[2]);
}
