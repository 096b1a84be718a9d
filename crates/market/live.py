"""The server of market.py: one page, and its events by aiohttp. The Rust twin is src/server.rs."""

import asyncio
import errno
import itertools
import json
import re
import secrets
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web
from market import Market
from trades import OPENING, Replay, exchange

PAGE = Path(__file__).parent / "src" / "page"
CONTENT = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
MOST_CLIENTS = 1000
ALIVE = 15  # seconds
PATIENCE = 60  # seconds for one write
SEND_BUFFER = 32 * 1024
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Hub:
    """The market, and a bell for each client that says no more than "something is new"."""

    def __init__(self, state, source, known):
        self.state, self.source, self.known = state, source, known
        self.epoch = secrets.token_hex(4)  # versions of another run mean nothing here
        self.bells = set()
        self.ended = self.stopping = False

    def ring(self):
        for bell in self.bells:
            bell.set()  # a bell that rings already stays as it is: this is the conflation

    def view(self, since, names):
        """What is newer than version `since`; all of it for -1."""
        symbols = [
            symbol
            for name, symbol in sorted(self.state.symbols.items())
            if symbol.version > since and (not names or name in names)
        ]
        late = sum(symbol.late for symbol in self.state.symbols.values())
        view = {"clock": self.state.clock, "late": late, "symbols": [describe(each, since) for each in symbols]}
        if since < 0:
            view |= {"bar": self.state.bar, "lateness": self.state.lateness, "source": self.source}
            view["alerts"] = self.alerts(-1, names)
        return view

    def alerts(self, since, names):
        return [
            alert for version, alert in self.state.alerts if version > since and (not names or alert["symbol"] in names)
        ]


def describe(symbol, since):
    bars = itertools.chain(symbol.closed, (symbol.open[start] for start in sorted(symbol.open)))
    return {
        "symbol": symbol.name,
        "last": symbol.price,
        "change": None if symbol.price is None else symbol.price - symbol.opening,
        "vwap": symbol.vwap,
        "sma5": symbol.sma5,
        "sma20": symbol.sma20,
        "trades": symbol.trades,
        "late": symbol.late,
        "bars": [describe_bar(bar) for bar in bars if bar.version > since],
    }


def describe_bar(bar):
    return {
        "t": bar.start,
        "o": bar.open,
        "h": bar.high,
        "l": bar.low,
        "c": bar.close,
        "v": bar.volume,
        "n": bar.trades,
        "vwap": bar.vwap,
        "closed": bar.closed,
    }


async def feed(hub, trades, speed, head_start):
    loop = asyncio.get_running_loop()
    begin, first = loop.time(), None
    for trade in trades:
        first = trade.arrival if first is None else first
        due = begin + ((trade.arrival - first) / 1000 - head_start) / speed
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        elif hub.state.trades % 100 == 0:
            await asyncio.sleep(0)  # behind, or `--speed max`: the others must run too
        hub.state.add(trade)
        hub.ring()
    hub.state.finish()
    hub.ended = True
    hub.ring()


hub_key = web.AppKey("hub", Hub)
rate_key = web.AppKey("rate", float)


async def page(request):
    name = request.path.lstrip("/") or "index.html"
    text = (PAGE / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=CONTENT[name.rpartition(".")[2]], headers=SECURITY)


def names_of(request):
    """The symbols that are asked for; none means all."""
    hub = request.app[hub_key]
    names = [name for name in request.query.get("symbols", "").split(",") if name]
    for name in names:
        if name not in hub.known and name not in hub.state.symbols:
            error = json.dumps({"error": f"there is no symbol {name}"})
            raise web.HTTPNotFound(text=error, content_type="application/json")
    return names


async def state(request):
    return web.json_response(request.app[hub_key].view(-1, names_of(request)), headers=SECURITY)


async def events(request):
    hub, names = request.app[hub_key], names_of(request)
    epoch, _, version = request.headers.get("Last-Event-ID", "").partition("-")
    seen = int(version) if epoch == hub.epoch and re.fullmatch("[0-9]{1,18}", version) else -1
    if hub.ended and seen >= hub.state.version:
        return web.Response(status=204)  # tells EventSource not to come again
    if len(hub.bells) >= MOST_CLIENTS:
        return web.json_response({"error": "too many streams"}, status=503, headers={"Retry-After": "5"})
    response = web.StreamResponse(headers=SECURITY | {"Content-Type": "text/event-stream"})
    await response.prepare(request)
    bell = asyncio.Event()
    hub.bells.add(bell)
    try:
        await write(response, "retry: 1000\n\n")
        await stream(response, hub, bell, names, seen, request.app[rate_key])
    except ConnectionResetError:
        pass  # the browser has left; a write is what finds out
    except TimeoutError:
        request.transport.abort()  # to close it would wait for the same browser
    finally:
        hub.bells.discard(bell)
    return response


async def stream(response, hub, bell, names, seen, rate):
    while True:
        # Nothing awaits before `write`: what is told and its version belong together.
        bell.clear()
        number, ended = hub.state.version, hub.ended
        news = [frame("alert", alert) for alert in hub.alerts(seen, names)] if seen >= 0 else []
        name = "update" if seen >= 0 else "snapshot"
        news.append(frame(name, hub.view(seen, names), f"{hub.epoch}-{number}"))
        await write(response, "".join(news))  # waits here while the browser does not read
        seen = number
        if ended:
            return await write(response, frame("end", {}))
        if hub.stopping:
            return await write(response, frame("bye", {}))
        await asyncio.sleep(1 / rate)
        while not bell.is_set():
            try:
                await asyncio.wait_for(bell.wait(), ALIVE)
            except TimeoutError:
                await write(response, ": alive\n\n")


async def write(response, text):
    async with asyncio.timeout(PATIENCE):
        await response.write(text.encode())


def frame(event, data, number=None):
    # Compact, and without a line end: it is one line of data.
    text = json.dumps(data, separators=(",", ":"))
    return (f"id: {number}\n" if number else "") + f"event: {event}\ndata: {text}\n\n"


async def run(flags):
    if flags.replay:
        trades, source, known = Replay(flags.replay), f"replay of {Path(flags.replay).name}", ()
    else:
        trades, source, known = exchange(flags.seed, flags.trades), f"simulated exchange, seed {flags.seed}", OPENING
    head_start = flags.head_start if flags.head_start is not None else 0 if flags.replay else 300
    hub = Hub(Market(round(flags.bar * 1000), round(flags.lateness * 1000), alerts_kept=20), source, known)
    app = web.Application()
    app[hub_key], app[rate_key] = hub, flags.rate
    app.add_routes([web.get("/", page), web.get("/market.css", page)])
    app.add_routes([web.get("/market.js", page), web.get("/chart.js", page)])
    app.add_routes([web.get("/state", state), web.get("/events", events)])
    runner = web.AppRunner(app, shutdown_timeout=2, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", flags.port))
    # What the system keeps for a browser that does not read is old news when it is read.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    await web.SockSite(runner, listener).start()
    host, port = listener.getsockname()
    print(f"Open http://{host}:{port} in a browser. Ctrl-C ends.", flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(stop.set))
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(stop.set))
    feeding = asyncio.create_task(feed(hub, trades, flags.speed or 1, head_start))
    await stop.wait()
    feeding.cancel()
    hub.stopping = True
    hub.ring()
    await runner.cleanup()
    print("Stopped.")


def serve(flags):
    try:
        asyncio.run(run(flags))
    except ValueError as error:
        print(f"market: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            error = f"port {flags.port} is in use; choose another with --port"
        print(f"market: {error}", file=sys.stderr)
        return 1
    return 0
