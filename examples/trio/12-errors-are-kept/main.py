import asyncio


async def fails():
    print("fails")
    raise ValueError("broken")


async def main():
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    print(f"nobody has noticed: done {task.done()}, cancelled {task.cancelled()}")
    for time in ("first", "second"):
        try:
            await task
        except ValueError as error:
            print(f"{time} await: {error}")


asyncio.run(main())
