import asyncio


async def waiter(future):
    try:
        print(f"got {await future}")
    except asyncio.CancelledError:
        print("cancelled, though the result was there")


async def cancels_itself():
    asyncio.current_task().cancel()
    print("cancels itself, and returns a value")
    return "the value"


async def main():
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waiter(future))
    await asyncio.sleep(0)
    future.set_result("the result")
    print(f"the result is set; cancel: {task.cancel()}")
    await task
    task = asyncio.create_task(cancels_itself())
    try:
        print(f"got {await task}")
    except asyncio.CancelledError:
        print(f"awaited: cancelled {task.cancelled()}")


asyncio.run(main())
