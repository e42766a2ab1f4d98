import asyncio


async def work():
    print("works")
    return 42


async def main():
    task = asyncio.create_task(work())
    print(f"task: {await task}, {await task}")
    coroutine = work()
    print(f"bare: {await coroutine}")
    try:
        print(f"again: {await coroutine}")
    except RuntimeError:
        print("again: refused")


asyncio.run(main())
