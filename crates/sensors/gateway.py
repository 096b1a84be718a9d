"""The gateway with asyncio's streams: thousands of devices send readings and take commands."""

import asyncio
import contextlib
import json
import re
import socket
import time
from collections import Counter, deque

MAX_LINE = 4096  # bytes, without the line feed
SOCKET_BUFFER = 16 * 1024  # bytes
MAX_CONNECTIONS = 10_000
MAX_DEVICES = 20_000  # that are remembered, online or not
MAX_KINDS = 16
HELLO = 5.0  # seconds to say hello
EVERY = 1.0  # seconds between two readings, unless a command says otherwise
PATIENCE = 3  # intervals of silence, then a device is offline
A_SECOND = 50  # readings of one device; what is more is dropped, and it has to wait
NOT_READING = 5.0  # seconds until a device that does not read is closed
GOODBYE = 1.0  # seconds that the last line may take
CLOCK = 60.0  # seconds that the clock of a device may be off
CALM = 10.0  # seconds without a reading too many, and the next flood is a new one
ANSWER = 5.0  # seconds until a command counts as unanswered
ID = re.compile(r"[a-z0-9-]{1,64}")
KIND = re.compile(r"[a-z0-9_-]{1,32}")
RESERVED = {"status", "command", "ack"}  # topics of the bridge to MQTT


class BadLine(ValueError):
    """A line that is none of the protocol. The device is told why."""


class Bye(Exception):
    """The connection ends. The device is told why."""


class Refused(Exception):
    """A command that was not carried out."""


async def next_line(reader):
    """The next line, or None at the end. One that is too long is skipped to its end.

    `readline` would empty its buffer, and take the rest of the line for the next one.
    """
    too_long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
            too_long = True
        except asyncio.IncompleteReadError:
            return None  # what has no line feed was cut off
        else:
            if too_long:
                raise BadLine(f"line is longer than {MAX_LINE} bytes")
            return line


def parse(line):
    def no_json(name):
        raise ValueError(f"{name} is no JSON")  # json.loads would take NaN and Infinity

    try:
        message = json.loads(line.decode(), parse_constant=no_json)
    except UnicodeDecodeError:
        raise BadLine("line is no UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BadLine(f"line is no JSON: {str(error)[:200]}") from None
    if not isinstance(message, dict):
        raise BadLine("line is not understood: it is no JSON object")
    return message


def number(message, name):
    value = message[name]
    # For Python True is a number, and an integer has as many digits as it likes.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e308:
        raise BadLine(f"line is not understood: {name} is no number")
    return float(value)


class Rate:
    """So many a second, and as many at once after a pause. In nanoseconds, which do not round."""

    SECOND = 1_000_000_000

    def __init__(self, a_second):
        self.step = self.SECOND // a_second
        self.next = 0

    def take(self):
        """How many seconds the next one has to wait; 0 if it need not."""
        now = time.monotonic_ns()
        first, latest = max(self.next, now), now + self.SECOND - self.step
        if first > latest:
            return (first - latest) / self.SECOND
        self.next = first + self.step
        return 0.0


class Connection:
    """The sending half of one connection, and what is known of it."""

    def __init__(self, writer):
        self.writer = writer
        # As the channel in Rust: who wants to say more to a device that reads nothing is told so.
        self.lines = asyncio.Queue(16)
        self.device = None
        self.commands = {}
        self.numbered = 0
        self.why = None
        self.task = asyncio.current_task()
        # Above this, `drain` waits. By itself that is 64 KiB, for each of thousands of devices.
        writer.transport.set_write_buffer_limits(high=MAX_LINE)

    async def write(self):
        """Writes what is queued, in a task of its own: reading must not wait for it."""
        try:
            while True:
                self.writer.write(encode(await self.lines.get()))
                async with asyncio.timeout(NOT_READING):
                    await self.writer.drain()
        except TimeoutError:
            self.why = f"it read nothing for {NOT_READING:g} s"
        except OSError as error:
            self.why = f"the connection broke: {error}"
        self.writer.transport.abort()  # by which the reading half sees an end

    def end(self, why):
        """Ends the connection from outside."""
        self.why = why
        self.task.cancel()

    async def close(self, reader, bye):
        """Says the last lines. A device that does not read them does not hold us."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(GOODBYE):
                while not self.lines.empty():
                    self.writer.write(encode(self.lines.get_nowait()))
                if bye:
                    self.writer.write(encode({"bye": bye}))
                self.writer.write_eof()
                while await reader.read(MAX_LINE):  # until the device has closed it, too
                    pass
        # Not `close` and `wait_closed`: these wait until everything is written.
        self.writer.transport.abort()


def encode(message):
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Device:
    """What stays of a device when its connection ends."""

    def __init__(self, every):
        self.connection = None
        self.every = every
        self.counts = Counter()
        self.kinds = {}
        self.why = None


class Gateway:
    def __init__(self, every=EVERY, tell=lambda event, **about: None):
        self.every = every
        self.devices = {}
        self.offline = {}  # names in the order in which they went
        self.connections = set()
        self.totals = Counter()
        self.tell = tell

    async def attend(self, reader, writer):
        """One connection, from its first line to its last. `start_server` makes a task of it."""
        self.totals["accepted"] += 1
        connection = Connection(writer)
        bye = None
        writing = asyncio.create_task(connection.write())
        self.connections.add(connection)
        try:
            if len(self.connections) > MAX_CONNECTIONS:
                raise Bye("the gateway is full")
            await self.greet(connection, reader)
            await self.listen(connection, reader)
        except Bye as error:
            bye = str(error)
        except OSError as error:
            connection.why = connection.why or f"the connection broke: {error}"
        except asyncio.CancelledError:
            if connection.why is None:
                raise
            bye = connection.why  # somebody has called `end`
        finally:
            writing.cancel()
            self.leave(connection, connection.why or bye or "it closed the connection")
            await connection.close(reader, bye)
            self.connections.discard(connection)

    async def greet(self, connection, reader):
        try:
            async with asyncio.timeout(HELLO):
                line = await next_line(reader)
            name = parse(line or b"").get("hello")
        except TimeoutError:
            raise Bye(f"no hello within {HELLO:g} s") from None
        except BadLine as error:
            raise Bye(f'the first line is {{"hello":"ID"}}: {error}') from None
        if not isinstance(name, str) or not ID.fullmatch(name) or name == "gateway":
            raise Bye("an id is 1 to 64 of a-z, 0-9 and -, and not gateway")
        if name not in self.devices and len(self.devices) >= MAX_DEVICES:
            if not self.offline:
                raise Bye("the gateway is full")
            oldest = next(iter(self.offline))
            del self.offline[oldest], self.devices[oldest]
        self.offline.pop(name, None)
        device = self.devices.setdefault(name, Device(self.every))
        older, device.connection = device.connection, connection
        connection.device = name
        device.counts["connections"] += 1
        connection.lines.put_nowait({"welcome": name, "every": device.every})
        if older:
            self.tell("replaced", device=name)
            older.end("it said hello on a newer connection")
        else:
            self.tell("online", device=name)

    async def listen(self, connection, reader):
        device = self.devices[connection.device]
        rate, calm_until = Rate(A_SECOND), 0.0
        in_a_row, recent = 0, deque()
        while True:
            silence = PATIENCE * device.every
            try:
                # Of a device whose cable was pulled nothing comes, not even an end.
                async with asyncio.timeout(silence):
                    line = await next_line(reader)
                if line is None:
                    return
                pause = rate.take()
                self.take(connection, device, parse(line), too_fast=pause > 0)
                in_a_row = 0
            except TimeoutError:
                raise Bye(f"nothing heard for {silence:g} s") from None
            except BadLine as error:
                device.counts["bad_lines"] += 1
                self.tell("bad line", device=connection.device, error=str(error))
                in_a_row += 1
                recent.append(time.monotonic())
                while recent[-1] - recent[0] >= 60:
                    recent.popleft()
                if in_a_row == 3:
                    raise Bye("three bad lines in a row") from None
                if len(recent) == 10:
                    raise Bye("ten bad lines in a minute") from None
                with contextlib.suppress(asyncio.QueueFull):
                    connection.lines.put_nowait({"error": str(error)})
            # Nobody reads meanwhile. The stream's buffer fills up, and its transport stops reading;
            # the buffers of TCP fill up, and the device has to wait: this one, and no other.
            if pause:
                now = time.monotonic()
                if now >= calm_until:
                    self.tell("flooding", device=connection.device, limit=A_SECOND)
                calm_until = now + CALM
                await asyncio.sleep(pause)

    def take(self, connection, device, message, too_fast):
        """Counts what a device has said."""
        keys = message.keys()
        if keys >= {"at", "kind", "value"} and not keys & {"hello", "ack"}:
            at, value, kind = number(message, "at"), number(message, "value"), message["kind"]
            if not isinstance(kind, str) or not KIND.fullmatch(kind) or kind in RESERVED:
                raise BadLine(
                    "line is not understood: a kind is 1 to 32 of a-z, 0-9, - and _, "
                    "and not status, command or ack"
                )
            if too_fast:
                device.counts["dropped"] += 1
                return
            if kind not in device.kinds and len(device.kinds) == MAX_KINDS:
                raise BadLine(f"line is not understood: a device measures at most {MAX_KINDS} kinds")
            device.kinds[kind] = value
            bad_clock = abs(at / 1000 - time.time()) > CLOCK
            device.counts["bad_clock" if bad_clock else "readings"] += 1
            self.tell("reading", device=connection.device, kind=kind, value=value)
        elif keys >= {"ack", "ok"} and isinstance(message["ok"], bool):
            # A dictionary would find `true` and `1.0` as 1.
            answer = type(message["ack"]) is int and connection.commands.get(message["ack"])
            if answer and not answer.done():
                answer.set_result(message)
        else:
            raise BadLine("line is not understood: it is no hello, no reading and no ack")

    def leave(self, connection, why):
        """The connection has ended. The device is offline, unless it has a newer one."""
        if connection.device is None:
            self.totals["refused"] += 1
            return
        for answer in connection.commands.values():
            if not answer.done():
                answer.set_exception(Refused("the connection of the device ended"))
        device = self.devices[connection.device]
        if device.connection is connection:
            device.connection, device.why = None, why
            device.counts["offline"] += 1
            self.offline[connection.device] = True
            self.tell("offline", device=connection.device, why=why)

    async def command(self, name, order):
        """Sends a device a command, and waits for its answer. Raises `Refused` without one."""
        device = self.devices.get(name)
        if device is None or device.connection is None:
            raise Refused("the device is offline")
        connection = device.connection
        connection.numbered += 1
        mine = connection.numbered
        answer = asyncio.get_running_loop().create_future()
        connection.commands[mine] = answer
        try:
            connection.lines.put_nowait({"command": mine, **order})
            async with asyncio.timeout(ANSWER):
                ack = await answer
        except asyncio.QueueFull:
            raise Refused("too many commands wait for the device") from None
        except TimeoutError:
            raise Refused(f"the device did not answer within {ANSWER:g} s") from None
        finally:
            del connection.commands[mine]
        if ack["ok"] and order["do"] == "set_interval":
            device.every = order["seconds"]
        return ack

    @contextlib.asynccontextmanager
    async def serving(self, port):
        """Takes connections for as long as the block runs; its value is where."""
        # `limit` bounds a line. By itself it is 64 KiB.
        server = await asyncio.start_server(
            self.attend, "127.0.0.1", port, limit=MAX_LINE, backlog=4096
        )
        # Each connection inherits it. By itself the buffer grows to megabytes for a device that
        # sends fast, and when it floods, we would read what is in there when it is long stale.
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        try:
            yield server.sockets[0].getsockname()[:2]
        finally:
            # It ends no connection, and since Python 3.12 `wait_closed` waits for all of them.
            server.close()
            tasks = [connection.task for connection in self.connections]
            for connection in list(self.connections):
                connection.end("the gateway stops")
            if tasks:
                await asyncio.wait(tasks)

    def report(self):
        """How each device has fared, and all together."""
        devices = [
            {"id": name, "online": device.connection is not None, "why": device.why}
            | {count: device.counts[count] for count in COUNTS}
            for name, device in sorted(self.devices.items())
        ]
        totals = sum((device.counts for device in self.devices.values()), self.totals)
        return {"totals": {count: totals[count] for count in TOTALS}, "devices": devices}


COUNTS = ("connections", "offline", "readings", "bad_clock", "dropped", "bad_lines")
TOTALS = ("accepted", "refused", "readings", "bad_clock", "dropped", "bad_lines", "offline")
