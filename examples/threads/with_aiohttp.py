"""How many threads are there? aiohttp's client, for an IP address and for a host name."""

import asyncio
import threading

import aiohttp


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)  # on the same thread
    port = server.sockets[0].getsockname()[1]
    # ANCHOR: sessions
    resolver = aiohttp.ThreadedResolver()  # the default; newer versions take aiodns where it is there
    connector = aiohttp.TCPConnector(resolver=resolver, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        for host in ("127.0.0.1", "localhost"):
            async with session.get(f"http://{host}:{port}/") as response:
                print(f"{response.status} from {host}: {[thread.name for thread in threading.enumerate()]}")
    # ANCHOR_END: sessions
    server.close()


asyncio.run(main())
