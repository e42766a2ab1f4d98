//! Programs of the kind that people write: many parts at once, cancelled and failing in the middle. `scenarios.py` has
//! the same programs, in the same order, and `scenarios.txt` is what CPython 3.13 prints for them.

use std::{cell::RefCell, collections::HashMap, fmt::Display, rc::Rc, sync::mpsc, time::Duration};

use oneloop::{
    Barrier, BoundedSemaphore, Condition, ContextVar, Error, Lock, Queue, Result, ReturnWhen, Runner, Semaphore,
    SettableFuture, StreamReader, Task, TaskGroup, as_completed, copy_context, create_task, current_task, gather,
    gather_return_exceptions, run, shield, sleep, task_builder, timeout, to_thread, wait, wait_for, yield_now,
};

use crate::harness::{here, virtual_loop};

const MS: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(100);

thread_local! {
    static LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// `print`
macro_rules! log {
    ($($what:expr),+) => {
        print([$($what.py()),+])
    };
}

fn print<const N: usize>(words: [String; N]) {
    LOG.with_borrow_mut(|log| *log += &(words.join(" ") + "\n"));
}

/// As Python prints it.
trait Py {
    fn py(&self) -> String;

    fn repr(&self) -> String {
        self.py()
    }
}

impl Py for bool {
    fn py(&self) -> String {
        if *self { "True".into() } else { "False".into() }
    }
}

impl Py for str {
    fn py(&self) -> String {
        self.into()
    }

    fn repr(&self) -> String {
        format!("'{self}'")
    }
}

impl Py for String {
    fn py(&self) -> String {
        self.clone()
    }

    fn repr(&self) -> String {
        format!("'{self}'")
    }
}

impl<T: Py + ?Sized> Py for &T {
    fn py(&self) -> String {
        (**self).py()
    }

    fn repr(&self) -> String {
        (**self).repr()
    }
}

impl<T: Py> Py for Vec<T> {
    fn py(&self) -> String {
        format!("[{}]", self.iter().map(Py::repr).collect::<Vec<_>>().join(", "))
    }
}

impl Py for [u8] {
    fn py(&self) -> String {
        format!("b'{}'", self.escape_ascii())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => { $(impl Py for $number {
        fn py(&self) -> String {
            self.to_string()
        }
    })* };
}

numbers!(i32, u32, usize);

/// The name of Python's exception, and its text.
fn name(error: &Error) -> String {
    match error {
        Error::Cancelled => "CancelledError".into(),
        Error::Group(_) => "ExceptionGroup".into(),
        Error::Runtime(text) => format!("RuntimeError: {text}"),
        Error::Value(text) => format!("ValueError: {text}"),
        Error::InvalidState(text) => format!("InvalidStateError: {text}"),
        other => other.to_string(), // says itself what it is
    }
}

fn value_error<T>(text: impl Display) -> Result<T> {
    Err(Error::other(format!("ValueError: {text}")))
}

fn me() -> oneloop::TaskRef {
    current_task().unwrap()
}

async fn group_abort() -> Result<()> {
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

async fn nested_groups() -> Result<()> {
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

async fn parent_cancelled() -> Result<()> {
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

async fn shields() -> Result<()> {
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

struct RawName(String);

impl Py for RawName {
    fn py(&self) -> String {
        format!("'{}'", self.0)
    }
}

async fn wait_for_races() -> Result<()> {
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

async fn reschedules() -> Result<()> {
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

async fn nested_timeouts() -> Result<()> {
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

async fn gathers() -> Result<()> {
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

async fn completions() -> Result<()> {
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

async fn waits() -> Result<()> {
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

async fn queue_shutdown() -> Result<()> {
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

async fn conditions() -> Result<()> {
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

async fn cleanups() -> Result<()> {
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

async fn uncancels() -> Result<()> {
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

fn logs(what: &'static str) -> impl FnOnce() + Send + 'static {
    move || log!(what)
}

async fn ties() -> Result<()> {
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

async fn failing_callbacks() -> Result<()> {
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

async fn barriers() -> Result<()> {
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

async fn semaphores() -> Result<()> {
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

async fn locks() -> Result<()> {
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

async fn eager() -> Result<()> {
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

async fn contexts() -> Result<()> {
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

async fn readers() -> Result<()> {
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

async fn executors() -> Result<()> {
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

async fn futures() -> Result<()> {
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

async fn leaves_some() -> Result<()> {
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

fn runners() -> Result<()> {
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

/// Runs `scenario` as `run` does, on the virtual clock, which stands still while threads work for the loop.
fn scenario(what: &str, scenario: impl Future<Output = Result<()>> + 'static) {
    log!("---", what);
    let runner = Runner::with_loop(virtual_loop());
    runner.run(scenario).unwrap();
    runner.close().unwrap();
}

#[test]
fn scenarios_print_what_they_print_in_cpython() {
    macro_rules! all {
        ($($name:ident),*) => { $(scenario(stringify!($name), $name());)* };
    }
    all!(
        group_abort,
        nested_groups,
        parent_cancelled,
        shields,
        wait_for_races,
        reschedules,
        nested_timeouts,
        gathers,
        completions,
        waits,
        queue_shutdown,
        conditions,
        cleanups,
        uncancels,
        ties,
        failing_callbacks,
        barriers,
        semaphores,
        locks,
        eager,
        contexts,
        readers,
        executors,
        futures,
        leaves_some
    );
    log!("--- runners");
    runners().unwrap();
    let printed = LOG.with_borrow(String::clone);
    let expected = include_str!("scenarios.txt");
    let differ = printed.split("--- ").zip(expected.split("--- ")).filter(|(ours, theirs)| ours != theirs);
    for (ours, theirs) in differ {
        println!("ours: {ours}\nCPython: {theirs}");
    }
    assert!(printed == expected);
}
