import asyncio


async def body(name):
    print(f"{name}: the body starts")
    await asyncio.sleep(0)
    print(f"{name}: the body goes on")
    return name


async def main():
    print("call")
    cold = body("cold")
    print("called; nothing awaits it yet")
    await cold
    print("make a task")
    task = asyncio.create_task(body("task"))
    print("made; nothing awaits it yet")
    print(f"result: {await task}")


asyncio.run(main())
