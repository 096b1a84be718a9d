"""Article 3. Wrong: it says that it fetches concurrently; the second call waits for the first.

Changed: the two URLs are arguments.
"""

import asyncio
import sys

import aiohttp


async def fetch_data(session, url):
    async with session.get(url) as response:
        return await response.text()


async def main():
    async with aiohttp.ClientSession() as session:
        html1 = await fetch_data(session, sys.argv[1])
        html2 = await fetch_data(session, sys.argv[2])
        print(f"{sys.argv[1]} length: {len(html1)}")
        print(f"{sys.argv[2]} length: {len(html2)}")


if __name__ == "__main__":
    asyncio.run(main())
