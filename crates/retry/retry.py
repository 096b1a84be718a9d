"""Trying again, by hand: backoff, jitter, deadlines, a budget. The Rust twin is src/main.rs."""

import asyncio
import contextlib
import logging
import sys
import time
from dataclasses import dataclass, replace
from http import HTTPStatus

log = logging.getLogger("retry")


class Failure(Exception):
    """An attempt has failed. `cause` is one word, for those who count."""

    TEMPORARY = {"refused", "reset", "timeout", "408", "429", "502", "503", "504"}
    NOT_DONE = {"refused", "429", "503"}
    TEXTS = {
        "refused": "connection refused",
        "reset": "connection reset",
        "timeout": "timed out",
    }

    def __init__(self, cause, retry_after=0):
        text = self.TEXTS.get(cause) or f"answered {cause} {HTTPStatus(int(cause)).phrase}"
        super().__init__(text)
        self.cause = cause
        self.retry_after = retry_after

    def is_temporary(self):
        return self.cause in self.TEMPORARY

    def may_have_been_done(self):
        return self.cause not in self.NOT_DONE


class GaveUp(Exception):
    """No attempt has succeeded. `failures` tells for each when that was known, and why."""

    def __init__(self, why, failures):
        super().__init__(f"gave up after {count(len(failures), 'attempt')}, {why}")
        self.why = why
        self.failures = failures


class Rng:
    """The generator that backon uses, so that the same seed gives the same delays."""

    def __init__(self, seed):
        self.state = seed

    def random(self):
        self.state = (self.state + 0x2D358DCCAA6C78A5) % 2**64
        product = self.state * (self.state ^ 0x8BB84B93962EACC9)
        return (((product ^ (product >> 64)) % 2**64) >> 1) / 2**63


@dataclass(frozen=True)
class Backoff:
    """What backon's ExponentialBuilder makes. Seconds."""

    min_delay: float = 1
    factor: float = 2
    max_delay: float = 60
    max_times: int = 3
    total_delay: float = float("inf")
    jitter_seed: int | None = None

    def __iter__(self):
        rng = Rng(self.jitter_seed)
        delay, sum_of_delays = self.min_delay, 0
        for _ in range(self.max_times):
            jitter = 0 if self.jitter_seed is None else delay * rng.random()
            sum_of_delays += delay + jitter
            if sum_of_delays > self.total_delay:
                return
            yield delay + jitter
            delay = min(delay * self.factor, self.max_delay)


def full_jitter(backoff, seed):
    """Anything from nothing to the whole delay."""
    rng = Rng(seed)
    return (delay * rng.random() for delay in backoff)


class Budget:
    """A bucket of tokens. A request brings a part of one, a retry costs a whole one."""

    def __init__(self, percent, reserve):
        self.percent = percent
        self.most = reserve * 100
        self.hundredths = self.most

    def deposit(self):
        self.hundredths = min(self.hundredths + self.percent, self.most)

    def withdraw(self):
        if self.hundredths < 100:
            return False
        self.hundredths -= 100
        return True


@dataclass(frozen=True)
class Policy:
    """How often, how long, and at whose cost. Seconds."""

    backoff: Backoff = Backoff()
    attempt: float = 10
    total: float = 60
    budget: Budget | None = None

    async def run(self, operation, idempotent=True):
        """What `operation(attempt)` returns, or GaveUp."""
        start = time.monotonic()
        if self.budget:
            self.budget.deposit()
        delays = iter(self.backoff)
        failures = []
        while True:
            left = self.total - (time.monotonic() - start)
            try:
                async with asyncio.timeout(min(self.attempt, left)):
                    answer = await operation(len(failures) + 1)
            # No more than what is known to pass: a bug fails each time, and CancelledError is
            # not for us.
            except (Failure, TimeoutError) as error:
                failure = error if isinstance(error, Failure) else Failure("timeout")
                failures.append((time.monotonic() - start, failure))
            else:
                if failures:
                    log.info("succeeded", extra={"fields": {"attempts": len(failures) + 1}})
                return answer
            left = self.total - (time.monotonic() - start)
            why, delay = self.again(failure, idempotent, delays, left)
            if why:
                fields = {"attempts": len(failures), "cause": failure.cause, "why": why}
                log.error("gave up", extra={"fields": fields})
                raise GaveUp(why, failures) from failure
            fields = {"attempt": len(failures), "cause": failure.cause}
            fields["delay_ms"] = int(delay * 1000)
            log.warning("failed, will try again", extra={"fields": fields})
            await asyncio.sleep(delay)

    def again(self, failure, idempotent, delays, left):
        """Why not, or after which delay."""
        if not failure.is_temporary():
            return "it would fail again", None
        if failure.may_have_been_done() and not idempotent:
            return "it may have been done", None
        delay = next(delays, None)
        if delay is None:
            return "that was the last attempt", None
        # Not before the moment that was asked for, and not everybody at that moment.
        delay += failure.retry_after
        if delay >= left:
            return "no time is left", None
        if self.budget and not self.budget.withdraw():
            return "the budget is spent", None
        return None, delay


class Service:
    """Does in each call what its script says, and at its end the last step for ever."""

    def __init__(self, *script):
        self.script = list(script)
        self.calls = 0

    async def call(self):
        self.calls += 1
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if step == "ok":
            await asyncio.sleep(0.25)
            return "ok"
        if step == "timeout":
            await asyncio.Event().wait()
        if step == "reset":
            await asyncio.sleep(0.25)
        if step.startswith("503 after "):
            raise Failure("503", int(step.removeprefix("503 after ")))
        raise Failure(step)


class Bank:
    """Its first answer is lost, after it has done what it was asked to do."""

    def __init__(self):
        self.keys = set()
        self.calls = 0
        self.charged = 0

    async def charge(self, key):
        await asyncio.sleep(0.25)
        if key is None or key not in self.keys:
            self.keys.add(key)
            self.charged += 1
        self.calls += 1
        if self.calls == 1:
            raise Failure("reset")
        return "paid"


async def try_again(backoff):
    clock = Clock()
    service = Service("refused", "refused", "503", "ok")
    delays = iter(backoff)
    while True:
        try:
            answer = await service.call()
        except Failure as failure:
            delay = next(delays, None)
            if delay is None or not failure.is_temporary():
                print(f"{clock}  gave up: {failure}")
                return
            print(f"{clock}  {failure}, again in {delay:.2f} s")
            await asyncio.sleep(delay)
        else:
            print(f"{clock}  {answer}")
            return


async def backoff():
    await try_again(Backoff())
    await try_again(Backoff(jitter_seed=3))


async def deadlines():
    backoff = Backoff(min_delay=0.5, max_times=5)
    service = Service("timeout")
    clock = Clock()
    for delay in [*replace(backoff, total_delay=4), None]:
        try:
            await asyncio.wait_for(service.call(), 1)
        except TimeoutError:
            if delay is None:
                print(f"{clock}  gave up: total_delay of 4 s")
            else:
                await asyncio.sleep(delay)
    policy = Policy(backoff, attempt=1, total=4)
    await ask(policy, service)
    await ask(policy, Service("refused"))


async def ask(policy, service):
    """One request, with everything that is logged on the way."""
    with logged() as clock:
        try:
            answer = await policy.run(lambda _: service.call())
        except GaveUp as gave_up:
            print(f"{clock}  {gave_up}: {gave_up.__cause__}")
        else:
            print(f"{clock}  {answer}")


async def retry_after():
    await ask(Policy(), Service("503 after 5", "ok"))
    await ask(Policy(), Service("503 after 3600", "ok"))


async def which():
    policy = Policy(attempt=1)
    print("failure  harmless twice  harmful twice")
    for cause in ["refused", "503", "429", "reset", "timeout", "504", "400", "500"]:
        services = []
        for idempotent in [True, False]:
            service = Service(cause)
            services.append(service)
            try:
                await policy.run(lambda _: service.call(), idempotent)
            except GaveUp:
                pass
        print(f"{cause:7}", *(f"{service.calls:15}" for service in services))


async def charge():
    for how, idempotent, key in [
        ("blindly", True, None),
        ("not at all", False, None),
        ("with a key", True, "order 7"),
    ]:
        bank = Bank()
        try:
            result = await Policy().run(lambda _: bank.charge(key), idempotent)
        except GaveUp as gave_up:
            result = gave_up
        print(f"again {how}: {count(bank.charged, 'charge')}, {result}")


async def causes():
    policy = Policy(attempt=1)
    requests = [
        (True, ["refused", "refused", "ok"]),
        (True, ["timeout", "503 after 2", "ok"]),
        (True, ["400"]),
        (False, ["503 after 1", "reset"]),
        (True, ["timeout", "refused"]),
    ]
    counts = Causes()
    last = None
    with logged(counts):
        for idempotent, script in requests:
            service = Service(*script)
            try:
                await policy.run(lambda _: service.call(), idempotent)
            except GaveUp as gave_up:
                last = gave_up
    print(counts)
    print(f"{last}:")
    for after, failure in last.failures:
        print(f"  after {after:.1f} s: {failure}")


async def cancel():
    for when, step in [("a wait", "refused"), ("an attempt", "timeout")]:
        clock, service = Clock(), Service(step)
        run = asyncio.create_task(Policy().run(lambda _: service.call()))
        await asyncio.sleep(1.5)
        run.cancel()
        await asyncio.wait([run])
        took = f"{clock.elapsed():.1f} s"
        print(f"during {when}: given up after {took}, calls: {service.calls}")
        await asyncio.sleep(60)
        print(f"a minute later: calls: {service.calls}")


CLIENTS = 8


async def client(delays, clock, arrivals):
    """Calls until the service is there again, which takes two seconds. Whether it was served."""
    for delay in [*delays, None]:
        now = clock.elapsed()
        arrivals.append(now)
        if now >= 2:
            return True
        if delay is not None:
            await asyncio.sleep(delay)
    return False


async def crowd(delays):
    clock, arrivals = Clock(), []
    clients = [client(delays(number), clock, arrivals) for number in range(1, CLIENTS + 1)]
    served = await asyncio.gather(*clients)
    return arrivals, sum(served)


async def herd():
    kinds = {
        "no jitter": lambda seed: Backoff(),
        "backon's jitter": lambda seed: Backoff(jitter_seed=seed),
        "full jitter": lambda seed: full_jitter(Backoff(), seed),
    }
    crowds = [await crowd(delays) for delays in kinds.values()]
    row("second", kinds)
    for quarter in range(24):
        counts = [sum(int(at * 4) == quarter for at in arrivals) for arrivals, _ in crowds]
        row(f"{quarter / 4:.2f}", ("#" * n for n in counts))
    row("calls", (len(arrivals) for arrivals, _ in crowds))
    row("served", (served for _, served in crowds))


def row(first, cells):
    print((f"{first:>6}" + "".join(f"  {cell:<16}" for cell in cells)).rstrip())


SECONDS = 20


class Worker:
    """Does one thing after the other, each in 50 ms: twenty calls a second. From the third second
    to the sixth it stands still."""

    def __init__(self):
        self.clock = Clock()
        self.free_at = 0
        self.calls = [0] * SECONDS
        self.answers = [0] * SECONDS

    async def call(self):
        now = self.clock.elapsed()
        self.calls[int(now)] += 1
        begin = max(self.free_at, now)
        if 3 <= begin < 6:
            begin = 6
        # The work is accepted. If the caller is cancelled, the answer is lost and the work is not.
        self.free_at = begin + 0.05
        await asyncio.sleep(self.free_at - now)
        self.answers[int(self.clock.elapsed())] += 1


async def load(policy):
    """Ten requests a second, each with a policy like `policy`."""
    worker = Worker()

    async def request(number):
        # Not at round times: no answer may come in the instant in which its caller gives up.
        await asyncio.sleep(number * 0.1 + 0.017)
        backoff = replace(policy.backoff, jitter_seed=number)
        await replace(policy, backoff=backoff).run(lambda _: worker.call())

    requests = [request(number) for number in range(10 * SECONDS)]
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*requests, return_exceptions=True)
    except TimeoutError:
        pass
    return worker


async def storm():
    once = Policy(Backoff(min_delay=0.25, max_times=0), attempt=1)
    four = replace(once, backoff=replace(once.backoff, max_times=3))
    within_budget = replace(four, budget=Budget(10, 10))
    workers = [await load(policy) for policy in [once, four, within_budget]]
    print("second  one attempt              four attempts            and a budget")
    print("         calls          answers   calls          answers   calls          answers")
    for second in range(SECONDS):
        cells = ((w.calls[second], w.answers[second]) for w in workers)
        cells = (f"  {n:3} {'#' * -(-n // 3):15} {answers:3}" for n, answers in cells)
        print(f"{second:6}" + "".join(cells))


async def through(depth, service):
    """A service behind `depth` others, each of which tries three times."""
    if depth == 0:
        return await service.call()
    try:
        policy = Policy(Backoff(min_delay=0.1, max_times=2))
        await policy.run(lambda _: through(depth - 1, service))
    except GaveUp as gave_up:
        raise Failure("503") from gave_up


async def layers():
    for depth in [1, 2, 3]:
        service = Service("refused")
        clock = Clock()
        try:
            end = await through(depth, service)
        except Failure:
            end = "failed"
        took = f"{clock.elapsed():.1f} s"
        print(f"{depth} deep: 1 request, {service.calls} calls, {end} after {took}")


class Clock:
    """Seconds since the beginning, in front of each line."""

    def __init__(self):
        self.start = time.monotonic()

    def elapsed(self):
        return time.monotonic() - self.start

    def __str__(self):
        return f"{self.elapsed():5.2f} s"


class Line(logging.Formatter):
    """The time, the level, the text, and the fields with their names."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def format(self, record):
        fields = " ".join(f"{name}={value}" for name, value in record.fields.items())
        level = record.levelname.replace("WARNING", "WARN")
        return f"{self.clock} {level:>5} {record.getMessage()} {fields}"


class Causes(logging.Handler):
    """Counts failures by their cause."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def emit(self, record):
        cause = record.fields.get("cause")
        if cause is None:
            return
        count = self.counts.setdefault(cause, [0, 0, 0])
        count[record.levelno == logging.ERROR] += 1
        count[2] += record.fields.get("delay_ms", 0) / 1000

    def __str__(self):
        lines = ["cause    tried again  gave up   waited"]
        for cause, (tried_again, gave_up, waited) in sorted(self.counts.items()):
            lines.append(f"{cause:8} {tried_again:11} {gave_up:8} {waited:6.2f} s")
        return "\n".join(lines)


@contextlib.contextmanager
def logged(*more):
    """Prints what is logged, and hands it to `more`."""
    clock = Clock()
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(Line(clock))
    handlers = [lines, *more]
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield clock
    finally:
        for handler in handlers:
            log.removeHandler(handler)


def count(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"


PARTS = {
    "backoff": backoff,
    "deadlines": deadlines,
    "retry-after": retry_after,
    "which": which,
    "charge": charge,
    "causes": causes,
    "cancel": cancel,
    "herd": herd,
    "storm": storm,
    "layers": layers,
}


async def main():
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(logging.NullHandler())
    for name in sys.argv[1:] or PARTS:
        print(f"-- {name}")
        await PARTS[name]()


if __name__ == "__main__":
    asyncio.run(main())
