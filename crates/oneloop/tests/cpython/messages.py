"""What is said where a cancellation is caught: messages.rs has the same program."""
import asyncio
import in_order
log=print
def said(e): return e.args[0] if e.args else '-'
async def sleeper(name):
    try: await asyncio.sleep(10)
    except asyncio.CancelledError as e:
        log(name,'caught',said(e)); raise
async def main():
    log('1 sleeping task'); t=asyncio.create_task(sleeper('a')); await asyncio.sleep(0); t.cancel('one')
    for _ in range(2):
        try: await t
        except asyncio.CancelledError as e: log('awaiter',said(e))
    log('2 before start'); t=asyncio.create_task(sleeper('a')); t.cancel('two'); t.cancel('three')
    try: await t
    except asyncio.CancelledError as e: log('awaiter',said(e))
    log('3 future'); f=asyncio.get_running_loop().create_future(); f.cancel('gone')
    for _ in range(2):
        try: await f
        except asyncio.CancelledError as e: log('awaiter',said(e))
    log('4 through a chain')
    async def outer():
        try: await asyncio.create_task(sleeper('inner'))
        except asyncio.CancelledError as e: log('outer',said(e)); raise
    t=asyncio.create_task(outer()); await asyncio.sleep(0);await asyncio.sleep(0); t.cancel('four')
    try: await t
    except asyncio.CancelledError as e: log('awaiter',said(e))
    log('5 gather child')
    a=asyncio.create_task(sleeper('a'));b=asyncio.create_task(sleeper('b')); g=asyncio.gather(a,b)
    await asyncio.sleep(0); a.cancel('five')
    try: await g
    except asyncio.CancelledError as e: log('awaiter',said(e))
    try: await a
    except asyncio.CancelledError as e: log('a',said(e))
    b.cancel()
    try: await b
    except asyncio.CancelledError as e: log('b',said(e))
    log('6 gather outer')
    async def gg():
        try: await asyncio.gather(sleeper('a'),sleeper('b'))
        except asyncio.CancelledError as e: log('gg',said(e)); raise
    t=asyncio.create_task(gg()); await asyncio.sleep(0);await asyncio.sleep(0); t.cancel('six')
    try: await t
    except asyncio.CancelledError as e: log('awaiter',said(e))
    log('7 second cancel without')
    async def stubborn():
        try: await asyncio.sleep(10)
        except asyncio.CancelledError as e: log('first',said(e))
        try: await asyncio.sleep(10)
        except asyncio.CancelledError as e: log('second',said(e))
    t=asyncio.create_task(stubborn()); await asyncio.sleep(0); t.cancel('m1'); await asyncio.sleep(0); t.cancel(); await t
    log('8 self cancel')
    async def me():
        asyncio.current_task().cancel('self')
        try: await asyncio.sleep(10)
        except asyncio.CancelledError as e: log('me',said(e))
        asyncio.current_task().cancel('late')
    t=asyncio.create_task(me())
    for _ in range(2):
        try: await t
        except asyncio.CancelledError as e: log('awaiter',said(e))
    log('9 shield')
    i=asyncio.create_task(sleeper('i')); s=asyncio.shield(i); await asyncio.sleep(0); i.cancel('nine')
    try: await s
    except asyncio.CancelledError as e: log('shielded',said(e))
    try: await i
    except asyncio.CancelledError as e: log('inner',said(e))
    log('10 lock, queue, event')
    lock=asyncio.Lock(); await lock.acquire(); q=asyncio.Queue(); ev=asyncio.Event(); cond=asyncio.Condition()
    async def w(n,f):
        try: await f
        except asyncio.CancelledError as e: log(n,said(e)); raise
    async def c():
        async with cond: await cond.wait()
    ts=[asyncio.create_task(w('lock',lock.acquire())),asyncio.create_task(w('queue',q.get())),asyncio.create_task(w('event',ev.wait())),asyncio.create_task(w('cond',c()))]
    await asyncio.sleep(0)
    for n,t in enumerate(ts): t.cancel('m%d'%n)
    for t in ts:
        try: await t
        except asyncio.CancelledError as e: log('awaiter',said(e))
    log('11 group')
    async def grp():
        try:
            async with asyncio.TaskGroup() as tg:
                tg.create_task(sleeper('c')); await asyncio.sleep(10)
        except asyncio.CancelledError as e: log('grp',said(e)); raise
    t=asyncio.create_task(grp()); await asyncio.sleep(0);await asyncio.sleep(0); t.cancel('eleven')
    try: await t
    except asyncio.CancelledError as e: log('awaiter',said(e))
    log('12 wait_for and timeout')
    async def wf():
        try: await asyncio.wait_for(sleeper('x'),5)
        except asyncio.CancelledError as e: log('wf',said(e)); raise
    t=asyncio.create_task(wf()); await asyncio.sleep(0);await asyncio.sleep(0); t.cancel('twelve')
    try: await t
    except asyncio.CancelledError as e: log('awaiter',said(e))
    async def tm():
        async with asyncio.timeout(0.001): await sleeper('y')
    try: await asyncio.create_task(tm())
    except TimeoutError: log('timeout')
    log('13 result'); t=asyncio.create_task(sleeper('z')); await asyncio.sleep(0); t.cancel('thirteen'); await asyncio.wait([t])
    for _ in range(2):
        try: t.result()
        except asyncio.CancelledError as e: log('result',said(e))
    log('14 nested gather')
    a=asyncio.create_task(sleeper('a')); g=asyncio.gather(asyncio.gather(a)); await asyncio.sleep(0); a.cancel('fourteen')
    try: await g
    except asyncio.CancelledError as e: log('awaiter',said(e))
    log('15 return_exceptions outer')
    async def gr():
        try: await asyncio.gather(sleeper('a'),sleeper('b'),return_exceptions=True)
        except asyncio.CancelledError as e: log('gr',said(e)); raise
    t=asyncio.create_task(gr()); await asyncio.sleep(0);await asyncio.sleep(0); t.cancel('fifteen')
    try: await t
    except asyncio.CancelledError as e: log('awaiter',said(e))
    log('16 the last argument')
    async def fails(): raise ValueError
    async def refuses():
        try: await asyncio.sleep(10)
        except asyncio.CancelledError: await asyncio.sleep(0)
    for first,last in [(sleeper('a'),fails()),(refuses(),sleeper('b')),(sleeper('c'),refuses())]:
        g=asyncio.gather(asyncio.create_task(first),asyncio.create_task(last),return_exceptions=True)
        await asyncio.sleep(0); await asyncio.sleep(0); g.cancel('sixteen')
        try: await g
        except asyncio.CancelledError as e: log('awaiter',said(e))
    async def end(): await asyncio.sleep(10)
    asyncio.current_task().cancel('main is done')
    await asyncio.sleep(0)
try: in_order.run(main())
except asyncio.CancelledError as e: log('run',said(e))
