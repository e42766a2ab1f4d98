import asyncio
import threading


async def main():
    loop = asyncio.get_running_loop()
    told = loop.create_future()

    def work():
        for number in (1, 2, 3):
            loop.call_soon_threadsafe(print, f"call {number} of the thread")
        loop.call_soon_threadsafe(told.set_result, "the thread's result")

    thread = threading.Thread(target=work)
    thread.start()
    print(f"got {await told}")
    thread.join()
    return loop


loop = asyncio.run(main())
try:
    loop.call_soon_threadsafe(print, "never seen")
except RuntimeError as error:
    print(f"refused: {error}")
