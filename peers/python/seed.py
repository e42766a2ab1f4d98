"""The seed's script, made to run on today's Python and given a list, a CA file and a limit of probes in flight.

What differs from the original: no event loop is passed about (the parameter is gone from aiohttp), the URLs come from
a file, a semaphore keeps so many in flight, the context trusts one CA and resumes nothing, and the line shows the
whole URL where the original's slip showed its first letter. One ClientSession a URL, as the original has it.

    seed.py LIST PARALLEL [CA]
"""

import asyncio
import ssl
import sys
import time

import aiohttp

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


async def fetch(url, context, slots):
    async with slots, aiohttp.ClientSession() as session:
        try:
            start_time = time.perf_counter()
            async with session.get(
                url,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(10),
                ssl=context,
                headers={"Connection": "close"},
            ) as response:
                end_time = time.perf_counter()
                await response.read()
                if response.status == 200:
                    return (url, (end_time - start_time) * 1000)
                return (url, -1)
        except Exception:
            return (url, -1)


async def main(urls, parallel, context):
    slots = asyncio.Semaphore(parallel)
    tasks = [asyncio.ensure_future(fetch(url, context, slots)) for url in urls]
    failed = 0
    for url, result in await asyncio.gather(*tasks):
        color = GREEN if result != -1 else RED
        failed += result == -1
        print(color + "{0:<40}".format(url) + PLAIN + "{0:.2f}ms".format(result))
    if failed:
        sys.stderr.write("{0} of {1} probes failed\n".format(failed, len(urls)))
    return 1 if failed else 0


with open(sys.argv[1]) as listed:
    lines = listed.read().split()
ca = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else None
sys.exit(asyncio.run(main(lines, int(sys.argv[2]), ca)))
