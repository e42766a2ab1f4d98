import asyncio


async def main():
    reader = asyncio.StreamReader(limit=8)
    reader.feed_data(b"one\ntwo\n")
    print(f"line: {(await reader.readline()).decode().strip()}")
    print(f"exactly 2: {(await reader.readexactly(2)).decode()}")
    print(f"until o: {(await reader.readuntil(b'o')).decode()}")

    async def later():
        print("the reader waits")
        reader.feed_data(b"!\n0123456789\n")

    task = asyncio.create_task(later())
    print(f"two lines' rest: {(await reader.readuntil(b'!')).decode()!r}".replace("\\n", "|"))
    await reader.readline()
    try:
        await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        print(f"over the limit: {error.consumed} bytes can be skipped")
    print(f"they are there still: {(await reader.readexactly(11)).decode().strip()}")
    reader.feed_data(b"half")
    reader.feed_eof()
    try:
        await reader.readexactly(9)
    except asyncio.IncompleteReadError as error:
        print(f"incomplete: {error.partial.decode()} of {error.expected}")
    print(f"at the end: {len(await reader.readline())} bytes; at_eof {reader.at_eof()}")
    await task


asyncio.run(main())
