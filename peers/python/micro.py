"""M1 to M6 on asyncio, as peers/src/bin/micro-tokio.rs has them: micro.py CASE COUNT [CONNECTIONS]."""

import asyncio
import os
import socket
import sys
import time

MESSAGE = 64
ROUND = 100


def now():
    return time.thread_time(), time.perf_counter()


def report(start, units):
    cpu, wall = now()
    print("ns {0:.1f}".format((cpu - start[0]) * 1e9 / units))
    print("wall {0:.1f}".format((wall - start[1]) * 1e9 / units))


def resident():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024


async def nothing():
    pass


async def one_by_one(count):
    start = now()
    for _ in range(count):
        await asyncio.create_task(nothing())
    report(start, count)


async def create_then_gather(count):
    start = now()
    tasks = [asyncio.create_task(nothing()) for _ in range(count)]
    await asyncio.gather(*tasks)
    report(start, count)


async def round_robin(count):
    each = count // ROUND

    async def turns():
        for _ in range(each):
            await asyncio.sleep(0)

    start = now()
    await asyncio.gather(*[asyncio.create_task(turns()) for _ in range(ROUND)])
    report(start, each * ROUND)


async def ping_pong(count):
    there, back = asyncio.Queue(), asyncio.Queue()

    async def other():
        for _ in range(count):
            await back.put(await there.get())

    task = asyncio.create_task(other())
    start = now()
    for n in range(count):
        await there.put(n)
        await back.get()
    report(start, count)
    await task


async def sleepers(count):
    await asyncio.sleep(0)
    before = resident()
    start = now()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    report(start, count)
    print("bytes", (resident() - before) // len(tasks))
    sys.stdout.flush()
    os._exit(0)


async def echo(count, connections):
    async def serve(reader, writer):
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    each = count // connections
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]

    async def client(reader, writer):
        for _ in range(each):
            writer.write(b"\x07" * MESSAGE)
            await reader.readexactly(MESSAGE)
        writer.close()

    start = now()
    await asyncio.gather(*[client(reader, writer) for reader, writer in pairs])
    report(start, each * connections)
    server.close()


async def main(case, count, connections):
    idle = socket.socket()
    idle.bind(("127.0.0.1", 0))
    idle.listen()
    asyncio.get_running_loop().add_reader(idle, lambda: None)
    cases = {"M1": one_by_one, "M2": create_then_gather, "M3": round_robin, "M4": ping_pong, "M5": sleepers}
    await (echo(count, connections) if case == "M6" else cases[case](count))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1))
