import asyncio


async def waiter(name, event):
    await event.wait()
    print(f"{name} goes on; set {event.is_set()}")


async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiter(name, event)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    tasks[1].cancel()
    event.set()
    event.clear()
    print("set, and cleared at once")
    await asyncio.gather(*tasks, return_exceptions=True)
    print(f"b is cancelled: {tasks[1].cancelled()}")
    event.set()
    asyncio.get_running_loop().call_soon(print, "a callback that was ready")
    await event.wait()
    print("no waiting for what is set")
    await asyncio.sleep(0)


asyncio.run(main())
