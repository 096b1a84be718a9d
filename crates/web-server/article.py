"""The web server of the article. It does not serve: `main` returns at once.

Only the port is not as it was printed: one given as an argument comes before 8080.

`site.start()` begins to listen and comes back. Nothing awaits after it, so `main` ends,
`asyncio.run` closes the event loop, and the program exits with code 0 and without a word.
web-server.py is the same program, put right.
"""

import asyncio
import sys

from aiohttp import web

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8080


async def handle_request(request):
    await asyncio.sleep(1)  # Simulate I/O operation
    return web.Response(text="Hello, world!")


async def main():
    app = web.Application()
    app.add_routes([web.get('/', handle_request)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, 'localhost', PORT)
    await site.start()


asyncio.run(main())
