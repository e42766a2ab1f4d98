import asyncio
import warnings


async def save():
    print("saves")


async def main():
    print("call")
    save()
    print("called")
    await asyncio.sleep(0)
    print("end: nothing was saved")


warnings.simplefilter("ignore", RuntimeWarning)
asyncio.run(main())
