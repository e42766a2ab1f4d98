//! What holds on every schedule: two hundred random ones, watched by an observer. And the semaphore's line.

mod harness;
#[path = "harness/random_tasks.rs"]
mod random_tasks;

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
    time::Duration,
};

use harness::{Log, here, poll_with, run};
use oneloop::{EventLoop, LoopEvent, Observer, Semaphore, Stamp, TaskId, create_task, gather, sleep, yield_now};
use random_tasks::{Shared, act};

#[derive(Default)]
struct Invariants {
    spawned: RefCell<HashSet<TaskId>>,
    /// Woken, and not yet stepped.
    queued: RefCell<HashSet<TaskId>>,
    gone: RefCell<HashSet<TaskId>>,
    stepping: Cell<Option<TaskId>>,
    polls: Cell<usize>,
}

impl Observer for Invariants {
    fn event(&self, _stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        let alive = |task: &TaskId| {
            assert!(self.spawned.borrow().contains(task), "{event:?} of a task that was never spawned");
            assert!(!self.gone.borrow().contains(task), "{event:?} after its end");
        };
        match event {
            LoopEvent::Spawn { task, .. } => assert!(self.spawned.borrow_mut().insert(*task)),
            LoopEvent::Wake { task, coalesced, .. } => {
                alive(task);
                assert_eq!(self.queued.borrow_mut().insert(*task), !coalesced);
            }
            LoopEvent::PollBegin { task } => {
                alive(task);
                assert!(self.queued.borrow_mut().remove(task), "{task} is stepped, but nobody woke it");
                assert_eq!(self.stepping.replace(Some(*task)), None, "a step within a step");
                self.polls.set(self.polls.get() + 1);
            }
            LoopEvent::PollEnd { task, .. } => assert_eq!(self.stepping.take(), Some(*task)),
            LoopEvent::Drop { task, .. } => {
                alive(task);
                self.queued.borrow_mut().remove(task);
                self.gone.borrow_mut().insert(*task);
            }
            _ => {}
        }
    }
}

#[test]
fn two_hundred_random_schedules_keep_the_invariants() {
    let mut polls = 0;
    for seed in 1..=200_u64 {
        let watch = Rc::new(Invariants::default());
        let event_loop = EventLoop::builder().virtual_clock(true).observer(watch.clone()).build().unwrap();
        event_loop.set_exception_handler(|_, _| ());
        let shared = Shared::new(&event_loop, seed, 12);
        for _ in 0..8 {
            drop(event_loop.create_task(act(shared.clone(), 0)));
        }
        let _ = event_loop.run_until_complete(sleep(Duration::from_millis(seed % 60)));
        drop(event_loop);
        assert_eq!(shared.semaphore.available(), 2, "seed {seed}: a permit was lost or made");
        assert_eq!(*watch.spawned.borrow(), *watch.gone.borrow(), "seed {seed}");
        assert!(watch.queued.borrow().is_empty(), "seed {seed}: a wake without a step or an end");
        polls += watch.polls.get();
    }
    assert!(polls > 5_000, "only {polls}");
}

/// `locks.py: Semaphore.acquire`: first come, first served, and a released permit is nobody else's.
#[test]
fn the_semaphores_line_is_fair_and_a_chosen_one_that_goes_passes_on() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await?;
        let mut tasks = Vec::new();
        for n in 0..4 {
            let (semaphore, log) = (semaphore.clone(), inner.clone());
            tasks.push(create_task(async move {
                let _permit = semaphore.acquire().await?;
                log.add(n);
                Ok(())
            }));
        }
        yield_now().await?;
        drop(permit);
        assert!(semaphore.locked(), "the first of the line has it already");
        let mut barges = Box::pin(semaphore.acquire());
        assert!(poll_with(std::task::Waker::noop(), barges.as_mut()).is_pending());
        assert!(tasks[0].cancel(), "chosen, and not yet stepped");
        assert!(tasks.remove(0).await.unwrap_err().is_cancelled());
        gather(tasks).await?;
        assert_eq!((semaphore.locked(), semaphore.available()), (true, 0));
        drop(barges); // it was chosen
        assert_eq!((semaphore.locked(), semaphore.available()), (false, 1));
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "1 2 3");
}

/// `tasks.py: gather`, rules 19, 25 and 36.
#[test]
fn gather_starts_in_order_answers_in_order_and_lets_the_others_run_on() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let log = inner;
        let child = |n: u64| {
            let log = log.clone();
            async move {
                log.add(n);
                sleep(Duration::from_secs(9 - n)).await?;
                log.add(n);
                if n == 2 { Err(oneloop::Error::other("second")) } else { Ok(n) }
            }
        };
        assert_eq!(gather([child(1), child(3)]).await?, [1, 3]);
        assert_eq!(gather(Vec::<oneloop::Task<()>>::new()).await?, []);
        log.add("|");
        assert_eq!(gather([child(1), child(2)]).await.unwrap_err().to_string(), "second");
        log.add("failed");
        sleep(Duration::from_secs(9)).await?;
        let cancelled = create_task(yield_now());
        cancelled.cancel();
        let outer = create_task(async move { gather([cancelled]).await });
        assert!((&outer).await.unwrap_err().is_cancelled());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "1 3 3 1 | 1 2 2 failed 1");
}

#[test]
fn tasks_have_names_and_callbacks_have_no_task() {
    run(async {
        let task = create_task(async { Ok(oneloop::current_task()) });
        assert_eq!(task.get_name(), "Task-2");
        task.set_name("reader");
        assert_eq!((task.get_name().as_str(), task.id().number()), ("reader", 2));
        assert_eq!(here().all_tasks().len(), 2);
        let seen = Rc::new(Cell::new(false));
        let sees = seen.clone();
        task.add_done_callback(move |_| sees.set(oneloop::current_task().is_none()));
        let id = task.id();
        assert_eq!(task.await?.map(|task| task.id()), Some(id));
        assert_eq!((seen.get(), here().all_tasks().len()), (true, 1));
        Ok(())
    })
    .unwrap();
}
