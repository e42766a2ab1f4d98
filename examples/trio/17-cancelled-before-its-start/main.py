import asyncio


async def body(name):
    print(f"{name} starts")
    try:
        await asyncio.sleep(0)
    finally:
        print(f"{name} cleans up")


async def main():
    task = asyncio.create_task(body("task"))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print(f"cancelled {task.cancelled()}")


asyncio.run(main())
