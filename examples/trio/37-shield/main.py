import asyncio


async def inner():
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("inner: has gone on to its end")
    return "value"


async def outer(task):
    try:
        print(f"outer: {await asyncio.shield(task)}")
    except asyncio.CancelledError:
        print(f"outer: cancelled; the inner one is done: {task.done()}")
        raise


async def main():
    inner_task = asyncio.create_task(inner())
    outer_task = asyncio.create_task(outer(inner_task))
    await asyncio.sleep(0)
    outer_task.cancel()
    await asyncio.wait([outer_task])
    print(f"main: the inner one gives {await inner_task}")

    inner_task = asyncio.create_task(inner())
    outer_task = asyncio.create_task(outer(inner_task))
    await asyncio.sleep(0)
    inner_task.cancel()
    await asyncio.wait([outer_task])
    print(f"main: cancelled inside, and outside {outer_task.cancelled()}")


asyncio.run(main())
