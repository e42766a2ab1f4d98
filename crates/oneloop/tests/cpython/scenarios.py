"""Independent scenarios: scenarios/ has the same programs, scenarios.txt is what CPython 3.13 prints."""
import asyncio
import contextvars
import threading

import in_order

MS = 0.1


def log(*what):
    print(*what)


def name(e):
    return type(e).__name__ if not str(e) else f"{type(e).__name__}: {e}"


def here():
    return asyncio.get_running_loop()


# 1 --- a group whose children answer an abort differently
async def group_abort():
    async def fails():
        await asyncio.sleep(MS)
        log("a fails")
        raise ValueError("a")

    async def cleans():
        try:
            await asyncio.sleep(100)
        finally:
            log("b cleans")
            await asyncio.sleep(0)
            log("b cleaned")

    async def refuses():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log("c refuses")
        await asyncio.sleep(MS)
        log("c ends")
        return "c"

    async def fails_too():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log("d fails instead")
            raise KeyError("d")

    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(fails())
            b = tg.create_task(cleans())
            c = tg.create_task(refuses())
            tg.create_task(fails_too())
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                log("body cancelled", asyncio.current_task().cancelling())
                raise
    except* ValueError as eg:
        log("ValueError", len(eg.exceptions))
    except* KeyError as eg:
        log("KeyError", len(eg.exceptions))
    log(b.cancelled(), c.cancelled(), c.result(), asyncio.current_task().cancelling())


# 2 --- a group in a group
async def nested_groups():
    async def fails(what, after):
        await asyncio.sleep(after)
        log("fails", what)
        raise RuntimeError(what)

    async def inner():
        try:
            async with asyncio.TaskGroup() as tg:
                tg.create_task(fails("inner", 2 * MS))
                await asyncio.sleep(100)
        except BaseExceptionGroup as eg:
            log("inner group", [name(e) for e in eg.exceptions])
            raise
        except asyncio.CancelledError:
            log("inner cancelled")
            raise

    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(inner())
            tg.create_task(fails("sibling", MS))
    except BaseExceptionGroup as eg:
        log("outer group", [name(e) for e in eg.exceptions])
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(inner())
            tg.create_task(fails("late sibling", 3 * MS))
    except BaseExceptionGroup as eg:
        log("outer group", [type(e).__name__ for e in eg.exceptions])
        log("within", [name(e) for e in eg.exceptions[0].exceptions])


# 3 --- a parent that is cancelled while its group aborts
async def parent_cancelled():
    async def fails():
        raise ValueError("first")

    async def slow_cleaner():
        try:
            await asyncio.sleep(100)
        finally:
            log("cleaning")
            await asyncio.sleep(2 * MS)
            log("cleaned")

    async def parent():
        try:
            async with asyncio.TaskGroup() as tg:
                tg.create_task(slow_cleaner())
                await asyncio.sleep(0)
                tg.create_task(fails())
        except BaseExceptionGroup as eg:
            log("group", len(eg.exceptions), asyncio.current_task().cancelling())
        try:
            await asyncio.sleep(0)
            log("goes on")
        except asyncio.CancelledError:
            log("cancelled again")
            raise

    t = asyncio.create_task(parent())
    await asyncio.sleep(MS)
    log("cancel", t.cancel())
    try:
        await t
    except asyncio.CancelledError:
        log("parent cancelled", t.cancelling())


# 4 --- shield
async def shields():
    async def inner():
        try:
            await asyncio.sleep(MS)
            log("inner ends")
            return 7
        except asyncio.CancelledError:
            log("inner cancelled")
            raise

    t = asyncio.create_task(inner())

    async def waits():
        try:
            return await asyncio.shield(t)
        except asyncio.CancelledError:
            log("waiter cancelled, inner done", t.done())
            raise

    w = asyncio.create_task(waits())
    await asyncio.sleep(0)
    w.cancel()
    r = await asyncio.gather(w, return_exceptions=True)
    log([type(x).__name__ for x in r], t.done())
    log(await t)
    try:
        await asyncio.wait_for(asyncio.shield(t2 := asyncio.create_task(inner())), MS / 4)
    except TimeoutError:
        log("timed out, inner done", t2.done())
    t2.cancel()
    try:
        await asyncio.shield(t2)
    except asyncio.CancelledError:
        log("cancelled from within", asyncio.current_task().cancelling())


# 5 --- races of wait_for
async def wait_for_races():
    f = here().create_future()
    here().call_soon(f.set_result, "just in time")
    log(await asyncio.wait_for(f, 1))
    try:
        await asyncio.wait_for(here().create_future(), 0)
    except TimeoutError:
        log("no time at all")
    f = here().create_future()
    f.set_result("done before")
    log(await asyncio.wait_for(f, 0))
    log(await asyncio.wait_for(f, -1))

    async def refuses():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log("asked to stop")
            await asyncio.sleep(MS)
            return "stopped in my own time"

    log(await asyncio.wait_for(refuses(), MS))

    async def fails():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise ValueError("in the clean-up")

    try:
        await asyncio.wait_for(fails(), MS)
    except ValueError as e:
        log(name(e))

    async def outer(f):
        try:
            return await asyncio.wait_for(f, 10)
        except asyncio.CancelledError:
            log("outer cancelled, future", "cancelled" if f.cancelled() else "kept")
            raise

    f = here().create_future()
    t = asyncio.create_task(outer(f))
    await asyncio.sleep(0)
    f.set_result("too late?")
    t.cancel()
    await asyncio.wait([t])
    log(t.cancelled())
    f = here().create_future()
    t = asyncio.create_task(outer(f))
    await asyncio.sleep(0)
    t.cancel()
    await asyncio.wait([t])
    log(t.cancelled())


# 6 --- timeouts that are moved
async def reschedules():
    loop = here()
    async with asyncio.timeout(10) as cm:
        cm.reschedule(None)
        log("never", cm.when() is None)
        await asyncio.sleep(0)
    log("expired", cm.expired())
    try:
        async with asyncio.timeout(10) as cm:
            cm.reschedule(loop.time() + MS)
            await asyncio.sleep(100)
    except TimeoutError:
        log("earlier", cm.expired())
    async with asyncio.timeout(MS) as cm:
        cm.reschedule(loop.time() + 100)
        await asyncio.sleep(2 * MS)
    log("later", cm.expired())
    try:
        async with asyncio.timeout(None) as cm:
            cm.reschedule(loop.time() - 1)
            await asyncio.sleep(0)
            log("one yield")
            await asyncio.sleep(0)
            log("two yields")
    except TimeoutError:
        log("in the past", cm.expired())
    try:
        cm.reschedule(None)
    except RuntimeError as e:
        log("RuntimeError")
    try:
        async with asyncio.timeout(0):
            log("runs to the first await")
            await asyncio.sleep(0)
            log("one yield")
            await asyncio.sleep(0)
            log("two yields")
    except TimeoutError:
        log("timeout(0)")
    async with asyncio.timeout(MS) as cm:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log("swallowed")
    log("after", cm.expired(), asyncio.current_task().cancelling())


# 7 --- timeouts in timeouts
async def nested_timeouts():
    async def both(outer, inner):
        try:
            async with asyncio.timeout(outer) as o:
                try:
                    async with asyncio.timeout(inner) as i:
                        await asyncio.sleep(100)
                except TimeoutError:
                    log("inner timed out", o.expired(), i.expired())
                    await asyncio.sleep(3 * MS)
                    log("goes on")
        except TimeoutError:
            log("outer timed out", o.expired(), i.expired())
        log("cancelling", asyncio.current_task().cancelling())

    await both(MS, 10)
    await both(10, MS)
    await both(2 * MS, MS)


# 8 --- the same awaitable twice
async def gathers():
    started = []

    async def work(n):
        started.append(n)
        await asyncio.sleep(0)
        return n

    a = asyncio.create_task(work("a"))
    b = asyncio.create_task(work("b"))
    log(await asyncio.gather(a, b, a, a), started)
    f = here().create_future()
    g = asyncio.gather(f, f, return_exceptions=True)
    f.set_exception(ValueError("x"))
    log([name(e) for e in await g])
    log(await asyncio.gather())
    done = here().create_future()
    done.set_result(1)
    g = asyncio.gather(done, done)
    log("done at once", g.done())
    log(await g)

    async def fails(n, after):
        await asyncio.sleep(after)
        log("fails", n)
        raise ValueError(n)

    async def slow():
        try:
            await asyncio.sleep(2 * MS)
            log("slow ends")
        except asyncio.CancelledError:
            log("slow cancelled")
            raise

    s = asyncio.create_task(slow())
    try:
        await asyncio.gather(fails("1", MS), s, fails("2", MS * 1.5))
    except ValueError as e:
        log("first", e, s.done())
    await s

    async def gathering():
        try:
            await asyncio.gather(slow(), refuses(), return_exceptions=True)
        except asyncio.CancelledError:
            log("gathering cancelled")
            raise

    async def refuses():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log("refuses")
            await asyncio.sleep(MS)
            return 1

    t = asyncio.create_task(gathering())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    t.cancel()
    await asyncio.wait([t])
    log(t.cancelled())


# 9 --- as_completed
async def completions():
    async def work(n, after):
        await asyncio.sleep(after)
        if n == "bad":
            raise ValueError(n)
        return n

    for f in asyncio.as_completed([work("c", 3 * MS), work("a", MS), work("bad", 2 * MS)]):
        try:
            log(await f)
        except ValueError as e:
            log(name(e))
    t1 = asyncio.create_task(work("x", MS))
    t2 = asyncio.create_task(work("y", 100))
    try:
        async for t in asyncio.as_completed([t2, t1], timeout=3 * MS):
            log(t is t1, t.result())
    except TimeoutError:
        log("timed out", t2.done())
    t2.cancel()
    async for t in asyncio.as_completed([t2, t1]):
        log("t1" if t is t1 else "t2", t.done(), t.cancelled())


# 10 --- wait
async def waits():
    async def work(n, after):
        await asyncio.sleep(after)
        if n == "bad":
            raise ValueError(n)
        return n

    names = {}

    def tasks(*which):
        ts = [asyncio.create_task(work(n, a)) for n, a in which]
        names.update((t, n) for t, (n, _) in zip(ts, which))
        return ts

    def show(done, pending):
        log(sorted(names[t] for t in done), sorted(names[t] for t in pending))

    ts = tasks(("a", MS), ("bad", 2 * MS), ("z", 4 * MS))
    show(*await asyncio.wait(ts, return_when=asyncio.FIRST_COMPLETED))
    show(*await asyncio.wait(ts, return_when=asyncio.FIRST_EXCEPTION))
    show(*await asyncio.wait(ts, timeout=0))
    show(*await asyncio.wait(ts))
    ts[1].exception()
    ts = tasks(("c", 100), ("d", 100))
    here().call_later(MS, ts[0].cancel)
    here().call_later(2 * MS, ts[1].cancel)
    show(*await asyncio.wait(ts, return_when=asyncio.FIRST_EXCEPTION))
    log([t.cancelled() for t in ts])


# 11 --- a queue that is shut down
async def queue_shutdown():
    q = asyncio.Queue(2)

    async def getter(n):
        try:
            while True:
                item = await q.get()
                log(n, "got", item)
                q.task_done()
        except asyncio.QueueShutDown:
            log(n, "shut down")

    async def putter(n, items):
        try:
            for i in items:
                await q.put(i)
                log(n, "put", i)
        except asyncio.QueueShutDown:
            log(n, "cannot put")

    async with asyncio.TaskGroup() as tg:
        tg.create_task(getter("g1"))
        tg.create_task(getter("g2"))
        tg.create_task(putter("p1", range(3)))
        tg.create_task(putter("p2", range(10, 13)))
        await q.join()
        log("joined at once")
        await asyncio.sleep(MS)
        await q.join()
        log("joined")
        q.shutdown()
    q = asyncio.Queue(1)
    q.put_nowait("left")
    ts = [asyncio.create_task(putter(n, [n])) for n in "xyz"]
    j = asyncio.create_task(q.join())
    await asyncio.sleep(0)
    q.shutdown()
    log("size", q.qsize(), "joined", j.done())
    await asyncio.sleep(0)
    log(q.get_nowait())
    try:
        q.get_nowait()
    except asyncio.QueueShutDown:
        log("nothing left")
    q.task_done()
    await j
    await asyncio.gather(*ts)
    q = asyncio.LifoQueue()
    for i in range(3):
        q.put_nowait(i)
    j = asyncio.create_task(q.join())
    await asyncio.sleep(0)
    q.shutdown(immediate=True)
    await j
    log("thrown away", q.qsize())


# 12 --- a condition
async def conditions():
    c = asyncio.Condition()
    ready = []

    async def waits(n):
        async with c:
            try:
                await c.wait()
                log(n, "woken")
            except asyncio.CancelledError:
                log(n, "cancelled, locked", c.locked())
                raise

    ts = [asyncio.create_task(waits(n)) for n in "abcde"]
    await asyncio.sleep(0)
    async with c:
        c.notify(2)
        log("notified two")
    ts[0].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    log([t.done() for t in ts])
    ts[3].cancel()
    async with c:
        c.notify_all()
    await asyncio.wait(ts)
    log([t.cancelled() for t in ts])

    async def until():
        async with c:
            log("result", await c.wait_for(lambda: len(ready) >= 2 and ready))

    t = asyncio.create_task(until())
    await asyncio.sleep(0)
    for i in range(3):
        async with c:
            ready.append(i)
            c.notify()
        await asyncio.sleep(0)
    await t
    try:
        c.notify()
    except RuntimeError as e:
        log(name(e))


# 13 --- a clean-up that is cancelled
async def cleanups():
    class Door:
        async def __aenter__(self):
            log("opening")
            await asyncio.sleep(0)
            log("open")

        async def __aexit__(self, *exc):
            log("closing", exc[0].__name__ if exc[0] else None)
            try:
                await asyncio.sleep(MS)
                log("closed")
            except asyncio.CancelledError:
                log("slammed")
                raise

    async def user():
        async with Door():
            log("inside")
            await asyncio.sleep(100)

    for cancels in range(4):
        t = asyncio.create_task(user())
        for _ in range(cancels):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        t.cancel()
        if cancels == 3:
            await asyncio.sleep(0)
            t.cancel()
        await asyncio.wait([t])
        log(t.cancelled(), t.cancelling())


# 14 --- requests that are taken back
async def uncancels():
    async def work():
        me = asyncio.current_task()
        for _ in range(3):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                log("cancelling", me.cancelling(), "left", me.uncancel())
        while me.cancelling():
            me.uncancel()
        me.cancel()
        log("own request", me.cancelling(), me.uncancel())
        await asyncio.sleep(0)
        log("not cancelled")
        me.cancel()
        try:
            async with asyncio.timeout(100):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            log("own request arrives", me.cancelling())
        return "done"

    t = asyncio.create_task(work())
    await asyncio.sleep(0)
    t.cancel()
    t.cancel()
    await asyncio.sleep(0)
    t.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    t.cancel()
    log(await t, t.cancelled(), t.cancelling())


# 15 --- what comes first
async def ties():
    loop = here()
    done = loop.create_future()
    loop.call_later(0, log, "later(0)")
    loop.call_soon(log, "soon 1")
    loop.call_at(loop.time() - 1, log, "at(past)")
    loop.call_soon(lambda: (log("soon 2"), loop.call_soon(log, "soon in soon"), loop.call_later(0, log, "later in soon")))
    f = loop.create_future()
    f.add_done_callback(lambda _: log("callback 1"))
    f.add_done_callback(lambda _: (log("callback 2"), f.add_done_callback(lambda _: log("callback late"))))
    f.set_result(None)
    loop.call_soon(log, "soon 3")

    async def yields():
        for i in range(4):
            log("task", i)
            await asyncio.sleep(0)
        done.set_result(None)

    asyncio.create_task(yields())
    h = loop.call_soon(log, "never")
    h.cancel()
    t = loop.call_later(0, log, "never")
    loop.call_soon(t.cancel)
    loop.call_soon_threadsafe(log, "threadsafe")
    loop.call_soon(log, "soon 4")
    await done
    log(h.cancelled(), t.cancelled())
    await asyncio.sleep(0)


# 16 --- callbacks that fail
async def failing_callbacks():
    loop = here()
    loop.set_exception_handler(lambda loop, c: log("handler:", name(c["exception"])))

    def fails(what):
        raise ValueError(what)

    f = loop.create_future()
    f.add_done_callback(lambda _: fails("done-callback"))
    f.add_done_callback(lambda _: log("the next one runs"))
    f.set_result(None)
    loop.call_soon(fails, "call_soon")
    loop.call_later(0, fails, "call_later")
    await f
    log("awaited")
    await asyncio.sleep(MS)
    loop.set_exception_handler(lambda loop, c: fails("in the handler"))
    loop.set_exception_handler(None)


# 17 --- a barrier
async def barriers():
    b = asyncio.Barrier(3)

    async def party(n):
        try:
            i = await b.wait()
            log(n, "passed", i)
        except asyncio.BrokenBarrierError as e:
            log(n, "broken", e)

    ts = [asyncio.create_task(party(n)) for n in "abc"]
    await asyncio.gather(*ts)
    log(b.n_waiting, b.broken)
    ts = [asyncio.create_task(party(n)) for n in "de"]
    await asyncio.sleep(0)
    log(b.n_waiting)
    await b.abort()
    log("aborted", b.broken)
    await asyncio.gather(*ts, party("f"))
    await b.reset()
    log("reset", b.broken)
    ts = [asyncio.create_task(party(n)) for n in "gh"]
    await asyncio.sleep(0)
    await b.reset()
    await asyncio.gather(*ts)
    ts = [asyncio.create_task(party(n)) for n in "ijkl"]
    await asyncio.sleep(0)
    ts[0].cancel()
    await asyncio.sleep(MS)
    log([t.done() for t in ts], b.n_waiting, b.broken)
    await b.reset()
    await asyncio.wait(ts)


# 18 --- a semaphore is fair
async def semaphores():
    s = asyncio.Semaphore(1)

    async def takes(n):
        async with s:
            log(n, "in")
            await asyncio.sleep(0)
            log(n, "out")

    ts = [asyncio.create_task(takes(n)) for n in "abcd"]
    await asyncio.sleep(0)
    ts[1].cancel()
    late = asyncio.create_task(takes("late"))
    await asyncio.wait([*ts, late])
    log(s.locked(), ts[1].cancelled())
    await s.acquire()
    ts = [asyncio.create_task(takes(n)) for n in "xyz"]
    await asyncio.sleep(0)
    s.release()
    ts[0].cancel()
    log("locked", s.locked())
    await asyncio.wait(ts)
    b = asyncio.BoundedSemaphore(1)
    try:
        b.release()
    except ValueError as e:
        log(name(e))


# 19 --- a lock that changes hands
async def locks():
    lock = asyncio.Lock()

    async def takes(n):
        async with lock:
            log(n, "in")

    await lock.acquire()
    ts = [asyncio.create_task(takes(n)) for n in "abc"]
    await asyncio.sleep(0)
    lock.release()
    log("free for a moment", lock.locked())
    ts[0].cancel()
    barges = asyncio.create_task(takes("barges"))
    await asyncio.wait([*ts, barges])
    try:
        lock.release()
    except RuntimeError as e:
        log(name(e))


# 20 --- tasks that start at once
async def eager():
    loop = here()

    def start(coro, n):
        return asyncio.Task(coro, loop=loop, eager_start=True, name=n)

    async def at_once():
        log("at once", asyncio.current_task().get_name())
        return 1

    async def suspends():
        log("begins", asyncio.current_task().get_name())
        await asyncio.sleep(0)
        log("ends", asyncio.current_task().get_name())
        return 2

    t = start(at_once(), "one")
    log("done", t.done(), asyncio.current_task().get_name() != "one")
    t.add_done_callback(lambda _: log("its callback"))
    u = start(suspends(), "two")
    log("done", u.done())
    log(await asyncio.gather(t, u))

    async def cancels_itself():
        asyncio.current_task().cancel()
        log("still here")
        await asyncio.sleep(0)
        log("never here")

    t = start(cancels_itself(), "three")
    log("done", t.done())
    await asyncio.wait([t])
    log(t.cancelled())


# 21 --- context variables
var = contextvars.ContextVar("var", default="default")


async def contexts():
    loop = here()
    var.set("main")

    async def child():
        log("child sees", var.get())
        var.set("child")
        loop.call_soon(lambda: log("its callback sees", var.get()))
        await asyncio.sleep(0)
        return var.get()

    async def plain():
        var.set("plain")

    t = asyncio.create_task(child())
    t.add_done_callback(lambda t: log("done-callback sees", var.get(), t.result()))
    var.set("changed")
    await t
    log("main sees", var.get())
    token = var.set("for a while")
    loop.call_soon(lambda: log("soon sees", var.get()))
    loop.call_later(MS / 2, lambda: log("later sees", var.get()))
    var.reset(token)
    await plain()
    log("main sees", var.get())
    ctx = contextvars.copy_context()
    ctx.run(var.set, "in the copy")
    await asyncio.create_task(child(), context=ctx)
    log("main", var.get(), "copy", ctx[var])
    await asyncio.sleep(MS)
    log("thread sees", await asyncio.to_thread(var.get))


# 22 --- reading
async def readers():
    def reader(data, limit=8, eof=True):
        r = asyncio.StreamReader(limit=limit)
        r.feed_data(data)
        if eof:
            r.feed_eof()
        return r

    r = reader(b"one\ntwo\nrest")
    log(await r.readline(), await r.readuntil(b"\n"), await r.readline(), await r.readline())
    r = reader(b"0123456789abc\nx\n")
    try:
        await r.readline()
    except ValueError as e:
        log(name(e))
    log(await r.readline())
    r = reader(b"0123456789abc")
    try:
        await r.readuntil(b"\n")
    except asyncio.LimitOverrunError as e:
        log(name(e), e.consumed)
    except asyncio.IncompleteReadError as e:
        log(name(e), e.partial, e.expected)
    r = reader(b"0123456789abc|")
    try:
        await r.readuntil(b"|")
    except asyncio.LimitOverrunError as e:
        log(name(e), e.consumed)
    log(await r.readexactly(10))
    try:
        await r.readexactly(10)
    except asyncio.IncompleteReadError as e:
        log(name(e), e.partial, e.expected)
    log(await r.read(), r.at_eof())
    r = reader(b"ab", eof=False)
    t = asyncio.create_task(r.readexactly(4))
    await asyncio.sleep(0)
    r.feed_data(b"c")
    await asyncio.sleep(0)
    log(t.done())
    t.cancel()
    await asyncio.wait([t])
    r.feed_data(b"d")
    log(await r.readexactly(4))
    r.set_exception(OSError("gone"))
    try:
        await r.read(1)
    except OSError as e:
        log(name(e))


# 23 --- work on threads
async def executors():
    loop = here()
    go = threading.Event()
    f = loop.run_in_executor(None, lambda: (go.wait(), "worked")[1])
    await asyncio.sleep(0)
    log("cancel", f.cancel(), f.cancelled())
    go.set()
    try:
        await f
    except asyncio.CancelledError:
        log("cancelled, though it went on")

    def fails():
        raise ValueError("on a thread")

    try:
        await loop.run_in_executor(None, fails)
    except ValueError as e:
        log(name(e))
    log(await asyncio.gather(*(asyncio.to_thread(lambda n=n: n * n) for n in range(4))))
    try:
        await asyncio.wait_for(asyncio.to_thread(go.wait), 10)
        log("in time")
    except TimeoutError:
        log("timed out")


# 24 --- futures
async def futures():
    loop = here()
    f = loop.create_future()
    for ask in (f.result, f.exception):
        try:
            ask()
        except asyncio.InvalidStateError as e:
            log(name(e))
    calls = lambda _: log("never")
    f.add_done_callback(calls)
    f.add_done_callback(calls)
    log("removed", f.remove_done_callback(calls))
    f.set_exception(ValueError("v"))
    try:
        f.set_result(1)
    except asyncio.InvalidStateError as e:
        log(name(e))
    log("cancel", f.cancel(), f.done(), name(f.exception()))

    async def waits(n, f):
        try:
            log(n, await f)
        except asyncio.CancelledError:
            log(n, "cancelled")
        except ValueError as e:
            log(n, name(e))

    await asyncio.gather(waits("a", f), waits("b", f))
    f = loop.create_future()
    ts = [asyncio.create_task(waits(n, f)) for n in "cde"]
    await asyncio.sleep(0)
    ts[1].cancel()
    await asyncio.wait(ts)
    log(f.cancelled(), [t.cancelled() for t in ts], [t.cancelling() for t in ts])


# 25 --- what is left when main ends
async def leaves_some():
    async def left(n, refuses=False, fails=False):
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log(n, "cancelled")
            if fails:
                raise ValueError(n)
            await asyncio.sleep(0)
            log(n, "cleaned")
            if not refuses:
                raise

    here().set_exception_handler(lambda loop, c: log(c["message"], name(c["exception"])))
    for t in [left("a"), left("b", refuses=True), left("c", fails=True)]:
        here_tasks.append(asyncio.create_task(t))
    await asyncio.sleep(0)
    log("main ends")
    return "result"


here_tasks = []


# 26 --- a runner, twice
def runners():
    async def count():
        n = var.get()
        var.set(n + "+")
        return n, asyncio.current_task().get_name() is not None

    with asyncio.Runner() as runner:
        log(runner.run(count())[0], runner.run(count())[0])
        loop = runner.get_loop()

        async def nested():
            c = count()
            try:
                runner.run(c)
            except RuntimeError as e:
                c.close()
                log(name(e))
            c = count()
            try:
                asyncio.run(c)
            except RuntimeError as e:
                c.close()
                log(name(e))
            c = count()
            try:
                loop.run_until_complete(c)
            except RuntimeError as e:
                c.close()
                log(name(e))

        runner.run(nested())
    log("closed", loop.is_closed())


def run(scenario):
    log("---", scenario.__name__)
    # This one waits for threads beside a timer, and the virtual clock would not.
    loop_factory = asyncio.SelectorEventLoop if scenario is executors else in_order.VirtualLoop
    in_order.run(scenario(), loop_factory)


for scenario in (
    group_abort, nested_groups, parent_cancelled, shields, wait_for_races, reschedules, nested_timeouts, gathers,
    completions, waits, queue_shutdown, conditions, cleanups, uncancels, ties, failing_callbacks, barriers, semaphores,
    locks, eager, contexts, readers, executors, futures, leaves_some,
):
    run(scenario)
log("--- runners")
runners()
