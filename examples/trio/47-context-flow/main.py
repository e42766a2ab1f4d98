import asyncio
import contextvars

request = contextvars.ContextVar("request", default="none")


async def sets(value):
    request.set(value)
    print(f"inside: {request.get()}")


async def main():
    request.set("main's")
    await sets("set by a plain await")
    print(f"after a plain await: {request.get()}")
    await asyncio.create_task(sets("set by a task"))
    print(f"after a task: {request.get()}")
    request.set("at registration")
    asyncio.get_running_loop().call_soon(lambda: print(f"callback: {request.get()}"))
    request.set("later")
    await asyncio.sleep(0)
    await asyncio.to_thread(lambda: print(f"another thread: {request.get()}"))


asyncio.run(main())
