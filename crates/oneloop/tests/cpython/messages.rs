//! The `msg` of `cancel(msg)`: `messages.py` has the same program, `messages.txt` what CPython 3.13 prints for it.

use std::time::Duration;

use oneloop::{
    Condition, Error, Event, Lock, Queue, Result, ReturnWhen, SettableFuture, Task, TaskGroup, cancel_message,
    create_task, current_task, gather, gather_return_exceptions, shield, sleep, timeout, wait, wait_for, yield_now,
};

use crate::harness::{Log, here, run, virtual_loop};

const LONG: Duration = Duration::from_secs(10);

/// `e.args[0] if e.args else '-'`
fn said() -> String {
    cancel_message().map_or("-".into(), |message| message.to_string())
}

/// `try: await awaitable; except CancelledError as e: log(who, said(e)); raise`
async fn told<T>(log: &Log, who: &str, awaitable: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    let result = awaitable.await;
    if let Err(Error::Cancelled) = result {
        log.add(format!("{who} {}", said()));
    }
    result
}

fn sleeper(log: &Log, name: &'static str) -> impl Future<Output = Result<()>> + use<> {
    let log = log.clone();
    async move { told(&log, &format!("{name} caught"), sleep(LONG)).await }
}

async fn program(log: Log) -> Result<()> {
    log.add("1 sleeping task");
    let t = create_task(sleeper(&log, "a"));
    yield_now().await?;
    t.cancel_with("one");
    for _ in 0..2 {
        let _ = told(&log, "awaiter", &t).await;
    }

    log.add("2 before start");
    let t = create_task(sleeper(&log, "a"));
    t.cancel_with("two");
    t.cancel_with("three");
    let _ = told(&log, "awaiter", t).await;

    log.add("3 future");
    let f: SettableFuture<()> = here().create_future();
    f.cancel_with("gone");
    for _ in 0..2 {
        let _ = told(&log, "awaiter", &f).await;
    }

    log.add("4 through a chain");
    let t = create_task({
        let log = log.clone();
        async move { told(&log, "outer", create_task(sleeper(&log, "inner"))).await }
    });
    yield_now().await?;
    yield_now().await?;
    t.cancel_with("four");
    let _ = told(&log, "awaiter", t).await;

    log.add("5 gather child");
    let (a, b) = (create_task(sleeper(&log, "a")), create_task(sleeper(&log, "b")));
    let g = gather([&a, &b]);
    yield_now().await?;
    a.cancel_with("five");
    let _ = told(&log, "awaiter", g).await;
    let _ = told(&log, "a", a).await;
    b.cancel();
    let _ = told(&log, "b", b).await;

    log.add("6 gather outer");
    let t = create_task({
        let log = log.clone();
        async move { told(&log, "gg", gather([sleeper(&log, "a"), sleeper(&log, "b")])).await }
    });
    yield_now().await?;
    yield_now().await?;
    t.cancel_with("six");
    let _ = told(&log, "awaiter", t).await;

    log.add("7 second cancel without");
    let t = create_task({
        let log = log.clone();
        async move {
            let _ = told(&log, "first", sleep(LONG)).await;
            let _ = told(&log, "second", sleep(LONG)).await;
            Ok(())
        }
    });
    yield_now().await?;
    t.cancel_with("m1");
    yield_now().await?;
    t.cancel();
    t.await?;

    log.add("8 self cancel");
    let t = create_task({
        let log = log.clone();
        async move {
            current_task().unwrap().cancel_with("self");
            let _ = told(&log, "me", sleep(LONG)).await;
            current_task().unwrap().cancel_with("late");
            Ok(())
        }
    });
    for _ in 0..2 {
        let _ = told(&log, "awaiter", &t).await;
    }

    log.add("9 shield");
    let i = create_task(sleeper(&log, "i"));
    let s = shield(&i);
    yield_now().await?;
    i.cancel_with("nine");
    let _ = told(&log, "shielded", s).await;
    let _ = told(&log, "inner", i).await;

    log.add("10 lock, queue, event");
    let (lock, queue) = (std::rc::Rc::new(Lock::new()), Queue::<()>::new(0));
    let _held = lock.acquire().await?;
    let (queue, event) = (std::rc::Rc::new(queue), std::rc::Rc::new(Event::new()));
    let waits: [Task<()>; 4] = [
        create_task({
            let (log, lock) = (log.clone(), lock.clone());
            async move { told(&log, "lock", lock.acquire()).await.map(drop) }
        }),
        create_task({
            let log = log.clone();
            async move { told(&log, "queue", queue.get()).await }
        }),
        create_task({
            let log = log.clone();
            async move { told(&log, "event", event.wait()).await }
        }),
        create_task({
            let log = log.clone();
            async move {
                let cond = Condition::new();
                told(&log, "cond", async {
                    let _held = cond.acquire().await?;
                    cond.wait().await
                })
                .await
            }
        }),
    ];
    yield_now().await?;
    for (n, t) in waits.iter().enumerate() {
        t.cancel_with(&format!("m{n}"));
    }
    for t in waits {
        let _ = told(&log, "awaiter", t).await;
    }

    log.add("11 group");
    let t = create_task({
        let log = log.clone();
        async move {
            told(
                &log,
                "grp",
                TaskGroup::scope(async |tg| {
                    let _c = tg.create_task(sleeper(&log, "c"))?;
                    sleep(LONG).await
                }),
            )
            .await
        }
    });
    yield_now().await?;
    yield_now().await?;
    t.cancel_with("eleven");
    let _ = told(&log, "awaiter", t).await;

    log.add("12 wait_for and timeout");
    let t = create_task({
        let log = log.clone();
        async move { told(&log, "wf", wait_for(LONG / 2, sleeper(&log, "x"))).await }
    });
    yield_now().await?;
    yield_now().await?;
    t.cancel_with("twelve");
    let _ = told(&log, "awaiter", t).await;
    let t = create_task({
        let log = log.clone();
        async move { timeout(Duration::from_millis(1), async |_| sleeper(&log, "y").await).await }
    });
    if let Err(Error::Timeout) = t.await {
        log.add("timeout");
    }

    log.add("13 result");
    let t = create_task(sleeper(&log, "z"));
    yield_now().await?;
    t.cancel_with("thirteen");
    let _ = wait([&t], ReturnWhen::AllCompleted, None).await?;
    for _ in 0..2 {
        let _ = told(&log, "result", std::future::ready(t.result())).await;
    }

    log.add("14 nested gather");
    let a = create_task(sleeper(&log, "a"));
    let g = gather([gather([&a])]);
    yield_now().await?;
    a.cancel_with("fourteen");
    let _ = told(&log, "awaiter", g).await;

    log.add("15 return_exceptions outer");
    let t = create_task({
        let log = log.clone();
        async move {
            let both = [sleeper(&log, "a"), sleeper(&log, "b")];
            told(&log, "gr", gather_return_exceptions(both)).await
        }
    });
    yield_now().await?;
    yield_now().await?;
    t.cancel_with("fifteen");
    let _ = told(&log, "awaiter", t).await;

    log.add("16 the last argument");
    let fails = || create_task(async { Err(Error::other("failed")) });
    let refuses = || {
        create_task(async {
            let _cancelled = sleep(LONG).await;
            yield_now().await
        })
    };
    let sleeps = |name| create_task(sleeper(&log, name));
    for both in [[sleeps("a"), fails()], [refuses(), sleeps("b")], [sleeps("c"), refuses()]] {
        let all = gather_return_exceptions(both);
        yield_now().await?;
        yield_now().await?;
        all.cancel_with("sixteen");
        let _ = told(&log, "awaiter", all).await;
    }

    current_task().unwrap().cancel_with("main is done");
    yield_now().await
}

#[test]
fn what_was_said_is_read_where_it_is_caught_as_in_cpython() {
    let log = Log::default();
    if let Err(Error::Cancelled) = run(program(log.clone())) {
        log.add(format!("run {}", said()));
    }
    assert_eq!(log.lines(), include_str!("messages.txt"));
}

/// Mirrors CPython BaseTaskTests.test_task_cancel_message_getter.
#[test]
fn a_task_tells_what_was_said_of_its_cancellation() {
    let event_loop = virtual_loop();
    let t = event_loop.create_task(async { Ok(()) });
    assert_eq!(t.cancel_message(), None);
    t.cancel_with("my message");
    assert_eq!(t.cancel_message().as_deref(), Some("my message"));
    assert!(event_loop.run_until_complete(t).unwrap_err().is_cancelled());
    assert_eq!(cancel_message().as_deref(), Some("my message"));
}

/// Mirrors CPython BaseTaskTests.test_task_cancel_message_setter.
#[test]
fn the_last_word_counts() {
    let event_loop = virtual_loop();
    let t = event_loop.create_task(async { Ok(()) });
    t.cancel_with("my message");
    t.cancel_with("my new message");
    assert_eq!(t.cancel_message().as_deref(), Some("my new message"));
    assert!(event_loop.run_until_complete(t).unwrap_err().is_cancelled());
    assert_eq!(cancel_message().as_deref(), Some("my new message"));
}

/// Runs a task that asks for the end of another, which was cancelled with `message`. What was said is seen outside.
fn asks_for(message: Option<&'static str>, sleeps_first: bool, ask: impl Fn(&Task<()>) -> Result<()> + 'static) {
    let asked = run(async move {
        let task = create_task(async { sleep(LONG).await });
        if sleeps_first {
            yield_now().await?;
        }
        match message {
            Some(message) => task.cancel_with(message),
            None => task.cancel(),
        };
        let _ = wait([&task], ReturnWhen::AllCompleted, None).await?;
        ask(&task)
    });
    assert!(asked.unwrap_err().is_cancelled());
    assert_eq!(cancel_message().as_deref(), message);
}

/// Mirrors CPython BaseTaskTests.test_cancel_with_message_then_future_result.
#[test]
fn result_gives_the_message() {
    asks_for(None, true, Task::result);
    asks_for(Some("my message"), true, Task::result);
    asks_for(None, true, Task::result); // and forgets the one before
}

/// Mirrors CPython BaseTaskTests.test_cancel_with_message_then_future_exception.
#[test]
fn error_gives_the_message() {
    asks_for(None, true, |task| task.error().map(drop));
    asks_for(Some("my message"), true, |task| task.error().map(drop));
}

/// Mirrors CPython BaseTaskTests.test_cancel_with_message_before_starting_task.
#[test]
fn a_task_that_never_ran_has_the_message_too() {
    asks_for(Some("my message"), false, |task| task.error().map(drop));
}

/// Mirrors CPython BaseFutureTests.test_future_cancel_message_getter.
#[test]
fn a_future_tells_what_was_said_of_its_cancellation() {
    let event_loop = virtual_loop();
    let f: SettableFuture<()> = event_loop.create_future();
    assert_eq!(f.cancel_message(), None);
    assert!(f.cancel_with("my message"));
    assert_eq!(f.cancel_message().as_deref(), Some("my message"));
    assert!(event_loop.run_until_complete(&f).unwrap_err().is_cancelled());
    assert_eq!(cancel_message().as_deref(), Some("my message"));
}

/// What CPython writes into a private attribute, nobody can write here.
/// Mirrors CPython BaseFutureTests.test_future_cancel_message_setter.
#[test]
fn the_first_word_on_a_future_counts() {
    let event_loop = virtual_loop();
    let f: SettableFuture<()> = event_loop.create_future();
    assert!(f.cancel_with("my message"));
    assert!(!f.cancel_with("my new message"), "it is cancelled already");
    assert!(event_loop.run_until_complete(f).unwrap_err().is_cancelled());
    assert_eq!(cancel_message().as_deref(), Some("my message"));
}

/// Where something waits, the first request ends its wait, and its word stands; where nothing does, the last word counts.
/// The table is what CPython 3.13 prints (`Task.cancel`, and `__step`, which keeps the error that it is woken with).
#[test]
fn of_two_requests_the_first_word_stands_if_it_ended_a_wait() {
    type Wait = fn() -> std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;
    let waits: [(&str, Wait); 10] = [
        ("sleep", || Box::pin(sleep(LONG))),
        ("yield", || {
            Box::pin(async {
                loop {
                    yield_now().await?;
                }
            })
        }),
        ("task", || Box::pin(async { create_task(sleep(LONG)).await })),
        ("gather", || Box::pin(async { gather([sleep(LONG)]).await.map(drop) })),
        ("wait_for", || Box::pin(async { wait_for(10 * LONG, sleep(LONG)).await })),
        ("future", || Box::pin(here().create_future().into_future())),
        ("lock", || {
            Box::pin(async {
                let lock = Lock::new();
                let _held = lock.acquire().await?;
                lock.acquire().await.map(drop)
            })
        }),
        ("queue", || Box::pin(async { Queue::new(0).get().await })),
        ("event", || Box::pin(async { Event::new().wait().await.map(drop) })),
        ("unstarted", || Box::pin(sleep(LONG))),
    ];
    let log = Log::default();
    let heard = log.clone();
    run(async move {
        for (name, wait) in waits {
            let mut row = vec![name.to_owned()];
            for words in [[Some("first"), Some("second")], [None, Some("second")], [Some("first"), None]] {
                let caught = Log::default();
                let (inner, wait) = (caught.clone(), wait());
                let t = create_task(async move {
                    if let Err(Error::Cancelled) = wait.await {
                        inner.add(said());
                    }
                    Ok(())
                });
                for _ in 0..if name == "unstarted" { 0 } else { 3 } {
                    yield_now().await?;
                }
                for word in words {
                    assert!(word.map_or_else(|| t.cancel(), |word| t.cancel_with(word)));
                }
                if (&t).await.is_err() {
                    caught.add(format!("ended-{}", said()));
                }
                row.push(caught.text());
            }
            heard.add(row.join(" "));
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(
        log.text(),
        "sleep first - first yield second second - task first - first gather first - first wait_for first - first \
         future first - first lock first - first queue first - first event first - first unstarted ended-second ended-second ended--"
    );
}

/// What a task waits for was cancelled by others or had its result, and the task is cancelled before it runs. CPython
/// 3.13 prints the same.
#[test]
fn a_cancellation_that_is_under_way_says_what_its_canceller_said() {
    let log = Log::default();
    let heard = log.clone();
    run(async move {
        type End = fn(&SettableFuture<()>, &Task<()>);
        let ends: [(&str, End); 4] = [
            ("cancelled", |future, _| assert!(future.cancel_with("by others"))),
            ("silently", |future, _| assert!(future.cancel())),
            ("settled", |future, _| future.set_result(()).unwrap()),
            ("a child", |_, child| assert!(child.cancel_with("by others"))),
        ];
        for (name, end) in ends {
            let (future, child) = (here().create_future(), create_task(sleep(LONG)));
            let (waits, inner) = (future.clone(), heard.clone());
            let awaited = child.clone();
            let t = create_task(async move {
                let waited = if name == "a child" { awaited.await } else { waits.await };
                assert!(matches!(waited, Err(Error::Cancelled)));
                inner.add(format!("{name}: {}", said()));
                Ok(())
            });
            yield_now().await?;
            yield_now().await?;
            end(&future, &child);
            if name == "a child" {
                yield_now().await?; // it has ended, and who awaits it has not run
            }
            t.cancel_with("first");
            t.cancel_with("second");
            t.await?;
            let _ = child.cancel();
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "cancelled: by others silently: - settled: second a child: by others");
}

/// The children's clean-up is waited for, and the group is cancelled again meanwhile: it hands on the first cancellation,
/// as `taskgroups.py` keeps it in `propagate_cancellation_error`.
#[test]
fn a_task_group_hands_on_the_first_of_two_cancellations() {
    let log = Log::default();
    let heard = log.clone();
    run(async move {
        let t = create_task(async move {
            let ended = TaskGroup::scope(async |group: TaskGroup| {
                group.create_task(async {
                    let slept = sleep(LONG).await;
                    sleep(LONG).await?; // cleans up
                    slept
                })?;
                Ok(())
            });
            told(&heard, "group", ended).await
        });
        yield_now().await?;
        yield_now().await?;
        t.cancel_with("first");
        yield_now().await?;
        yield_now().await?;
        t.cancel_with("second");
        assert!(wait([t], ReturnWhen::AllCompleted, None).await?.0[0].cancelled());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "group first");
}

/// `uncancel()` forgets a request that no await has met; a wait that one has ended stays ended. CPython 3.13 prints the
/// same.
#[test]
fn a_request_that_has_ended_a_wait_is_delivered_though_it_is_withdrawn() {
    type Wait = fn() -> std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;
    let waits: [(&str, Wait); 4] = [
        ("sleep", || Box::pin(sleep(LONG))),
        ("yield", || Box::pin(yield_now())),
        ("lock", || {
            Box::pin(async {
                let lock = Lock::new();
                let _held = lock.acquire().await?;
                lock.acquire().await.map(drop)
            })
        }),
        ("future", || Box::pin(here().create_future().into_future())),
    ];
    let log = Log::default();
    let heard = log.clone();
    run(async move {
        for (name, wait) in waits {
            let inner = heard.clone();
            let t = create_task(async move {
                match wait().await {
                    Err(Error::Cancelled) => inner.add(format!("{name}: {}", said())),
                    _ => inner.add(format!("{name}: went on")),
                }
                Ok(())
            });
            yield_now().await?;
            assert!(t.cancel_with("m"));
            assert_eq!(t.uncancel(), 0);
            t.await?;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "sleep: m yield: went on lock: m future: m");
}

/// Whose word counts where a task cancels itself, and where a time limit, which says nothing, was first. CPython 3.13
/// prints the same.
#[test]
fn the_word_of_a_task_that_cancels_itself_and_of_a_time_limit() {
    let log = Log::default();
    let heard = log.clone();
    run(async move {
        let inner = heard.clone();
        let itself = create_task(async move {
            let me = current_task().unwrap();
            me.cancel_with("v");
            me.cancel_with("w");
            told(&inner, "itself", sleep(LONG)).await
        });
        let _ = wait([itself], ReturnWhen::AllCompleted, None).await?;
        let limit = Duration::from_secs(1);
        let inner = heard.clone();
        let limited =
            create_task(async move { timeout(limit, async |_| told(&inner, "limited", sleep(LONG)).await).await });
        yield_now().await?;
        let late = limited.clone();
        here().call_at(here().time() + limit, move || {
            late.cancel_with("same turn");
        });
        let _ = wait([limited], ReturnWhen::AllCompleted, None).await?;
        Ok(())
    })
    .unwrap();
    assert_eq!(log.text(), "itself w limited -");
}
