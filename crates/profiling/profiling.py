"""A service that is slow under load, and what finds out why. The Rust twin is src/main.rs."""

import argparse
import asyncio
import time

LOOKUP = 0.010  # how long the database takes to find an item, in seconds
ASKING = 0.005  # how long the bank takes to answer
READING = 0.010  # how long the price list keeps a processor busy
HEALTH_CHECK = 0.025  # how often somebody asks whether the service is well
ARTICLES, ITEMS = 200, 5
PRICE_LIST = "".join(f"{article};{100 + 7 * article}\n" for article in range(ARTICLES))
FIXES = ("prices", "rate", "lookups")


def read_prices():
    """Reads the price list, again and again until READING is over. There is no `await` in it."""
    start = time.perf_counter()
    while True:
        lines = (line.split(";") for line in PRICE_LIST.splitlines())
        prices = {int(article): int(cents) for article, cents in lines}
        took = time.perf_counter() - start
        if took >= READING:
            return prices
        if took == 0:  # A virtual clock stands still while code runs. It has to be told.
            time.sleep(READING)
            return prices


async def look_up(number, place):
    await asyncio.sleep(LOOKUP)
    return (number * 31 + place) % ARTICLES


async def ask_bank():
    await asyncio.sleep(ASKING)
    return 92


class Shop:
    def __init__(self, mended):
        self.mended = mended
        self.prices = read_prices() if "prices" in mended else None
        self.lock = asyncio.Lock()
        self.dollar = None

    async def order(self, number):
        prices = self.prices or read_prices()
        if "lookups" in self.mended:
            items = await asyncio.gather(*(look_up(number, place) for place in range(ITEMS)))
        else:
            items = [await look_up(number, place) for place in range(ITEMS)]
        cents = sum(prices[item] for item in items)
        dollars = cents * 100 // await self.rate(number)
        return f"order {number}: {dollars // 100}.{dollars % 100:02} USD"

    async def rate(self, number):
        if "rate" in self.mended:
            new = await ask_bank()
            async with self.lock:
                self.dollar = new
            return new
        async with self.lock:
            self.dollar = await ask_bank()
            return self.dollar

    async def health(self):
        return "well"


async def client(shop, numbers):
    took = []
    for number in numbers:
        start = time.monotonic()
        await asyncio.create_task(shop.order(number))
        took.append(time.monotonic() - start)
    return took


async def check_health(shop, took):
    due = time.monotonic()
    while True:
        await asyncio.create_task(shop.health())
        took.append(time.monotonic() - due)
        due += HEALTH_CHECK
        await asyncio.sleep(due - time.monotonic())


async def run(shop, clients, each):
    start = time.monotonic()
    health = []
    check = asyncio.create_task(check_health(shop, health))
    numbers = (range(first, first + each * clients, clients) for first in range(1, clients + 1))
    took = await asyncio.gather(*(client(shop, of_client) for of_client in numbers))
    check.cancel()
    orders = sorted(order for of_client in took for order in of_client)
    return time.monotonic() - start, orders, max(health)


def within(orders, percent):
    """The time within which so many per cent of the orders were answered, in milliseconds."""
    return orders[-(-len(orders) * percent // 100) - 1] * 1000


async def compare(clients, each):
    print("mended                 orders/s    half   95 %  health")
    for names in ("", "lookups", "rate", "prices", "prices rate", "prices rate lookups"):
        mended = names.split()
        took, orders, health = await run(Shop(mended), clients, each)
        print(
            f"{', '.join(mended) or 'nothing':<22} {len(orders) / took:>8.0f}"
            f" {within(orders, 50):>4.0f} ms {within(orders, 95):>3.0f} ms {health * 1000:>4.0f} ms"
        )


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20, metavar="N", help="so many at once")
    parser.add_argument("--orders", type=int, default=3, metavar="N", help="so many of each client")
    parser.add_argument("--fix", default="", metavar="NAMES", help="mend lookups, rate, prices")
    parser.add_argument("--compare", action="store_true", help="mend one after the other")
    parser.add_argument("--slow-polls", type=float, metavar="MS", help="asyncio's own warning")
    options = parser.parse_args()
    mended = [name.strip() for name in options.fix.split(",") if name.strip()]
    if min(options.clients, options.orders) < 1 or max(options.clients, options.orders) > 1000:
        parser.error("--clients and --orders take 1 to 1000")
    if unknown := [name for name in mended if name not in FIXES]:
        parser.error(f"there is no fix {unknown[0]!r}; there are lookups, prices and rate")
    if options.slow_polls is not None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = options.slow_polls / 1000

    clients, each = options.clients, options.orders
    if options.compare:
        await compare(clients, each)
        return
    took, orders, health = await run(Shop(mended), clients, each)
    print(
        f"{clients} x {each} orders in {took * 1000:.0f} ms, {len(orders) / took:.0f} a second"
    )
    half, most = within(orders, 50), within(orders, 95)
    print(f"orders: half of them within {half:.0f} ms, 95 % within {most:.0f} ms")
    print(f"health checks: the slowest took {health * 1000:.0f} ms")


asyncio.run(main())
