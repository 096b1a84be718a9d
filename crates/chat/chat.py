"""Chat rooms over WebSockets in aiohttp, for one process. Twin of src/main.rs."""

import argparse
import asyncio
import errno
import os
import signal
import sys
from collections import OrderedDict
from pathlib import Path

from aiohttp import WSMsgType, web

from rooms import Room
from rules import PING, Bucket, Goodbye, Refusal, checked_name, checked_room, checked_text
from rules import frame, message, parse, to_json

MAX_MESSAGE = 16 * 1024  # bytes
WAITING = 1024  # frames that wait for one reader
EMPTY_ROOMS = 1000  # whose history is kept
CLOSING = 2  # seconds for the close handshake

PAGES = {"/": "index.html", "/chat.js": "chat.js", "/chat.css": "chat.css"}
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Member:
    """One connection: a task that reads, a task that writes, and a bounded queue for the latter."""

    def __init__(self, chat, request, socket, stream):
        self.chat, self.flags = chat, chat.flags
        self.request, self.socket, self.stream = request, socket, stream
        self.name = self.room = None
        self.queue = asyncio.Queue(WAITING)
        self.gap = None  # the messages that found the queue full: how many, first, last
        self.last = None  # the close code and sentence, once it is known that it ends
        self.timer = None
        self.silent = 0  # heartbeats since the last frame
        self.refused = 0  # in a row, for speed
        self.bucket = Bucket(self.flags.burst, self.flags.rate)

    def offer(self, frame, number=None):
        """Queues what the room says. Never waits: one slow reader would delay the others."""
        if self.gap is None:
            try:
                self.queue.put_nowait(frame)
                return
            except asyncio.QueueFull:
                self.gap = [0, None, None]
        if number is not None:
            count, first, _ = self.gap
            self.gap = [count + 1, first or number, number]

    async def answer(self, kind, ref, **fields):
        """Queues what is for this client alone. Waits: who does not read is not read from."""
        if ref is not None:
            fields["ref"] = ref
        await self.queue.put(message(kind, **fields))

    def end(self, code, sentence):
        """Closes once what waits is written; or, if that takes too long, at once."""
        if self.last is None:
            self.last = (code, sentence)
            self.stop_timer()
            self.timer = asyncio.get_running_loop().call_later(CLOSING, self.abort)
            if self.queue.empty():
                self.queue.put_nowait(None)  # wakes the writer

    def abort(self):
        if self.request.transport is not None:
            self.request.transport.abort()

    def stop_timer(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def beat(self):
        """Once a heartbeat. aiohttp has its own, which closes without a code."""
        if self.silent == 2:
            self.end(4003, "no answer for two heartbeats")
            return
        self.silent += 1
        if not self.queue.full():
            self.queue.put_nowait(PING)
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.flags.heartbeat, self.beat)

    async def write(self):
        """Writes what waits, until it is known that it ends and nothing waits any more."""
        while self.last is None or not self.queue.empty():
            frames = [await self.queue.get()]
            while not self.queue.empty():
                frames.append(self.queue.get_nowait())
            frames = [frame for frame in frames if frame is not None]
            if self.gap is not None:
                count, first, last = self.gap
                self.gap = None
                if count:
                    frames.append(message("missed", count=count, first=first, last=last))
                frames.append(message("people", people=self.room.people()))
            if self.flags.batch:
                await self.stream.write(b"".join(frame.wire for frame in frames))
            else:
                for one in frames:
                    await self.socket.send_frame(one.payload, one.opcode)
        code, sentence = self.last
        await self.socket.close(code=code, message=sentence.encode())

    async def read(self):
        """Reads until the connection closes."""
        async for received in self.socket:
            self.silent = 0
            match received.type:
                case WSMsgType.TEXT:
                    await self.hear(parse(received.data))
                case WSMsgType.PING:
                    await self.queue.put(frame(WSMsgType.PONG, received.data))
                case WSMsgType.BINARY:
                    raise Goodbye(1003, "this server takes text only")
                case WSMsgType.ERROR:
                    return  # aiohttp has closed it, with the code that says why
            if self.queue.qsize() > 64:
                # Messages that have arrived together are read without a pause. The writers must
                # come to run before the queues are full.
                await asyncio.sleep(0)

    async def hear(self, received):
        match received:
            case {"type": "say", "text": str(text)} if self.room:
                await self.say(text, received.get("ref"))
            case {"type": "join", "name": str(name), "room": str(room)} if not self.room:
                self.join(name, room, received.get("after"), received.get("of"))
            case _:
                raise Goodbye(4000, "this is no message of this protocol")

    def join(self, name, room, after, epoch):
        name, room = checked_name(name), self.chat.room(checked_room(room))
        if name.lower() in room.members:
            raise Goodbye(4001, "this name is taken in this room")
        self.name, self.room = name, room
        room.tell(message("joined", name=name))
        room.members[name.lower()] = self
        self.chat.entered(room)
        self.offer(room.welcome(name, after if epoch == room.epoch else None))
        self.stop_timer()
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.flags.heartbeat, self.beat)

    async def say(self, text, ref):
        if ref is not None and len(ref) > 64:
            raise Goodbye(4000, "a ref has at most 64 characters")
        try:
            if not self.bucket.take():
                self.refused += 1
                if self.refused > 2 * self.bucket.burst:
                    raise Goodbye(1008, "too many messages")
                raise Refusal("too fast; wait a moment")
            self.refused = 0
            number = self.room.say(self.name, checked_text(text))
        except Refusal as refusal:
            await self.answer("refused", ref, reason=str(refusal))
        else:
            if ref is not None:
                await self.answer("accepted", ref, id=number)

    def leave(self):
        if self.room is not None:
            del self.room.members[self.name.lower()]
            self.room.tell(message("left", name=self.name))
            self.chat.left(self.room)

    async def run(self):
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.flags.patience, self.end, 4002, "no join in time")
        try:
            # If writing fails, the group ends the reading, whatever that waits for.
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.write())
                try:
                    await self.read()
                except Goodbye as goodbye:
                    self.end(goodbye.code, str(goodbye))
                finally:
                    self.leave()
                self.end(1000, "")
        except* ConnectionError:
            pass  # it has gone without a word
        finally:
            self.stop_timer()


class Chat:
    """All rooms, all connections, and the handlers of requests."""

    def __init__(self, flags):
        self.flags = flags
        self.rooms = {}
        self.empty = OrderedDict()  # those without people, by when the last one left
        self.members = set()
        self.heads = {}  # connections that have sent no request yet: their timers
        folder = Path(__file__).parent / "src" / "page"
        self.pages = {path: (folder / name).read_bytes() for path, name in PAGES.items()}

    def room(self, name):
        if name not in self.rooms:
            self.rooms[name] = Room(name, self.flags.history)
        return self.rooms[name]

    def entered(self, room):
        self.empty.pop(room.name, None)

    def left(self, room):
        """Keeps the history for who comes back; not of as many rooms as one can think of names."""
        if not room.members:
            self.empty[room.name] = room
            if len(self.empty) > EMPTY_ROOMS:
                name, _ = self.empty.popitem(last=False)
                del self.rooms[name]

    async def page(self, request):
        path = request.path
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        kind = MEDIA_TYPES[Path(PAGES[path]).suffix]
        body = self.pages[path]
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    async def health(self, request):
        rooms = len(self.rooms) - len(self.empty)
        counts = {"connections": len(self.members), "rooms": rooms}
        return web.Response(body=to_json(counts).encode(), content_type="application/json")

    async def websocket(self, request):
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return refuse(426, "this is for WebSockets", Upgrade="websocket")
        if request.headers.get("Sec-WebSocket-Version") != "13":
            headers = {"Sec-WebSocket-Version": "13"}
            return refuse(426, "this server speaks version 13", **headers)
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2].lower() != request.host.lower():
            return refuse(403, "another site's page must not talk here")
        if len(self.members) >= self.flags.max_connections:
            return refuse(503, "the chat is full; try later", **{"Retry-After": "10"})
        # Pings are answered through the queue, so that they are seen, and so that who does not read
        # cannot make answers pile up.
        socket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MAX_MESSAGE + 1, timeout=CLOSING
        )
        member = Member(self, request, socket, await socket.prepare(request))
        self.members.add(member)
        try:
            await member.run()
        finally:
            self.members.remove(member)
        return socket

    def connection(self, server):
        """A protocol for a new connection. aiohttp has no time limit for the first head."""
        protocol = server()

        def too_late():
            del self.heads[protocol]
            if protocol.transport is not None:
                protocol.transport.close()

        loop = asyncio.get_running_loop()
        self.heads[protocol] = loop.call_later(self.flags.patience, too_late)
        return protocol

    @web.middleware
    async def around(self, request, handler):
        timer = self.heads.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return refuse(404, "there is nothing here; the chat is at /")
        except web.HTTPMethodNotAllowed as refusal:
            allow = ", ".join(sorted(refusal.allowed_methods))
            return refuse(405, "this cannot be done here", Allow=allow)

    async def serve(self, stop):
        app = web.Application(middlewares=[self.around])
        app.add_routes([web.get(path, self.page) for path in PAGES])
        app.add_routes([web.get("/health", self.health)])
        app.add_routes([web.get("/ws", self.websocket, allow_head=False)])
        options = {"keepalive_timeout": self.flags.patience, "shutdown_timeout": CLOSING + 1}
        runner = web.AppRunner(app, access_log=None, **options)
        await runner.setup()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: self.connection(runner.server), "127.0.0.1", self.flags.port, backlog=1024
        )
        port = server.sockets[0].getsockname()[1]
        print(f"Listening on http://127.0.0.1:{port}", flush=True)
        await stop.wait()
        server.close()
        goodbye = message("closing", reason="the server stops")
        for member in self.members:
            member.offer(goodbye)
            member.end(1001, "the server stops")
        await runner.cleanup()
        print("Stopped.")


def refuse(status, sentence, **headers):
    return web.Response(status=status, text=sentence + "\n", headers=headers)


async def main(flags):
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def asked(number, _):
        if stop.is_set():
            print("chat: stopped at once", file=sys.stderr)
            os._exit(128 + number)
        loop.call_soon_threadsafe(stop.set)

    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGTERM, asked)
    await Chat(flags).serve(stop)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--max-connections", type=int, default=10_500)
    parser.add_argument("--burst", type=int, default=20, help="messages at once; 0: no limit")
    parser.add_argument("--rate", type=float, default=5, help="messages a second")
    parser.add_argument("--heartbeat", type=float, default=20, metavar="SECONDS")
    parser.add_argument("--patience", type=float, default=5, metavar="SECONDS")
    parser.add_argument("--history", type=int, default=100, metavar="MESSAGES")
    parser.add_argument("--batch", action="store_true", help="frame by hand, and write at once")
    flags = parser.parse_args()
    if not 0 <= flags.port < 65536:
        parser.error("--port must be from 0 to 65535")
    if min(flags.burst, flags.history) < 0:
        parser.error("--burst and --history must be 0 or more")
    if min(flags.max_connections, flags.rate, flags.heartbeat, flags.patience) <= 0:
        parser.error("--max-connections, --rate, --heartbeat and --patience must be above 0")
    try:
        asyncio.run(main(flags))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.exit(f"chat: port {flags.port} is in use; choose another with --port")
