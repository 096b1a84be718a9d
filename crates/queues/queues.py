"""Producers and consumers with asyncio.Queue. The Rust twin is src/main.rs."""

import asyncio
import collections
import sys
import threading
import time
import tracemalloc

END = object()  # A sentinel: before Python 3.13 a queue cannot be closed.


async def show(number):
    await asyncio.sleep(0.5)
    print(f"       shown {number}")


async def send_and_show(capacity):
    queue = asyncio.Queue(capacity)

    async def send(number):
        await queue.put((number, time.monotonic()))

    async def sensor(readings):
        start = time.monotonic()
        for number in range(1, readings + 1):
            await send(number)
            print(f"{time.monotonic() - start:.1f} s: sent {number}")
        await queue.put(END)

    start = time.monotonic()
    producer = asyncio.create_task(sensor(6))
    oldest = 0
    while (reading := await queue.get()) is not END:
        number, made = reading
        oldest = max(oldest, time.monotonic() - made)
        await show(number)
    await producer
    print(
        f"capacity {capacity}: all shown after {time.monotonic() - start:.1f} s, "
        f"the oldest reading was {oldest:.1f} s old"
    )


async def pressure():
    await send_and_show(2)
    await more_room()


async def more_room():
    await send_and_show(10)


async def full():
    queue = asyncio.Queue(1)
    await queue.put("first")
    print(f"free: {queue.maxsize - queue.qsize()} of {queue.maxsize}")

    item = "second"
    try:
        queue.put_nowait(item)
    except asyncio.QueueFull:
        print(f'put_nowait: full, and we still have "{item}"')

    start = time.monotonic()
    item = "third"
    try:
        await asyncio.wait_for(queue.put(item), 0.3)
    except TimeoutError:
        print(f'wait_for: we still have "{item}" after {time.monotonic() - start:.1f} s')

    waiting = asyncio.create_task(queue.put("patient"))
    await asyncio.sleep(0)  # now it waits
    print(f'received: "{queue.get_nowait()}"')
    try:
        queue.put_nowait("hasty")
        overtakes = "true"
    except asyncio.QueueFull:
        overtakes = "false"
    print(f"overtakes: {overtakes}")
    print(f'next: "{await queue.get()}"')
    await waiting


async def closing():
    # One sentinel, put by whoever knows that all producers are through.
    queue = asyncio.Queue(4)
    producers = [asyncio.create_task(queue.put(name)) for name in "ab"]
    await asyncio.wait(producers)
    await queue.put(END)
    print(f"sentinel: {await collect(queue)}, then END")


async def collect(queue):
    items = []
    while (item := await queue.get()) is not END:
        items.append(item)
    return items


async def forgotten():
    queue = asyncio.Queue(4)
    producers = [asyncio.create_task(queue.put(name)) for name in "ab"]
    # The mistake: nobody puts END.
    try:
        await asyncio.wait_for(collect(queue), 1)
    except TimeoutError:
        print("stuck: given up after 1.0 s")
    await asyncio.wait(producers)


async def cancel():
    async def slow_consumer(queue):
        numbers = []
        while (letter := await queue.get()) is not END:
            numbers.append(letter)
            await asyncio.sleep(0.5)
        return numbers

    queue = asyncio.Queue(1)
    consumer = asyncio.create_task(slow_consumer(queue))
    kept = []
    for number in range(1, 6):
        try:
            await asyncio.wait_for(queue.put(number), 0.3)
        except TimeoutError:
            kept.append(number)
    await queue.put(END)
    print(f"put in a timeout: received {await consumer}, kept {kept}")

    async def producer(queue):
        for number in range(1, 4):
            await asyncio.sleep(0.25)
            await queue.put(number)
        await queue.put(END)

    queue = asyncio.Queue(1)
    task = asyncio.create_task(producer(queue))
    numbers, cancelled = [], 0
    while True:
        try:
            letter = await asyncio.wait_for(queue.get(), 0.1)
        except TimeoutError:
            cancelled += 1
            continue
        if letter is END:
            break
        numbers.append(letter)
    await task
    print(f"get in a timeout: received {numbers}, cancelled {cancelled} times")


JOBS = [3, 1, 1, 3, 1, 1, 3, 1, 1]
WORKERS = 3


async def work(tenths):
    await asyncio.sleep(tenths / 10)


def filled(jobs):
    queue = asyncio.Queue()
    for job in jobs:
        queue.put_nowait(job)
    return queue


async def take_jobs(queue, lock_kept=None):
    done = 0
    while not queue.empty():
        if lock_kept:
            async with lock_kept:
                if queue.empty():
                    break
                await work(queue.get_nowait())
        else:
            await work(queue.get_nowait())
        done += 1
    return done


async def race(name, workers):
    start = time.monotonic()
    done = await asyncio.gather(*workers)
    print(f"{name}: {time.monotonic() - start:.1f} s, jobs done: {done}")


async def workers():
    queue, lock = filled(JOBS), asyncio.Lock()
    await race("lock kept", [take_jobs(queue, lock) for _ in range(WORKERS)])
    await a_channel_each()
    await a_shared_queue()


async def a_channel_each():
    queues = [filled(JOBS[worker::WORKERS]) for worker in range(WORKERS)]
    await race("a channel each", [take_jobs(queue) for queue in queues])


async def a_shared_queue():
    queue = filled(JOBS)
    await race("a shared queue", [take_jobs(queue) for _ in range(WORKERS)])
    await no_waiting()


async def no_waiting():
    queue, log = filled(range(1000)), []

    async def take_all(number):
        while not queue.empty():
            await queue.get()  # does not wait: there is one
            log.append(number)

    await asyncio.gather(*(take_all(number) for number in range(WORKERS)))
    each = [log.count(number) for number in range(WORKERS)]
    changes = sum(a != b for a, b in zip(log, log[1:]))
    print(f"no waiting, a shared queue: jobs done: {each}, changes of worker: {changes}")


async def worker(queue, bad):
    async def job(number):
        await asyncio.sleep(0.2)
        if number == bad:
            raise ValueError("a mistake in the worker")

    while True:
        await job(await queue.get())
        queue.task_done()


async def join():
    for name, bad in (("all go well", 0), ("one fails", 2)):
        start = time.monotonic()
        queue = asyncio.Queue(3)
        tasks = [asyncio.create_task(worker(queue, bad)) for _ in range(2)]
        for item in (1, 2, 3):
            await queue.put(item)
        if bad == 0:
            while not queue.empty():
                await asyncio.sleep(0.01)
            print(f"{name}: taken after {time.monotonic() - start:.1f} s")
        try:
            await asyncio.wait_for(queue.join(), 1)
            print(f"{name}: nothing unfinished after {time.monotonic() - start:.1f} s")
        except TimeoutError:
            print(f"{name}: join is stuck, given up after {time.monotonic() - start:.1f} s")
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(end, ValueError):
                print("a worker has failed")


async def treat(name):
    await asyncio.sleep(0.1)


def arrivals():
    """Who comes, and how long after the one before."""
    for number in (1, 2, 3):
        yield 0, False, f"n{number}"
    for number in range(1, 11):
        yield 0 if number == 1 else 0.08, True, f"u{number}"


async def by_key(key):
    queue = asyncio.PriorityQueue(16)
    number = 0

    async def arrive():
        nonlocal number
        for after, is_urgent, name in arrivals():
            if after:
                await asyncio.sleep(after)
            # The number keeps equals in order, and names from being compared.
            number += 1
            await queue.put((key(is_urgent), number, name))
        await queue.put((float("inf"), 0, END))

    async def treat_all():
        treated = []
        while (name := (await queue.get())[2]) is not END:
            await treat(name)
            treated.append(name)
        return treated

    return (await asyncio.gather(arrive(), treat_all()))[1]


async def priority():
    queue = asyncio.PriorityQueue(4)
    for number, (key, name) in enumerate([(2, "b"), (1, "a"), (2, "c"), (0, "now")]):
        await queue.put((key, number, name))
    order = []
    while not queue.empty():
        order.append((await queue.get())[2])
    print("order:", *order)
    await by_priority()
    await by_deadline()

    queue = asyncio.PriorityQueue()
    await queue.put((1, {"name": "a"}))
    try:
        await queue.put((1, {"name": "b"}))
    except TypeError as error:
        print(f"equals: {error}")
    print(f"equals: {queue.qsize()} in the queue")


async def by_priority():
    treated = await by_key(lambda is_urgent: 0 if is_urgent else 1)
    print("by priority: ", *treated)


async def by_deadline():
    treated = await by_key(lambda is_urgent: time.monotonic() + (0 if is_urgent else 0.3))
    print("by deadline: ", *treated)


async def unbounded():
    async def produce(queue):
        start = time.monotonic()
        for number in range(1, 1000):
            await queue.put(b"1" * 1_000_000)
            await asyncio.sleep(start + number / 10 - time.monotonic())

    measure = "--memory" in sys.argv
    for name, capacity in (("no bound", 0), ("bound 5", 5)):
        if measure:
            tracemalloc.start()
        queue = asyncio.Queue(capacity)
        producer = asyncio.create_task(produce(queue))
        await asyncio.sleep(0.05)
        for second in (1, 2, 3):
            for _ in range(5):
                await queue.get()
                await asyncio.sleep(0.2)
            more = f", {tracemalloc.get_traced_memory()[0] // 1_000_000} MB more" if measure else ""
            print(f"{name}: {second}.0 s, {queue.qsize()} wait{more}")
        producer.cancel()
        tracemalloc.stop()


class Broadcast:
    """Everything to everyone. Whoever is too slow misses the oldest."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.subscribers = []

    def subscribe(self):
        subscriber = Subscriber(self.capacity)
        self.subscribers.append(subscriber)
        return subscriber

    def send(self, item):
        for subscriber in self.subscribers:
            subscriber.push(item)


class Subscriber:
    def __init__(self, capacity):
        self.capacity = capacity
        self.items = collections.deque()
        self.missed = 0
        self.news = asyncio.Event()

    def push(self, item):
        self.items.append(item)
        # The end is no news that takes the place of any.
        if len(self.items) > self.capacity and item is not END:
            self.items.popleft()
            self.missed += 1
        self.news.set()

    async def get(self):
        while not self.items:
            self.news.clear()
            await self.news.wait()
        if self.missed:
            missed, self.missed = self.missed, 0
            return f"(missed {missed})"
        return self.items.popleft()


async def subscriber(name, seconds, prices):
    seen = []
    while (price := await prices.get()) is not END:
        seen.append(str(price))
        if not str(price).startswith("("):
            await asyncio.sleep(seconds)
    return f"{name}: {' '.join(seen)}"


async def broadcast():
    start = time.monotonic()
    channel = Broadcast(4)
    quick = asyncio.create_task(subscriber("quick", 0, channel.subscribe()))
    slow = asyncio.create_task(subscriber("slow", 0.55, channel.subscribe()))
    for price in range(1, 11):
        channel.send(price)
        await asyncio.sleep(0.1)
    print(f"published after {time.monotonic() - start:.1f} s")
    channel.send(END)
    print(await quick)
    print(await slow)


class Watch:
    """The newest value, and a number that says whether it is news."""

    def __init__(self, value):
        self.value = value
        self.version = 0
        self.changed = asyncio.Condition()

    async def send(self, value):
        async with self.changed:
            self.value = value
            self.version += 1
            self.changed.notify_all()


async def watch():
    watched = Watch(0)

    async def slow():
        seen, version = [watched.value], watched.version
        while True:
            async with watched.changed:
                await watched.changed.wait_for(lambda: watched.version > version)
                value, version = watched.value, watched.version
            if value is END:
                return seen
            seen.append(value)
            await asyncio.sleep(0.42)

    task = asyncio.create_task(slow())
    for price in range(1, 11):
        await asyncio.sleep(0.1)
        await watched.send(price)
    print(f"a late one sees {watched.value} at once")
    await asyncio.sleep(0.5)  # The newest is all there is: END must not hide the last price.
    await watched.send(END)
    print(f"slow: {await task}")


async def stream():
    queue = asyncio.Queue(2)
    sent = 0

    async def produce():
        nonlocal sent
        while True:
            await queue.put(sent + 1)
            sent += 1

    async def numbers():
        while True:
            yield await queue.get()

    producer = asyncio.create_task(produce())
    squares = []
    async for number in numbers():
        if number % 2 == 0:
            squares.append(number * number)
            if len(squares) == 3:
                break
    print(f"squares: {squares}")
    # Nobody tells the producer that nobody listens.
    await asyncio.sleep(0)
    print(f"still waits to send: {not producer.done()}")
    producer.cancel()


async def visit(page):
    await asyncio.sleep(0.1)
    return [2 * page, 2 * page + 1] if page <= 3 else []


async def crawl_with_channel(capacity):
    queue = asyncio.Queue(capacity)
    await queue.put(1)
    visited = []
    while len(visited) < 7:
        page = await queue.get()
        visited.append(page)
        for link in await visit(page):
            await queue.put(link)
    return visited


async def crawl_with_list():
    found = collections.deque([1])
    visited = []
    while found:
        page = found.popleft()
        visited.append(page)
        found.extend(await visit(page))
    return visited


async def answer(questions, answers):
    while (number := await questions.get()) is not END:
        await answers.put(number * number)
    await answers.put(END)


async def ask(questions):
    for number in range(1, 6):
        await questions.put(number)
    await questions.put(END)


async def ask_then_listen(questions, answers):
    await ask(questions)
    return await collect(answers)


async def ask_and_listen(questions, answers):
    return (await asyncio.gather(ask(questions), collect(answers)))[1]


async def give_up(name, work):
    start = time.monotonic()
    try:
        print(f"{name}: {await asyncio.wait_for(work, 1)}")
    except TimeoutError:
        print(f"{name}: stuck, given up after {time.monotonic() - start:.1f} s")


async def cycle():
    await give_up("crawl, channel", crawl_with_channel(2))
    await give_up("crawl, list", crawl_with_list())
    for name, work in (("ask, then listen", ask_then_listen), ("ask and listen", ask_and_listen)):
        questions, answers = asyncio.Queue(1), asyncio.Queue(1)
        answering = asyncio.create_task(answer(questions, answers))
        await give_up(name, work(questions, answers))
        answering.cancel()


async def thread():
    loop = asyncio.get_running_loop()
    numbers, squares = asyncio.Queue(1), asyncio.Queue(1)

    def from_thread(coroutine):
        # A queue of asyncio belongs to the thread of its loop, which has to do it for us.
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def work():
        while (number := from_thread(numbers.get())) is not END:
            from_thread(squares.put(number * number))
        from_thread(squares.put(None))

    worker = threading.Thread(target=work)
    worker.start()
    for number in (1, 2, 3):
        await numbers.put(number)
        print(f"{number} squared: {await squares.get()}")
    await numbers.put(END)
    print(f"then: {await squares.get()}")
    await asyncio.to_thread(worker.join)


PARTS = {
    "pressure": pressure,
    "full": full,
    "closing": closing,
    "forgotten": forgotten,
    "cancel": cancel,
    "workers": workers,
    "join": join,
    "priority": priority,
    "unbounded": unbounded,
    "broadcast": broadcast,
    "watch": watch,
    "stream": stream,
    "cycle": cycle,
    "thread": thread,
}


async def main():
    wanted = [name for name in sys.argv[1:] if name != "--memory"]
    for name, part in PARTS.items():
        if name in wanted or not wanted:
            print(f"-- {name}")
            await part()


asyncio.run(main())
