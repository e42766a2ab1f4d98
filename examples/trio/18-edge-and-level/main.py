import asyncio


async def stubborn():
    for attempt in (1, 2, 3):
        try:
            await asyncio.sleep(0.01 if attempt == 2 else 3600)
            print(f"sleep {attempt}: slept")
        except asyncio.CancelledError:
            print(f"sleep {attempt}: refuses")
    return "ended by itself"


async def main():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    print("cancel")
    task.cancel()
    await asyncio.sleep(0.05)
    print("cancel again")
    task.cancel()
    print(await task)
    print(f"cancelled {task.cancelled()}, cancelling {task.cancelling()}")


asyncio.run(main())
