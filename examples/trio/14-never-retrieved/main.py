import asyncio
import gc


async def fails():
    print("fails")
    raise ValueError("broken")


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: print("the handler is told"))
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    print(f"done {task.done()}; the last reference goes")
    task = None
    gc.collect()
    print("end")


asyncio.run(main())
