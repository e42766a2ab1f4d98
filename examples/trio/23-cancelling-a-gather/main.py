import asyncio


async def child(name):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print(f"{name} is told, and refuses")
        return name


async def outer():
    try:
        print(await asyncio.gather(child("a"), child("b")))
    except asyncio.CancelledError:
        print("the outer is cancelled")
        raise


async def main():
    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("cancel the outer")
    task.cancel()
    await asyncio.wait([task])

    single = asyncio.create_task(asyncio.sleep(3600))
    other = asyncio.create_task(child("other"))
    await asyncio.sleep(0)
    print("cancel one child")
    single.cancel()
    try:
        await asyncio.gather(single, other)
    except asyncio.CancelledError:
        print(f"the gather fails; the other is done: {other.done()}")
    other.cancel()
    print(f"the other gives {await other}")


asyncio.run(main())
