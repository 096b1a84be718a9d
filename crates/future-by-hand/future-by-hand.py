"""An awaitable by hand: what await talks to. The Rust twin is src/main.rs."""

import asyncio
import time


class Later:
    """A value that comes after a delay. It is on its way from now on, awaited or not."""

    def __init__(self, delay, value):
        loop = asyncio.get_running_loop()
        self.future = loop.create_future()
        loop.call_later(delay, self.future.set_result, value)

    def __await__(self):
        # `yield from` hands the future out through every await, up to the task.
        return (yield from self.future)


async def fetch_data(task):
    print(f"Start fetching for task {task}")
    data = await Later(task, 123)
    print(f"Done fetching for task {task}")
    return f"task {task}: {data}"


class FetchData:
    """fetch_data as a state machine: an iterator whose steps are the awaits."""

    def __init__(self, task):
        self.task = task
        self.state = "start"

    def __await__(self):
        return self

    def __next__(self):
        if self.state == "done":
            raise RuntimeError("cannot reuse already awaited FetchData")
        if self.state == "start":
            print(f"Start fetching for task {self.task}")
            self.data = Later(self.task, 123).__await__()
            self.state = "waiting"
        try:
            return next(self.data)  # The future to wait for: pending.
        except StopIteration as end:
            print(f"Done fetching for task {self.task}")
            self.state = "done"
            raise StopIteration(f"task {self.task}: {end.value}") from None


class Watch:
    """Awaits something and counts the polls."""

    def __init__(self, awaitable):
        self.awaitable = awaitable

    def __await__(self):
        steps = self.awaitable.__await__()
        polls = 0
        while True:
            polls += 1
            try:
                future = next(steps)
            except StopIteration as end:
                return f"{end.value}, after {polls} polls"
            yield future


async def watch(awaitable):
    return await Watch(awaitable)


async def join(a, b):
    """Two tasks, and a future that the later one of them fulfils."""
    loop = asyncio.get_running_loop()
    both = loop.create_future()
    tasks = [loop.create_task(a), loop.create_task(b)]

    def one_is_done(_):
        if all(task.done() for task in tasks):
            both.set_result([task.result() for task in tasks])

    for task in tasks:
        task.add_done_callback(one_is_done)
    return await both


async def forgetful():
    await asyncio.get_running_loop().create_future()  # Nobody else knows this future.


def poll(steps):
    """One step of an awaitable, as its task would take it."""
    try:
        next(steps)
    except StopIteration as end:
        return f"Ready({end.value})"
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "Pending"


async def main():
    data = Later(1, 123).__await__()
    print(f"first poll: {poll(data)}")
    print(f"too early: {poll(data)}")
    data = Later(1, 123)
    await asyncio.sleep(2)
    print(f"after 2 s: {poll(data.__await__())}")

    print(f"by the compiler: {await watch(fetch_data(1))}")
    print(f"by hand: {await watch(FetchData(1))}")

    start = time.monotonic()
    two, one = await join(watch(fetch_data(2)), watch(FetchData(1)))
    print(f"joined: {two}")
    print(f"joined: {one}")
    print(f"join: {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    data = Later(2, 123)
    done, pending = await asyncio.wait([data.future], timeout=1)
    if pending:
        print(f"given up after {time.monotonic() - start:.1f} s")
    print(f"in another task: {await asyncio.create_task(watch(data))}")
    print(f"from task to task: {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    try:
        await asyncio.wait_for(forgetful(), timeout=1)
    except TimeoutError:
        print(f"forgetful: not done after {time.monotonic() - start:.1f} s")


asyncio.run(main())
