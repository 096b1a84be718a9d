"""What asynchronous generators do, in small programs: `python3 streams.py [PART...]`."""

import asyncio
import collections
import contextlib
import itertools
import sys
import time


class Clock:
    """Says when, counted from the beginning of the part."""

    def begin(self):
        self.start = time.monotonic()

    def say(self, what):
        print(f"{time.monotonic() - self.start:4.1f} s  {what}")


clock = Clock()


async def read(piece):
    await asyncio.sleep(1)
    return piece


async def pieces():
    try:
        for piece in range(1, 4):
            clock.say(f"read({piece})")
            yield await read(piece)
    finally:
        clock.say("closed")


async def use(piece):
    await asyncio.sleep(2)


async def pull():
    async for piece in pieces():
        clock.say(f"use({piece})")
        await use(piece)
    clock.say("the end")


async def enough():
    async for piece in pieces():
        clock.say(f"use({piece})")
        if piece == 2:
            break
    clock.say("after the loop")
    await asyncio.sleep(0.5)
    clock.say("the end")


async def closing():
    async with contextlib.aclosing(pieces()) as some:
        async for piece in some:
            clock.say(f"use({piece})")
            if piece == 2:
                break
    clock.say("after the loop")
    await asyncio.sleep(0.5)
    clock.say("the end")


async def in_time():
    async with asyncio.timeout(2):
        async for piece in pieces():
            yield piece


async def escaped():
    """A timeout around a `yield` hits whoever uses the generator, outside of it."""
    try:
        async for piece in in_time():
            clock.say(f"use({piece})")
            await asyncio.sleep(5)
    except TimeoutError:
        clock.say("timed out")
    except asyncio.CancelledError:
        clock.say("cancelled")


async def buffered(jobs, limit):
    """The results of the jobs in order. At most `limit` are under way."""
    running = collections.deque()
    for job in jobs:
        running.append(asyncio.create_task(job))
        if len(running) == limit:
            yield await running.popleft()
    while running:
        yield await running.popleft()


async def buffer_unordered(jobs, limit):
    """The results of the jobs as they come. At most `limit` are under way."""
    jobs = iter(jobs)
    running = []
    while True:
        room = limit - len(running)
        running += [asyncio.create_task(job) for job in itertools.islice(jobs, room)]
        if not running:
            return
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in running if task.done())
        running.remove(first)
        yield first.result()


async def parse(piece):
    await asyncio.sleep(4 if piece == 1 else 1)
    return piece


async def ordered():
    async for piece in buffered(map(parse, range(1, 6)), 2):
        clock.say(f"parsed {piece}")


async def unordered():
    async for piece in buffer_unordered(map(parse, range(1, 6)), 2):
        clock.say(f"parsed {piece}")


async def server(number, accepted):
    await asyncio.sleep(1.5 if number == 2 else 0.5)
    clock.say(f"the server accepts {number}")
    accepted.set()


async def request(number):
    try:
        async with asyncio.timeout(3):
            accepted = asyncio.Event()
            task = asyncio.create_task(server(number, accepted))
            await accepted.wait()
            await asyncio.sleep(0.5)
            await task
            return number
    except TimeoutError:
        return "timed out"


async def save(number):
    await asyncio.sleep(3)


async def starved():
    """Not here: `buffer_unordered` makes tasks, and the loop runs every task."""
    async for answer in buffer_unordered((request(n) for n in range(1, 4)), 2):
        if answer == "timed out":
            clock.say(answer)
        else:
            clock.say(f"answer {answer}")
            await save(answer)


async def update(row):
    await asyncio.sleep(0.5)


async def deadlock():
    database = asyncio.Semaphore(1)

    async def query(number):
        async with database:
            await asyncio.sleep(1)
        return number

    try:
        async with asyncio.timeout(10):
            async for row in buffer_unordered((query(n) for n in range(1, 4)), 2):
                clock.say(f"row {row}")
                async with database:
                    await update(row)
        clock.say("the end")
    except TimeoutError:
        clock.say("stuck, given up")


PARTS = {
    "pull": pull,
    "break": enough,
    "aclosing": closing,
    "timeout": escaped,
    "ordered": ordered,
    "unordered": unordered,
    "starved": starved,
    "spawned": starved,
    "deadlock": deadlock,
}


async def main():
    parts = sys.argv[1:] or PARTS
    for part in parts:
        if part not in PARTS:
            sys.exit(f"streams.py: there is no part {part!r}, only {', '.join(PARTS)}")
    for part in parts:
        print(f"-- {part}")
        clock.begin()
        await PARTS[part]()


asyncio.run(main())
