import asyncio

kept = set()


async def background(name, delay):
    try:
        print(f"{name} starts")
        await asyncio.sleep(delay)
        print(f"{name} has done its work")
    finally:
        print(f"{name} cleans up")


async def main():
    for name, delay in (("quick", 0.01), ("endless", 3600)):
        kept.add(asyncio.create_task(background(name, delay)))
    await asyncio.sleep(0.05)
    print("main ends")


asyncio.run(main())
print("the program ends")
