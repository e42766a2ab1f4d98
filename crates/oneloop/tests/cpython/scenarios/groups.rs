//! Task groups, shields and clean-up.

use super::*;

pub(super) async fn group_abort() -> Result<()> {
    async fn fails() -> Result<()> {
        sleep(MS).await?;
        log!("a fails");
        value_error("a")
    }

    async fn cleans() -> Result<()> {
        let result = sleep(LONG).await;
        log!("b cleans");
        yield_now().await?;
        log!("b cleaned");
        result
    }

    async fn refuses() -> Result<&'static str> {
        if let Err(Error::Cancelled) = sleep(LONG).await {
            log!("c refuses");
        }
        sleep(MS).await?;
        log!("c ends");
        Ok("c")
    }

    async fn fails_too() -> Result<()> {
        if let Err(Error::Cancelled) = sleep(LONG).await {
            log!("d fails instead");
            return Err(Error::other("KeyError: d"));
        }
        Ok(())
    }

    let mut kept = None;
    let result = TaskGroup::scope(async |tg| {
        drop(tg.create_task(fails())?);
        let b = tg.create_task(cleans())?;
        let c = tg.create_task(refuses())?;
        drop(tg.create_task(fails_too())?);
        kept = Some((b, c));
        let slept = sleep(LONG).await;
        if let Err(Error::Cancelled) = slept {
            log!("body cancelled", me().cancelling());
        }
        slept
    })
    .await;
    if let Err(group) = result {
        for kind in ["ValueError", "KeyError"] {
            let count = group.errors().filter(|error| name(error).starts_with(kind)).count();
            if count > 0 {
                log!(kind, count);
            }
        }
    }
    let (b, c) = kept.unwrap();
    log!(b.cancelled(), c.cancelled(), c.result()?, me().cancelling());
    Ok(())
}

pub(super) async fn nested_groups() -> Result<()> {
    async fn fails(what: &'static str, after: Duration) -> Result<()> {
        sleep(after).await?;
        log!("fails", what);
        Err(Error::other(format!("RuntimeError: {what}")))
    }

    async fn inner() -> Result<()> {
        let result = TaskGroup::scope(async |tg| {
            drop(tg.create_task(fails("inner", 2 * MS))?);
            sleep(LONG).await
        })
        .await;
        match &result {
            Err(group @ Error::Group(_)) => log!("inner group", group.errors().map(name).collect::<Vec<_>>()),
            Err(Error::Cancelled) => log!("inner cancelled"),
            _ => {}
        }
        result
    }

    let result = TaskGroup::scope(async |tg| {
        drop(tg.create_task(inner())?);
        drop(tg.create_task(fails("sibling", MS))?);
        Ok(())
    })
    .await;
    if let Err(group @ Error::Group(_)) = result {
        log!("outer group", group.errors().map(name).collect::<Vec<_>>());
    }
    let result = TaskGroup::scope(async |tg| {
        drop(tg.create_task(inner())?);
        drop(tg.create_task(fails("late sibling", 3 * MS))?);
        Ok(())
    })
    .await;
    if let Err(group @ Error::Group(_)) = result {
        log!("outer group", group.errors().map(name).collect::<Vec<_>>());
        log!("within", group.errors().next().unwrap().errors().map(name).collect::<Vec<_>>());
    }
    Ok(())
}

pub(super) async fn parent_cancelled() -> Result<()> {
    async fn slow_cleaner() -> Result<()> {
        let result = sleep(LONG).await;
        log!("cleaning");
        sleep(2 * MS).await?;
        log!("cleaned");
        result
    }

    async fn parent() -> Result<()> {
        let result = TaskGroup::scope(async |tg| {
            drop(tg.create_task(slow_cleaner())?);
            yield_now().await?;
            drop(tg.create_task(async { value_error::<()>("first") })?);
            Ok(())
        })
        .await;
        match result {
            Err(group @ Error::Group(_)) => log!("group", group.errors().count(), me().cancelling()),
            other => other?,
        }
        let yielded = yield_now().await;
        match yielded {
            Err(Error::Cancelled) => log!("cancelled again"),
            _ => log!("goes on"),
        }
        yielded
    }

    let t = create_task(parent());
    sleep(MS).await?;
    log!("cancel", t.cancel());
    if let Err(Error::Cancelled) = (&t).await {
        log!("parent cancelled", t.cancelling());
    }
    Ok(())
}

pub(super) async fn shields() -> Result<()> {
    async fn inner() -> Result<i32> {
        match sleep(MS).await {
            Err(Error::Cancelled) => {
                log!("inner cancelled");
                Err(Error::Cancelled)
            }
            _ => {
                log!("inner ends");
                Ok(7)
            }
        }
    }

    let t = create_task(inner());
    let w = create_task({
        let t = t.clone();
        async move {
            let result = shield(&t).await;
            if let Err(Error::Cancelled) = result {
                log!("waiter cancelled, inner done", t.done());
            }
            result
        }
    });
    yield_now().await?;
    w.cancel();
    let r = gather_return_exceptions([w]).await?;
    log!(
        r.iter().map(|r| RawName(name(r.as_ref().unwrap_err()))).collect::<Vec<_>>().py().replace("\"", "'"),
        t.done()
    );
    log!(t.await?);
    let t2 = create_task(inner());
    if let Err(Error::Timeout) = wait_for(MS / 4, shield(&t2)).await {
        log!("timed out, inner done", t2.done());
    }
    t2.cancel();
    if let Err(Error::Cancelled) = shield(&t2).await {
        log!("cancelled from within", me().cancelling());
    }
    Ok(())
}

pub(super) async fn cleanups() -> Result<()> {
    async fn open() -> Result<()> {
        log!("opening");
        yield_now().await?;
        log!("open");
        Ok(())
    }

    async fn close(why: &Result<()>) -> Result<()> {
        log!("closing", why.as_ref().err().map_or("None".into(), name));
        let slept = sleep(MS).await;
        match slept {
            Err(Error::Cancelled) => log!("slammed"),
            _ => log!("closed"),
        }
        slept
    }

    async fn user() -> Result<()> {
        open().await?;
        let result = async {
            log!("inside");
            sleep(LONG).await
        }
        .await;
        close(&result).await?;
        result
    }

    for cancels in 0..4 {
        let t = create_task(user());
        for _ in 0..cancels {
            yield_now().await?;
        }
        yield_now().await?;
        t.cancel();
        if cancels == 3 {
            yield_now().await?;
            t.cancel();
        }
        wait([&t], ReturnWhen::AllCompleted, None).await?;
        log!(t.cancelled(), t.cancelling());
    }
    Ok(())
}

pub(super) async fn uncancels() -> Result<()> {
    async fn work() -> Result<&'static str> {
        for _ in 0..3 {
            if let Err(Error::Cancelled) = sleep(LONG).await {
                log!("cancelling", me().cancelling(), "left", me().uncancel());
            }
        }
        while me().cancelling() > 0 {
            me().uncancel();
        }
        me().cancel();
        log!("own request", me().cancelling(), me().uncancel());
        yield_now().await?;
        log!("not cancelled");
        me().cancel();
        if let Err(Error::Cancelled) = timeout(LONG, async |_| yield_now().await).await {
            log!("own request arrives", me().cancelling());
        }
        Ok("done")
    }

    let t = create_task(work());
    yield_now().await?;
    t.cancel();
    t.cancel();
    yield_now().await?;
    t.cancel();
    yield_now().await?;
    yield_now().await?;
    t.cancel();
    log!((&t).await?, t.cancelled(), t.cancelling());
    Ok(())
}
