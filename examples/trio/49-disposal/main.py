import asyncio


class Resource:
    def __init__(self, name):
        self.name = name

    async def __aenter__(self):
        print(f"{self.name}: opens")
        return self

    async def __aexit__(self, *error):
        print(f"{self.name}: says goodbye")
        await asyncio.sleep(0)
        print(f"{self.name}: is closed")


async def worker(name, fails):
    async with Resource(name):
        if fails:
            raise ValueError("broken")
        await asyncio.sleep(3600)


async def main():
    try:
        await worker("a", True)
    except ValueError as error:
        print(f"after the closing: {error}")
    task = asyncio.create_task(worker("b", False))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("after the closing: cancelled")


asyncio.run(main())
