import asyncio

turns = 0


def tick():
    global turns
    turns += 1
    asyncio.get_running_loop().call_soon(tick)


async def settle(future):
    await asyncio.sleep(0)
    global turns
    turns = 0
    future.set_result(None)


async def child():
    await asyncio.sleep(0)
    global turns
    turns = 0


async def main():
    loop = asyncio.get_running_loop()
    loop.call_soon(tick)
    future = loop.create_future()
    task = asyncio.create_task(settle(future))
    await future
    print(f"future: {turns}")
    await task
    await asyncio.create_task(child())
    print(f"task: {turns}")
    await asyncio.gather(child(), child())
    print(f"gather: {turns}")
    await child()
    print(f"plain await: {turns}")


asyncio.run(main())
