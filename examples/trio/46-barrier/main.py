import asyncio


async def party(name, barrier):
    try:
        index = await barrier.wait()
        print(f"{name} goes on, index {index}")
    except asyncio.BrokenBarrierError:
        print(f"{name} is sent away")


async def main():
    barrier = asyncio.Barrier(3)
    tasks = [asyncio.create_task(party(name, barrier)) for name in ("a", "b")]
    await asyncio.sleep(0)
    print(f"waiting: {barrier.n_waiting} of {barrier.parties}")
    await party("main", barrier)
    await asyncio.gather(*tasks)
    task = asyncio.create_task(party("c", barrier))
    await asyncio.sleep(0)
    await barrier.reset()
    await task
    print(f"broken {barrier.broken}")


asyncio.run(main())
