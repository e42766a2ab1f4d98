import asyncio


async def work():
    await asyncio.sleep(0)
    return "work"


async def main():
    loop = asyncio.get_running_loop()
    coroutine = work()
    try:
        print(loop.run_until_complete(coroutine))
    except RuntimeError as error:
        print(f"the same loop: {error}")
    other = asyncio.new_event_loop()
    try:
        print(other.run_until_complete(coroutine))
    except RuntimeError as error:
        print(f"another loop: {error}")
    other.close()
    print(f"awaited: {await coroutine}")


asyncio.run(main())
try:
    asyncio.get_running_loop()
except RuntimeError as error:
    print(f"outside: {error}")
