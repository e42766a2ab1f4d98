import asyncio


async def body():
    print(f"in a task: {asyncio.current_task().get_name()}")
    await asyncio.sleep(0)


async def main():
    asyncio.current_task().set_name("main")
    task = asyncio.create_task(body(), name="reader")
    print(f"all: {sorted(task.get_name() for task in asyncio.all_tasks())}")
    asyncio.get_running_loop().call_soon(lambda: print(f"in a callback: {asyncio.current_task()}"))
    await task
    print(f"all: {sorted(task.get_name() for task in asyncio.all_tasks())}")
    print(f"in main: {asyncio.current_task().get_name()}")


asyncio.run(main())
