"""One exchange, a fast reader and a slow one: four things to put between. The Rust twin is src/bin/conflation.rs."""

import asyncio
import sys
import time
from collections import deque

TENTH = 0.1
PRICES = 20
FAST, SLOW = 0.05, 0.5
END = None  # a queue of Python 3.11 cannot be closed


async def exchange(publish):
    start = time.monotonic()
    for number in range(1, PRICES + 1):
        await asyncio.sleep(TENTH)
        await publish((number, time.monotonic()))
    print(f"  exchange: ended after {time.monotonic() - start:.1f} s")
    await publish(END)


async def reader(name, pause, get):
    start = time.monotonic()
    shown = last = at = oldest = 0
    while (price := await get()) is not END:
        last, made = price
        at = time.monotonic() - start
        oldest = max(oldest, time.monotonic() - made)
        shown += 1
        await asyncio.sleep(pause)
    print(f"  {name}: {shown} prices, up to {oldest:.1f} s old; the last was number {last}, at {at:.1f} s")


async def unbounded():
    for_fast, for_slow = asyncio.Queue(), asyncio.Queue()
    most = 0

    async def publish(price):
        nonlocal most
        for_fast.put_nowait(price)
        for_slow.put_nowait(price)
        most = max(most, for_slow.qsize() - (price is END))

    await asyncio.gather(exchange(publish), reader("fast", FAST, for_fast.get), reader("slow", SLOW, for_slow.get))
    print(f"  at most {most} prices waited for the slow one")


async def bounded():
    for_fast, for_slow = asyncio.Queue(4), asyncio.Queue(4)

    async def publish(price):
        await for_fast.put(price)
        await for_slow.put(price)

    await asyncio.gather(exchange(publish), reader("fast", FAST, for_fast.get), reader("slow", SLOW, for_slow.get))


class Ring:
    """asyncio has no broadcast: a deque that drops its oldest, and an event."""

    def __init__(self, size):
        self.places, self.lost, self.news = deque(maxlen=size), 0, asyncio.Event()

    def put(self, price):
        if price is not END:
            self.lost += len(self.places) == self.places.maxlen
            self.places.append(price)
        self.ended = price is END
        self.news.set()

    async def get(self):
        while not self.places and not (self.news.is_set() and self.ended):
            self.news.clear()
            await self.news.wait()
        return self.places.popleft() if self.places else END


async def ring():
    for_fast, for_slow = Ring(4), Ring(4)

    async def publish(price):
        for_fast.put(price)
        for_slow.put(price)

    await asyncio.gather(exchange(publish), reader("fast", FAST, for_fast.get), reader("slow", SLOW, for_slow.get))
    print(f"  the slow one was told of {for_slow.lost} lost")


class Latest:
    """asyncio has no watch: one value for all, and a bell for each reader."""

    def __init__(self):
        self.price, self.ended, self.bells = None, False, []

    def put(self, price):
        if price is END:
            self.ended = True
        else:
            self.price = price
        for bell in self.bells:
            bell.set()  # a bell that rings already stays as it is

    def subscribe(self):
        bell, seen = asyncio.Event(), None
        self.bells.append(bell)

        async def get():
            nonlocal seen
            while self.price is seen and not self.ended:
                bell.clear()
                await bell.wait()
            if self.price is seen:
                return END
            seen = self.price
            return seen

        return get


async def latest():
    one = Latest()

    async def publish(price):
        one.put(price)

    await asyncio.gather(exchange(publish), reader("fast", FAST, one.subscribe()), reader("slow", SLOW, one.subscribe()))


WAYS = {"unbounded": unbounded, "bounded": bounded, "ring": ring, "latest": latest}


async def main():
    for name in [name for name in sys.argv[1:] if name in WAYS] or WAYS:
        print(name)
        await WAYS[name]()


asyncio.run(main())
