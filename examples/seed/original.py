"""The script that this project grew from, made to run on today's Python: see README.md beside it."""

import sys
import time
import asyncio
import aiohttp
from termcolor import colored

urls = sys.argv[1:] or ["https://www.tabsoverspaces.com", "https://www.id3renamer.com"]


async def fetch(url):
    async with aiohttp.ClientSession() as session:
        try:
            start_time = time.perf_counter()
            timeout = aiohttp.ClientTimeout(total=10)
            async with session.get(url, allow_redirects=False, timeout=timeout) as response:
                end_time = time.perf_counter()
                if response.status == 200:
                    duration = (end_time - start_time) * 1000
                    return (url, duration)
                else:
                    return (url, -1)
        except Exception:
            return (url, -1)


async def main():
    tasks = []
    for url in urls:
        tasks.append(asyncio.ensure_future(fetch(url)))
    await asyncio.gather(*tasks)
    results = map(lambda task: task.result(), tasks)
    for fetch_result in results:
        (url, result) = fetch_result
        color = "green" if result != -1 else "red"
        print(colored("{0:<40}".format(url), color) + "{0:.2f}ms".format(result))


loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
