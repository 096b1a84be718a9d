"""A web server whose handler waits one second, until you stop it. The Rust twin is src/."""

import argparse
import asyncio
import errno
import signal
import sys

from aiohttp import web

counts = {"in flight": 0, "most": 0, "answered": 0, "cut": 0}


async def handle_request(request):
    await asyncio.sleep(flags.delay)  # stands in for a database, or another server
    return web.Response(text="Hello, world!")


async def echo(request):
    return web.Response(text=await request.text())


@web.middleware
async def count(request, handler):
    counts["in flight"] += 1
    counts["most"] = max(counts["most"], counts["in flight"])
    counts["answered"] += 1
    try:
        return await handler(request)
    except asyncio.CancelledError:  # by `runner.cleanup()`, when the grace period is over
        counts["answered"] -= 1
        counts["cut"] += 1
        raise
    finally:
        counts["in flight"] -= 1


def on_stop_signals():
    """An event that Ctrl-C sets, and SIGTERM, which `kill`, systemd and docker send."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(*_):
        if stop.is_set():
            raise KeyboardInterrupt  # asked twice
        loop.call_soon_threadsafe(stop.set)

    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGTERM, asked)
    return stop


async def main():
    app = web.Application(client_max_size=64 * 1024, middlewares=[count])
    app.add_routes([web.get("/", handle_request), web.post("/echo", echo)])
    runner = web.AppRunner(app, shutdown_timeout=flags.grace)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", flags.port, backlog=4096)
    await site.start()
    stop = on_stop_signals()
    host, port = runner.addresses[0]
    print(f"Listening on http://{host}:{port}", flush=True)

    await stop.wait()  # the line that the article lacks
    print(
        f"Stopping: up to {flags.grace:g} s for requests in flight.",
        "Ctrl-C again stops at once.",
        flush=True,
    )
    before = counts["answered"] - counts["in flight"]
    await runner.cleanup()
    print(f"Answered {counts['answered']}, at most {counts['most']} at once.")
    if drained := counts["answered"] - before:
        print(f"Drained {drained}: answered after the signal.")
    if counts["cut"]:
        print(f"Cut {counts['cut']}: not finished in time.")
        sys.exit(1)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--delay", type=float, default=1, metavar="SECONDS")
parser.add_argument("--grace", type=float, default=10, metavar="SECONDS")
flags = parser.parse_args()
try:
    asyncio.run(main())
except OSError as error:
    if error.errno != errno.EADDRINUSE:
        raise
    sys.exit(f"web-server.py: port {flags.port} is in use; stop the other program, or choose another with --port")
except KeyboardInterrupt:
    print("web-server.py: stopped at once; what was in flight is lost", file=sys.stderr)
    sys.exit(130)
