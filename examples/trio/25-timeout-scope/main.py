import asyncio


async def main():
    try:
        async with asyncio.timeout(5):
            try:
                async with asyncio.timeout(0.02):
                    await asyncio.sleep(3600)
            except TimeoutError:
                print("the inner limit reports")
                raise ValueError("an error of the block's own")
    except ValueError as error:
        print(f"the outer one has nothing to say about {error}")

    try:
        async with asyncio.timeout(0.02):
            async with asyncio.timeout(5):
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    print("inside it is a cancellation")
                    raise
    except TimeoutError:
        print("the outer limit reports")

    async with asyncio.timeout(0.02) as scope:
        scope.reschedule(None)
        await asyncio.sleep(0.05)
        print(f"moved in time: expired {scope.expired()}")

    async with asyncio.timeout(0.02) as scope:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("swallowed")
    print(f"no error: expired {scope.expired()}")


asyncio.run(main())
