import asyncio


async def waiter(name, future):
    value = await future
    print(f"{name} got {value}")


async def main():
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waiter("waiter", future))
    await asyncio.sleep(0)
    print("before set_result")
    future.set_result("the result")
    print("after set_result")
    await task


asyncio.run(main())
