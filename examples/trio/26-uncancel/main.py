import asyncio


async def worker():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        me = asyncio.current_task()
        print(f"cancelling {me.cancelling()}")
        print(f"uncancel gives {me.uncancel()}, then {me.uncancel()}")
    await asyncio.sleep(0)
    print("goes on")


async def limited():
    async with asyncio.timeout(0):
        await asyncio.sleep(3600)


async def main():
    task = asyncio.create_task(worker())
    await asyncio.sleep(0)
    task.cancel()
    task.cancel()
    await task
    print(f"cancelled {task.cancelled()}")

    task = asyncio.create_task(limited())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except TimeoutError:
        print("timed out")
    except asyncio.CancelledError:
        print("cancelled from outside, though the time was over as well")


asyncio.run(main())
