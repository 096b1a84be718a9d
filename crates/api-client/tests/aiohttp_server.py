"""A real aiohttp server for tests/aiohttp.rs. Prints its URL, and ends when its input does."""

import asyncio
import sys

from aiohttp import web


async def ok(request):
    return web.Response(text="hello")


async def slow(request):
    await asyncio.sleep(0.05)
    return web.Response(text="slow")


async def broken(request):
    raise RuntimeError("sorry")


async def moved(request):
    raise web.HTTPFound("/ok")


async def big(request):
    return web.Response(body=bytes(2_000_000))


async def chunked(request):
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for _ in range(10):
        await response.write(b"0123456789")
    return response


async def silent(request):
    await asyncio.Event().wait()


async def main():
    app = web.Application()
    handlers = [ok, slow, broken, moved, big, chunked, silent]
    app.add_routes([web.get(f"/{handler.__name__}", handler) for handler in handlers])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
