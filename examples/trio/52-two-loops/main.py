import asyncio

lock = asyncio.Lock()


async def contend():
    holder = asyncio.create_task(lock.acquire())
    await asyncio.sleep(0)
    waiter = asyncio.create_task(lock.acquire())
    await asyncio.sleep(0)
    lock.release()
    await waiter
    print(f"first loop: locked {lock.locked()}")


async def again():
    try:
        await lock.acquire()
    except RuntimeError:
        print("second loop: it would have to wait, and is refused")
    lock.release()
    async with lock:
        print("second loop: free, so nobody has to wait")


asyncio.run(contend())
asyncio.run(again())
