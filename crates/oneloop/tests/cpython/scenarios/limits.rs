//! Time limits.

use super::*;

pub(super) async fn wait_for_races() -> Result<()> {
    let f = here().create_future();
    let sets = f.clone();
    here().call_soon(move || drop(sets.set_result("just in time")));
    log!(wait_for(Duration::from_secs(1), f).await?);
    let never: SettableFuture<()> = here().create_future();
    if let Err(Error::Timeout) = wait_for(Duration::ZERO, never).await {
        log!("no time at all");
    }
    let f = here().create_future();
    f.set_result("done before")?;
    log!(wait_for(Duration::ZERO, &f).await?);
    log!(wait_for(Duration::ZERO, &f).await?);

    let refuses = async {
        if let Err(Error::Cancelled) = sleep(LONG).await {
            log!("asked to stop");
            sleep(MS).await?;
        }
        Ok::<_, Error>("stopped in my own time")
    };
    log!(wait_for(MS, refuses).await?);

    let fails = async {
        match sleep(LONG).await {
            Err(Error::Cancelled) => value_error::<()>("in the clean-up"),
            other => other,
        }
    };
    if let Err(e) = wait_for(MS, fails).await {
        log!(name(&e));
    }

    async fn outer(f: SettableFuture<&'static str>) -> Result<&'static str> {
        let result = wait_for(Duration::from_secs(10), &f).await;
        if let Err(Error::Cancelled) = result {
            log!("outer cancelled, future", if f.cancelled() { "cancelled" } else { "kept" });
        }
        result
    }

    let f = here().create_future();
    let t = create_task(outer(f.clone()));
    yield_now().await?;
    f.set_result("too late?")?;
    t.cancel();
    wait([&t], ReturnWhen::AllCompleted, None).await?;
    log!(t.cancelled());
    let f = here().create_future();
    let t = create_task(outer(f));
    yield_now().await?;
    t.cancel();
    wait([&t], ReturnWhen::AllCompleted, None).await?;
    log!(t.cancelled());
    Ok(())
}

pub(super) async fn reschedules() -> Result<()> {
    let now = || here().time();
    let mut expired = false;
    timeout(Duration::from_secs(10), async |cm| {
        cm.reschedule(None)?;
        log!("never", cm.when().is_none());
        yield_now().await?;
        expired = cm.expired();
        Ok(())
    })
    .await?;
    log!("expired", expired);
    let mut kept = None;
    let result = timeout(Duration::from_secs(10), async |cm| {
        kept = Some(cm.clone());
        cm.reschedule(Some(now() + MS))?;
        sleep(LONG).await
    })
    .await;
    if let Err(Error::Timeout) = result {
        log!("earlier", kept.take().unwrap().expired());
    }
    timeout(MS, async |cm| {
        kept = Some(cm.clone());
        cm.reschedule(Some(now() + LONG))?;
        sleep(2 * MS).await
    })
    .await?;
    log!("later", kept.take().unwrap().expired());
    let result = timeout(None, async |cm| {
        kept = Some(cm.clone());
        cm.reschedule(Some(now() - Duration::from_secs(1)))?;
        yield_now().await?;
        log!("one yield");
        yield_now().await?;
        log!("two yields");
        Ok(())
    })
    .await;
    let cm = kept.take().unwrap();
    if let Err(Error::Timeout) = result {
        log!("in the past", cm.expired());
    }
    if let Err(Error::Runtime(_)) = cm.reschedule(None) {
        log!("RuntimeError");
    }
    let result = timeout(Duration::ZERO, async |_| {
        log!("runs to the first await");
        yield_now().await?;
        log!("one yield");
        yield_now().await?;
        log!("two yields");
        Ok(())
    })
    .await;
    if let Err(Error::Timeout) = result {
        log!("timeout(0)");
    }
    timeout(MS, async |cm| {
        kept = Some(cm.clone());
        if let Err(Error::Cancelled) = sleep(LONG).await {
            log!("swallowed");
        }
        Ok(())
    })
    .await?;
    log!("after", kept.unwrap().expired(), me().cancelling());
    Ok(())
}

pub(super) async fn nested_timeouts() -> Result<()> {
    async fn both(outer: Duration, inner: Duration) -> Result<()> {
        let (mut o, mut i) = (None, None);
        let result = timeout(outer, async |cm| {
            o = Some(cm.clone());
            let result = timeout(inner, async |cm| {
                i = Some(cm.clone());
                sleep(LONG).await
            })
            .await;
            match result {
                Err(Error::Timeout) => {
                    log!("inner timed out", cm.expired(), i.as_ref().unwrap().expired());
                    sleep(3 * MS).await?;
                    log!("goes on");
                    Ok(())
                }
                other => other,
            }
        })
        .await;
        if let Err(Error::Timeout) = result {
            log!("outer timed out", o.unwrap().expired(), i.unwrap().expired());
        }
        log!("cancelling", me().cancelling());
        Ok(())
    }

    both(MS, Duration::from_secs(10)).await?;
    both(Duration::from_secs(10), MS).await?;
    both(2 * MS, MS).await
}
