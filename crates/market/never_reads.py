"""How much aiohttp takes for a browser that never reads, before `write` waits."""

import argparse
import asyncio
import socket

from aiohttp import web

PIECE = b"data: " + b"." * 1016 + b"\n\n"
written = 0


async def events(request):
    global written
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    try:
        while True:
            await response.write(PIECE)
            written += len(PIECE)
    except ConnectionError:
        return response  # the browser has left


async def main():
    app = web.Application()
    app.add_routes([web.get("/events", events)])
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", flags.port))
    if flags.send_buffer:
        # Connections have it from the socket that accepts them.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, flags.send_buffer)
    await web.SockSite(runner, listener).start()
    with socket.create_connection(listener.getsockname()) as browser:
        browser.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        before = -1
        while before != written:  # until it stands still
            before = written
            await asyncio.sleep(0.3)
    print(f"write took {written // 1024} KiB that nobody has read")
    await runner.cleanup()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--send-buffer", type=int, help="bytes that the system keeps for a connection")
parser.add_argument("--port", type=int, default=0)
flags = parser.parse_args()
asyncio.run(main())
