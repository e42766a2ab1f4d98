import asyncio


def said(e):
    return e.args[0] if e.args else "nothing"


async def inner():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError as e:
        print("inner:", said(e))
        raise


async def outer():
    try:
        await asyncio.create_task(inner())
    except asyncio.CancelledError as e:
        print("outer:", said(e))
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError as e:
        print("outer, the second time:", said(e))
        raise


async def main():
    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel("the user has left")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as e:
        print("main:", said(e))
    asyncio.current_task().cancel("closing time")
    await asyncio.sleep(0)


try:
    asyncio.run(main())
except asyncio.CancelledError as e:
    print("outside:", said(e))
