import asyncio
import threading
import time


async def main():
    loop_thread = threading.get_ident()
    started, finished = threading.Event(), threading.Event()

    def blocks(seconds):
        started.set()
        time.sleep(seconds)
        finished.set()
        return f"on the loop's thread: {threading.get_ident() == loop_thread}"

    ticks = 0

    async def ticker():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    task = asyncio.create_task(ticker())
    print(f"the closure ran {await asyncio.to_thread(blocks, 0.1)}")
    print(f"and the line after it on the loop's thread: {threading.get_ident() == loop_thread}")
    print(f"the loop went on meanwhile: {ticks > 0}")
    task.cancel()

    def fails():
        raise ValueError("broken")

    try:
        await asyncio.get_running_loop().run_in_executor(None, fails)
    except ValueError as error:
        print(f"failed: {error}")

    started.clear()
    finished.clear()
    task = asyncio.create_task(asyncio.to_thread(blocks, 0.1))
    await asyncio.to_thread(started.wait)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print(f"cancelled; the closure has finished: {finished.is_set()}")
    await asyncio.to_thread(finished.wait)
    print("it has finished now")


asyncio.run(main())
