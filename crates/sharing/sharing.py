"""Sharing: asyncio's locks, events and conditions. The Rust twin is in src/."""

import asyncio
import contextvars
import functools
import sys
import threading
import time

# How long a part of the lesson waits for what should have happened long ago.
LONG = 2


class Account:
    def __init__(self, name):
        self.name = name
        self.balance = 100
        self.lock = asyncio.Lock()


# ---- account


async def ask_the_bank():
    await asyncio.sleep(1)
    return 10


async def deposit_in_two_steps(account):
    # Reads the balance, awaits, and writes. `account.balance += await …` does the same.
    before = account.balance
    amount = await ask_the_bank()
    account.balance = before + amount


async def deposit_in_turn(account):
    async with account.lock:
        before = account.balance
        amount = await ask_the_bank()
        account.balance = before + amount


async def deposit_at_once(account):
    amount = await ask_the_bank()
    account.balance += amount


async def account():
    for name, deposit in [
        ("in two steps", deposit_in_two_steps),
        ("in turn", deposit_in_turn),
        ("at once", deposit_at_once),
    ]:
        start = time.monotonic()
        account = Account("a")
        await asyncio.gather(*(deposit(account) for _ in range(3)))
        print(f"{name}: {account.balance} after {time.monotonic() - start:.1f} s")


# ---- event


async def guest(number, door):
    came = time.monotonic()
    await door.wait()
    print(f"guest({number}) waited {time.monotonic() - came:.1f} s")


async def event():
    door = asyncio.Event()
    early = asyncio.create_task(guest(1, door))
    await asyncio.sleep(2)
    door.set()
    await early
    await guest(2, door)
    door.clear()
    print(f"open: {str(door.is_set()).lower()}")

    start = time.monotonic()
    waiting = asyncio.create_task(asyncio.wait_for(door.wait(), LONG))
    await asyncio.sleep(1)
    # Who waits now has been told, although the door is shut before it looks.
    door.set()
    door.clear()
    passed = str(await waiting).lower()
    print(f"pulse of an Event: passed is {passed}, after {time.monotonic() - start:.1f} s")

    door.set()
    passed = 0
    for _ in range(3):
        passed += await door.wait()
    print(f"set once: {passed} of 3 later waits pass")

    condition = asyncio.Condition()
    async with condition:
        condition.notify_all()
    print(f"notify_all once: {await passing(condition)} of 3 later waits pass")

    for _ in range(3):
        async with condition:
            condition.notify()
    print(f"notify three times: {await passing(condition)} of 3 later waits pass")


async def passing(condition):
    """How many of three waits pass at once, one after the other."""
    passed = 0
    for _ in range(3):
        async with condition:
            try:
                async with asyncio.timeout(0):
                    passed += await condition.wait()
            except TimeoutError:
                pass
    return passed


# ---- wakeup


class Mailbox:
    def __init__(self):
        self.letters = []
        self.bell = asyncio.Condition()

    async def put(self, letter):
        async with self.bell:
            self.letters.append(letter)
            self.bell.notify_all()


async def write_to_the_log():
    await asyncio.sleep(1)


async def look_then_listen(mail):
    """The mistake: looks without the condition's lock."""
    while not mail.letters:
        await write_to_the_log()
        async with mail.bell:
            await mail.bell.wait()
    return mail.letters.pop(0)


async def listen_then_look(mail):
    """The cure: nobody can ring between the look and the wait, which is what the lock is for."""
    async with mail.bell:
        while not mail.letters:
            await write_to_the_log()
            await mail.bell.wait()
        return mail.letters.pop(0)


async def put_later(mail, letter):
    await asyncio.sleep(0.5)
    await mail.put(letter)


async def wakeup():
    for name, receive in [
        ("look, then listen", look_then_listen),
        ("listen, then look", listen_then_look),
    ]:
        start = time.monotonic()
        mail = Mailbox()
        put = asyncio.create_task(put_later(mail, 1))
        try:
            async with asyncio.timeout(LONG):
                letter = await receive(mail)
            print(f"{name}: letter {letter} after {time.monotonic() - start:.1f} s")
        except TimeoutError:
            print(f"{name}: stuck, given up after {time.monotonic() - start:.1f} s")
        await put


# ---- condition


class Store:
    def __init__(self):
        self.stock = 0
        self.more = asyncio.Condition()

    async def take(self, wanted):
        async with self.more:
            await self.more.wait_for(lambda: self.stock >= wanted)
            self.stock -= wanted

    async def put(self):
        async with self.more:
            self.stock += 1
            self.more.notify_all()


async def take(store, wanted, start):
    await store.take(wanted)
    print(f"take({wanted}) after {time.monotonic() - start:.1f} s")


async def condition():
    start = time.monotonic()
    store = Store()
    takers = [asyncio.create_task(take(store, wanted, start)) for wanted in (3, 1, 2)]
    for _ in range(6):
        await asyncio.sleep(0.5)
        await store.put()
    await asyncio.gather(*takers)


# ---- semaphore


class Gauge:
    def __init__(self):
        self.now = self.most = 0


async def job(number, gauge):
    gauge.now += 1
    gauge.most = max(gauge.most, gauge.now)
    await asyncio.sleep(0.5)
    gauge.now -= 1


async def limited(number, permits, gauge):
    async with permits:
        await job(number, gauge)


async def job_with_permit(number, permits, gauge):
    try:
        await job(number, gauge)
    finally:
        permits.release()


async def semaphore():
    start = time.monotonic()
    permits, gauge = asyncio.Semaphore(3), Gauge()
    await asyncio.gather(*(limited(number, permits, gauge) for number in range(1, 11)))
    print(f"inside: at most {gauge.most} at once, {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    permits, gauge = asyncio.Semaphore(3), Gauge()
    async with asyncio.TaskGroup() as group:
        for number in range(1, 11):
            await permits.acquire()
            group.create_task(job_with_permit(number, permits, gauge))
    print(f"before: at most {gauge.most} at once, {time.monotonic() - start:.1f} s")

    try:
        asyncio.BoundedSemaphore(3).release()
    except ValueError as error:
        print(f"released too often: {error}")


# ---- barrier


async def runner(number, line):
    start = time.monotonic()
    await asyncio.sleep(number / 2)
    index = await line.wait()
    return number, index, time.monotonic() - start


async def wait_at(line):
    try:
        await line.wait()
        print("it goes")
    except asyncio.BrokenBarrierError:
        pass


async def barrier():
    line = asyncio.Barrier(3)
    gone = await asyncio.gather(*(runner(number, line) for number in range(1, 4)))
    for number, _, seconds in gone:
        print(f"runner({number}) goes after {seconds:.1f} s")
    print(f"indexes: {', '.join(str(index) for _, index, _ in gone)}")

    line = asyncio.Barrier(2)
    try:
        await asyncio.wait_for(line.wait(), 0.5)
    except TimeoutError:
        print("the first gave up")
    try:
        await asyncio.wait_for(line.wait(), LONG)
        print("the second goes, alone")
    except TimeoutError:
        print("the second waits in vain")

    start = time.monotonic()
    line = asyncio.Barrier(2)
    waiter = asyncio.create_task(wait_at(line))
    await asyncio.sleep(0.5)
    await line.abort()
    await waiter
    print(f"called off after {time.monotonic() - start:.1f} s")


# ---- deadlock


async def check():
    await asyncio.sleep(0.5)


def move(giver, taker):
    giver.balance -= 10
    taker.balance += 10


async def transfer(giver, taker):
    async with giver.lock:
        print(f"{giver.name} to {taker.name}: has {giver.name}")
        await check()
        print(f"{giver.name} to {taker.name}: wants {taker.name}")
        async with taker.lock:
            move(giver, taker)


async def transfer_in_order(giver, taker):
    first, second = sorted([giver, taker], key=lambda account: account.name)
    async with first.lock:
        await check()
        async with second.lock:
            move(giver, taker)


async def transfer_under_one_lock(lock, giver, taker):
    async with lock:
        await check()
        move(giver, taker)


async def transfer_with_patience(giver, taker, patience):
    start = time.monotonic()
    name = f"{giver.name} to {taker.name}"
    async with giver.lock:
        await check()
        try:
            await asyncio.wait_for(taker.lock.acquire(), patience)
        except TimeoutError:
            seconds = time.monotonic() - start
            print(f"{name}: no lock on {taker.name}, gave up after {seconds:.1f} s")
            return
        try:
            move(giver, taker)
        finally:
            taker.lock.release()
        print(f"{name}: done after {time.monotonic() - start:.1f} s")


async def both(name, there, back):
    start = time.monotonic()
    try:
        async with asyncio.timeout(LONG):
            await asyncio.gather(there, back)
        print(f"{name}: done after {time.monotonic() - start:.1f} s")
    except TimeoutError:
        print(f"{name}: stuck, given up after {time.monotonic() - start:.1f} s")


async def deadlock():
    a, b = Account("a"), Account("b")
    await both("opposite order", transfer(a, b), transfer(b, a))
    await both("same order", transfer_in_order(a, b), transfer_in_order(b, a))
    lock = asyncio.Lock()
    there, back = transfer_under_one_lock(lock, a, b), transfer_under_one_lock(lock, b, a)
    await both("one lock", there, back)
    there, back = transfer_with_patience(a, b, 0.5), transfer_with_patience(b, a, 1.5)
    await both("patience", there, back)

    start = time.monotonic()
    async with a.lock:
        try:
            await asyncio.wait_for(a.lock.acquire(), LONG)
        except TimeoutError:
            print(f"one lock twice: stuck, given up after {time.monotonic() - start:.1f} s")


# ---- actor


async def bank(requests):
    balances = [100, 100]
    while True:
        request = await requests.get()
        if request is None:
            return
        giver, taker, answer = request
        await check()
        balances[giver] -= 10
        balances[taker] += 10
        # Whoever asked may have gone away.
        if not answer.done():
            answer.set_result(tuple(balances))


async def transfer_by_message(requests, giver, taker):
    answer = asyncio.get_running_loop().create_future()
    await requests.put((giver, taker, answer))
    await answer


async def actor():
    requests = asyncio.Queue(8)
    task = asyncio.create_task(bank(requests))
    there, back = transfer_by_message(requests, 0, 1), transfer_by_message(requests, 1, 0)
    await both("actor", there, back)
    await requests.put(None)
    await task


# ---- context

REQUEST = contextvars.ContextVar("request")


def request():
    return REQUEST.get("none")


async def later():
    await asyncio.sleep(0)
    return request()


async def inside(number):
    REQUEST.set(number)
    return await later()


async def handle():
    print(f"awaited: {await later()}")
    print(f"spawned: {await asyncio.create_task(later())}")
    print(f"in a thread: {await asyncio.to_thread(request)}")
    inner = await asyncio.create_task(inside(8))
    print(f"inside: {inner}, outside: {request()}")


async def context():
    print(f"before: {request()}")
    token = REQUEST.set(7)
    await handle()
    REQUEST.reset(token)
    print(f"afterwards: {request()}")


# ---- thread

LOCAL = threading.local()


async def set_and_read(number):
    LOCAL.request = number
    await asyncio.sleep(0)
    return LOCAL.request


async def thread():
    one, two = await asyncio.gather(set_and_read(1), set_and_read(2))
    print(f"one thread: 1 reads {one}, 2 reads {two}")


# ---- once

READ = 0


@functools.cache
def settings():
    global READ
    READ += 1
    return 42


class Server:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.value = None
        self.begun = 0

    async def connect(self):
        self.begun += 1
        attempt = self.begun
        await asyncio.sleep(1)
        return attempt

    async def connection(self):
        # Under the lock: else each of the three would find nothing, and connect.
        async with self.lock:
            if self.value is None:
                self.value = await self.connect()
            return self.value


async def ask(name, server, start):
    attempt = await server.connection()
    print(f"{name}: connection {attempt} after {time.monotonic() - start:.1f} s")


async def impatient(name, server, start):
    try:
        # Not `wait_for`: before Python 3.12 that makes a task, which would be last in the queue.
        async with asyncio.timeout(0.5):
            await ask(name, server, start)
    except TimeoutError:
        print(f"{name}: gave up")


async def once():
    total = settings() + settings()
    print(f"settings: {total}, read {READ} time")

    start = time.monotonic()
    server = Server()
    await asyncio.gather(
        impatient("first", server, start),
        ask("second", server, start),
        ask("third", server, start),
    )
    print(f"begun: {server.begun}")


PARTS = {
    "account": account,
    "event": event,
    "wakeup": wakeup,
    "condition": condition,
    "semaphore": semaphore,
    "barrier": barrier,
    "deadlock": deadlock,
    "actor": actor,
    "context": context,
    "thread": thread,
    "once": once,
}


async def main():
    for name, part in PARTS.items():
        if name in sys.argv[1:] or not sys.argv[1:]:
            print(f"-- {name}")
            await part()


asyncio.run(main())
