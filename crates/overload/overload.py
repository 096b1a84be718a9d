"""Overload: what a service does when more is asked of it than it can do."""

import argparse
import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    workers: int
    work: float
    patience: float  # How long a caller waits for an answer.


# Twenty requests a second. The patience is odd, where all else is even: no answer comes in the very
# instant in which its caller gives up.
USUAL = Times(workers=2, work=0.1, patience=1.001)
CAPACITY = 20


@dataclass(frozen=True)
class Policy:
    name: str
    places: int = 0  # In the queue; 0 is no bound.
    refuses: bool = False  # When the queue is full; otherwise a caller waits in front of it.
    worker: str = "all"


@dataclass
class Job:
    number: int
    deadline: float  # Nobody waits for the answer any longer than this.
    answer: asyncio.Future


class Refused(Exception):
    """There was no place in the queue, or it could not be done in time. With HTTP, a 503."""


class Service:
    def __init__(self, policy, times):
        self.policy = policy
        self.times = times
        self.queue = asyncio.Queue(policy.places)
        self.in_vain = 0
        self.workers = [asyncio.create_task(self.worker()) for _ in range(times.workers)]

    async def ask(self, number):
        answer = asyncio.get_running_loop().create_future()
        job = Job(number, time.monotonic() + self.times.patience, answer)
        if self.policy.refuses:
            try:
                self.queue.put_nowait(job)
            except asyncio.QueueFull:
                raise Refused from None
        else:
            await self.queue.put(job)
        await job.answer

    async def worker(self):
        which = self.policy.worker
        while (job := await self.queue.get()) is not None:
            # A future that its caller awaits is cancelled when the caller gives up.
            if which in ("skips gone", "stops gone") and job.answer.cancelled():
                continue
            if which == "skips late" and time.monotonic() + self.times.work > job.deadline:
                if not job.answer.done():
                    job.answer.set_exception(Refused())
                continue
            if which == "stops gone":
                await asyncio.wait([job.answer], timeout=self.times.work)
            else:
                await self.work(job.number)
            if job.answer.cancelled():
                self.in_vain += 1
            else:
                job.answer.set_result(None)

    async def work(self, number):
        await asyncio.sleep(self.times.work)

    async def end(self):
        for _ in self.workers:
            await self.queue.put(None)
        await asyncio.gather(*self.workers)


async def caller(service, number):
    start = time.monotonic()
    try:
        async with asyncio.timeout(service.times.patience):
            await service.ask(number)
        end = "answered"
    except Refused:
        end = "refused"
    except TimeoutError:
        end = "gave up"
    return end, time.monotonic() - start


def policies(places):
    return [
        Policy("no bound"),
        Policy("bound", places=places),
        Policy("skip gone", worker="skips gone"),
        Policy("stop gone", worker="stops gone"),
        Policy("skip late", worker="skips late"),
        Policy("refuse", places=places, refuses=True),
    ]


def arrivals(*load):
    """When somebody comes: for each (per_second, seconds), so many on average, and for so long."""
    dice, begin, moments = 1, 0, []
    for per_second, seconds in load:
        end = begin + seconds * 1000
        for moment in range(begin, end, 2):
            dice = (dice * 6364136223846793005 + 1442695040888963407) % 2**64
            if ((dice >> 32) * 500) >> 32 < per_second:
                moments.append(moment / 1000)
        begin = end
    return moments


async def until(moment):
    """Waits until then, and for whoever is done in that same instant."""
    await asyncio.sleep(max(0, moment - time.monotonic()))
    for _ in range(4):
        await asyncio.sleep(0)


async def run(policy, times, moments):
    """When each caller came, how it ended, and how long that took; and what was done in vain."""
    service = Service(policy, times)
    start = time.monotonic()
    callers = []
    for number, moment in enumerate(moments, 1):
        await until(start + moment)
        callers.append(asyncio.create_task(caller(service, number)))
    ends = await asyncio.gather(*callers)
    await service.end()
    return [(moment, *end) for moment, end in zip(moments, ends)], service.in_vain


def waited(callers, *ends):
    return sorted(waited for _, end, waited in callers if end in ends)


def percentile(values, percent):
    """The nearest rank of sorted values; None of nothing."""
    rank = -(-len(values) * percent // 100)
    return values[rank - 1] if rank else None


def percent(part, whole):
    return (200 * part + whole) // (2 * max(whole, 1))


def half(values):
    value = percentile(values, 50)
    return "–" if value is None else f"{value:.2f} s"


def row(first, second, cells):
    print(f"{first:>6}{second:>6}" + "".join(f"{cell:>11}" for cell in cells))


async def queue(options):
    slow = Times(workers=1, work=0.2, patience=0.501)
    for scene, policy in ((no_bound, policies(1)[0]), (refuse, policies(1)[-1])):
        callers, in_vain = await scene(policy, slow)
        letters = "".join(end[0] for _, end, _ in callers)
        print(f"{policy.name:10}{letters}  done in vain: {in_vain}")
    print("a: answered, r: refused, g: gave up")


CAME = [0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1]


async def no_bound(policy, times):
    return await run(policy, times, CAME)


async def refuse(policy, times):
    return await run(policy, times, CAME)


async def loads(options):
    table = []
    for load in [options.load] if options.load else [50, 90, 110, 200]:
        moments = arrivals((CAPACITY * load // 100, 30))
        seen = [await run(policy, USUAL, moments) for policy in policies(options.places)]
        table.append((load, len(moments), seen))
    row("load", "came", [policy.name for policy in policies(options.places)])

    def block(title, cell):
        print(title)
        for load, came, seen in table:
            row(f"{load} %", came, [cell(*one) for one in seen])

    def answered(callers):
        return len(waited(callers, "answered"))

    block(
        "answered in time",
        lambda callers, _: f"{percent(answered(callers), len(callers))} %",
    )
    block("half of them within", lambda callers, _: half(waited(callers, "answered")))
    block(
        "half of the others learn it after",
        lambda callers, _: half(waited(callers, "refused", "gave up")),
    )
    block(
        "work that was done in vain",
        lambda callers, in_vain: f"{percent(in_vain, answered(callers) + in_vain)} %",
    )


async def rush(options):
    moments = arrivals((CAPACITY // 2, 10), (CAPACITY * 2, 10), (CAPACITY // 2, 24))
    shown = [policy for policy in policies(options.places) if policy.name != "bound"]
    seen = [(await run(policy, USUAL, moments))[0] for policy in shown]
    print("answered in time, of those who came in these two seconds")
    row("s", "came", [policy.name for policy in shown])
    for second in range(0, 44, 2):
        now = [[end for came, end, _ in callers if second <= came < second + 2] for callers in seen]
        row(second, len(now[0]), [ends.count("answered") for ends in now])
    row("all", len(moments), [len(waited(callers, "answered")) for callers in seen])


async def used(connections, per_second, seconds):
    """How long each request waited for a connection, how long all were held, and what passed."""
    pool = asyncio.Semaphore(connections)
    waited, held = [], []

    async def request():
        asked = time.monotonic()
        async with pool:
            begun = time.monotonic()
            await asyncio.sleep(seconds)
            waited.append(begun - asked)
            held.append(time.monotonic() - begun)

    start = time.monotonic()
    async with asyncio.TaskGroup() as requests:
        for moment in arrivals((per_second, 30)):
            await until(start + moment)
            requests.create_task(request())
    return sorted(waited), round(sum(held) * 1000), round((time.monotonic() - start) * 1000)


async def pool(options):
    for per_second, millis in ((18, 100), (18, 200)):
        average = per_second * millis
        print(
            f"{per_second} requests a second, {millis / 1000:.1f} s each: "
            f"{average // 1000}.{average % 1000 // 100} connections on average"
        )
        print("connections  in use  busy  have to wait  95 % wait  99 % wait")
        least = -(-average // 1000)
        for connections in range(least, least + 4):
            waits, held, passed = await used(connections, per_second, millis / 1000)
            in_use = percent(held, passed)
            waiting = percent(sum(wait > 0 for wait in waits), len(waits))
            tail = [f"{percentile(waits, p):.2f} s" for p in (95, 99)]
            print(
                f"{connections:11}{in_use // 100:5}.{in_use % 100:02}"
                f"{percent(held, passed * connections):4} %{waiting:12} %"
                f"{tail[0]:>11}{tail[1]:>11}"
            )


async def answer(start):
    """After 10 ms. But at the end of every ten seconds the service stands still for one."""
    into = round((time.monotonic() - start) * 1000) % 10_000
    if into >= 9000:
        await asyncio.sleep((10_000 - into) / 1000)
    await asyncio.sleep(0.01)


async def one_after_the_other():
    start = time.monotonic()
    times = []
    while time.monotonic() - start < 60:
        asked = time.monotonic()
        await answer(start)
        times.append(time.monotonic() - asked)
    return sorted(times)


async def when_it_is_due():
    times = []

    async def request(due):
        await answer(start)
        times.append(time.monotonic() - due)

    start = time.monotonic()
    async with asyncio.TaskGroup() as requests:
        for tenth in range(600):
            due = start + tenth / 10
            await asyncio.sleep(max(0, due - time.monotonic()))
            requests.create_task(request(due))
    return sorted(times)


async def measure(options):
    print("                     requests    mean    half    95 %    99 %  longest")
    tests = (("one after the other", one_after_the_other), ("when it is due", when_it_is_due))
    for name, test in tests:
        times = [round(seconds * 1000) for seconds in await test()]
        half, most, nearly_all, longest = (percentile(times, p) for p in (50, 95, 99, 100))
        print(
            f"{name:20}{len(times):9}{sum(times) // len(times):5} ms"
            f"{half:5} ms{most:5} ms{nearly_all:5} ms{longest:6} ms"
        )


PARTS = {"queue": queue, "loads": loads, "rush": rush, "pool": pool, "measure": measure}


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--load", type=int, help="part loads: only this load, in percent")
    parser.add_argument("--places", type=int, default=10, help="in a queue that has a bound")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; see --help")
    for name, part in PARTS.items():
        if name in options.parts or not options.parts:
            print(f"-- {name}")
            await part(options)


asyncio.run(main())
