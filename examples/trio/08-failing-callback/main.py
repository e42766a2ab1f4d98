import asyncio


def fails():
    print("the callback fails")
    raise ValueError("broken")


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: print("the handler is told"))
    loop.call_soon(fails)
    loop.call_soon(print, "the next callback runs")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("end")


asyncio.run(main())
