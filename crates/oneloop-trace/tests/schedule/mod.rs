//! Random schedules, recorded: what the pictures of a log are tried on.
//!
//! Neighbours: `schedules.rs` beside it; the end-to-end tests, which try the page's fold on them in a browser.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use oneloop::{
    EventLoop, Result, Semaphore, SettableFuture, create_task, gather, get_running_loop, sleep, span_begin, span_end,
    wait_for, yield_now,
};
use oneloop_trace::{Log, Recorder};

/// What the tasks of one schedule share.
struct Shared {
    random: Cell<u64>,
    futures: RefCell<Vec<SettableFuture<()>>>,
    semaphore: Semaphore,
}

impl Shared {
    fn random(&self, below: u64) -> u64 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x % below
    }

    fn future(&self) -> SettableFuture<()> {
        let futures = self.futures.borrow();
        futures[self.random(futures.len() as u64) as usize].clone()
    }
}

async fn act(shared: Rc<Shared>, depth: u32) -> Result<()> {
    for _ in 0..shared.random(8) {
        let outcome = match shared.random(9) {
            0 => yield_now().await,
            1 => sleep(Duration::from_millis(shared.random(4))).await,
            2 => shared.future().set_result(()).or(Ok(())),
            3 => (&shared.future()).await,
            4 => {
                let all = get_running_loop()?.all_tasks();
                all[shared.random(all.len() as u64) as usize].cancel();
                Ok(())
            }
            5 if depth < 3 => create_task(Box::pin(act(shared.clone(), depth + 1))).await,
            6 if depth < 3 => {
                gather([Box::pin(act(shared.clone(), 9)), Box::pin(act(shared.clone(), 9))]).await.map(drop)
            }
            7 => wait_for(Duration::from_millis(1), sleep(Duration::from_millis(2))).await,
            _ => {
                span_begin("permit");
                let permit = shared.semaphore.acquire().await;
                span_end("permit");
                yield_now().await.and(permit.map(drop))
            }
        };
        if shared.random(2) == 0 {
            outcome?; // else it refuses
        }
    }
    Ok(())
}

/// A run that depends on nothing but `seed`, as `recorder` kept it.
pub(crate) fn schedule(seed: u64, recorder: Recorder) -> Log {
    let recorder = Rc::new(recorder);
    let event_loop = EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build().expect("a selector");
    event_loop.set_exception_handler(|_, _| ());
    let shared = Rc::new(Shared {
        random: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        futures: RefCell::new((0..9).map(|_| event_loop.create_future()).collect()),
        semaphore: Semaphore::new(2),
    });
    for number in 0..6 {
        let task = event_loop.create_task(act(shared.clone(), 0));
        task.set_name(&format!("act {number}"));
    }
    let end = async {
        sleep(Duration::from_millis(40)).await.or(Ok(())) // a cancelled wait will do as well
    };
    let _ = event_loop.run_until_complete(end); // or it was cancelled before it began
    drop(event_loop);
    recorder.log()
}

/// Turns, polls and wakes in a Chrome trace.
pub(crate) fn drawn(json: &str) -> (usize, usize, usize) {
    let trace: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let count = |ph: &str, name: &str| {
        let of_loop = events.iter().filter(|event| event["tid"] == 1 && event["ph"] == ph);
        of_loop.filter(|event| event["name"].as_str().is_some_and(|it| it.starts_with(name))).count()
    };
    (count("X", "turn "), count("X", "poll "), count("i", "wake"))
}
