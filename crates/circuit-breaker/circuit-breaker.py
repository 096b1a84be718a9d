"""A circuit breaker: a service that fails is left alone, and one call at a time probes it."""

import asyncio
import collections
import enum
import itertools
import sys
import time


class Refused(Exception):
    """The breaker is open or half-open. The service was not called."""

    def __str__(self):
        return "refused"


class State(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"

    def __repr__(self):
        return self.value

    __str__ = __repr__


class Outcome(enum.Enum):
    SUCCEEDED = enum.auto()
    FAILED = enum.auto()
    UNKNOWN = enum.auto()


class Breaker:
    """Half of the last ten results, at least four, and none older than ten seconds."""

    last, within, at_least, percent, open_for = 10, 10, 4, 50, 3

    def __init__(self, on_change=lambda state: None):
        self.on_change = on_change
        self.state = State.CLOSED
        self.generation = 0
        self.results = collections.deque()
        self.since = 0.0

    async def call(self, operation, *args):
        """Takes the function and not its coroutine: one that is refused would never be awaited."""
        generation = self.enter()
        outcome = Outcome.UNKNOWN
        try:
            result = await operation(*args)
            outcome = Outcome.SUCCEEDED
            return result
        except Failure as failure:
            against = failure.speaks_against_the_service
            outcome = Outcome.FAILED if against else Outcome.SUCCEEDED
            raise
        finally:
            # Also for CancelledError, and for a bug in the operation.
            self.settle(generation, outcome)

    # No lock: there is no await in here, so no other task runs between the question and the answer.
    def enter(self):
        over = time.monotonic() - self.since >= self.open_for
        if self.state is State.OPEN and over:
            self.change(State.HALF_OPEN)
        elif self.state is not State.CLOSED:
            raise Refused
        return self.generation

    def settle(self, generation, outcome):
        if generation != self.generation:
            return  # This call began in a state that is over.
        match self.state, outcome:
            case State.HALF_OPEN, Outcome.UNKNOWN:
                self.change(State.OPEN)  # Its time is over: the next call becomes the probe.
            case State.HALF_OPEN, Outcome.FAILED:
                self.open()
            case State.HALF_OPEN, Outcome.SUCCEEDED:
                self.results.clear()
                self.change(State.CLOSED)
            case State.CLOSED, Outcome.FAILED | Outcome.SUCCEEDED:
                if self.opens(outcome is Outcome.FAILED):
                    self.open()

    def open(self):
        self.since = time.monotonic()
        self.change(State.OPEN)

    def opens(self, failed):
        now = time.monotonic()
        self.results.append((now, failed))
        while len(self.results) > self.last or now - self.results[0][0] > self.within:
            self.results.popleft()
        failures = sum(failed for _, failed in self.results)
        enough = len(self.results) >= self.at_least
        return failed and enough and failures * 100 >= self.percent * len(self.results)

    def change(self, state):
        self.state = state
        self.generation += 1
        self.on_change(state)


# ---------------------------------------------------------------------------- the service


class Failure(Exception):
    speaks_against_the_service = True

    def __str__(self):
        return {"TimedOut": "timed out", "Unavailable": "503", "BadRequest": "400"}[
            type(self).__name__
        ]


class TimedOut(Failure):
    pass


class Unavailable(Failure):
    pass


class BadRequest(Failure):
    speaks_against_the_service = False


PATIENCE = 0.8


class Clock:
    def __init__(self):
        self.start = time.monotonic()

    def now(self):
        return time.monotonic() - self.start

    async def until(self, second):
        await asyncio.sleep(self.start + second - time.monotonic())

    def say(self, what):
        print(f"{self.now():5.1f} s  {what}")


class Service:
    """Answers with a price. While it is down it swallows its calls."""

    def __init__(self, clock, down):
        self.clock, self.down = clock, down
        self.reached = 0

    async def price(self):
        now = self.clock.now()
        self.reached += 1
        if self.down[0] <= now < self.down[1]:
            await asyncio.Event().wait()
        await asyncio.sleep(0.2)
        return 100 + int(now + 0.5)


async def ask(service):
    try:
        async with asyncio.timeout(PATIENCE):
            return await service.price()
    except TimeoutError:
        raise TimedOut from None


def logged(clock):
    return Breaker(lambda state: clock.say(f"breaker: {state}"))


async def guarded(breaker, service):
    return await breaker.call(ask, service)


async def told(answer):
    """An answer, or what went wrong."""
    try:
        return await answer
    except (Failure, Refused) as error:
        return error


# ---------------------------------------------------------------------------- the fallback


class Prices:
    def __init__(self, service, breaker):
        self.service, self.breaker, self.last_good = service, breaker, None

    async def quote(self):
        try:
            price = await guarded(self.breaker, self.service)
        except BadRequest:
            raise  # An old price would hide that the question was wrong.
        except (Failure, Refused) as why:
            if self.last_good is None:
                raise
            price, at = self.last_good
            return f"{price}, stale, {time.monotonic() - at:.1f} s old ({why})"
        self.last_good = (price, time.monotonic())
        return price


class Rows:
    """Rows of the timeline that show the state: each lasts until the next change."""

    def __init__(self):
        self.begin(State.CLOSED)

    def begin(self, state):
        self.over = asyncio.Event()
        self.task = asyncio.create_task(self.breaker(state))

    async def breaker(self, state):
        await self.over.wait()

    def change(self, state):
        self.over.set()
        self.begin(state)


async def life():
    clock = Clock()
    rows = Rows()

    def on_change(state):
        clock.say(f"breaker: {state}")
        rows.change(state)

    prices = Prices(Service(clock, (1.5, 8.5)), Breaker(on_change))

    async def caller(n):
        clock.say(f"caller({n}): {await told(prices.quote())}")

    calls = []
    for n in range(13):
        await clock.until(n)
        calls.append(asyncio.create_task(caller(n)))
    await asyncio.gather(*calls)
    rows.over.set()
    await rows.task


async def nothing():
    clock = Clock()
    prices = Prices(Service(clock, (0, 5)), logged(clock))
    quotes = await asyncio.gather(*(told(prices.quote()) for _ in range(4)))
    failed = sum(isinstance(quote, Exception) for quote in quotes)
    clock.say(f"4 callers: {failed} have no price at all")
    for second in [1, 6]:
        await clock.until(second)
        try:
            clock.say(await prices.quote())
        except (Failure, Refused) as error:
            clock.say(f"{error}, and no price from before")


# ---------------------------------------------------------------------------- the probe


async def open_it(breaker, service):
    await asyncio.gather(*(told(guarded(breaker, service)) for _ in range(4)))


async def probe():
    clock = Clock()
    service, breaker = Service(clock, (0, 2)), logged(clock)
    await open_it(breaker, service)
    for second in [4, 5]:
        await clock.until(second)
        before = service.reached
        answers = await asyncio.gather(*(told(guarded(breaker, service)) for _ in range(100)))
        refused = sum(isinstance(answer, Refused) for answer in answers)
        reached = service.reached - before
        clock.say(f"100 callers: {reached} reached the service, {refused} were refused")


async def dropped():
    clock = Clock()
    service, breaker = Service(clock, (0, 2)), logged(clock)
    await open_it(breaker, service)

    await clock.until(4)
    try:
        async with asyncio.timeout(0.1):
            answer = await told(guarded(breaker, service))
        clock.say(f"first caller: {answer}")
    except TimeoutError:
        clock.say("first caller: has gone away")

    await clock.until(5)

    async def misread():
        await ask(service)
        raise KeyError("a bug in the code that reads the answer")

    try:
        clock.say(f"second caller: {await told(breaker.call(misread))}")
    except KeyError:
        clock.say("second caller: has a bug")

    await clock.until(6)
    clock.say(f"third caller: {await told(guarded(breaker, service))}")


async def late():
    clock = Clock()
    service, breaker = Service(clock, (0, 1)), logged(clock)

    async def end(after, result):
        await asyncio.sleep(after)
        if isinstance(result, Failure):
            raise result
        return result

    async def ends_late(after, result):
        answer = await told(breaker.call(end, after, result))
        clock.say(f"a late end: {answer}, and it is {breaker.state}")

    async def others():
        await open_it(breaker, service)
        await clock.until(4)
        clock.say(f"the probe: {await told(guarded(breaker, service))}")

    await asyncio.gather(
        ends_late(2, 100),
        ends_late(4.1, 100),
        *(ends_late(5, Unavailable()) for _ in range(4)),
        others(),
    )


# ---------------------------------------------------------------------------- what counts

SEEN = [
    ("bad requests", "bbbbbb"),
    ("timeouts", "tttttt"),
    ("no more than three", "ttt"),
    ("three, and later one", "tttwt"),
    ("every third call", "..t..t..t..t"),
    ("every other call", ".t.t.t.t"),
]


async def ends_at_once(error):
    if error:
        raise error


async def counts():
    print("calls                                reached  refused  the breaker is")
    for what, calls in SEEN:
        breaker = Breaker()
        reached = refused = 0
        for call in calls:
            if call == "w":
                await asyncio.sleep(11)
                continue
            error = {"t": TimedOut, "b": BadRequest, ".": None}[call]
            if isinstance(await told(breaker.call(ends_at_once, error)), Refused):
                refused += 1
            else:
                reached += 1
        print(f"{what:22} {calls:13} {reached:8} {refused:8}  {breaker.state}")


async def hosts():
    for which in ["both", "each"]:
        one = Breaker()
        breakers = {name: one if which == "both" else Breaker() for name in ["prices", "news"]}
        reached = collections.Counter()
        for _ in range(12):
            for name, breaker in breakers.items():
                error = Unavailable if name == "prices" else None
                if not isinstance(await told(breaker.call(ends_at_once, error)), Refused):
                    reached[name] += 1
        print(
            f"one breaker for {which}: prices, which is down, was called "
            f"{reached['prices']} times, news {reached['news']} times"
        )


# ---------------------------------------------------------------------------- the order

ATTEMPTS, PAUSE = 3, 0.4


async def retry(attempt, again):
    for _ in range(1, ATTEMPTS):
        try:
            return await attempt()
        except (Failure, Refused) as error:
            if not again(error):
                raise
        await asyncio.sleep(PAUSE)
    return await attempt()


def is_worth_a_retry(error):
    """A refusal ends the retrying."""
    return isinstance(error, Failure) and error.speaks_against_the_service


async def timeout_around(breaker, service):
    try:
        async with asyncio.timeout(PATIENCE):
            return await breaker.call(service.price)
    except TimeoutError:
        raise TimedOut from None


async def order():
    async def retry_breaker_timeout(breaker, service):
        await retry(lambda: guarded(breaker, service), is_worth_a_retry)

    async def retry_of_refusals(breaker, service):
        await retry(lambda: guarded(breaker, service), lambda error: True)

    async def breaker_retry_timeout(breaker, service):
        await breaker.call(retry, lambda: ask(service), is_worth_a_retry)

    async def timeout_breaker(breaker, service):
        await retry(lambda: timeout_around(breaker, service), lambda error: True)

    async def four_requests(name, request):
        clock = Clock()
        service, breaker = Service(clock, (0, 60)), Breaker()
        for _ in range(4):
            await told(request(breaker, service))
        return f"{name:31} {service.reached:7} {clock.now():8.1f}  {breaker.state}"

    rows = await asyncio.gather(
        four_requests("retry(breaker(timeout(call)))", retry_breaker_timeout),
        four_requests("the same, retries refusals too", retry_of_refusals),
        four_requests("breaker(retry(timeout(call)))", breaker_retry_timeout),
        four_requests("retry(timeout(breaker(call)))", timeout_breaker),
    )
    print("from the outside in             reached  seconds  the breaker is")
    print("\n".join(rows))


# ---------------------------------------------------------------------------- the storm

SECONDS, REQUESTS, EVERY = 20, 200, 0.097


class Worker:
    """A service that does one thing after the other, each in 47 ms. It stands still for a while."""

    def __init__(self, clock):
        self.clock = clock
        self.free_at = 0.0  # When it will have done all that it has accepted.
        self.calls, self.answers = [0] * SECONDS, [0] * SECONDS

    async def call(self):
        now = self.clock.now()
        self.count(self.calls)
        begin = max(self.free_at, now)
        if 3 <= begin < 6:
            begin = 6
        # The work is accepted. When the caller gives up, the answer is lost, the work is not.
        self.free_at = begin + 0.047
        await asyncio.sleep(self.free_at - now)
        self.count(self.answers)

    def count(self, seconds):
        second = int(self.clock.now())
        if second < SECONDS:
            seconds[second] += 1


async def ask_worker(worker):
    try:
        async with asyncio.timeout(PATIENCE):
            return await worker.call()
    except TimeoutError:
        raise TimedOut from None


async def run(processes):
    clock = Clock()
    worker = Worker(clock)

    async def request(number, breaker):
        await asyncio.sleep(EVERY * number)
        began = clock.now()

        async def attempt():
            if breaker:
                return await breaker.call(ask_worker, worker)
            return await ask_worker(worker)

        answer = await told(retry(attempt, is_worth_a_retry))
        return not isinstance(answer, Exception), clock.now() - began

    requests = zip(range(REQUESTS), itertools.cycle(processes))
    ends = await asyncio.gather(*(request(number, breaker) for number, breaker in requests))
    answered = sum(answered for answered, _ in ends)
    mean = sum(waited for _, waited in ends) / REQUESTS
    return worker, answered, mean


async def storm():
    columns = await asyncio.gather(
        run([None]), run([Breaker()]), run([Breaker() for _ in range(5)])
    )
    print("second  no breaker               one breaker              five processes")
    print("         calls          answers   calls          answers   calls          answers")
    for second in range(SECONDS):
        cells = ""
        for worker, _, _ in columns:
            calls, answers = worker.calls[second], worker.answers[second]
            cells += f"  {calls:3} {'#' * -(-calls // 3):15} {answers:3}"
        print(f"{second:6}{cells}")
    print("                in vain  answered  a user waits")
    names = ["no breaker", "one breaker", "five processes"]
    for name, (worker, answered, mean) in zip(names, columns):
        in_vain = sum(worker.calls) - sum(worker.answers)
        print(f"{name:14} {in_vain:8} {answered:9} {mean:11.1f} s")


PARTS = {
    "life": life,
    "nothing": nothing,
    "probe": probe,
    "dropped": dropped,
    "late": late,
    "counts": counts,
    "hosts": hosts,
    "order": order,
    "storm": storm,
}


async def main():
    for name, part in PARTS.items():
        if name in sys.argv[1:] or not sys.argv[1:]:
            print(f"-- {name}")
            await part()


asyncio.run(main())
