import asyncio
import gc


async def handler():
    print("handler: begins")
    await asyncio.sleep(0)
    raise ValueError("broken")


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: print("the handler of last resort is told"))
    try:
        asyncio.create_task(handler())
    except ValueError:
        print("caught at the call")
    await asyncio.sleep(0.02)
    gc.collect()
    print("the loop goes on")


asyncio.run(main())
