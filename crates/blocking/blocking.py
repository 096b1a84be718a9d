"""A call that blocks stops every task of its thread. The Rust twin is src/main.rs."""

import asyncio
import concurrent.futures
import contextvars
import faulthandler
import socket
import sys
import threading
import time

BEAT = 0.1  # from one tick to the next, in seconds
TIME = 0.33  # how long the library takes to answer


async def heartbeat():
    """Six ticks, and how late each of them is."""
    loop = asyncio.get_running_loop()
    for tick in range(1, 7):
        due = loop.time() + BEAT
        await asyncio.sleep(BEAT)
        print(f"  tick {tick}: {max(loop.time() - due, 0):.1f} s late")


async def awaits():
    """The library has an async version."""
    await asyncio.sleep(TIME)


async def blocks():
    """It has none, and is called all the same."""
    time.sleep(TIME)


async def asks_a_thread():
    """The call blocks a thread that has nothing else to do."""
    await asyncio.to_thread(time.sleep, TIME)


async def in_pieces():
    """It takes as long, but lets the others have a turn every 10 ms."""
    for _ in range(33):
        time.sleep(TIME / 33)
        await asyncio.sleep(0)


async def beside(neighbour):
    beats = asyncio.create_task(heartbeat())
    await asyncio.sleep(BEAT * 5 / 2)
    print("  the neighbour begins")
    await neighbour()
    print("  the neighbour is done")
    await beats


async def a_neighbour_that_awaits():
    print("a neighbour that awaits")
    await beside(awaits)


async def a_neighbour_that_blocks():
    print("a neighbour that blocks")
    await beside(blocks)


async def on_a_thread_of_its_own():
    print("on a thread of its own")
    await beside(asks_a_thread)


async def in_small_pieces():
    print("in small pieces")
    await beside(in_pieces)


# ------------------------------------------------------------------ which calls block


def count_primes(start, end):
    def is_prime(number):
        divisor = 2
        while divisor * divisor <= number:
            if number % divisor == 0:
                return False
            divisor += 1
        return number > 1

    return sum(is_prime(number) for number in range(start, end))


async def turns_beside(call):
    """How long a call took, and how many turns another task had meanwhile."""
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    await asyncio.sleep(0)  # it has begun
    before, start = turns, time.perf_counter()
    await call
    took, had = time.perf_counter() - start, turns - before
    other.cancel()
    return f"{took * 1000:8.1f} ms, {had:6} turns"


def slow_server():
    """Answers each of two connections after a while."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(2):
            connection, _ = listener.accept()
            time.sleep(0.02)
            connection.sendall(b"answer")
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()


async def kinds():
    """Six calls and their async versions, each beside a task that takes every turn."""
    server = slow_server()
    lock, async_lock = threading.Lock(), asyncio.Lock()

    async def sleep():
        time.sleep(0.02)

    async def compute():
        count_primes(0, 20_000)

    async def compute_in_pieces():
        for start in range(0, 20_000, 500):
            count_primes(start, start + 500)
            await asyncio.sleep(0)

    def read_file():
        with open(sys.executable, "rb") as file:
            return file.read()

    async def read_a_file():
        read_file()

    async def read_socket():
        with socket.create_connection(server) as connection:
            connection.recv(100)

    async def read_stream():
        reader, writer = await asyncio.open_connection(*server)
        await reader.read()
        writer.close()

    async def resolve():
        for _ in range(10):
            socket.getaddrinfo("localhost", 80)

    async def resolve_elsewhere():
        loop = asyncio.get_running_loop()
        for _ in range(10):
            await loop.getaddrinfo("localhost", 80)

    async def take_lock():
        with lock:
            pass

    async def take_async_lock():
        async with async_lock:
            pass

    def report(call, blocking, awaited):
        print(f"{call:14} {blocking} | {awaited}")

    async def compare(call, blocking, awaited):
        report(call, await turns_beside(blocking), await turns_beside(awaited))

    print(f"{'':14} {'blocking':>24} {'async':>27}")
    await compare("sleep", sleep(), asyncio.sleep(0.02))
    await compare("computation", compute(), compute_in_pieces())
    await compare("read a file", read_a_file(), asyncio.to_thread(read_file))
    await compare("read a socket", read_socket(), read_stream())
    await compare("resolve names", resolve(), resolve_elsewhere())

    lock.acquire()
    threading.Timer(0.02, lock.release).start()
    blocking = await turns_beside(take_lock())
    await async_lock.acquire()
    asyncio.get_running_loop().call_later(0.02, async_lock.release)
    report("take a lock", blocking, await turns_beside(take_async_lock()))


# ------------------------------------------------------------------ a pool of two threads

request = contextvars.ContextVar("request")


class Job:
    """A job that has a thread until its gate is opened."""

    def __init__(self, number, pool, began):
        self.gate = threading.Event()
        loop = asyncio.get_running_loop()
        self.ended = threading.Event()

        def work():
            loop.call_soon_threadsafe(began.put_nowait, number)
            self.gate.wait()
            self.ended.set()
            return number

        self.result = loop.run_in_executor(pool, work)

    async def finish(self):
        self.gate.set()
        return await self.result


async def pool():
    threads = concurrent.futures.ThreadPoolExecutor(max_workers=2)
    began = asyncio.Queue()
    first = Job(1, threads, began)
    print(f"job {await began.get()} begins")
    second = Job(2, threads, began)
    print(f"job {await began.get()} begins")
    third = Job(3, threads, began)
    try:
        await asyncio.wait_for(began.get(), 0.01)
    except TimeoutError:
        print("job 3 waits: both threads are taken")
    print(f"job {await first.finish()} ends")
    print(f"job {await began.get()} begins")

    fourth = Job(4, threads, began)
    fourth.result.cancel()
    await asyncio.sleep(0)  # in this turn of the loop the pool hears of it
    try:
        await fourth.result
    except asyncio.CancelledError:
        print("job 4, cancelled in the queue: gone at once")
    second.result.cancel()
    try:
        await second.result
    except asyncio.CancelledError:
        runs_on = not second.ended.is_set()
        print(f"job 2, cancelled on its thread: no result, and it runs on: {runs_on}")
    second.gate.set()
    print(f"job {await third.finish()} ends")

    request.set(7)
    print(f"in the thread: request {await asyncio.to_thread(request.get)}")


def shutdown():
    ended = []

    def job(number):
        time.sleep(0.01)
        ended.append(number)

    async def leave_four_behind():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(max_workers=1))
        for number in range(4):
            loop.run_in_executor(None, job, number)

    asyncio.run(leave_four_behind())
    print(f"asyncio.run returned: {len(ended)} of 4 have ended")


# ------------------------------------------------------------------ work for a processor


def piece():
    return count_primes(0, 50_000)


async def beside_a_heartbeat(work):
    """How long something took, and how late the latest tick beside it was."""
    latest = 0

    async def beat():
        nonlocal latest
        while True:
            due = time.perf_counter() + 0.01
            await asyncio.sleep(0.01)
            latest = max(latest, time.perf_counter() - due)

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0)  # it has begun
    start = time.perf_counter()
    await work
    took = time.perf_counter() - start
    await asyncio.sleep(0.02)  # the tick that was due meanwhile
    heart.cancel()
    return took, latest


async def speed():
    def report(how, took, latest):
        times = f"{alone / took:.1f} times as fast"
        print(f"{how:16} {took:.3f} s, {times}, latest tick {latest * 1000:.0f} ms late")

    async def here():
        piece()
        piece()

    piece()  # the first one is slower: the interpreter learns from it
    alone, latest = await beside_a_heartbeat(here())
    report("here", alone, latest)
    on_threads = asyncio.gather(asyncio.to_thread(piece), asyncio.to_thread(piece))
    report("on two threads", *await beside_a_heartbeat(on_threads))
    with concurrent.futures.ProcessPoolExecutor(2) as processes:
        loop = asyncio.get_running_loop()
        start = [loop.run_in_executor(processes, count_primes, 0, 1) for _ in range(2)]
        await asyncio.gather(*start)  # the processes have started
        pieces = [loop.run_in_executor(processes, piece) for _ in range(2)]
        report("in two processes", *await beside_a_heartbeat(asyncio.gather(*pieces)))


# ------------------------------------------------------------------ who gives way


async def turn_after(work):
    """After how many rounds of `work` another task has its first turn."""
    rounds = 0

    def one_more():
        nonlocal rounds
        rounds += 1

    async def other():
        return rounds

    worker = asyncio.create_task(work(one_more))
    turn = await asyncio.create_task(other())
    await worker
    return turn


async def budget():
    async def receive(one_more):
        queue = asyncio.Queue()
        for number in range(1000):
            queue.put_nowait(number)
        while not queue.empty():
            await queue.get()
            one_more()

    async def compute(one_more):
        for _ in range(1000):
            one_more()

    async def compute_and_yield(one_more):
        for _ in range(1000):
            one_more()
            await asyncio.sleep(0)

    print("a task with a thousand rounds; another task has its first turn after")
    print(f"{await turn_after(receive):5} rounds that receive a message which is there")
    print(f"{await turn_after(compute):5} rounds that compute")
    print(f"{await turn_after(compute_and_yield):5} round that computes and yields")


# ------------------------------------------------------------------ a lock and an await


class Stuck(Exception):
    """Nobody else could go on either."""


async def lock():
    counter, mutex, async_mutex = 0, threading.Lock(), asyncio.Lock()

    async def holds(name):
        nonlocal counter
        print(f"{name}: wants the lock")
        if not mutex.acquire(timeout=0.1):  # without the timeout: for ever
            raise Stuck(f"nobody had a turn for 100 ms: {name} has the thread")
        print(f"{name}: has it")
        try:
            counter += 1
            await asyncio.sleep(0.01)
            counter += 1
        finally:
            mutex.release()

    async def lets_go():
        nonlocal counter
        with mutex:
            counter += 1
        await asyncio.sleep(0.01)
        with mutex:
            counter += 1

    async def holds_an_async_lock():
        nonlocal counter
        async with async_mutex:
            counter += 1
            await asyncio.sleep(0.01)
            counter += 1

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(holds("first"))
            group.create_task(holds("second"))
    except* Stuck as stuck:
        print(*stuck.exceptions)
    counter = 0
    await asyncio.gather(lets_go(), lets_go())
    print(f"not held while it waits: {counter}")
    counter = 0
    await asyncio.gather(holds_an_async_lock(), holds_an_async_lock())
    print(f"a lock that is awaited: {counter}")


async def watchdog():
    """A thread of faulthandler, which nobody can block, prints where every thread is."""

    async def rude():
        time.sleep(0.2)

    faulthandler.dump_traceback_later(0.1, file=sys.stdout)
    await rude()
    faulthandler.cancel_dump_traceback_later()
    print("all are done")


async def heartbeats():
    await a_neighbour_that_awaits()
    await a_neighbour_that_blocks()
    await on_a_thread_of_its_own()
    await in_small_pieces()


PARTS = {
    "heartbeat": heartbeats,
    "kinds": kinds,
    "pool": pool,
    "shutdown": shutdown,
    "speed": speed,
    "budget": budget,
    "lock": lock,
    "watchdog": watchdog,
}

# A process of a pool may import this file.
if __name__ == "__main__":
    wanted = sys.argv[1:] or ["heartbeat"]
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"blocking.py: there is no part {unknown.pop()!r}; there are {', '.join(PARTS)}")
    for name in wanted:
        print(f"-- {name}", flush=True)
        part = PARTS[name]
        asyncio.run(part()) if asyncio.iscoroutinefunction(part) else part()
