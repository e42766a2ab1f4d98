# needs Python 3.13
import asyncio


async def getter(name, queue):
    try:
        print(f"{name} gets {await queue.get()}")
    except asyncio.QueueShutDown:
        print(f"{name}: the queue is shut down")


async def main():
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(getter(name, queue)) for name in ("a", "b")]
    await asyncio.sleep(0)
    queue.put_nowait("the first item")
    print(f"main takes {queue.get_nowait()}, which has woken a")
    await asyncio.sleep(0)
    queue.put_nowait("the second item")
    await asyncio.sleep(0)
    queue.put_nowait("the third item")
    queue.shutdown()
    try:
        queue.put_nowait("too late")
    except asyncio.QueueShutDown:
        print("no more is taken in")
    await asyncio.gather(*tasks)
    await getter("main", queue)

    narrow = asyncio.Queue(1)

    async def producer():
        for item in (1, 2):
            await narrow.put(item)
            print(f"put {item}")

    task = asyncio.create_task(producer())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print(f"full {narrow.full()}")
    for _ in range(2):
        print(f"got {await narrow.get()}")
        narrow.task_done()
    await narrow.join()
    await task
    print("all work is done")


asyncio.run(main())
