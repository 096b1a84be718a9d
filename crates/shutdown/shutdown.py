"""Ctrl-C: stop taking jobs, finish what is under way, hand back the rest. Twin of src/main.rs."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import deque


class Worker:
    """Does jobs, two at one time, and files each of them."""

    def __init__(self, jobs, pace):
        self.start = time.monotonic()
        self.pace = pace
        self.outside = deque(jobs)  # not accepted yet
        self.queue = asyncio.Queue(2)
        self.tasks = {}  # under way: whose job each task does
        self.done, self.handed_back = [], []

    def say(self, what):
        print(f"{time.monotonic() - self.start:4.1f} s  {what}", flush=True)

    def hand_back(self, job):
        self.say(f"job {job}: handed back")
        self.handed_back.append(job)

    async def bring(self):
        """The world outside: brings a job now and then."""
        while self.outside:
            await asyncio.sleep(self.pace)
            await self.queue.put(self.outside[0])
            self.say(f"job {self.outside.popleft()}: accepted")

    async def work(self, job):
        self.say(f"job {job}: begins")
        await asyncio.sleep(self.pace * 10 if job % 3 == 0 else self.pace * 12 / 5)
        self.say(f"job {job}: done")
        self.done.append(job)

    async def accept(self):
        """Starts a task for each job."""
        slots = asyncio.Semaphore(2)

        def ended(task):
            self.tasks.pop(task, None)
            slots.release()
            self.queue.task_done()

        while True:
            await slots.acquire()
            job = await self.queue.get()
            task = asyncio.create_task(self.work(job))
            self.tasks[task] = job
            task.add_done_callback(ended)

    async def all_done(self):
        await self.bring()
        await self.queue.join()

    async def run(self, grace, shutdown):
        accepting = asyncio.create_task(self.accept())
        waits = [asyncio.create_task(self.all_done()), asyncio.create_task(shutdown.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        # A cancelled `put` keeps its job, and a cancelled `get` has none.
        services = [accepting, *waits]
        for service in services:
            service.cancel()
        await asyncio.wait(services)
        if shutdown.is_set():
            self.say(f"stopping: up to {grace:g} s for what is under way")
            while not self.queue.empty():
                self.hand_back(self.queue.get_nowait())
            await self.drain(grace)

    async def drain(self, grace):
        if not self.tasks:
            return
        _, pending = await asyncio.wait(self.tasks, timeout=grace)
        if pending:
            self.say("the time is over")
        # Not in a `finally` of `work`: a task that is cancelled before it begins has none.
        left = {task: self.tasks[task] for task in pending}
        for task, job in left.items():
            task.cancel()
            await asyncio.wait([task])
            self.hand_back(job)


def listen(on_signal):
    """Calls `on_signal` at each Ctrl-C or SIGTERM, in the loop, between two steps of its tasks."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, on_signal, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda n, _: loop.call_soon_threadsafe(on_signal, n))


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", nargs="*", type=int, default=range(1, 11))
    parser.add_argument("--pace", type=float, default=0.5)
    parser.add_argument("--grace", type=float, default=3)
    parser.add_argument("--interrupt-after", metavar="SECONDS,...")
    arguments = parser.parse_args()
    shutdown = asyncio.Event()

    def on_signal(number):
        if shutdown.is_set():
            print("shutdown: stopped at once; what was under way is lost", file=sys.stderr)
            os._exit(128 + number)
        shutdown.set()

    if arguments.interrupt_after:
        loop = asyncio.get_running_loop()
        for moment in arguments.interrupt_after.split(","):
            loop.call_later(float(moment), on_signal, signal.SIGINT)
    else:
        listen(on_signal)

    worker = Worker(arguments.job, arguments.pace)
    await worker.run(arguments.grace, shutdown)
    print("done:", *worker.done)
    left = [*worker.handed_back, *worker.outside]
    if left:
        print("handed back:", *worker.handed_back)
        print("not taken:", *worker.outside)
        print("to go on: cargo run -p shutdown --", *left)


asyncio.run(main())
