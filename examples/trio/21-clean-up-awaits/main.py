import asyncio


async def worker(name):
    try:
        await asyncio.sleep(3600)
    finally:
        print(f"{name}: begins to clean up")
        await asyncio.sleep(0)
        print(f"{name}: half-way")
        await asyncio.sleep(0)
        print(f"{name}: has cleaned up")


async def main():
    patient = asyncio.create_task(worker("patient"))
    hasty = asyncio.create_task(worker("hasty"))
    await asyncio.sleep(0)
    patient.cancel()
    hasty.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("cancel the hasty one again")
    hasty.cancel()
    for name, task in (("patient", patient), ("hasty", hasty)):
        try:
            await task
        except asyncio.CancelledError:
            print(f"{name} is gone")


asyncio.run(main())
