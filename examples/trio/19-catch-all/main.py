import asyncio


async def worker():
    for attempt in (1, 2):
        try:
            print(f"attempt {attempt}")
            await asyncio.sleep(3600)
        except Exception as error:
            print(f"attempt {attempt} failed: {type(error).__name__}; try again")


async def main():
    task = asyncio.create_task(worker())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=0.05)
    print(f"done {task.done()}")
    task.cancel()


asyncio.run(main())
