"""How many turns go by until each thing that waits goes on. `hops.rs` is the same program; its output is `hops.txt`."""
import asyncio
from asyncio import *
import in_order
turn = 0
out = []
def note(what, start): out.append(f"{what} {turn-start}")
async def main():
    loop = get_running_loop()
    def tick():
        global turn
        turn += 1
        loop.call_soon(tick)
    loop.call_soon(tick)
    async def settle():
        for _ in range(5): await sleep(0)
    await settle()
    # event
    ev = Event()
    async def w():
        await ev.wait(); note("event", start)
    t = create_task(w()); await settle(); start = turn; ev.set(); await settle()
    # lock
    lock = Lock(); await lock.acquire()
    async def l(n):
        await lock.acquire(); note(n, start); lock.release()
    ts = [create_task(l("lock1")), create_task(l("lock2"))]; await settle(); start = turn; lock.release(); await settle()
    # lock cancelled first
    await lock.acquire()
    ts = [create_task(l("x")), create_task(l("lock-after-cancel"))]; await settle(); start = turn; lock.release(); ts[0].cancel(); await settle()
    # semaphore
    sem = Semaphore(0)
    async def s(n):
        await sem.acquire(); note(n, start)
    ts = [create_task(s("sem1")), create_task(s("sem2"))]; await settle(); start = turn; sem.release(); sem.release(); await settle()
    # condition
    cond = Condition()
    async def c(n):
        async with cond:
            await cond.wait(); note(n, start)
    ts = [create_task(c("cond1")), create_task(c("cond2"))]; await settle()
    start = turn
    async with cond: cond.notify_all()
    await settle()
    # condition cancelled
    ts = [create_task(c("y")), create_task(c("cond-passed-on"))]; await settle()
    start = turn
    async with cond: cond.notify(1)
    ts[0].cancel()
    await settle()
    # queue
    q = Queue(1)
    async def g():
        await q.get(); note("get", start)
    t = create_task(g()); await settle(); start = turn; q.put_nowait(1); await settle()
    q.put_nowait(2)
    async def p():
        await q.put(3); note("put", start)
    t = create_task(p()); await settle(); start = turn; q.get_nowait(); await settle()
    async def j():
        await q.join(); note("join", start)
    t = create_task(j()); await settle(); start = turn
    for _ in range(3): q.task_done()
    await settle()
    # barrier
    b = Barrier(3)
    async def party(n):
        i = await b.wait(); note(f"barrier{n}:{i}", start)
    start = turn
    ts = [create_task(party(n)) for n in range(3)]; await settle(); await settle()
    async def p2(n):
        try: await b.wait()
        except BrokenBarrierError: note(f"broken{n}", start)
    ts = [create_task(p2(n)) for n in range(2)]; await settle(); start = turn; await b.reset(); note("reset", start); await settle()
    ts = [create_task(p2(n)) for n in range(2)]; await settle(); start = turn; await b.abort(); note("abort", start); await settle()
    # gather
    async def aw(what, f):
        try: await f; note(what, start)
        except BaseException as e: note(f"{what}!{type(e).__name__}", start)
    f = loop.create_future(); g_ = gather(f); t = create_task(aw("gather", g_)); await settle(); start = turn; f.set_result(1); await settle()
    async def ender(n):
        for _ in range(n): await sleep(0)
    start = turn; await gather(ender(2), ender(1)); note("gather-tasks", start)
    done = create_task(ender(0)); await settle(); start = turn; await gather(done); note("gather-done", start)
    start = turn; await gather(); note("gather-empty", start)
    f = loop.create_future(); g_ = gather(f, return_exceptions=True); t = create_task(aw("gather-cancel", g_)); await settle(); start = turn; t.cancel(); await settle()
    async def stubborn():
        try: await sleep(100)
        except CancelledError: await sleep(0)
    t = create_task(aw("gather-refused", gather(stubborn(), stubborn()))); await settle(); start = turn; t.cancel(); await settle()
    # wait
    start = turn; await wait([create_task(ender(2)), create_task(ender(1))]); note("wait", start)
    start = turn; await wait([create_task(ender(2)), create_task(ender(1))], return_when=FIRST_COMPLETED); note("wait-first", start)
    start = turn; await wait([done]); note("wait-done", start)
    # as_completed
    start = turn
    for x in as_completed([create_task(ender(n)) for n in (2, 1, 1)]):
        await x; note("completed", start)
    start = turn
    async for x in as_completed([done, create_task(ender(3))]):
        note("async-completed", start)
    await settle()
    # shield
    f = loop.create_future(); t = create_task(aw("shield", shield(f))); await settle(); start = turn; f.set_result(1); await settle()
    f = loop.create_future(); t = create_task(aw("shield-outer", shield(f))); await settle(); start = turn; t.cancel(); await settle()
    f = loop.create_future(); t = create_task(aw("shield-inner", shield(f))); await settle(); start = turn; f.cancel(); await settle()
    start = turn; await shield(ender(1)); note("shield-coro", start)
    # taskgroup
    start = turn
    async with TaskGroup() as tg:
        tg.create_task(ender(2)); tg.create_task(ender(1))
    note("group", start)
    start = turn
    async with TaskGroup() as tg: pass
    note("group-empty", start)
    start = turn
    async def fails():
        await sleep(0); raise ValueError
    async def child():
        try: await sleep(100)
        finally: note("group-child", start)
    try:
        async with TaskGroup() as tg:
            tg.create_task(fails()); tg.create_task(child())
            try: await sleep(100)
            finally: note("group-body", start)
    except* ValueError: note("group-error", start)
    async def grp():
        async with TaskGroup() as tg:
            tg.create_task(child()); tg.create_task(child())
    t = create_task(aw("group-cancelled", grp())); await settle(); start = turn; t.cancel(); await settle()
    # wait_for
    start = turn; await wait_for(ender(1), 100); note("wait_for", start)
    start = turn; await wait_for(create_task(ender(1)), 100); note("wait_for-task", start)
    start = turn
    try: await wait_for(ender(1), 0)
    except TimeoutError: note("wait_for-0", start)
    t = create_task(sleep(100)); await settle(); start = turn
    try: await wait_for(t, 0)
    except TimeoutError: note("wait_for-0-task", start)
    start = turn; await wait_for(done, 0); note("wait_for-0-done", start)
    start = turn
    try:
        async with timeout(0): await sleep(100)
    except TimeoutError: note("timeout-0", start)
    start = turn
    try:
        async with timeout(0):
            async with TaskGroup() as tg: tg.create_task(child())
    except TimeoutError: note("timeout-0-group", start)
    # cancel of waiters
    lock = Lock(); await lock.acquire()
    t = create_task(aw("cancel-lock", lock.acquire())); await settle(); start = turn; t.cancel(); await settle()
    t = create_task(aw("cancel-event", Event().wait())); await settle(); start = turn; t.cancel(); await settle()
    t = create_task(aw("cancel-get", Queue().get())); await settle(); start = turn; t.cancel(); await settle()
    async def nested():
        await create_task(aw2())
    async def aw2():
        await create_task(sleep(100))
    t = create_task(aw("cancel-nested", nested())); await settle(); start = turn; t.cancel(); await settle()
    t = create_task(aw("cancel-barrier", Barrier(2).wait())); await settle(); start = turn; t.cancel(); await settle()
    t = create_task(aw("cancel-wait", wait([create_task(sleep(100))]))); await settle(); start = turn; t.cancel(); await settle()
in_order.run(main())
print("\n".join(out))
