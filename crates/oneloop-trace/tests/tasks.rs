//! What a census says of a running loop, as text: in virtual time, so each byte is known.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, UdpSocket, duplex};
use oneloop::{
    Event, EventLoop, Lock, Queue, Result, create_task, gather, get_running_loop, sleep, span_begin, yield_now,
};
use oneloop_trace::{Census, CensusReader, Doing, Snapshot, TaskNow, WaitNow, tasks_text};

fn observed() -> (EventLoop, CensusReader) {
    let census = Rc::new(Census::default());
    let reader = census.reader();
    (EventLoop::builder().virtual_clock(true).observer(census).build().expect("a selector"), reader)
}

fn now(reader: &CensusReader) -> Snapshot {
    reader.snapshot(get_running_loop().expect("it runs").time())
}

/// What the task of this name waits for.
fn waits(snapshot: &Snapshot, name: &str) -> Vec<WaitNow> {
    snapshot.tasks.iter().find(|task| task.name == name).map(|task| task.waits.clone()).unwrap_or_default()
}

fn named<T: 'static>(name: &str, future: impl Future<Output = Result<T>> + 'static) -> oneloop::Task<T> {
    let task = create_task(future);
    task.set_name(name);
    task
}

#[test]
fn each_leaf_says_what_it_waits_for() {
    let (event_loop, reader) = observed();
    let seen = event_loop.run_until_complete(async move {
        let lock = Lock::new();
        let guard = lock.acquire().await?;
        let (queue, full) = (Queue::<u8>::new(0), Queue::new(1));
        full.put_nowait(1)?;
        let event = Event::new();
        let future = get_running_loop()?.create_future::<()>();
        let (mut near, _far) = duplex(8);
        let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())?;
        let (lock, gets, puts, waits_for_it) = (lock.clone(), queue.clone(), full.clone(), event.clone());
        let settled = future.clone();
        let _tasks = (
            named("sleeps", sleep(Duration::from_millis(70))),
            named("locks", async move { lock.acquire().await.map(drop) }),
            named("gets", async move { gets.get().await }),
            named("puts", async move { puts.put(2).await }),
            named("event", async move { waits_for_it.wait().await }),
            named("future", async move { settled.await }),
            named("pipe", async move { near.read(&mut [0]).await }),
            named("socket", async move { socket.recv_from(&mut [0]).await.map(drop) }),
        );
        sleep(Duration::from_millis(20)).await?;
        let snapshot = now(&reader);
        drop((guard, future));
        Ok(snapshot)
    });
    let seen = seen.expect("nothing fails");
    let left = Duration::from_millis(50);
    assert_eq!(waits(&seen, "sleeps"), [WaitNow::Timer(Some(left))]);
    assert_eq!(waits(&seen, "locks"), [WaitNow::Line("Lock.acquire")]);
    assert_eq!(waits(&seen, "gets"), [WaitNow::Line("Queue.get")]);
    assert_eq!(waits(&seen, "puts"), [WaitNow::Line("Queue.put")]);
    assert_eq!(waits(&seen, "event"), [WaitNow::Line("Event.wait")]);
    assert_eq!(waits(&seen, "future"), [WaitNow::Future]);
    assert_eq!(waits(&seen, "pipe"), [WaitNow::Pipe]);
    assert_eq!(waits(&seen, "socket"), [WaitNow::Source(1, false)]);
    assert!(seen.tasks.iter().skip(1).all(|task| task.since == Some(Duration::from_millis(20))), "{seen:?}");
    assert_eq!((seen.tasks[0].doing, seen.timers, seen.sources), (Doing::Running, 1, 1));
}

#[test]
fn the_table_and_the_tree_of_a_run() {
    let (event_loop, reader) = observed();
    let text = Rc::new(RefCell::new(String::new()));
    let shown = text.clone();
    let main = async move {
        let slow = named("slow\n\u{1b}[31m\u{202e}", async {
            span_begin("wait");
            sleep(Duration::from_secs(2)).await
        });
        let waits = named("waits", async move { slow.await });
        let looks = named("looks", async move {
            sleep(Duration::from_millis(500)).await?;
            shown.replace(tasks_text(&now(&reader)));
            Ok(())
        });
        gather([waits, looks]).await.map(drop)
    };
    event_loop.run_until_complete(main).expect("nothing fails");
    // Where a task was made is its line here, which must not make this test fail when a line is added above. How wide
    // the columns are depends on it, too: the alignment is looked at in the heading and by the eye.
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.borrow();
    let without: Vec<&str> = text.lines().map(|line| line.split("  tests/").next().unwrap_or(line)).collect();
    let without: Vec<&str> =
        without.iter().map(|line| line.split("  crates/").next().unwrap_or(line).trim_end()).collect();
    let expected = "\
4 tasks: 1 running, 0 ready, 3 waiting; 1 timer, 0 sources; turn 4, 500.0 ms after the first
# task is since waits for doing polls awaits at made at
1 Task-1 waiting 500.0 ms waits (#3), looks (#4) 1
2 slow\u{fffd}\u{fffd}[31m\u{fffd} waiting 500.0 ms a timer, due in 1.50 s wait 1
3 waits waiting 500.0 ms slow\u{fffd}\u{fffd}[31m\u{fffd} (#2) 1
4 looks running 0.0 ms (its step is running) 2
who awaits whom:
Task-1 awaits
├── waits (#3) awaits
│ └── slow\u{fffd}\u{fffd}[31m\u{fffd} (#2) waits for a timer, due in 1.50 s
└── looks (#4) is running";
    let without: Vec<String> = without.into_iter().map(words).collect();
    assert_eq!(without.join("\n"), expected);
    assert!(text.lines().nth(4).is_some_and(|line| line.matches("tests/tasks.rs:").count() == 2), "{text}");
}

/// The tree of the text that `main` comes to.
fn tree(event_loop: &EventLoop, main: impl Future<Output = Result<String>> + 'static) -> String {
    let text = event_loop.run_until_complete(main).expect("nothing fails");
    text.split_once("who awaits whom:\n").expect("a tree").1.to_owned()
}

#[test]
fn a_circle_of_tasks_ends_the_tree() {
    let (event_loop, reader) = observed();
    let main = async move {
        let (first, second) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
        let awaits = |other: Rc<RefCell<Option<oneloop::TaskRef>>>| async move {
            yield_now().await?;
            let other = other.borrow().clone();
            if let Some(other) = other {
                other.await?;
            }
            Ok(())
        };
        let (one, other) = (named("one", awaits(second.clone())), named("other", awaits(first.clone())));
        first.replace(Some((&one).into()));
        second.replace(Some((&other).into()));
        sleep(Duration::from_millis(1)).await?;
        let text = tasks_text(&now(&reader));
        one.cancel();
        Ok(text)
    };
    assert_eq!(
        tree(&event_loop, main),
        "Task-1 is running\none (#2) awaits\n└── other (#3) awaits\n    └── one (#2): they wait for each other in a circle\n"
    );
}

#[test]
fn of_very_many_tasks_the_first_are_shown_and_the_others_counted() {
    let (event_loop, reader) = observed();
    let main = async move {
        let _sleeps: Vec<_> = (0..299).map(|_| create_task(sleep(Duration::from_secs(1)))).collect();
        yield_now().await?;
        yield_now().await?;
        let text = tasks_text(&now(&reader));
        Ok(text)
    };
    event_loop.set_logger(|_| ());
    let text = event_loop.run_until_complete(main).expect("nothing fails");
    assert!(text.contains("\nand 100 more: 100 for a timer\n"), "{text}");
    assert!(text.ends_with("\nand 100 more\n"), "{text}");
    assert_eq!(text.lines().count(), 1 + 1 + 200 + 1 + 1 + 200 + 1);
}

#[test]
fn a_chain_that_is_longer_than_the_stack_is_deep_is_drawn() {
    let (event_loop, reader) = observed();
    let main = async move {
        let mut last = create_task(sleep(Duration::from_secs(1)));
        for _ in 0..20_000 {
            last = create_task(async move { last.await });
        }
        yield_now().await?;
        yield_now().await?;
        let text = tasks_text(&now(&reader));
        last.cancel();
        Ok(text)
    };
    event_loop.set_logger(|_| ()); // it would speak of each task that the loop's end destroys
    let text = event_loop.run_until_complete(main).expect("nothing fails");
    assert!(
        text.starts_with("20002 tasks: 1 running, 0 ready, 20001 waiting; 1 timer"),
        "{}",
        text.lines().next().unwrap_or_default()
    );
    assert!(text.ends_with("\nand 19802 more\n"), "{}", text.lines().last().unwrap_or_default());
}

/// A chain below each of two that await it: what stands before a line is as it was once those below are drawn, and a task
/// is in a circle only if it stands above itself.
#[test]
fn a_line_is_indented_by_those_above_it_alone() {
    let (event_loop, reader) = observed();
    let main = async move {
        let shared = named("shared", sleep(Duration::from_secs(1)));
        let (one, other) = (shared.clone(), shared.clone());
        let middle = named("middle", async move { other.await });
        let left = named("left", async move { gather([one, middle]).await.map(drop) });
        let right = named("right", async move { shared.await });
        let both = named("both", async move { gather([left, right]).await.map(drop) });
        sleep(Duration::from_millis(1)).await?;
        let text = tasks_text(&now(&reader));
        both.cancel();
        Ok(text)
    };
    let expected = "\
Task-1 is running
both (#6) awaits
├── left (#4) awaits
│   ├── shared (#2) waits for a timer, due in 999.0 ms
│   └── middle (#3) awaits
│       └── shared (#2): see above
└── right (#5) awaits
    └── shared (#2): see above
";
    assert_eq!(tree(&event_loop, main), expected);
}

/// Each of them was once a copy of the names of all: this test would not have come to its end.
#[test]
fn very_many_tasks_that_nobody_awaits_are_drawn() {
    let task = |number| TaskNow {
        number,
        name: format!("probe {number}"),
        doing: Doing::Scheduled,
        since: None,
        polls: None,
        waits: Vec::new(),
        span: None,
        awaits: None,
        at: None,
        parent: None,
    };
    let tasks = (1..=100_000).map(task).collect();
    let text = tasks_text(&Snapshot { age: None, turn: 1, tasks, timers: 0, sources: 0, threads: Vec::new() });
    assert!(text.contains("\nprobe 200 (#200) is ready\nand 99800 more\n"), "{text}");
}

/// Without a census a source had the number of its place, which the next source inherits.
#[test]
fn looking_and_a_census_name_a_source_alike() {
    let (event_loop, reader) = observed();
    let main = async move {
        drop(UdpSocket::bind(([127, 0, 0, 1], 0).into())?);
        let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())?;
        let _task = named("socket", async move { socket.recv_from(&mut [0]).await.map(drop) });
        sleep(Duration::from_millis(1)).await?;
        Ok((Snapshot::look(&get_running_loop()?), now(&reader)))
    };
    event_loop.set_logger(|_| ());
    let (looked, told) = event_loop.run_until_complete(main).expect("nothing fails");
    assert_eq!(waits(&looked, "socket"), [WaitNow::Source(2, false)]);
    assert_eq!(waits(&told, "socket"), waits(&looked, "socket"));
}

/// A lock does not say where it is awaited: once a task waits for one, the place of its sleep before is not shown.
#[test]
fn the_place_of_an_await_that_is_over_is_not_shown() {
    let (event_loop, reader) = observed();
    let main = async move {
        let lock = Lock::new();
        let guard = lock.acquire().await?;
        let locks = named("locks", async move {
            sleep(Duration::from_millis(1)).await?;
            lock.acquire().await.map(drop)
        });
        let at =
            |snapshot: &Snapshot| snapshot.tasks.iter().find(|task| task.name == "locks").and_then(|task| task.awaits);
        yield_now().await?;
        yield_now().await?;
        let sleeps = at(&now(&reader)).is_some();
        sleep(Duration::from_millis(5)).await?;
        let seen = now(&reader);
        assert_eq!(waits(&seen, "locks"), [WaitNow::Line("Lock.acquire")]);
        drop(guard);
        locks.await?;
        Ok((sleeps, at(&seen)))
    };
    assert_eq!(event_loop.run_until_complete(main).expect("nothing fails"), (true, None));
}

/// A task that ends, or whose loop closes, is forgotten, and with it all that it had.
#[test]
fn nothing_is_kept_of_what_is_gone() {
    let (event_loop, reader) = observed();
    let left = event_loop.run_until_complete(async {
        let left = create_task(sleep(Duration::from_secs(1)));
        create_task(sleep(Duration::from_millis(1))).await?;
        Ok(left)
    });
    let before = reader.snapshot(event_loop.time());
    assert_eq!((before.tasks.len(), before.timers), (1, 1));
    drop((left, event_loop));
    let after = reader.snapshot(std::time::Instant::now());
    assert_eq!((after.tasks.len(), after.timers, after.sources), (0, 0, 0));
}
