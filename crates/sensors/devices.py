"""Devices that do not exist: any number of them, some with faults, all from one seed."""

import asyncio
import contextlib
import json
import time

from gateway import MAX_LINE, encode

KINDS = {"pump": "flow", "valve": "opening", "tank": "level", "fan": "speed", "boiler": "pressure"}
FAULTS = ("silence", "garbage", "half-open", "flood", "clock", "deaf")
GARBAGE = (
    b"21.5;OK\n",
    b"\xff\xfe\x00\x00\n",
    b'{"at":1790000000000,"kind":"tempe\n',
    b'{"status":"fine"}\n',
)
PATIENCE = 10.0  # seconds that a device waits for the gateway
PAUSE = 2.0  # seconds before a device that has lost its connection tries again
UNPLUGGED = 10.0  # seconds that a device with a pulled cable keeps its connection
FLOOD = 4.0  # seconds that a flood goes on


class Rng:
    """The generator of the Rust crate `fastrand`: the same seed makes the same devices."""

    def __init__(self, seed):
        self.state = seed

    def u64(self):
        self.state = (self.state + 0x2D35_8DCC_AA6C_78A5) % 2**64
        product = self.state * (self.state ^ 0x8BB8_4B93_962E_ACC9)
        return (product ^ product >> 64) % 2**64

    def f64(self):
        return (self.u64() >> 1) * 2.0**-63

    def below(self, n):
        # Where the first number is among the few that would make small ones more likely, fastrand
        # takes another. For a few thousand devices that does not happen in a lifetime.
        return self.u64() * n >> 64

    def shuffle(self, items):
        for index in range(1, len(items)):
            other = self.below(index + 1)
            items[index], items[other] = items[other], items[index]


def make(count, faults, seed, start_within, good_for, note=lambda name, what: None):
    """The devices, in the order of their numbers. `faults` has a fault for each that has one."""
    rng = Rng(seed)
    faults = faults + [None] * (count - len(faults))
    rng.shuffle(faults)
    width, kinds = len(str(count)), list(KINDS)
    devices = []
    for index, fault in enumerate(faults):
        name = f"{kinds[index % len(kinds)]}-{index + 1:0{width}}"
        start_after = start_within * rng.f64()
        devices.append(Device(name, fault, start_after, good_for, rng.u64(), note))
    return devices


class Lost(Exception):
    """The connection has ended."""


class Restart(Exception):
    """The device was told to start again."""


class Device:
    def __init__(self, name, fault, start_after, good_for, seed, note):
        self.name, self.fault = name, fault
        self.start_after, self.good_for = start_after, good_for
        self.rng = Rng(seed)
        self.value = 20 + 60 * self.rng.f64()
        self.note = note
        self.report = {"id": name, "fault": fault, "sent": 0, "connections": 0, "bye": None}

    async def live(self, connect):
        """Connects, and again when the connection is lost. Until it is cancelled."""
        wait = self.start_after
        while True:
            await asyncio.sleep(wait)
            wait, writer = PAUSE, None
            try:
                reader, writer = await connect()
                await self.talk(reader, writer, await self.greet(reader, writer))
            except (Lost, OSError, ValueError):
                pass  # it is tried again
            except Restart:
                await finish(reader, writer)
                wait = PAUSE / 4
            except asyncio.CancelledError:
                if writer:
                    await finish(reader, writer)
                raise
            finally:
                if writer:
                    writer.transport.abort()
            # Those that were lost together must not come back together.
            wait *= 0.75 + self.rng.f64() / 2

    async def greet(self, reader, writer):
        """Says hello. Returns the interval that the gateway wants."""
        writer.write(encode({"hello": self.name}))
        async with asyncio.timeout(PATIENCE):
            welcome = json.loads(await reader.readline() or b"{}")
        if "welcome" not in welcome:
            self.report["bye"] = welcome.get("bye")
            raise Lost
        self.report["connections"] += 1
        return welcome["every"]

    async def talk(self, reader, writer, every):
        """Sends a reading from time to time, and does what it is told, until it is lost."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        tick = begin + every * self.rng.f64()  # not all at the same moment
        noted = False
        while True:
            try:
                async with asyncio.timeout_at(tick):
                    line = await reader.readline()
            except TimeoutError:
                tick = loop.time() + every
                fault = self.fault if loop.time() - begin >= self.good_for else None
                if fault and not noted:
                    noted = True
                    self.tell(fault)
                await self.measure(writer, fault)
                continue
            if not line:
                raise Lost
            before = every
            every = await self.obey(writer, json.loads(line), every)
            if every != before:
                tick = loop.time() + every

    def tell(self, fault):
        told = {
            "silence": "falls silent",
            "garbage": "sends garbage",
            "half-open": "loses its cable",
            "flood": "sends as fast as it can",
        }
        if fault in told:
            self.note(self.name, told[fault])

    async def measure(self, writer, fault):
        """It is time for a reading."""
        match fault:
            case "silence":
                pass
            case "garbage":
                writer.write(GARBAGE[self.rng.below(len(GARBAGE))])
                await writer.drain()
            case "half-open":
                # It keeps the connection, and does nothing with it.
                await asyncio.sleep(UNPLUGGED)
                raise Lost
            case "flood":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLOOD):
                        while True:
                            # It waits as long as the gateway does not read.
                            await self.send(writer)
                self.fault = None
            case _:
                await self.send(writer)

    async def send(self, writer):
        self.value += self.rng.f64() - 0.5
        at = time.time() - (86_400 if self.fault == "clock" else 0)
        kinds = "temperature", KINDS[self.name.partition("-")[0]]
        kind = kinds[self.report["sent"] % 2]
        reading = {"at": int(at * 1000), "kind": kind, "value": round(self.value, 1)}
        writer.write(encode(reading))
        self.report["sent"] += 1
        await writer.drain()

    async def obey(self, writer, message, every):
        """A line of the gateway. Returns the interval from now on."""
        if "bye" in message:
            self.report["bye"] = message["bye"]
            raise Lost
        if "command" not in message or self.fault == "deaf":
            return every
        writer.write(encode({"ack": message["command"], "ok": True}))
        await writer.drain()
        if message["do"] == "reboot":
            raise Restart
        return message.get("seconds", every)


async def finish(reader, writer):
    """Sends no more, and waits until the gateway has taken everything: it then closes, too."""
    with contextlib.suppress(OSError, ValueError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            writer.write_eof()
            while await reader.read(MAX_LINE):
                pass


async def run(devices, connect, seconds):
    """Runs them for so long. What they have sent is then still taken."""
    tasks = [asyncio.create_task(device.live(connect)) for device in devices]
    try:
        await asyncio.sleep(seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return sorted((device.report for device in devices), key=lambda report: report["id"])
