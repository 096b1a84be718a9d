"""Talks to the Rust server with aiohttp's client and prints what it saw. Run by aiohttp.rs.

Usage: aiohttp_client.py LESSON MEETING, two addresses such as http://127.0.0.1:8080. LESSON is the
server of the lesson. MEETING answers only when 100 requests are there at the same time.
"""

import asyncio
import sys

import aiohttp


async def routes(session, url):
    for method, path in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/nope"),
        ("POST", "/"),
        ("GET", "/echo"),
    ]:
        async with session.request(method, url + path) as response:
            headers = {name: response.headers.get(name) for name in ("Content-Length", "Allow")}
            print(method, path, response.status, response.content_type, headers, await response.text())


async def bodies(session, url):
    for size in (0, 5, 64 * 1024, 64 * 1024 + 1, 10_000_000):
        async with session.post(url + "/echo", data=b"x" * size) as response:
            print("POST /echo", size, "bytes:", response.status, len(await response.read()))

    async def chunks(count):
        for _ in range(count):
            yield b"x" * 1000

    for count in (10, 10_000):
        async with session.post(url + "/echo", data=chunks(count)) as response:
            print("POST /echo", count, "chunks:", response.status, len(await response.read()))


async def main(lesson, meeting):
    opened = 0

    async def count(*_):
        nonlocal opened
        opened += 1

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(count)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        await routes(session, lesson)
        print("connections:", opened)
    async with aiohttp.ClientSession() as session:
        await bodies(session, lesson)

    async def status(session):
        async with session.get(meeting) as response:
            return response.status

    async with aiohttp.ClientSession() as session:
        statuses = await asyncio.gather(*(status(session) for _ in range(100)))
        print("together:", statuses.count(200))


asyncio.run(main(*sys.argv[1:]))
