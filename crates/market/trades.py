"""Where trades come from: a simulated exchange, or a CSV file. The Rust twin is src/."""

import heapq
import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timezone

UNIT = 10_000  # prices and volumes are integers of 1/10000
START = 1_767_623_400_000  # 2026-01-05T14:30:00Z, in milliseconds since 1970
OPENING = {
    "ACME": 101_2500,
    "BOLT": 48_2000,
    "CRUX": 250_4000,
    "DUNE": 93_5000,
    "EMBR": 176_0000,
    "FLUX": 35_0000,
}


@dataclass(slots=True)
class Trade:
    number: int  # in the order of arrival
    time: int  # when it happened, in milliseconds since 1970
    arrival: int  # when it reaches us
    symbol: str
    price: int
    volume: int


class SplitMix64:
    """Random numbers that are the same in every language."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = 0xFFFF_FFFF_FFFF_FFFF
        self.state = z = (self.state + 0x9E37_79B9_7F4A_7C15) & mask
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB & mask
        return ((z ^ (z >> 31)) * n) >> 64


def exchange(seed, count=None):
    """Trades of a simulated exchange, in the order in which they arrive."""
    below = SplitMix64(seed).below
    symbols, prices = list(OPENING), list(OPENING.values())
    clock, created, delivered = START, 0, 0
    on_the_way = []  # heap of (arrival, order of creation, …)
    while True:
        # The next to arrive is certain once the clock has passed its arrival.
        while created != count and not (on_the_way and on_the_way[0][0] < clock):
            clock += below(100)
            index = below(len(symbols))
            price = prices[index]
            price = moved(price, below(2), price * below(11) // 20_000)
            if below(2000) == 0:
                price = moved(price, below(2), price * (10 + below(21)) // 1000)
            prices[index] = price
            volume = (1 + below(100)) * UNIT
            if below(400) == 0:
                volume *= 50
            kind = below(1000)
            if kind < 900:
                delay = below(300)
            elif kind < 990:
                delay = 300 + below(1500)
            else:
                delay = 1800 + below(6000)
            heapq.heappush(on_the_way, (clock + delay, created, clock, symbols[index], price, volume))
            created += 1
        if not on_the_way:
            return
        arrival, _, happened, symbol, price, volume = heapq.heappop(on_the_way)
        yield Trade(delivered, happened, arrival, symbol, price, volume)
        delivered += 1


def moved(price, up, by):
    by -= by % 100  # whole cents; rounding the price itself would pull it down for ever
    return price + by if up else max(price - by, 100)


HEADER = "time,symbol,price,volume"
LONGEST_LINE, MOST_SYMBOLS = 1000, 1000
BLANK = " \t\r\n"
END_OF_TIME = 253_402_300_799_999  # the last millisecond of the year 9999
BAD_TIME = "the time is neither RFC 3339 nor milliseconds since 1970"
SYMBOL = re.compile("[A-Za-z0-9._-]{1,16}")
DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,18}))?")
RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


class BadLine(Exception):
    """Says in one clause what is wrong with a line."""


class Replay:
    """Trades of a CSV file, in the order of its lines; lines that begin with # are comments."""

    def __init__(self, file):
        self.lines = numbered_lines(open(file, "rb"))
        line = next((line for _, line in self.lines if line and not line.startswith("#")), "")
        if line.removeprefix("\ufeff") != HEADER:
            raise ValueError(f"{file} does not begin with the header {HEADER}")
        self.bad, self.first_bad = 0, None
        self.symbols = set()

    def __iter__(self):
        number = 0
        for at, line in self.lines:
            if line == "" or line is not None and line.startswith("#"):
                continue
            try:
                happened, symbol, price, volume = self.parse(line)
            except BadLine as error:
                self.bad += 1
                self.first_bad = self.first_bad or f"line {at}: {error}"
                continue
            yield Trade(number, happened, happened, symbol, price, volume)
            number += 1

    def parse(self, line):
        if line is None:
            raise BadLine(f"it is longer than {LONGEST_LINE} bytes")
        fields = [part.strip(BLANK) for part in line.split(",")]
        if len(fields) != 4:
            raise BadLine(f"expected 4 fields, found {len(fields)}")
        happened, symbol, price, volume = fields
        happened = moment(happened)
        if not SYMBOL.fullmatch(symbol):
            raise BadLine("a symbol has 1 to 16 letters, digits, dots, hyphens or underscores")
        price, volume = decimal(price, "price", 9), decimal(volume, "volume", 12)
        if symbol not in self.symbols:
            if len(self.symbols) == MOST_SYMBOLS:
                raise BadLine(f"there are already {MOST_SYMBOLS} symbols")
            self.symbols.add(symbol)
        return happened, symbol, price, volume


def numbered_lines(file):
    """Line numbers and lines; None for a line that is too long, of which little is in memory."""
    with file:
        for at in itertools.count(1):
            line = file.readline(LONGEST_LINE + 1)
            if not line:
                return
            part = line
            while not part.endswith(b"\n") and (part := file.readline(LONGEST_LINE)):
                line = None
            yield at, line if line is None else line.decode(errors="replace").strip(BLANK)


def moment(text):
    if re.fullmatch("[0-9]{1,15}", text):
        at = int(text)
    elif match := RFC3339.fullmatch(text):
        day, clock, fraction, zone = match.groups()
        zone = "+00:00" if zone in "Zz" else zone
        try:
            whole = datetime.fromisoformat(f"{day}T{clock}{zone}")
        except ValueError:  # a 30th of February
            raise BadLine(BAD_TIME) from None
        since = whole - datetime.fromtimestamp(0, timezone.utc)  # exact: no float in between
        seconds = since.days * 86_400 + since.seconds
        at = seconds * 1000 + int((fraction or "")[:3].ljust(3, "0"))
    else:
        raise BadLine(BAD_TIME)
    if at < 0:
        raise BadLine("the time is before 1970")
    if at > END_OF_TIME:
        raise BadLine("the time is after the year 9999")
    return at


def decimal(text, name, digits):
    match = DECIMAL.fullmatch(text)
    if match and len(match[1]) <= digits:
        whole, fraction = match[1], match[2] or ""
        if value := int(whole + fraction[:4].ljust(4, "0")) + (fraction[4:5] >= "5"):
            return value
    raise BadLine(f"the {name} is no positive number")
