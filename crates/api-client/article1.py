"""Article 1, example 4. Wrong: a ClientSession for each request, so no connection is used twice.

Changed: the URLs are arguments.
"""

import asyncio
import sys

import aiohttp


async def fetch_data(url):
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            return await response.text()


async def main():
    urls = sys.argv[1:]
    tasks = [fetch_data(url) for url in urls]
    results = await asyncio.gather(*tasks)
    print(results)


asyncio.run(main())
