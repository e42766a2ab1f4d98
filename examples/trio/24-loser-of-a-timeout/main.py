import asyncio


async def slow(name, refuses):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print(f"{name}: is told, and cleans up")
        await asyncio.sleep(0.02)
        print(f"{name}: has cleaned up")
        if not refuses:
            raise
    return f"{name}'s value"


async def attempt(name, refuses):
    try:
        print(await asyncio.wait_for(slow(name, refuses), 0.02))
    except TimeoutError:
        print(f"{name}: timed out")


async def main():
    await attempt("obedient", False)
    await attempt("stubborn", True)
    print(await asyncio.wait_for(asyncio.sleep(0, "in time"), 5))


asyncio.run(main())
