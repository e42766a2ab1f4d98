import asyncio


async def count(name, pause):
    for number in (1, 2, 3):
        print(f"{name} {number}")
        await pause()


async def main():
    print("a pause of zero")
    await asyncio.gather(count("a", lambda: asyncio.sleep(0)), count("b", lambda: asyncio.sleep(0)))
    print("a finished future")
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)

    async def await_done():
        await done

    await asyncio.gather(count("a", await_done), count("b", await_done))


asyncio.run(main())
