"""Cancellation: an exception, raised at an await. The Rust twin is src/main.rs."""

import asyncio
import sys
import time

import laboratory


async def work(seconds):
    try:
        print(f"work({seconds}): begins")
        await asyncio.sleep(seconds)
        print(f"work({seconds}): done")
        return seconds
    finally:
        print(f"work({seconds}): tools put away")


async def timeout():
    start = time.monotonic()
    try:
        async with asyncio.timeout(2):
            print(f"result: {await work(5)}")
    except TimeoutError:
        print(f"gave up after {time.monotonic() - start:.1f} s")


async def stubborn():
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        print("stubborn: not now")
        await asyncio.sleep(4)
    return "a late value"


async def refuse():
    start = time.monotonic()
    try:
        value = await asyncio.wait_for(stubborn(), 1)
        print(f"stubborn: {value}, after {time.monotonic() - start:.1f} s")
    except TimeoutError:
        print(f"stubborn: gone, after {time.monotonic() - start:.1f} s")


async def select():
    start = time.monotonic()
    tasks = [asyncio.create_task(work(1)), asyncio.create_task(work(3))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    seconds = time.monotonic() - start
    # The other one goes on until somebody cancels it.
    print(f"still at work: {len(pending)}")
    for task in pending:
        task.cancel()
    await asyncio.wait(pending)
    print(f"first: work({done.pop().result()}), after {seconds:.1f} s")


async def abort():
    task = asyncio.create_task(work(5))
    await asyncio.sleep(1)
    task.cancel()
    print("asked it to stop")
    try:
        print(f"result: {await task}")
    except asyncio.CancelledError:
        print("it was cancelled")

    task = asyncio.create_task(work(6))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("it never began")


async def worker(number):
    rounds = 0
    try:
        while True:
            await asyncio.sleep(1)
            rounds += 1
    except asyncio.CancelledError:
        print(f"worker({number}): told to stop after {rounds} rounds")
        await asyncio.sleep(0.5)
        print(f"worker({number}): saved")
        raise


async def token():
    first, second = asyncio.create_task(worker(1)), asyncio.create_task(worker(2))
    await asyncio.sleep(2.5)
    first.cancel()
    await asyncio.sleep(2)
    second.cancel()
    await asyncio.wait([first, second])
    print("both have saved")


async def shield():
    start = time.monotonic()
    payment = asyncio.create_task(work(3))
    try:
        async with asyncio.timeout(1):
            # Without the shield, cancelling the one who waits cancels the task.
            await asyncio.shield(payment)
    except TimeoutError:
        print(f"gave up waiting after {time.monotonic() - start:.1f} s")
    await asyncio.sleep(3)

    start = time.monotonic()
    draft = asyncio.create_task(work(4))
    try:
        async with asyncio.timeout(1):
            await draft
    except TimeoutError:
        print(f"gave up the work after {time.monotonic() - start:.1f} s")


async def goodbye():
    await asyncio.sleep(1)
    print("connection: said goodbye")


async def session():
    try:
        await asyncio.sleep(5)
    finally:
        await goodbye()


async def cleanup():
    start = time.monotonic()
    try:
        async with asyncio.timeout(1):
            await session()
    except TimeoutError:
        print(f"session: given up after {time.monotonic() - start:.1f} s")
    print(f"all is clean after {time.monotonic() - start:.1f} s")


def messages():
    queue = asyncio.Queue(1)

    async def send():
        for number in range(1, 6):
            await asyncio.sleep(0.6)
            await queue.put(number)
        await queue.put(None)

    return queue, asyncio.create_task(send())


async def timer():
    start = time.monotonic()
    queue, _sender = messages()
    received = 0
    try:
        # Each turn has a second of its own.
        while await asyncio.wait_for(queue.get(), 1) is not None:
            received += 1
    except TimeoutError:
        print("a second is over")
    print(f"timer in the loop: {received} received in {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    queue, _sender = messages()
    received = 0
    try:
        async with asyncio.timeout(1):
            while await queue.get() is not None:
                received += 1
    except TimeoutError:
        print("a second is over")
    print(f"timer before the loop: {received} received in {time.monotonic() - start:.1f} s")


class Counter:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.value = 0


async def hold(counter, seconds):
    async with counter.lock:
        await asyncio.sleep(seconds)


async def update(counter):
    async with counter.lock:
        counter.value += 1


async def impatient(counter, update):
    await asyncio.wait([update], timeout=1)
    async with counter.lock:
        return counter.value


async def futurelock():
    # Only a task can be waited for with others, and the loop runs it whoever waits.
    start = time.monotonic()
    counter = Counter()
    holder = asyncio.create_task(hold(counter, 2))
    await asyncio.sleep(0)
    count = await impatient(counter, asyncio.create_task(update(counter)))
    print(f"task: the counter is {count}, after {time.monotonic() - start:.1f} s")
    await holder


async def blocking():
    async def blocks():
        time.sleep(0.05)
        return "done"

    try:
        done = await asyncio.wait_for(blocks(), 0.01)
        print(f"50 ms of blocking are {done}, the timeout of 10 ms did not fire")
    except TimeoutError:
        print("timed out")


async def order():
    queue = asyncio.Queue()
    for message in range(1000):
        queue.put_nowait(message)
    handled = 0

    async def consume():
        nonlocal handled
        # It is told to stop while it runs, and hears of it when it has to wait.
        asyncio.current_task().cancel()
        while True:
            await queue.get()
            handled += 1

    await asyncio.wait([asyncio.create_task(consume())])
    print(f"queue first: {handled} messages after it was told to stop")


PARTS = {
    "timeout": timeout,
    "refuse": refuse,
    "select": select,
    "abort": abort,
    "token": token,
    "shield": shield,
    "cleanup": cleanup,
    "timer": timer,
    "futurelock": futurelock,
    "blocking": blocking,
    "order": order,
    "laboratory": laboratory.report,
}


async def main():
    for name, part in PARTS.items():
        if name in sys.argv[1:] or not sys.argv[1:]:
            print(f"-- {name}")
            await part()


asyncio.run(main())
