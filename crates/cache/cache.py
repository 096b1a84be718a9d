"""Memoising an async call: why lru_cache fails, and what works. The Rust twin is src/main.rs."""

import argparse
import asyncio
import functools
import time

from memo import Cache

HALF = 0.5
PATIENCE = 0.3


class Upstream:
    """A weather service. Its report is the number of the call, which takes a second."""

    def __init__(self, fails=False):
        self.fails = fails
        self.calls = 0

    async def fetch(self, city):
        self.calls += 1
        call = self.calls
        await asyncio.sleep(HALF)
        await asyncio.sleep(HALF)
        if self.fails:
            raise ConnectionResetError("connection reset")
        return call


async def twice():
    upstream = Upstream()

    @functools.lru_cache
    def report(city):
        return upstream.fetch(city)

    for which in "first", "second":
        try:
            print(f"{which}: call {await report('Oslo')}")
        except RuntimeError as error:
            print(f"{which}: RuntimeError: {error}")

    async def ask():
        return await report("Rome")

    for answer in await asyncio.gather(ask(), ask(), return_exceptions=True):
        print(f"at once: {answer!r}")

    # The same coroutine twice is one to `gather`, which hides the mistake.
    print(f"gather: {await asyncio.gather(report('Bern'), report('Bern'))}")


class Map:
    """What everybody writes first."""

    name = "map"

    def __init__(self, upstream):
        self.upstream = upstream
        self.reports = {}

    async def get(self, city):
        if city not in self.reports:
            # Whoever comes during this await has found nothing either, and asks as well.
            self.reports[city] = await self.upstream.fetch(city)
        return self.reports[city]


class OneLock:
    """A lock that is held while the report is fetched."""

    name = "one lock"

    def __init__(self, upstream):
        self.upstream = upstream
        self.lock = asyncio.Lock()
        self.reports = {}

    async def get(self, city):
        async with self.lock:
            # Everybody waits for the lock meanwhile, also those who ask for another city.
            if city not in self.reports:
                self.reports[city] = await self.upstream.fetch(city)
            return self.reports[city]


class LockPerKey:
    """A lock for each city."""

    name = "lock per key"

    def __init__(self, upstream):
        self.upstream = upstream
        self.locks = {}
        self.reports = {}

    async def get(self, city):
        async with self.locks.setdefault(city, asyncio.Lock()):
            if city not in self.reports:
                self.reports[city] = await self.upstream.fetch(city)
            return self.reports[city]


class NoShield:
    """A task for each city, which everybody awaits."""

    name = "no shield"

    def __init__(self, upstream):
        self.upstream = upstream
        self.tasks = {}

    async def get(self, city):
        if city not in self.tasks:
            self.tasks[city] = asyncio.create_task(self.upstream.fetch(city))
        # Who is cancelled here cancels the task, and with it everybody else.
        return await self.tasks[city]


class TaskPerKey(Cache):
    """A task for each fetch, and a shield: the cache of `memo.py`."""

    name = "task per key"

    def __init__(self, upstream, **policy):
        super().__init__(upstream.fetch, **({"capacity": 1000, "fresh": 60} | policy))


class Arena:
    """One of the caches, and what it stands in front of."""

    def __init__(self, kind, fails=False):
        self.upstream = Upstream(fails)
        self.reports = kind(self.upstream)

    async def ask(self, callers, apart=False, leavers=0):
        start = time.monotonic()
        calls = self.upstream.calls

        async def caller(number):
            return await self.reports.get(f"city {number}" if apart else "Oslo")

        async def wait(number):
            async with asyncio.timeout(PATIENCE if number <= leavers else None):
                return await caller(number)

        tally = {"answer": 0, "error": 0, "cancellation": 0}
        numbers = range(1, callers + 1)
        for answer in await asyncio.gather(*map(wait, numbers), return_exceptions=True):
            if isinstance(answer, asyncio.CancelledError):
                tally["cancellation"] += 1
            elif isinstance(answer, ConnectionResetError):
                tally["error"] += 1
            elif not isinstance(answer, TimeoutError):
                tally["answer"] += 1
        return self.upstream.calls - calls, tally, time.monotonic() - start

    async def show(self, callers, apart=False, leavers=0):
        who = count(callers, "caller") + " of as many cities" * apart
        if leavers:
            who += ", all give up" if leavers == callers else f", {leavers} gives up"
        self.tell(who, await self.ask(callers, apart, leavers))

    async def show_later(self):
        await asyncio.sleep(1)
        self.tell("1 caller later", await self.ask(1))

    def tell(self, who, came_of_it):
        calls, tally, seconds = came_of_it
        counts = [count(calls, "call")] + [count(n, what) for what, n in tally.items() if n]
        print(f"{self.reports.name}: {who}: {', '.join(counts)}, {seconds:.1f} s")


def count(n, what):
    return f"{n} {what}" + "s" * (n != 1)


async def stampede(callers):
    arena = Arena(Map)
    await arena.show(callers)
    await arena.show_later()


async def lock(callers):
    await cold(OneLock, callers)


async def flights(callers):
    for kind in LockPerKey, NoShield, TaskPerKey:
        await cold(kind, callers)


async def cold(kind, callers):
    await Arena(kind).show(callers)
    await Arena(kind).show(min(callers, 5), apart=True)


async def leaves(_callers):
    for kind in LockPerKey, NoShield, TaskPerKey:
        await first_leaves(kind)
        await all_leave(kind)


async def first_leaves(kind):
    await Arena(kind).show(3, leavers=1)


async def all_leave(kind):
    arena = Arena(kind)
    await arena.show(3, leavers=3)
    await arena.show_later()


async def fails(_callers):
    for kind in LockPerKey, NoShield, TaskPerKey:
        arena = Arena(kind, fails=True)
        await arena.show(3)
        await arena.show_later()
    print("errors kept for 2 s:")
    await kept_errors()


async def kept_errors():
    reports = TaskPerKey(Upstream(fails=True), errors=2)
    start = time.monotonic()
    for at in 0, 2, 4:
        await sleep_until(start + at)
        await ask(reports, start)
    print(reports.cache_info())


async def expiry(_callers):
    reports = TaskPerKey(Upstream(), fresh=2, stale=2)
    start = time.monotonic()
    for at in 0, 2, 3.5, 5, 10:
        await sleep_until(start + at)
        await ask(reports, start)
    print(reports.cache_info())


async def invalidate(_callers):
    print("task per key:")
    reports = TaskPerKey(Upstream())
    start = time.monotonic()

    async def news():
        await asyncio.sleep(0.5)
        reports.invalidate("Oslo")
        print("0.5 s: there is news from Oslo")
        await asyncio.sleep(0.2)
        await ask(reports, start)

    await asyncio.gather(ask(reports, start), news())
    await sleep_until(start + 3)
    await ask(reports, start)


async def ask(reports, start):
    asked = time.monotonic() - start
    try:
        answer = f"call {await reports.get('Oslo')}"
    except ConnectionResetError as error:
        answer = str(error)
    took = time.monotonic() - start - asked
    print(f"asked at {asked:.1f} s: {answer}, after {took:.1f} s")


async def sleep_until(moment):
    await asyncio.sleep(moment - time.monotonic())


async def bounds(_callers):
    for others in 50, 200:
        fetched = 0

        async def fetch(n):
            nonlocal fetched
            fetched += n < 10
            return n

        numbers = Cache(fetch, capacity=100, fresh=60)
        for n in range(10_000):
            if n % others == 0:
                for popular in range(10):
                    await numbers.get(popular)
            await numbers.get(10 + n)
        print(f"lru, {others} others between two rounds: the popular ones fetched {fetched} times")
        print(numbers.cache_info())


async def keys(_callers):
    names = "Oslo", "oslo", "Oslo "
    upstream = Upstream()
    reports = TaskPerKey(upstream)
    await asyncio.gather(*(reports.get(name) for name in names))
    print(f"as they were typed: {upstream.calls} calls")

    upstream = Upstream()
    reports = TaskPerKey(upstream)
    await asyncio.gather(*(reports.get(name.strip().lower()) for name in names))
    print(f"trimmed, in lower case: {count(upstream.calls, 'call')}")


async def table(callers):
    async def row(kind):
        trials = await asyncio.gather(
            Arena(kind).ask(callers),
            Arena(kind).ask(5, apart=True),
            Arena(kind).ask(callers, leavers=1),
            Arena(kind, fails=True).ask(5),
        )
        cold, apart, left, failed = trials
        cells = [f"{calls:5} {seconds:.1f} s" for calls, _, seconds in trials]
        cells[2] = f"{left[0]:5} {left[1]['answer']:7} {left[2]:.1f} s"
        return f"{kind.name:15}{'  '.join(cells)}"

    kinds = Map, OneLock, LockPerKey, NoShield, TaskPerKey
    rows = await asyncio.gather(*map(row, kinds))
    crowd = count(callers, "caller")
    print(f"{'':15}one city     five cities  1 gives up           an error")
    print(f"{'':15}{crowd:13}{'5 callers':13}{crowd:21}5 callers")
    print(f"{'':15}calls time   calls time   calls answers time   calls time")
    print("\n".join(rows))


PARTS = {
    "twice": lambda _callers: twice(),
    "stampede": stampede,
    "lock": lock,
    "flights": flights,
    "leaves": leaves,
    "fails": fails,
    "expiry": expiry,
    "invalidate": invalidate,
    "bounds": bounds,
    "keys": keys,
    "table": table,
}


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--callers", type=int, default=100)
    wanted = parser.parse_args()
    for name, part in PARTS.items():
        if name in wanted.part or not wanted.part:
            print(f"-- {name}")
            await part(wanted.callers)


asyncio.run(main())
