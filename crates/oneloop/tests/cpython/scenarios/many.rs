//! Several at once: gather, as_completed, wait; and the loop that leaves some.

use super::*;

pub(super) async fn gathers() -> Result<()> {
    let started = Rc::new(RefCell::new(Vec::new()));
    let work = |n: &'static str| {
        let started = started.clone();
        async move {
            started.borrow_mut().push(n);
            yield_now().await?;
            Ok(n)
        }
    };
    let a = create_task(work("a"));
    let b = create_task(work("b"));
    log!(gather([&a, &b, &a, &a]).await?, started.borrow().clone());
    let f: SettableFuture<()> = here().create_future();
    let g = gather_return_exceptions([&f, &f]);
    f.set_error(Error::other("ValueError: x"))?;
    log!(g.await?.into_iter().map(|e| name(&e.unwrap_err())).collect::<Vec<_>>());
    log!(gather(Vec::<Task<i32>>::new()).await?);
    let done = here().create_future();
    done.set_result(1)?;
    let g = gather([&done, &done]);
    log!("done at once", g.done());
    log!(g.await?);

    async fn fails(n: &'static str, after: Duration) -> Result<()> {
        sleep(after).await?;
        log!("fails", n);
        value_error(n)
    }

    async fn slow() -> Result<()> {
        let slept = sleep(2 * MS).await;
        match slept {
            Err(Error::Cancelled) => log!("slow cancelled"),
            _ => log!("slow ends"),
        }
        slept
    }

    let s = create_task(slow());
    let tasks = [create_task(fails("1", MS)), s.clone(), create_task(fails("2", MS * 3 / 2))];
    if let Err(e) = gather(tasks).await {
        log!("first", name(&e).replace("ValueError: ", ""), s.done());
    }
    s.await?;

    async fn refuses() -> Result<()> {
        if let Err(Error::Cancelled) = sleep(LONG).await {
            log!("refuses");
            sleep(MS).await?;
        }
        Ok(())
    }

    let t = create_task(async {
        let both = gather_return_exceptions([create_task(slow()), create_task(refuses())]).await;
        if let Err(Error::Cancelled) = both {
            log!("gathering cancelled");
        }
        both
    });
    yield_now().await?;
    yield_now().await?;
    t.cancel();
    wait([&t], ReturnWhen::AllCompleted, None).await?;
    log!(t.cancelled());
    Ok(())
}

async fn completes(n: &'static str, after: Duration) -> Result<&'static str> {
    sleep(after).await?;
    if n == "bad" { value_error(n) } else { Ok(n) }
}

pub(super) async fn completions() -> Result<()> {
    for f in as_completed([completes("c", 3 * MS), completes("a", MS), completes("bad", 2 * MS)], None) {
        match f.await {
            Ok(n) => log!(n),
            Err(e) => log!(name(&e)),
        }
    }
    let t1 = create_task(completes("x", MS));
    let t2 = create_task(completes("y", LONG));
    let mut all = as_completed([&t2, &t1], 3 * MS);
    loop {
        match all.next_done().await {
            Ok(Some(t)) => log!(t == t1, t.result()?),
            Ok(None) => break,
            Err(Error::Timeout) => {
                log!("timed out", t2.done());
                break;
            }
            Err(other) => return Err(other),
        }
    }
    t2.cancel();
    let mut all = as_completed([&t2, &t1], None);
    while let Some(t) = all.next_done().await? {
        log!(if t == t1 { "t1" } else { "t2" }, t.done(), t.cancelled());
    }
    Ok(())
}

pub(super) async fn waits() -> Result<()> {
    let names = RefCell::new(HashMap::new());
    let tasks = |which: &[(&'static str, Duration)]| {
        which
            .iter()
            .map(|&(n, after)| {
                let t = create_task(completes(n, after));
                names.borrow_mut().insert(t.clone(), n);
                t
            })
            .collect::<Vec<_>>()
    };
    let show = |(done, pending): (Vec<&Task<&'static str>>, Vec<&Task<&'static str>>)| {
        let sorted = |tasks: Vec<&Task<&'static str>>| {
            let mut all: Vec<_> = tasks.iter().map(|t| names.borrow()[t]).collect();
            all.sort_unstable();
            all
        };
        log!(sorted(done), sorted(pending));
    };
    let ts = tasks(&[("a", MS), ("bad", 2 * MS), ("z", 4 * MS)]);
    show(wait(&ts, ReturnWhen::FirstCompleted, None).await?);
    show(wait(&ts, ReturnWhen::FirstException, None).await?);
    show(wait(&ts, ReturnWhen::AllCompleted, Duration::ZERO).await?);
    show(wait(&ts, ReturnWhen::AllCompleted, None).await?);
    ts[1].error()?;
    let ts = tasks(&[("c", LONG), ("d", LONG)]);
    for (t, after) in ts.iter().zip([MS, 2 * MS]) {
        let t = t.clone();
        here().call_later(after, move || {
            t.cancel();
        });
    }
    show(wait(&ts, ReturnWhen::FirstException, None).await?);
    log!(ts.iter().map(Task::cancelled).collect::<Vec<_>>());
    Ok(())
}

pub(super) async fn leaves_some() -> Result<()> {
    async fn left(n: &'static str, refuses: bool, fails: bool) -> Result<()> {
        let slept = sleep(LONG).await;
        if let Err(Error::Cancelled) = slept {
            log!(n, "cancelled");
            if fails {
                return value_error(n);
            }
            yield_now().await?;
            log!(n, "cleaned");
            if refuses {
                return Ok(());
            }
        }
        slept
    }

    here().set_exception_handler(|_, c| log!(c.message(), name(c.error().unwrap())));
    for t in [left("a", false, false), left("b", true, false), left("c", false, true)] {
        drop(create_task(t));
    }
    yield_now().await?;
    log!("main ends");
    Ok(())
}
