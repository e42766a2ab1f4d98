import asyncio


async def child(name, steps, fails):
    for _ in range(steps):
        await asyncio.sleep(0)
    if fails:
        raise ValueError(name)
    return name


async def main():
    tasks = [
        asyncio.create_task(child("slow", 6, False)),
        asyncio.create_task(child("fast", 2, False)),
        asyncio.create_task(child("broken", 4, True)),
    ]
    for next_one in asyncio.as_completed(tasks):
        try:
            print(f"ended: {await next_one}")
        except ValueError as error:
            print(f"failed: {error}")
    never = asyncio.create_task(asyncio.sleep(3600))
    quick = asyncio.create_task(child("quick", 1, False))
    for next_one in asyncio.as_completed([quick, never], timeout=0.02):
        try:
            print(f"ended: {await next_one}")
        except TimeoutError:
            print(f"the time is over; cancelled {never.cancelled()}")


asyncio.run(main())
