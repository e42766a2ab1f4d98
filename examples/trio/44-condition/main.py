import asyncio


async def consumer(name, condition, stock):
    async with condition:
        await condition.wait_for(lambda: stock)
        print(f"{name} takes {stock.pop(0)}")


async def main():
    condition, stock = asyncio.Condition(), []
    tasks = [asyncio.create_task(consumer(name, condition, stock)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    async with condition:
        stock.append(1)
        condition.notify_all()
        print("one thing, and all are told")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with condition:
        stock.extend([2, 3])
        condition.notify(2)
        print("two things, and two are told")
    await asyncio.gather(*tasks)
    try:
        condition.notify()
    except RuntimeError:
        print("without the lock: refused")


asyncio.run(main())
