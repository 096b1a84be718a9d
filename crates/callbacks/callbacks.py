"""The same job with callbacks and with await. The Rust twin is src/main.rs."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

LATENCY = 0.2
USERS = ["ada", "bob", "eve"]


class ShopError(Exception):
    pass


class Shop:
    """The client library of a shop, as somebody else wrote it: every call takes a callback.

    A call comes back at once. Later a thread of the library calls back, with a value or an error.
    """

    def __init__(self):
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.out_of_stock = []

    def later(self, job, *args):
        def wait_and_run():
            time.sleep(LATENCY)
            job(*args)

        self.thread.submit(wait_and_run)

    def log_in(self, user, done):
        if user in ("ada", "bob"):
            self.later(done, user, None)
        else:
            self.later(done, None, ShopError("no such user"))

    def load_profile(self, session, done):
        if session == "ada":
            self.later(done, session, None)
        else:
            self.later(done, None, ShopError("no profile"))

    def load_orders(self, profile, done):
        self.later(done, ["tea", "kettle"], None)

    def load_offers(self, done):
        """Calls back twice when the shop is busy: to say so, and again when it has an answer."""

        def twice():
            done(None, ShopError("the shop is busy"))
            done(["cup"], None)

        self.later(twice)

    def when_in_stock(self, done):
        """Calls back with the price when there is some of it again. That is never."""
        self.out_of_stock.append(done)

    def close(self):
        """Closes the shop. Whoever waits until something is in stock is forgotten."""
        self.out_of_stock.clear()


shop = Shop()


def orders_by_callback(user, done):
    def logged_in(session, error):
        if error:
            done(None, error)
        else:
            shop.load_profile(session, profile_loaded)

    def profile_loaded(profile, error):
        if error:
            done(None, error)
        else:
            shop.load_orders(profile, done)

    shop.log_in(user, logged_in)


async def orders(user):
    session = await answer(shop.log_in, user)
    profile = await answer(shop.load_profile, session)
    return await answer(shop.load_orders, profile)


async def answer(call, *args):
    """Turns a call that takes a callback into a coroutine: the callback settles a future."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def done(value, error):
        # The thread of the library must not touch the future: it asks the loop to.
        loop.call_soon_threadsafe(settle, future, value, error)

    call(*args, done)
    return await future


def settle(future, value, error):
    if future.cancelled():
        kind = "error" if error else "result"
        print(f"  a {kind} that nobody waits for ({whose_thread()})")
    elif error:
        future.set_exception(error)
    else:
        future.set_result(value)


async def in_stock(case):
    """Waits for a callback that never comes, one second at the most."""
    start = time.monotonic()
    try:
        price = await asyncio.wait_for(answer(shop.when_in_stock), 1)
        print(f"  {case}: {price}")
    except TimeoutError:
        print(f"  {case}: gave up after {seconds(start)}")


def close_soon():
    """Half a second from now the shop throws away the callbacks that it has kept."""
    asyncio.get_running_loop().call_later(0.5, shop.close)


async def too_late():
    start = time.monotonic()
    try:
        await asyncio.wait_for(orders("ada"), 0.1)
    except TimeoutError:
        print(f"  gave up after {seconds(start)}")
    # The shop answers one call after the other: when it has answered this one, it has called back
    # for the one above.
    print(f"  next call: {await text(answer(shop.log_in, 'eve'))}")


async def called_twice():
    loop = asyncio.get_running_loop()
    first, again = loop.create_future(), loop.create_future()

    def settle_first(value, error):
        try:
            if error:
                first.set_exception(error)
            else:
                first.set_result(value)
        except asyncio.InvalidStateError as error:
            again.set_result(error)

    shop.load_offers(lambda value, error: loop.call_soon_threadsafe(settle_first, value, error))
    print(f"  first call: {await text(first)}")
    print(f"  called again: {await again!r}")


async def text(awaitable):
    try:
        return as_text(await awaitable)
    except ShopError as error:
        return str(error)


def as_text(value):
    return str(value).replace("'", '"')


def seconds(start):
    return f"{time.monotonic() - start:.1f} s"


def whose_thread():
    if threading.current_thread() is threading.main_thread():
        return "on the loop's thread"
    return "on the shop's thread"


async def main():
    print("callbacks")
    loop = asyncio.get_running_loop()
    start = time.monotonic()
    for user in USERS:
        finished = asyncio.Event()

        def done(value, error):
            print(f"  {user}: {error or as_text(value)} ({whose_thread()})")
            loop.call_soon_threadsafe(finished.set)

        orders_by_callback(user, done)
        print(f"  {user}: asked")
        # Without this, `main` would go on, and end before it is called back.
        await finished.wait()
    print(f"  {seconds(start)}")

    print("await")
    start = time.monotonic()
    for user in USERS:
        print(f"  {user}: {await text(orders(user))} ({whose_thread()})")
    print(f"  {seconds(start)}")

    print("never called")
    await in_stock("kept")
    close_soon()
    await in_stock("lost")

    print("called too late")
    await too_late()

    print("called twice")
    await called_twice()


asyncio.run(main())
