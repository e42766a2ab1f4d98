import asyncio


async def child(name, steps, fails):
    for _ in range(steps):
        await asyncio.sleep(0)
    if fails:
        raise ValueError(name)
    return name


def names(tasks):
    return ", ".join(sorted(task.get_name() for task in tasks)) or "none"


def start():
    return [
        asyncio.create_task(child("a", 9, False), name="a"),
        asyncio.create_task(child("b", 2, False), name="b"),
        asyncio.create_task(child("c", 4, True), name="c"),
    ]


async def main():
    for mode in (asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED):
        done, pending = await asyncio.wait(start(), return_when=mode)
        print(f"{mode}: done {names(done)}; pending {names(pending)}")
        for task in done:
            task.exception()
        for task in pending:
            await asyncio.wait([task])
            task.exception()
    never = asyncio.create_task(asyncio.sleep(3600), name="never")
    done, pending = await asyncio.wait([never], timeout=0)
    print(f"time is over: done {names(done)}; pending {names(pending)}; cancelled {never.cancelled()}")
    try:
        await asyncio.wait([])
    except ValueError:
        print("nothing to wait for: refused")


asyncio.run(main())
