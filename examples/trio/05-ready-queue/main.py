import asyncio


async def step(name):
    print(f"task {name}")


async def main():
    loop = asyncio.get_running_loop()
    loop.call_soon(print, "callback 1")
    first = asyncio.create_task(step("1"))
    handle = loop.call_soon(print, "callback 2, never seen")
    loop.call_soon(lambda: loop.call_soon(print, "callback 3, queued by a callback"))
    second = asyncio.create_task(step("2"))
    handle.cancel()
    print("all is queued")
    await first
    await second
    await asyncio.sleep(0)
    print("end")


asyncio.run(main())
