"""Live prices: windows over event time, and a report of them. The Rust twin is src/."""

import argparse
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone

from trades import HEADER, UNIT, Replay, exchange

KEPT = 120  # closed bars of a symbol
MOVE, MOVE_WINDOW = 2, 60_000  # percent, milliseconds (or one bar, where that is longer)
SPIKE = 4  # times the average volume


# --- Windows over event time


def divide(n, d):
    """Rounds half up; both are positive."""
    return (2 * n + d) // (2 * d)


@dataclass(slots=True)
class Bar:
    start: int
    first: tuple  # (time, number) of the trade that opened it
    last: tuple
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0  # the sum of price times volume
    trades: int = 0
    closed: bool = False
    version: int = 0

    @property
    def vwap(self):
        return divide(self.turnover, self.volume)

    def add(self, trade):
        at = (trade.time, trade.number)
        if at < self.first:
            self.first, self.open = at, trade.price
        if at >= self.last:
            self.last, self.close = at, trade.price
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.volume += trade.volume
        self.turnover += trade.price * trade.volume
        self.trades += 1


@dataclass(slots=True)
class Symbol:
    name: str
    trades: int = 0
    late: int = 0
    first: tuple = (float("inf"),)
    last: tuple = (-1,)
    opening: int = 0
    price: int | None = None
    volume: int = 0
    turnover: int = 0
    closed_bars: int = 0
    open: dict = field(default_factory=dict)  # bars by their start
    closed: deque = field(default_factory=lambda: deque(maxlen=KEPT))
    sma5: int | None = None
    sma20: int | None = None
    version: int = 0
    is_moving: bool = False
    is_spiking: bool = False
    side: int = 0  # of the averages: 1 where that of 5 bars is above that of 20

    @property
    def vwap(self):
        return divide(self.turnover, self.volume) if self.volume else None


class Market:
    """What is known of all symbols: bars, averages and alerts."""

    def __init__(self, bar, lateness, on_bar=None, alerts_kept=None):
        self.bar, self.lateness, self.on_bar = bar, lateness, on_bar
        self.symbols = {}
        self.alerts = deque(maxlen=alerts_kept)  # with the version in which each came
        self.alerts_told = 0
        self.clock = None  # the latest time seen
        self.version = 0
        self.trades = 0
        self.next_close = float("inf")  # the earliest end of an open bar

    @property
    def watermark(self):
        return self.clock - self.lateness

    def add(self, trade):
        self.version += 1
        self.trades += 1
        symbol = self.symbols.get(trade.symbol)
        if symbol is None:
            symbol = self.symbols[trade.symbol] = Symbol(trade.symbol)
        symbol.version = self.version
        start = trade.time - trade.time % self.bar
        if self.clock is not None and start + self.bar <= self.watermark:
            symbol.late += 1  # its bar is closed and stays as it is
            return
        bar = symbol.open.get(start)
        at = (trade.time, trade.number)
        if bar is None:
            price = trade.price
            bar = symbol.open[start] = Bar(start, at, at, price, price, price, price)
            self.next_close = min(self.next_close, start + self.bar)
        bar.add(trade)
        bar.version = self.version
        symbol.trades += 1
        symbol.volume += trade.volume
        symbol.turnover += trade.price * trade.volume
        if at < symbol.first:
            symbol.first, symbol.opening = at, trade.price
        if at >= symbol.last:
            symbol.last, symbol.price = at, trade.price
        if self.clock is None or trade.time > self.clock:
            self.clock = trade.time
            if self.watermark >= self.next_close:
                self.close(self.watermark)

    def finish(self):
        """There will be no further trade: all bars close."""
        self.version += 1
        self.close(float("inf"))

    def close(self, until):
        due = [
            (start, symbol.name, symbol)
            for symbol in self.symbols.values()
            for start in symbol.open
            if start + self.bar <= until
        ]
        for start, _, symbol in sorted(due, key=lambda entry: entry[:2]):
            self.close_bar(symbol, symbol.open.pop(start))
        ends = (start + self.bar for symbol in self.symbols.values() for start in symbol.open)
        self.next_close = min(ends, default=float("inf"))

    def close_bar(self, symbol, bar):
        before = list(symbol.closed)[-20:]
        symbol.closed.append(bar)
        symbol.closed_bars += 1
        bar.closed, bar.version, symbol.version = True, self.version, self.version
        closes = [each.close for each in symbol.closed]
        sum5, sum20 = sum(closes[-5:]), sum(closes[-20:])
        symbol.sma5 = divide(sum5, 5) if len(closes) >= 5 else None
        symbol.sma20 = divide(sum20, 20) if len(closes) >= 20 else None
        self.look_for_move(symbol, bar)
        if len(closes) >= 20:
            self.look_for_crossing(symbol, bar, 4 * sum5 - sum20)
        if len(before) == 20:
            self.look_for_spike(symbol, bar, sum(each.volume for each in before))
        if self.on_bar:
            self.on_bar(symbol, bar)

    def look_for_move(self, symbol, bar):
        window = max(MOVE_WINDOW, self.bar)
        oldest = bar.start + self.bar - window
        base = next(each.open for each in symbol.closed if each.start >= oldest or each is bar)
        by = bar.close - base
        # Off only below half of it, or it would be told again at each flicker.
        is_moving = abs(by) * (200 if symbol.is_moving else 100) >= MOVE * base
        if is_moving and not symbol.is_moving:
            verb, direction = ("rose", "up") if by > 0 else ("fell", "down")
            percent = divide(abs(by) * 10_000, base)
            seconds = show_volume(window * 10)  # it writes 1/10000, without zeros that say nothing
            text = f"{verb} {percent // 100}.{percent % 100:02} % in {seconds} s, to {show(bar.close)}"
            self.alert(symbol, bar, "move", direction, text)
        symbol.is_moving = is_moving

    def look_for_crossing(self, symbol, bar, difference):
        side = (difference > 0) - (difference < 0)
        if side and symbol.side and side != symbol.side:
            word, direction = ("above", "up") if side > 0 else ("below", "down")
            self.alert(symbol, bar, "cross", direction, f"average of 5 bars went {word} that of 20")
        symbol.side = side or symbol.side

    def look_for_spike(self, symbol, bar, volume20):
        is_spiking = bar.volume * 20 >= SPIKE * volume20
        if is_spiking and not symbol.is_spiking:
            times = divide(bar.volume * 200, volume20)
            direction = "up" if bar.close >= bar.open else "down"
            text = f"volume {show_volume(bar.volume)}, {times // 10}.{times % 10} times its average"
            self.alert(symbol, bar, "volume", direction, text)
        symbol.is_spiking = is_spiking

    def alert(self, symbol, bar, kind, direction, text):
        self.alerts_told += 1
        alert = {
            "id": self.alerts_told,
            "t": bar.start + self.bar,
            "symbol": symbol.name,
            "kind": kind,
            "direction": direction,
            "text": text,
        }
        self.alerts.append((self.version, alert))


# --- What is printed


def show(value):
    return f"{value // UNIT}.{value % UNIT:04}"


def show_volume(value):
    return show(value).rstrip("0").rstrip(".")


def show_or_dash(value):
    return "-" if value is None else show(value)


def show_time(at):
    seconds, milliseconds = divmod(at, 1000)
    when = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{when:%Y-%m-%d %H:%M:%S}" + (f".{milliseconds:03}" if milliseconds else "")


def report(trades, source, flags):
    """Reads all trades, and prints what came of them: the same at any speed."""
    tails = {}

    def keep(symbol, bar):
        if flags.bars != 0:
            tails.setdefault(symbol.name, deque(maxlen=flags.bars)).append(bar)

    bar, lateness = round(flags.bar * 1000), round(flags.lateness * 1000)
    market = Market(bar, lateness, keep)
    begin, first = time.monotonic(), None
    for trade in trades:
        if flags.speed not in (None, float("inf")):
            first = trade.arrival if first is None else first
            due = begin + (trade.arrival - first) / 1000 / flags.speed
            time.sleep(max(due - time.monotonic(), 0))
        market.add(trade)
    market.finish()

    late = sum(symbol.late for symbol in market.symbols.values())
    bars = sum(symbol.closed_bars for symbol in market.symbols.values())
    print(source)
    print(f"trades {market.trades}, of these late {late}; bars {bars}; alerts {market.alerts_told}")
    if getattr(trades, "bad", 0):
        print(f"bad lines {trades.bad}, the first is {trades.first_bad}")
    print(f"{'symbol':16} {'trades':>8} {'late':>6} {'bars':>7} {'last':>12} {'vwap':>12} {'sma5':>12} {'sma20':>12}")
    for _, symbol in sorted(market.symbols.items()):
        print(
            f"{symbol.name:16} {symbol.trades:8} {symbol.late:6} {symbol.closed_bars:7} {show_or_dash(symbol.price):>12} "
            f"{show_or_dash(symbol.vwap):>12} {show_or_dash(symbol.sma5):>12} {show_or_dash(symbol.sma20):>12}"
        )
    for name, tail in sorted(tails.items()):
        print(f"bars of {name}")
        for each in tail:
            numbers = (each.open, each.high, each.low, each.close, each.vwap)
            o, h, l, c, vwap = (f"{show(value):>11}" for value in numbers)
            volume = show_volume(each.volume)
            print(f"  {show_time(each.start)} o{o} h{h} l{l} c{c} vwap{vwap} v {volume} n {each.trades}")
    print("alerts")
    for _, alert in market.alerts:
        print(f"  {show_time(alert['t'])} {alert['symbol']}: {alert['text']}")


def record(file, flags):
    """Writes a CSV file that `--replay` reads."""
    with open(file, "w", encoding="utf-8", newline="\n") as lines:
        made_by = "cargo run -p market -- record FILE"
        lines.write(f"# A simulated exchange, seed {flags.seed}, {flags.trades} trades; made by: {made_by}\n")
        lines.write(HEADER + "\n")
        for trade in exchange(flags.seed, flags.trades):
            when = datetime.fromtimestamp(trade.time // 1000, timezone.utc)
            stamp = f"{when:%Y-%m-%dT%H:%M:%S}.{trade.time % 1000:03}Z"
            volume = show_volume(trade.volume)
            lines.write(f"{stamp},{trade.symbol},{show(trade.price)},{volume}\n")


# --- The command line


def between(low, high, kind=float):
    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise ValueError
        return value

    parse.__name__ = f"number from {low} to {high}"
    return parse


def speed(text):
    return float("inf") if text == "max" else between(0.001, 1_000_000)(text)


def bars(text):
    return None if text == "all" else between(0, 1_000_000, int)(text)


def main():
    parser = argparse.ArgumentParser(prog="market.py", description=__doc__)
    add = parser.add_argument
    add("what", nargs="?", default="serve", choices=["serve", "report", "record"])
    add("file", nargs="?", help="for record: the file to write")
    add("--replay", metavar="FILE", help="trades of a CSV file instead of the exchange")
    add("--trades", type=between(1, 1_000_000_000, int), metavar="N", help="the exchange ends after N trades")
    add("--seed", type=between(0, 2**64 - 1, int), default=7, metavar="S")
    add("--speed", type=speed, metavar="X", help="times real time, or max")
    add("--bar", type=between(0.5, 86_400), default=5, metavar="SECONDS")
    add("--lateness", type=between(0, 3600), default=2, metavar="SECONDS")
    add("--bars", type=bars, default=2, metavar="N", help="bars of each symbol to report, or all")
    add("--rate", type=between(1, 1000, int), default=10, metavar="N", help="updates a second for a client")
    add("--head-start", type=between(0, 86_400), metavar="SECONDS", help="of the market, at once")
    add("--port", type=between(0, 65_535, int), default=8080)
    flags = parser.parse_intermixed_args()
    if flags.replay and (flags.trades or flags.what == "record"):
        parser.error("--replay plays a file; --trades and record are for the simulated exchange")
    if flags.what == "serve":
        import live  # needs aiohttp, which a report does not

        sys.exit(live.serve(flags))
    flags.trades = flags.trades or 20_000
    try:
        if flags.what == "record":
            record(flags.file or parser.error("record needs the file to write"), flags)
        elif flags.replay:
            report(Replay(flags.replay), f"replay of {flags.replay}", flags)
        else:
            report(exchange(flags.seed, flags.trades), f"simulated exchange, seed {flags.seed}", flags)
    except (OSError, ValueError) as error:
        print(f"market: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, OSError) else 2)


if __name__ == "__main__":
    main()
