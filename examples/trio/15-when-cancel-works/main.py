import asyncio


async def worker():
    print("works")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("is told, and cleans up")
        raise


async def main():
    task = asyncio.create_task(worker())
    await asyncio.sleep(0)
    print("cancel")
    task.cancel()
    print(f"cancelled: done {task.done()}")
    try:
        await task
    except asyncio.CancelledError:
        print(f"awaited: done {task.done()}, cancelled {task.cancelled()}")


asyncio.run(main())
