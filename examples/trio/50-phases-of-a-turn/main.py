import asyncio
import threading
import time


async def main():
    loop = asyncio.get_running_loop()

    def work():
        time.sleep(0.1)
        loop.call_soon_threadsafe(print, "the thread's callback, handed over after 100 ms")

    loop.call_later(0.02, print, "the timer of 20 ms")
    thread = threading.Thread(target=work)
    thread.start()
    print("busy for 300 ms")
    time.sleep(0.3)
    thread.join()
    await asyncio.sleep(0.01)


asyncio.run(main())
