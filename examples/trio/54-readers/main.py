import asyncio
import os
import time


async def main():
    loop = asyncio.get_running_loop()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, b"abc")

    def on_readable():
        print(f"readable: takes {os.read(reader, 1).decode()}")

    loop.add_reader(reader, on_readable)
    for turn in (1, 2, 3, 4, 5):
        await asyncio.sleep(0)
        print(f"turn {turn}")
    loop.call_later(0.01, print, "the timer of 10 ms")
    os.write(writer, b"d")
    time.sleep(0.1)
    await asyncio.sleep(0.02)
    print(f"removed {loop.remove_reader(reader)}, again {loop.remove_reader(reader)}")
    os.write(writer, b"e")
    await asyncio.sleep(0.01)
    print("nobody looks any more")


asyncio.run(main())
