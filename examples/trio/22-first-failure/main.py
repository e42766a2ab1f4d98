import asyncio


async def child(name, delay, fails):
    try:
        await asyncio.sleep(delay)
        if fails:
            raise ValueError(name)
        return name
    finally:
        print(f"{name} ends")


async def main():
    try:
        await asyncio.gather(child("slow", 0.12, True), child("fast", 0.04, True), child("good", 0.08, False))
    except ValueError as error:
        print(f"gather failed with {error}")
    await asyncio.sleep(0.16)
    print("end")


asyncio.run(main())
