import asyncio


async def waiter(name, future):
    await future
    print(f"task {name}")


async def main():
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: print("callback 1"))
    task = asyncio.create_task(waiter("2", future))
    await asyncio.sleep(0)
    future.add_done_callback(lambda _: print("callback 3"))
    print("set")
    future.set_result(None)
    print("is set")
    future.add_done_callback(lambda _: print("callback 4, added late"))
    print("no callback has run yet")
    await task
    await asyncio.sleep(0)
    print("end")


asyncio.run(main())
