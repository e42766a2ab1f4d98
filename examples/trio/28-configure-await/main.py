import asyncio
import threading


async def main():
    thread = threading.get_ident()

    async def pause():
        await asyncio.sleep(0.01)
        return f"on the same thread: {threading.get_ident() == thread}"

    print(f"await: {await pause()}")
    print(f"await of a task: {await asyncio.create_task(pause())}")


asyncio.run(main())
