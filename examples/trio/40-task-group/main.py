import asyncio


async def child(name, steps, fails_while_cleaning):
    try:
        for _ in range(steps):
            await asyncio.sleep(0)
        raise ValueError(name)
    except asyncio.CancelledError:
        print(f"{name} is cancelled")
        if fails_while_cleaning:
            raise ValueError(f"{name}, while it cleaned up") from None
        raise


async def main():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child("first", 2, False))
            group.create_task(child("second", 99, True))
            group.create_task(child("third", 99, False))
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                print("the body is cancelled")
                raise
    except* ValueError as errors:
        print(f"failed: {[str(error) for error in errors.exceptions]}")
    print(f"main itself is not: cancelling {asyncio.current_task().cancelling()}")

    async with asyncio.TaskGroup() as group:
        async def adds_another():
            await asyncio.sleep(0)
            group.create_task(asyncio.sleep(0)).add_done_callback(lambda _: print("added while the group was closing"))

        group.create_task(adds_another())
    print("end")


asyncio.run(main())
