# needs Python 3.12
import asyncio


async def handle(reader, writer):
    line = await reader.readline()
    print(f"handler: got {line.decode().strip()}")
    writer.write(line.upper())
    await writer.drain()
    rest = await reader.read()
    print(f"handler: the client has closed, after {len(rest)} more bytes")
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    print("client: connected")
    writer.write(b"hello\n")
    print(f"client: got {(await reader.readline()).decode().strip()}")
    server.close()
    print(f"server: closed; serving {server.is_serving()}")
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        print("client: a second connection is refused")
    waiter = asyncio.create_task(server.wait_closed())
    await asyncio.sleep(0.01)
    print(f"server: still has a connection: {not waiter.done()}")
    writer.close()
    await writer.wait_closed()
    await waiter
    print("server: all is closed")


asyncio.run(main())
