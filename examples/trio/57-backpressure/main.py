import asyncio
import socket

MIB = 1 << 20


async def main():
    ours, theirs = socket.socketpair()
    reader, _keeps_it_open = await asyncio.open_connection(sock=theirs)
    _unread, writer = await asyncio.open_connection(sock=ours)
    writer.write(b"x" * 8 * MIB)
    print(f"written; more than the kernel took is kept: {writer.transport.get_write_buffer_size() > MIB}")
    drained = asyncio.create_task(writer.drain())
    for _ in range(5):
        await asyncio.sleep(0)
    print(f"drain waits: {not drained.done()}")
    size = len(await reader.readexactly(8 * MIB))
    await drained
    print(f"read {size // MIB} MiB; drain has gone on: {drained.done()}")
    writer.close()
    _keeps_it_open.close()


asyncio.run(main())
