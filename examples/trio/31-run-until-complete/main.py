import asyncio


async def background(gate):
    for number in (1, 2, 3):
        print(f"background {number}")
        await gate.acquire()


async def main(name, gate):
    print(f"{name}")
    gate.release()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return f"{name}'s result"


loop = asyncio.new_event_loop()
gate = asyncio.Semaphore(0)
task = loop.create_task(background(gate))
print(loop.run_until_complete(main("first run", gate)))
print("between the runs nothing moves")
print(loop.run_until_complete(main("second run", gate)))
loop.call_soon(loop.stop)
forever = loop.create_task(asyncio.sleep(3600))
try:
    loop.run_until_complete(forever)
except RuntimeError as error:
    print(error)
forever.cancel()
task.cancel()
loop.run_until_complete(asyncio.wait([forever, task]))
print(f"cancelled {forever.cancelled()}, {task.cancelled()}")
loop.close()
