import asyncio
import time


async def main():
    loop = asyncio.get_running_loop()
    loop.call_later(0.04, print, "timer of 40 ms")
    loop.call_later(0.02, print, "timer of 20 ms")
    loop.call_later(0, print, "timer of 0 ms")
    loop.call_later(-1, print, "timer of -1 s, which was due before it was made")
    loop.call_soon(lambda: (print("callback"), loop.call_soon(print, "callback of the callback")))
    await asyncio.sleep(0.08)
    cancelled = loop.call_later(0.02, print, "cancelled, never seen")
    loop.call_later(0.01, lambda: (print("cancels a timer that is due as well"), cancelled.cancel()))
    time.sleep(0.05)
    await asyncio.sleep(0.01)
    print("end")


asyncio.run(main())
