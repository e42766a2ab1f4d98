//! Callbacks, eager tasks, contexts, streams, threads, futures and runners.

use super::*;

fn logs(what: &'static str) -> impl FnOnce() + Send + 'static {
    move || log!(what)
}

pub(super) async fn ties() -> Result<()> {
    let event_loop = here();
    let done = event_loop.create_future();
    event_loop.call_later(Duration::ZERO, logs("later(0)"));
    event_loop.call_soon(logs("soon 1"));
    event_loop.call_at(event_loop.time() - Duration::from_secs(1), logs("at(past)"));
    event_loop.call_soon(|| {
        log!("soon 2");
        here().call_soon(logs("soon in soon"));
        here().call_later(Duration::ZERO, logs("later in soon"));
    });
    let f = event_loop.create_future();
    f.add_done_callback(|_| logs("callback 1")());
    f.add_done_callback(|f| {
        log!("callback 2");
        f.add_done_callback(|_| logs("callback late")());
    });
    f.set_result(())?;
    event_loop.call_soon(logs("soon 3"));
    let sets = done.clone();
    drop(create_task(async move {
        for i in 0..4 {
            log!("task", i);
            yield_now().await?;
        }
        sets.set_result(())
    }));
    let h = event_loop.call_soon(logs("never"));
    h.cancel();
    let t = Rc::new(event_loop.call_later(Duration::ZERO, logs("never")));
    let cancels = t.clone();
    event_loop.call_soon(move || cancels.cancel());
    event_loop.handle().call_soon_threadsafe(logs("threadsafe"))?;
    event_loop.call_soon(logs("soon 4"));
    done.await?;
    log!(h.cancelled(), t.cancelled());
    yield_now().await
}

pub(super) async fn failing_callbacks() -> Result<()> {
    let event_loop = here();
    event_loop.set_exception_handler(|_, c| log!("handler:", name(c.error().unwrap())));
    let f = event_loop.create_future();
    f.add_done_callback(|_| panic!("ValueError: done-callback"));
    f.add_done_callback(|_| logs("the next one runs")());
    f.set_result(())?;
    event_loop.call_soon(|| panic!("ValueError: call_soon"));
    event_loop.call_later(Duration::ZERO, || panic!("ValueError: call_later"));
    f.await?;
    log!("awaited");
    sleep(MS).await?;
    event_loop.reset_exception_handler();
    Ok(())
}

pub(super) async fn eager() -> Result<()> {
    let start = |n: &'static str| task_builder().unwrap().name(n).eager_start(true);
    let my_name = || me().get_name();
    let t = start("one").create_task(async move {
        log!("at once", my_name());
        Ok(1)
    });
    log!("done", t.done(), my_name() != "one");
    t.add_done_callback(|_| logs("its callback")());
    let u = start("two").create_task(async move {
        log!("begins", my_name());
        yield_now().await?;
        log!("ends", my_name());
        Ok(2)
    });
    log!("done", u.done());
    log!(gather([t, u]).await?);
    let t = start("three").create_task(async {
        me().cancel();
        log!("still here");
        yield_now().await?;
        log!("never here");
        Ok(())
    });
    log!("done", t.done());
    wait([&t], ReturnWhen::AllCompleted, None).await?;
    log!(t.cancelled());
    Ok(())
}

static VAR: ContextVar<String> = ContextVar::with_default("var", || "default".into());

fn var() -> String {
    VAR.get().unwrap()
}

fn set(value: impl Into<String>) {
    drop(VAR.set(value.into()));
}

pub(super) async fn contexts() -> Result<()> {
    set("main");

    async fn child() -> Result<String> {
        log!("child sees", var());
        set("child");
        here().call_soon(|| log!("its callback sees", var()));
        yield_now().await?;
        Ok(var())
    }

    async fn plain() {
        set("plain");
    }

    let t = create_task(child());
    t.add_done_callback(|t| log!("done-callback sees", var(), t.result().unwrap()));
    set("changed");
    t.await?;
    log!("main sees", var());
    let token = VAR.set("for a while".into());
    here().call_soon(|| log!("soon sees", var()));
    here().call_later(MS / 2, || log!("later sees", var()));
    VAR.reset(token)?;
    plain().await;
    log!("main sees", var());
    let context = copy_context();
    context.run(|| set("in the copy"))?;
    task_builder()?.context(context.clone()).create_task(child()).await?;
    log!("main", var(), "copy", context.get(&VAR).unwrap());
    sleep(MS).await?;
    log!("thread sees", to_thread(|| Ok(var())).await?);
    Ok(())
}

pub(super) async fn readers() -> Result<()> {
    let reader = |data: &str, eof: bool| -> Result<StreamReader> {
        let r = StreamReader::new(8)?;
        r.feed_data(data.as_bytes());
        if eof {
            r.feed_eof();
        }
        Ok(r)
    };
    let r = reader("one\ntwo\nrest", true)?;
    log!(&*r.readline().await?, &*r.readuntil(b"\n").await?, &*r.readline().await?, &*r.readline().await?);
    let r = reader("0123456789abc\nx\n", true)?;
    if let Err(e) = r.readline().await {
        log!(format!("ValueError: {e}"));
    }
    log!(&*r.readline().await?);
    let shows = |result: Result<Vec<u8>>| match result {
        Err(e @ Error::LimitOverrun { consumed, .. }) => log!(format!("LimitOverrunError: {e}"), consumed),
        Err(Error::IncompleteRead(e)) => {
            let text = Error::IncompleteRead(e.clone());
            let expected = e.expected.map_or("None".into(), |n| n.to_string());
            log!(format!("IncompleteReadError: {text}"), &*e.partial, expected);
        }
        other => panic!("{other:?}"),
    };
    let r = reader("0123456789abc", true)?;
    shows(r.readuntil(b"\n").await);
    let r = reader("0123456789abc|", true)?;
    shows(r.readuntil(b"|").await);
    log!(&*r.readexactly(10).await?);
    shows(r.readexactly(10).await);
    log!(&*r.read_to_end().await?, r.at_eof());
    let r = reader("ab", false)?;
    let reads = r.clone();
    let t = create_task(async move { reads.readexactly(4).await });
    yield_now().await?;
    r.feed_data(b"c");
    yield_now().await?;
    log!(t.done());
    t.cancel();
    wait([&t], ReturnWhen::AllCompleted, None).await?;
    r.feed_data(b"d");
    log!(&*r.readexactly(4).await?);
    r.set_error(Error::other("OSError: gone"));
    if let Err(e) = r.read(1).await {
        log!(name(&e));
    }
    Ok(())
}

pub(super) async fn executors() -> Result<()> {
    let event_loop = here();
    let (go, waits) = mpsc::channel::<()>();
    let f = event_loop.run_in_executor(None, move || {
        let _ = waits.recv();
        Ok("worked")
    });
    yield_now().await?;
    log!("cancel", f.cancel(), f.cancelled());
    let _ = go.send(());
    if let Err(Error::Cancelled) = f.await {
        log!("cancelled, though it went on");
    }
    if let Err(e) = event_loop.run_in_executor(None, || value_error::<()>("on a thread")).await {
        log!(name(&e));
    }
    log!(gather((0..4).map(|n| to_thread(move || Ok(n * n)))).await?);
    if wait_for(Duration::from_secs(10), to_thread(|| Ok(()))).await.is_ok() {
        log!("in time");
    }
    Ok(())
}

pub(super) async fn futures() -> Result<()> {
    let f: SettableFuture<i32> = here().create_future();
    log!(name(&f.result().unwrap_err()));
    log!(name(&f.error().unwrap_err()));
    let calls = [f.add_done_callback(|_| logs("never")()), f.add_done_callback(|_| logs("never")())];
    log!("removed", calls.iter().filter(|call| f.remove_done_callback(call)).count());
    f.set_error(Error::other("ValueError: v"))?;
    if let Err(e) = f.set_result(1) {
        log!(name(&e));
    }
    log!("cancel", f.cancel(), f.done(), name(&f.error()?.unwrap()));

    async fn waits(n: &'static str, f: SettableFuture<i32>) -> Result<()> {
        match (&f).await {
            Ok(value) => log!(n, value),
            Err(Error::Cancelled) => log!(n, "cancelled"),
            Err(e) => log!(n, name(&e)),
        }
        Ok(())
    }

    gather([waits("a", f.clone()), waits("b", f)]).await?;
    let f = here().create_future();
    let ts = ["c", "d", "e"].map(|n| create_task(waits(n, f.clone())));
    yield_now().await?;
    ts[1].cancel();
    wait(&ts, ReturnWhen::AllCompleted, None).await?;
    let cancelled = ts.iter().map(Task::cancelled).collect::<Vec<_>>();
    log!(f.cancelled(), cancelled, ts.iter().map(Task::cancelling).collect::<Vec<_>>());
    Ok(())
}

pub(super) fn runners() -> Result<()> {
    async fn count() -> Result<String> {
        let n = var();
        set(format!("{n}+"));
        Ok(n)
    }

    let runner = Rc::new(Runner::new()?);
    let first = runner.run(count())?;
    log!(first, runner.run(count())?);
    let event_loop = runner.get_loop();
    let (again, its_loop) = (runner.clone(), event_loop.clone());
    let nested = async move {
        for refused in [again.run(count()), run(count()), its_loop.run_until_complete(count())] {
            log!(name(&refused.unwrap_err()));
        }
        Ok(())
    };
    runner.run(nested)?;
    runner.close()?;
    log!("closed", event_loop.is_closed());
    Ok(())
}
