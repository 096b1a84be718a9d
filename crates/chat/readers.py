"""One slow reader in a room: four ways to say something to everyone."""

import argparse
import asyncio
import time
from collections import deque


class Clock:
    def __init__(self):
        self.start = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.start

    async def until(self, seconds):
        await asyncio.sleep(max(0, self.start + seconds - time.monotonic()))


async def read(name, pause, clock, connection):
    line = []
    while (message := await connection.get()) is not None:
        line.append(f"{message} at {clock.seconds():.1f}")
        if len(line) == 1:
            await asyncio.sleep(pause)
    return f"{name}: {', '.join(line)}"


def reader(name, pause, clock):
    connection = asyncio.Queue(2)
    return connection, asyncio.create_task(read(name, pause, clock, connection))


async def in_a_loop(message, room):
    for connection in room:
        await connection.put(message)


async def together(message, room):
    await asyncio.gather(*(connection.put(message) for connection in room))


async def say(way, message, room):
    await (in_a_loop if way == "loop" else together)(message, room)


async def fixed_room(way):
    clock = Clock()
    people = [reader(name, pause, clock) for name, pause in [("Ada", 0), ("Bob", 3.8), ("Eve", 0)]]
    room = [connection for connection, _ in people]
    for message in range(1, 11):
        await clock.until(message / 2)
        await say(way, message, room)
    for connection, _ in people:
        await connection.put(None)
    for _, reads in people:
        print(await reads)


async def join(lock, room, people, clock):
    person = reader("Eve", 0, clock)
    async with lock:
        room.append(person[0])
    people.append(person)


async def behind_a_lock():
    clock = Clock()
    people = [reader("Ada", 0, clock), reader("Bob", 3.8, clock)]
    room = [connection for connection, _ in people]
    lock = asyncio.Lock()

    async def door():
        await clock.until(2.2)
        await join(lock, room, people, clock)
        print(f"Eve wants in at 2.2, and is in at {clock.seconds():.1f}")

    entering = asyncio.create_task(door())
    for message in range(1, 11):
        await clock.until(message / 2)
        async with lock:
            await say("lock", message, room)
    await entering
    for connection, _ in people:
        await connection.put(None)
    for _, reads in people:
        print(await reads)


class Waiting:
    """What a room has said and one reader has not taken: the newest two, and how many are gone."""

    def __init__(self):
        self.messages, self.missed = deque(), 0
        self.changed = asyncio.Event()

    def offer(self, message):
        if len(self.messages) == 2 and message is not None:
            self.messages.popleft()
            self.missed += 1
        self.messages.append(message)
        self.changed.set()

    async def take(self):
        await self.changed.wait()
        if self.missed:
            message, self.missed = f"(missed {self.missed})", 0
            return message
        message = self.messages.popleft()
        if not self.messages:
            self.changed.clear()
        return message


async def forward(waiting, connection):
    while True:
        message = await waiting.take()
        await connection.put(message)
        if message is None:
            return


async def with_a_queue():
    clock = Clock()
    room, people = [], []

    def enter(name, pause):
        connection, reads = reader(name, pause, clock)
        room.append(Waiting())
        people.append((asyncio.create_task(forward(room[-1], connection)), reads))

    enter("Ada", 0)
    enter("Bob", 3.8)
    for message in range(1, 11):
        if message == 5:
            await clock.until(2.2)
            enter("Eve", 0)
            print(f"Eve wants in at 2.2, and is in at {clock.seconds():.1f}")
        await clock.until(message / 2)
        for waiting in room:
            waiting.offer(message)
    for waiting in room:
        waiting.offer(None)
    for _, reads in people:
        print(await reads)


WAYS = ["loop", "gather", "lock", "queue"]


async def main(ways):
    for way in (way for way in WAYS if not ways or way in ways):
        print(f"-- {way}")
        match way:
            case "lock":
                await behind_a_lock()
            case "queue":
                await with_a_queue()
            case _:
                await fixed_room(way)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ways", nargs="*", metavar="way", help=", ".join(WAYS))
    ways = parser.parse_args().ways
    for way in ways:
        if way not in WAYS:
            parser.error(f"there is no {way}: say {', '.join(WAYS)}")
    asyncio.run(main(ways))
