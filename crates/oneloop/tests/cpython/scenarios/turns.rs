//! Locks, queues and others that wait for their turn.

use super::*;

pub(super) async fn queue_shutdown() -> Result<()> {
    async fn getter(q: Queue<i32>, n: &'static str) -> Result<()> {
        loop {
            match q.get().await {
                Ok(item) => {
                    log!(n, "got", item);
                    q.task_done()?;
                }
                Err(Error::QueueShutDown) => break,
                Err(other) => return Err(other),
            }
        }
        log!(n, "shut down");
        Ok(())
    }

    async fn putter<T: Py + Copy + 'static>(q: Queue<T>, n: &'static str, items: Vec<T>) -> Result<()> {
        for i in items {
            match q.put(i).await {
                Ok(()) => log!(n, "put", i),
                Err(Error::QueueShutDown) => {
                    log!(n, "cannot put");
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    let q = Queue::new(2);
    TaskGroup::scope(async |tg| {
        drop(tg.create_task(getter(q.clone(), "g1"))?);
        drop(tg.create_task(getter(q.clone(), "g2"))?);
        drop(tg.create_task(putter(q.clone(), "p1", (0..3).collect()))?);
        drop(tg.create_task(putter(q.clone(), "p2", (10..13).collect()))?);
        q.join().await?;
        log!("joined at once");
        sleep(MS).await?;
        q.join().await?;
        log!("joined");
        q.shutdown(false);
        Ok(())
    })
    .await?;
    let q = Queue::new(1);
    q.put_nowait("left")?;
    let ts = ["x", "y", "z"].map(|n| create_task(putter(q.clone(), n, vec![n])));
    let joins = |q: &Queue<&'static str>| {
        let q = q.clone();
        create_task(async move { q.join().await })
    };
    let j = joins(&q);
    yield_now().await?;
    q.shutdown(false);
    log!("size", q.qsize(), "joined", j.done());
    yield_now().await?;
    log!(q.get_nowait()?);
    if let Err(Error::QueueShutDown) = q.get_nowait() {
        log!("nothing left");
    }
    q.task_done()?;
    j.await?;
    gather(ts).await?;
    let q = Queue::lifo(0);
    for i in ["0", "1", "2"] {
        q.put_nowait(i)?;
    }
    let j = joins(&q);
    yield_now().await?;
    q.shutdown(true);
    j.await?;
    log!("thrown away", q.qsize());
    Ok(())
}

pub(super) async fn conditions() -> Result<()> {
    let c = Condition::new();
    let ready = Rc::new(RefCell::new(Vec::new()));
    let waits = |n: &'static str| {
        let c = c.clone();
        async move {
            let _locked = c.acquire().await?;
            let result = c.wait().await;
            match result {
                Err(Error::Cancelled) => log!(n, "cancelled, locked", c.locked()),
                _ => log!(n, "woken"),
            }
            result
        }
    };
    let ts = ["a", "b", "c", "d", "e"].map(|n| create_task(waits(n)));
    yield_now().await?;
    {
        let _locked = c.acquire().await?;
        c.notify(2)?;
        log!("notified two");
    }
    ts[0].cancel();
    yield_now().await?;
    yield_now().await?;
    yield_now().await?;
    log!(ts.iter().map(Task::done).collect::<Vec<_>>());
    ts[3].cancel();
    {
        let _locked = c.acquire().await?;
        c.notify_all()?;
    }
    wait(&ts, ReturnWhen::AllCompleted, None).await?;
    log!(ts.iter().map(Task::cancelled).collect::<Vec<_>>());

    let t = create_task({
        let (c, ready) = (c.clone(), ready.clone());
        async move {
            let _locked = c.acquire().await?;
            let is_ready = || Some(ready.borrow().clone()).filter(|ready: &Vec<i32>| ready.len() >= 2);
            log!("result", c.wait_for(is_ready).await?.unwrap());
            Ok(())
        }
    });
    yield_now().await?;
    for i in 0..3 {
        {
            let _locked = c.acquire().await?;
            ready.borrow_mut().push(i);
            c.notify(1)?;
        }
        yield_now().await?;
    }
    t.await?;
    if let Err(e) = c.notify(1) {
        log!(name(&e));
    }
    Ok(())
}

pub(super) async fn barriers() -> Result<()> {
    let b = Barrier::new(3)?;
    let party = |n: &'static str| {
        let b = b.clone();
        create_task(async move {
            match b.wait().await {
                Ok(i) => log!(n, "passed", i),
                Err(Error::BrokenBarrier(why)) => log!(n, "broken", why),
                Err(other) => return Err(other),
            }
            Ok(())
        })
    };
    gather(["a", "b", "c"].map(party)).await?;
    log!(b.n_waiting(), b.broken());
    let ts = ["d", "e"].map(party);
    yield_now().await?;
    log!(b.n_waiting());
    b.abort().await?;
    log!("aborted", b.broken());
    let [d, e] = ts;
    gather([d, e, party("f")]).await?;
    b.reset().await?;
    log!("reset", b.broken());
    let ts = ["g", "h"].map(party);
    yield_now().await?;
    b.reset().await?;
    gather(ts).await?;
    let ts = ["i", "j", "k", "l"].map(party);
    yield_now().await?;
    ts[0].cancel();
    sleep(MS).await?;
    log!(ts.iter().map(Task::done).collect::<Vec<_>>(), b.n_waiting(), b.broken());
    b.reset().await?;
    wait(&ts, ReturnWhen::AllCompleted, None).await?;
    Ok(())
}

pub(super) async fn semaphores() -> Result<()> {
    let s = Semaphore::new(1);
    let takes = |n: &'static str| {
        let s = s.clone();
        create_task(async move {
            let _permit = s.acquire().await?;
            log!(n, "in");
            yield_now().await?;
            log!(n, "out");
            Ok(())
        })
    };
    let [a, b, c, d] = ["a", "b", "c", "d"].map(takes);
    yield_now().await?;
    b.cancel();
    let late = takes("late");
    wait([&a, &b, &c, &d, &late], ReturnWhen::AllCompleted, None).await?;
    log!(s.locked(), b.cancelled());
    s.acquire().await?.forget();
    let ts = ["x", "y", "z"].map(takes);
    yield_now().await?;
    s.release();
    ts[0].cancel();
    log!("locked", s.locked());
    wait(&ts, ReturnWhen::AllCompleted, None).await?;
    let b = BoundedSemaphore::new(1);
    if let Err(Error::Value(text)) = b.release() {
        log!(format!("ValueError: {text}"));
    }
    Ok(())
}

pub(super) async fn locks() -> Result<()> {
    let lock = Lock::new();
    let takes = |n: &'static str| {
        let lock = lock.clone();
        create_task(async move {
            let _held = lock.acquire().await?;
            log!(n, "in");
            Ok(())
        })
    };
    lock.acquire().await?.forget();
    let [a, b, c] = ["a", "b", "c"].map(takes);
    yield_now().await?;
    lock.release()?;
    log!("free for a moment", lock.locked());
    a.cancel();
    let barges = takes("barges");
    wait([&a, &b, &c, &barges], ReturnWhen::AllCompleted, None).await?;
    if let Err(e) = lock.release() {
        log!(name(&e));
    }
    Ok(())
}
