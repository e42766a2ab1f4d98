"""How many threads are there? asyncio, for an IP address and for a host name."""

import asyncio
import os
import socket
import threading
import time


# ANCHOR: count
def count(when):
    kernel = len(os.listdir("/proc/self/task"))  # what Linux counts, whoever started them
    print(f"{when}: {kernel} of Linux's, {[thread.name for thread in threading.enumerate()]}")


async def main():
    # Nobody accepts: the kernel answers a connection by itself, so the only threads here are the client's.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            _reader, writer = await asyncio.open_connection(host, port)
            count(f"connected to {host}")
            writer.close()
# ANCHOR_END: count


count("at the start")
asyncio.run(main())
while len(os.listdir("/proc/self/task")) > threading.active_count():
    time.sleep(0.001)  # a thread that was joined leaves the kernel's list a moment later
count("at the end")
