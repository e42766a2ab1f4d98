import asyncio


async def worker(name, lock):
    async with lock:
        print(f"{name} has it")
        await asyncio.sleep(0)
    print(f"{name} has let go; locked {lock.locked()}")


async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    tasks = [asyncio.create_task(worker(name, lock)) for name in ("a", "b")]
    await asyncio.sleep(0)
    lock.release()
    print(f"released: locked {lock.locked()}")
    async with lock:
        print("main has it again, after the others")
    try:
        lock.release()
    except RuntimeError as error:
        print(error)
    await asyncio.gather(*tasks)


asyncio.run(main())
