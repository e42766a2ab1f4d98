# needs Python 3.12
import asyncio


async def body(name, waits):
    print(f"{name} starts in {asyncio.current_task().get_name()}")
    if waits:
        await asyncio.sleep(0)
        print(f"{name} goes on")
    return name


def eager(coroutine, name):
    # In 3.14: asyncio.create_task(coroutine, name=name, eager_start=True)
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), name=name, eager_start=True)


async def main():
    asyncio.current_task().set_name("the main task")
    quick = eager(body("quick", False), "task of quick")
    print(f"made: done {quick.done()}; here is {asyncio.current_task().get_name()}")
    quick.add_done_callback(lambda _: print("done-callback of quick"))
    slow = eager(body("slow", True), "task of slow")
    print(f"made: done {slow.done()}")
    print(f"awaiting one that is done takes no turn: {await quick}")
    print(f"awaited: {await slow}")


asyncio.run(main())
