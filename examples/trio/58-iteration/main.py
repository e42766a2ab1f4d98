import asyncio


async def numbers():
    try:
        number = 0
        while True:
            number += 1
            await asyncio.sleep(0)
            yield number
    finally:
        await asyncio.sleep(0)
        print("the generator cleans up")


async def main():
    generator = numbers()
    async for number in generator:
        print(number)
        if number == 3:
            break
    print("after the break")
    await generator.aclose()
    print("closed")


asyncio.run(main())
