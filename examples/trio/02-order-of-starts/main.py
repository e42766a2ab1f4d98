import asyncio


async def node(name, depth):
    print(f"{'  ' * depth}{name} starts")
    if depth < 2:
        await asyncio.gather(*[node(f"{name}.{child}", depth + 1) for child in (1, 2)])
    print(f"{'  ' * depth}{name} ends")


asyncio.run(node("1", 0))
