import asyncio
import time


async def ticker():
    for _ in range(3):
        await asyncio.sleep(0.02)
        print("tick")


async def busy():
    print("busy: computes")
    time.sleep(0.2)
    print("busy: has computed")


async def main():
    ticks = asyncio.create_task(ticker())
    await asyncio.sleep(0)
    await busy()
    await ticks
    print("end")


asyncio.run(main())
