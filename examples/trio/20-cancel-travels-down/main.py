import asyncio


async def inner():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("inner: told; cleans up")
        await asyncio.sleep(0)
        print("inner: refuses, and gives a value")
        return "value"


async def outer(task):
    try:
        print(f"outer: got {await task}")
    except asyncio.CancelledError:
        print("outer: cancelled")
        raise


async def main():
    inner_task = asyncio.create_task(inner())
    outer_task = asyncio.create_task(outer(inner_task))
    await asyncio.sleep(0)
    print("cancel the outer")
    outer_task.cancel()
    await asyncio.wait([outer_task])
    print(f"outer cancelled {outer_task.cancelled()}, inner cancelled {inner_task.cancelled()}")


asyncio.run(main())
