import asyncio


async def worker(name, semaphore):
    async with semaphore:
        print(f"{name} enters")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        print(f"{name} leaves")


async def main():
    semaphore = asyncio.Semaphore(2)
    tasks = [asyncio.create_task(worker(name, semaphore)) for name in ("a", "b", "c", "d")]
    await asyncio.sleep(0)
    print(f"locked {semaphore.locked()}")
    await asyncio.sleep(0)
    tasks[2].cancel()
    print("c is cancelled, while it waits")
    await asyncio.gather(*tasks, return_exceptions=True)
    bounded = asyncio.BoundedSemaphore(1)
    try:
        bounded.release()
    except ValueError:
        print("one permit too many: refused")


asyncio.run(main())
