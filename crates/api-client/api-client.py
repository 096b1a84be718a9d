"""Many API calls at once, through one shared session. The Rust twin is src/main.rs."""

import argparse
import asyncio
import contextlib
import dataclasses
import sys
import time

import aiohttp
from aiohttp import web

DATA = {"/data1": 1.0, "/data2": 0.5, "/data3": 0.7}


@dataclasses.dataclass
class Outcome:
    url: str
    start: float
    took: float = 0.0
    status: int | None = None
    bytes: int = 0
    error: str = ""

    def is_ok(self):
        return self.status is not None and 200 <= self.status < 300

    def __str__(self):
        if self.status is None:
            return f"error  {self.error}  {self.url}"
        return f"{self.status:<5}{self.bytes:>8} bytes  {shown(self.took):>6}  {self.url}"


async def fetch(session, url):
    outcome = Outcome(url, time.monotonic())
    try:
        # `session()` is the shared session, or a new one for this request alone.
        async with session() as this_session, this_session.get(url) as response:
            outcome.bytes = len(await response.read())
            outcome.status = response.status
    except TimeoutError:
        outcome.error = f"timed out after {flags.timeout:g} s"
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, ConnectionRefusedError)
        outcome.error = "connection refused (is the server running?)" if refused else str(error)
    except Exception as error:  # whatever it is, it must not end the others: gather would raise it
        outcome.error = f"{type(error).__name__}: {error}"
    outcome.took = time.monotonic() - outcome.start
    return outcome


async def fetch_all(session, urls):
    return await asyncio.gather(*(fetch(session, url) for url in urls))


async def one_by_one(session, urls):
    return [await fetch(session, url) for url in urls]


def shown(seconds):
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def report(outcomes, start, opened):
    for outcome in outcomes:
        if not (flags.quiet and outcome.is_ok()):
            print(outcome)
    ok = sum(outcome.is_ok() for outcome in outcomes)
    connections = "1 connection" if opened == 1 else f"{opened} connections"
    total = shown(time.monotonic() - start)
    summary = f"{ok} ok, {len(outcomes) - ok} failed, {connections}, {total} in all"
    answered = [o.start + o.took - start for o in outcomes if o.status is not None]
    if answered:
        first, last = shown(min(answered)), shown(max(answered))
        summary += f"; first answer after {first}, last after {last}"
    print(summary)


async def start_endpoints(stack):
    """Starts three endpoints in this process and returns their URLs."""

    async def answer(request):
        await asyncio.sleep(DATA[request.path])
        return web.Response(text='{"data": 123}')

    app = web.Application()
    app.add_routes([web.get(path, answer) for path in DATA])
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    host, port = runner.addresses[0]
    return [f"http://{host}:{port}{path}" for path in DATA]


async def main():
    opened = 0

    async def count(*_):
        nonlocal opened
        opened += 1

    def new_session():
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(count)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=flags.concurrency),
            timeout=aiohttp.ClientTimeout(total=flags.timeout),
            trace_configs=[trace],
        )

    async with contextlib.AsyncExitStack() as stack:
        urls = (flags.url or await start_endpoints(stack)) * flags.repeat
        if flags.per_request_client:
            session = new_session
        else:
            shared = await stack.enter_async_context(new_session())

            def session():
                return contextlib.nullcontext(shared)

        start = time.monotonic()
        outcomes = await (one_by_one if flags.one_by_one else fetch_all)(session, urls)
        report(outcomes, start, opened)
    return 0 if all(outcome.is_ok() for outcome in outcomes) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("url", nargs="*", help="what to fetch (default: three endpoints of our own)")
    add("--concurrency", type=int, default=100, help="connections of a session (default 100)")
    add("--timeout", type=float, default=30, help="seconds for each request (default 30)")
    add("--repeat", type=int, default=1, help="fetch the whole list so many times (default 1)")
    add("--quiet", action="store_true", help="failures and the summary only")
    add("--one-by-one", action="store_true", help="await each call before the next is made")
    add("--per-request-client", action="store_true", help="make a new session for each request")
    flags = parser.parse_args()
    sys.exit(asyncio.run(main()))
