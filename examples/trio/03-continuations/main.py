import asyncio

inside = False


async def waiter(future):
    value = await future
    return f"got {value}, inside set_result: {inside}"


async def main():
    global inside
    future = asyncio.get_running_loop().create_future()
    tasks = [asyncio.create_task(waiter(future)) for _ in range(3)]
    await asyncio.sleep(0)
    print("before set_result")
    inside = True
    future.set_result("the result")
    inside = False
    print(f"after set_result: the first waiter is done: {tasks[0].done()}")
    for number, task in enumerate(tasks, 1):
        print(f"waiter {number} {await task}")


asyncio.run(main())
