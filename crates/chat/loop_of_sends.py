"""The chat of many tutorials, a loop of sends, and one client that stops reading."""

import asyncio
import socket

from aiohttp import ClientSession, web

TEXT = "x" * 2000
room = set()


async def websocket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    room.add(ws)
    try:
        async for message in ws:
            for other in list(room):
                await other.send_str(message.data)
    finally:
        room.discard(ws)
    return ws


HANDSHAKE = b"\r\n".join(
    [
        b"GET /ws HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"\r\n",
    ]
)


async def read_all(ws):
    async for _ in ws:
        pass


async def say_and_hear(ada, bob):
    """Ada speaks until Bob does not hear her within a second: how many messages he has heard."""
    heard = 0
    while True:
        await ada.send_str(TEXT)
        try:
            await asyncio.wait_for(bob.receive(), 1)
        except TimeoutError:
            return heard
        heard += 1


async def main():
    app = web.Application()
    app.add_routes([web.get("/ws", websocket)])
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    port = listener.getsockname()[1]
    async with ClientSession() as session:
        url = f"http://127.0.0.1:{port}/ws"
        ada, bob = await session.ws_connect(url), await session.ws_connect(url)
        # Eve is in the room, and never reads: a telephone in a tunnel.
        _, eve = await asyncio.open_connection("127.0.0.1", port)
        eve.write(HANDSHAKE)
        reading = asyncio.create_task(read_all(ada))
        heard = await say_and_hear(ada, bob)
        print(f"Bob has heard {heard} messages of 2000 bytes, and hears no more.")
        eve.close()
        await reading  # which ends when Ada's connection does
        print(f"Eve's connection breaks. The server closes Ada's: {ada.close_code}.")
        await bob.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
