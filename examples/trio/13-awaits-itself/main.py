import asyncio


async def main():
    holder = []

    async def body():
        try:
            await holder[0]
        except RuntimeError:
            print("refused")

    task = asyncio.create_task(body())
    holder.append(task)
    await asyncio.wait_for(task, 5)
    print("end")


asyncio.run(main())
