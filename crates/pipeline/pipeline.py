"""A pipeline over access logs of any size: read, parse, look up, add up. See `--help`."""

import argparse
import asyncio
import collections
import concurrent.futures
import contextlib
import json
import os
import re
import signal
import stat
import sys
import time

CHUNK = 512 * 1024  # bytes
LONGEST_LINE = 16 * 1024
LONGEST_CLIENT = 64
LARGEST = 1 << 40
DEEPEST = 100
GENERATION = 32_768
PATIENCE = 10  # seconds
WAITING = 8  # batches for each job that may wait for their countries
PAGES, OVERHEAD = 16 * 1024 * 1024, 128
SMALL = 8 * 1024 * 1024  # An input of this size is not worth the start of other processes.

BAD = ["empty", "too long", "not UTF-8", "not JSON", "cut off", "field missing", "field wrong"]
EMPTY, TOO_LONG, NOT_UTF8, NOT_JSON, CUT_OFF, FIELD_MISSING, FIELD_WRONG = range(len(BAD))
COUNTRIES = ["DE", "US", "FR", "BR", "IN", "JP", "NG", "PL", "CA", "KE"]
UNKNOWN = "??"


# ---------------------------------------------------------------------------- a line


class Bad(Exception):
    """What is wrong with a line: one of the kinds above."""


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def strict_int(digits):
    return -1 if digits == "-0" else int(digits)


sys.set_int_max_str_digits(0)  # A long number is wrong, but it is JSON.
decoder = json.JSONDecoder(parse_constant=refuse)
closely = json.JSONDecoder(parse_constant=refuse, parse_int=strict_int)
scan = decoder.scan_once


def parse_line(text):
    """The client, the page, the status, the bytes and the microseconds of a line."""
    try:
        if text.count("{") + text.count("[") > DEEPEST and depth(text) > DEEPEST:
            raise Bad(NOT_JSON)
        record, end = scan(text, 0)
        if end != len(text) or "\\u" in text:
            record = judge(text)
    except (StopIteration, ValueError):
        record = judge(text)
    try:
        client, path, status, size, micros = (
            record["client"],
            record["path"],
            record["status"],
            record["bytes"],
            record["micros"],
        )
    except (KeyError, TypeError, IndexError):
        raise Bad(FIELD_MISSING) from None
    if (
        type(client) is str
        and type(path) is str
        and type(status) is int
        and type(size) is int
        and type(micros) is int
        and 100 <= status < 600
        and 0 <= size <= LARGEST
        and 0 <= micros <= LARGEST
        and client
        and path
        and (client.isascii() or encodable(client))
        and (path.isascii() or encodable(path))
        and (len(client) if client.isascii() else len(client.encode())) <= LONGEST_CLIENT
        and (size and micros or not_negative(text))
    ):
        return client, path.partition("?")[0], status, size, micros
    raise Bad(FIELD_WRONG)


def judge(text):
    """Looks again, slowly and closely, at a line that was not the usual case."""
    if not text.strip(" \t\r"):
        raise Bad(EMPTY)
    try:
        record = decoder.decode(text)
    except (ValueError, RecursionError):
        raise Bad(NOT_JSON) from None
    if not isinstance(record, dict):
        raise Bad(FIELD_MISSING)
    if not all(map(encodable, record)):
        raise Bad(NOT_JSON)
    return record


def encodable(text):
    """Whether a string is text: JSON can write halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def not_negative(text):
    """Whether a zero is 0. For Python, -0 is the same number."""
    record = closely.decode(text)
    return record["bytes"] >= 0 and record["micros"] >= 0


def depth(text):
    deepest = level = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*(?:"|$)|[\[\]{}]', text, re.DOTALL):
        if bracket in "[{":
            level += 1
            deepest = max(deepest, level)
        elif bracket in "]}":
            level = max(level - 1, 0)
    return deepest


# ---------------------------------------------------------------------------- a chunk


class Batch:
    """What is known of a chunk when all its lines were parsed."""

    def __init__(self):
        self.lines = self.good = self.bytes = self.slowest = 0
        self.carriage_returns = self.byte_order_marks = 0
        self.bad = {}  # kind: how many, and the number of the first
        self.bad_lines = []  # number, kind, bytes
        self.statuses = [0] * 6
        self.latency = collections.Counter()
        self.clients, self.pages = {}, {}  # name: [records, bytes], in the order they came in

    def note_bad(self, kind, line):
        count, first = self.bad.get(kind, (0, self.lines))
        self.bad[kind] = (count + 1, first)
        self.bad_lines.append((self.lines, kind, line))


def parse_chunk(chunk):
    """Parses all lines of a chunk."""
    batch = Batch()
    lines = chunk.split(b"\n")
    cut_off = bool(lines[-1])
    if not cut_off:
        lines.pop()
    clients, pages, statuses, latencies = {}, {}, batch.statuses, []
    for number, line in enumerate(lines, 1):
        batch.lines = number
        if len(line) > LONGEST_LINE:
            batch.note_bad(TOO_LONG, line)
            continue
        rest = line.removesuffix(b"\r")
        carriage_return = rest is not line
        byte_order_mark = rest.startswith(b"\xef\xbb\xbf")
        if byte_order_mark:
            rest = rest[3:]
        try:
            client, page, status, size, micros = parse_line(rest.decode())
        except (UnicodeDecodeError, Bad) as error:
            kind = error.args[0] if isinstance(error, Bad) else NOT_UTF8
            if kind in (NOT_UTF8, NOT_JSON) and cut_off and number == len(lines):
                kind = CUT_OFF
            batch.note_bad(kind, line)
            continue
        if carriage_return and line.endswith(b"\r"):
            batch.carriage_returns += 1
        batch.byte_order_marks += byte_order_mark
        batch.good += 1
        batch.bytes += size
        statuses[status // 100] += 1
        latencies.append(micros)
        if client in clients:
            count = clients[client]
            count[0] += 1
            count[1] += size
        else:
            clients[client] = [1, size]
        if page in pages:
            count = pages[page]
            count[0] += 1
            count[1] += size
        else:
            pages[page] = [1, size]
    batch.clients, batch.pages = clients, pages
    batch.slowest = max(latencies, default=0)
    batch.latency = collections.Counter(map(bucket, latencies))
    return batch


def bucket(micros):
    shift = max(micros.bit_length() - 6, 0)
    return (micros >> shift) + 32 * shift


def longest_in(bucket):
    shift = bucket // 32 - 1
    return bucket if shift < 0 else ((bucket % 32 + 33) << shift) - 1


# ---------------------------------------------------------------------------- reading


class Broken(Exception):
    """Why the reading ended before the end."""


async def read(file, room, stopping):
    """Reads on a thread: for a file there is no other way. None: told to stop."""
    reading = asyncio.ensure_future(asyncio.to_thread(file.read, room))
    waiting = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([reading, waiting], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return reading.result()
        # The thread cannot be cancelled. What becomes of it interests nobody.
        reading.add_done_callback(asyncio.Future.exception)
        return None
    finally:
        waiting.cancel()


async def chunks(inputs, stopping, position):
    """Yields the number of the input, the shape of the chunk, and its bytes.

    The shape is "lines", or "first", "middle", "last" for a part of a line that is too long for a
    chunk.
    """
    for number, (name, open_input) in enumerate(inputs):
        buffer, in_a_line, is_over = b"", False, False
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open_input())
            except OSError as error:
                raise Broken(f"cannot read {name}: {reason(error)}") from None
            while not is_over:
                broken = None
                pieces, room = [buffer], CHUNK - len(buffer)
                while room and not is_over and not broken:
                    try:
                        piece = await read(file, room, stopping)
                    except OSError as error:
                        broken = Broken(f"cannot read {name}: {reason(error)}")
                        break
                    if piece is None:
                        break
                    is_over = not piece
                    pieces.append(piece)
                    room -= len(piece)
                    position[0] += len(piece)
                buffer = b"".join(pieces)
                if stopping.is_set() and not (is_over and number == len(inputs) - 1):
                    broken = broken or Broken("stopped before the end")
                if in_a_line:
                    end = buffer.find(b"\n") + 1
                    shape = "last" if end or is_over else "middle"
                    end = end or len(buffer)
                else:
                    end = len(buffer) if is_over else buffer.rfind(b"\n") + 1
                    shape = "lines"
                    if not end and len(buffer) >= CHUNK:
                        end, shape = len(buffer), "first"
                if end or shape == "last":
                    yield number, shape, buffer[:end]
                in_a_line = shape in ("first", "middle")
                buffer = buffer[end:]
                if is_over and buffer:
                    # What came after the last part of a long line.
                    yield number, "lines", buffer
                if broken:
                    raise broken


# ---------------------------------------------------------------------------- looking up


async def service(client):
    """Stands in for a service on the network."""
    number = 0x811C9DC5
    for byte in client.encode():
        number = ((number ^ byte) * 0x01000193) & 0xFFFFFFFF
    await asyncio.sleep((5 + number % 16) / 1000)
    if number % 100 == 7:
        raise ConnectionRefusedError
    return COUNTRIES[min(number // 100 % 10, number // 1000 % 10)]


class Countries:
    """Asks for each client once. Remembers what came of it, in two generations."""

    def __init__(self, at_once):
        self.at_once = asyncio.Semaphore(at_once)
        self.young, self.old = {}, {}
        self.asked = self.failed = 0

    def of(self, clients):
        """The country of each, or the task that finds out."""
        return [self.of_one(client) for client in clients]

    def of_one(self, client):
        answer = self.young.get(client)
        if answer is None:
            answer = self.old.pop(client, None)
            if answer is None:
                self.asked += 1
                answer = asyncio.create_task(self.ask(client))
            self.young[client] = answer
            if len(self.young) == GENERATION:
                self.old, self.young = self.young, {}
        return answer

    async def ask(self, client):
        async with self.at_once:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await service(client)
            except (ConnectionError, TimeoutError):
                self.failed += 1
                return UNKNOWN


# ---------------------------------------------------------------------------- the pipeline


async def buffered(futures, limit):
    """The results in order. At most `limit` are under way.

    What the source raises comes after what was under way.
    """
    running, broken = collections.deque(), None
    try:
        async with contextlib.aclosing(futures):
            async for future in futures:
                running.append(future)
                if len(running) >= limit:
                    yield await running.popleft()
    except Broken as error:
        broken = error
    while running:
        yield await running.popleft()
    if broken:
        raise broken


async def parsed(chunks, jobs, pool):
    """The batches, parsed by other processes: in this one, one thread at a time runs Python."""
    loop = asyncio.get_running_loop()

    async def batch_of(number, shape, chunk):
        if shape == "lines":
            batch = await loop.run_in_executor(pool, parse_chunk, chunk)
        else:
            batch = Batch()
            if shape == "first":
                batch.lines = 1
                batch.note_bad(TOO_LONG, b"")
                batch.bad_lines = []
        return number, shape, chunk, batch

    async def begun():
        async with contextlib.aclosing(chunks):
            async for number, shape, chunk in chunks:
                yield asyncio.create_task(batch_of(number, shape, chunk))

    async with contextlib.aclosing(buffered(begun(), 2 * jobs)) as batches:
        async for batch in batches:
            yield batch


async def with_countries(batches, countries, jobs):
    async def found(batch, answers):
        return batch, [await a if isinstance(a, asyncio.Task) else a for a in answers]

    async def begun():
        async with contextlib.aclosing(batches):
            async for batch in batches:
                answers = countries.of(batch[3].clients)
                yield asyncio.create_task(found(batch, answers))

    async with contextlib.aclosing(buffered(begun(), WAITING * jobs)) as results:
        async for result in results:
            yield result


class BadFile:
    """A line for each bad line: where it was and what is wrong, a tab, and its bytes."""

    def __init__(self, path):
        self.path = path
        self.file = None
        if path:
            self.file = open(1, "wb", closefd=False) if path == "-" else open(path, "wb")
        self.in_a_line = False

    async def add(self, name, before, shape, chunk, batch):
        if not self.file:
            return
        parts = []
        if shape != "lines":
            if shape == "first":
                parts.append(head(name, before + 1, TOO_LONG))
            parts.append(chunk.removesuffix(b"\n"))
            if shape == "last":
                parts.append(b"\n")
            self.in_a_line = shape != "last"
        for line, kind, data in batch.bad_lines:
            parts += [head(name, before + line, kind), data, b"\n"]
        if parts:
            await asyncio.to_thread(self.file.write, b"".join(parts))

    def close(self):
        if self.file:
            with self.file:
                if self.in_a_line:
                    self.file.write(b"\n")


def head(name, line, kind):
    return f"{name}:{line}\t{BAD[kind]}\t".encode(errors="surrogateescape")


async def run(options, inputs, pool, stopping, position):
    report = Report([name for name, _ in inputs], options.top)
    countries = Countries(options.lookups)
    try:
        bad_file = BadFile(options.bad)
    except OSError as error:
        raise SystemExit(f"pipeline.py: cannot write {options.bad}: {reason(error)}") from None
    jobs = max(options.jobs, 1)
    batches = parsed(chunks(inputs, stopping, position), jobs, pool)
    try:
        async with contextlib.aclosing(with_countries(batches, countries, jobs)) as results:
            async for (number, shape, chunk, batch), found in results:
                before = report.lines_before(number)
                name = report.names[number]
                await bad_file.add(name, before, shape, chunk, batch)
                report.add(number, batch, found)
    except Broken as error:
        report.broken = str(error)
    except OSError as error:
        report.broken = f"cannot write {options.bad}: {reason(error)}"
    try:
        bad_file.close()
    except OSError as error:
        report.broken = f"cannot write {options.bad}: {reason(error)}"
    report.lookups = (countries.asked, countries.failed)
    return report


# ---------------------------------------------------------------------------- the report


class Report:
    """The sum of all batches."""

    def __init__(self, names, top):
        self.names, self.top = names, top
        self.lines = self.good = self.bytes = self.slowest = 0
        self.carriage_returns = self.byte_order_marks = 0
        self.bad, self.first_bad = [0] * len(BAD), {}
        self.statuses = [0] * 6
        self.latency = collections.Counter()
        self.countries, self.pages = {}, {}
        self.room, self.rest = PAGES, [0, 0]
        self.input = self.before = 0
        self.lookups, self.broken = (0, 0), None

    def lines_before(self, number):
        if number != self.input:
            self.input, self.before = number, 0
        return self.before

    def add(self, number, batch, found):
        before = self.lines_before(number)
        self.before += batch.lines
        self.lines += batch.lines
        self.good += batch.good
        self.bytes += batch.bytes
        self.slowest = max(self.slowest, batch.slowest)
        self.carriage_returns += batch.carriage_returns
        self.byte_order_marks += batch.byte_order_marks
        for kind, (count, first) in batch.bad.items():
            self.bad[kind] += count
            self.first_bad.setdefault(kind, f"{self.names[number]}:{before + first}")
        self.statuses = [a + b for a, b in zip(self.statuses, batch.statuses)]
        self.latency.update(batch.latency)
        for count, country in zip(batch.clients.values(), found):
            add_to(self.countries, country, count)
        for page, count in batch.pages.items():
            if page not in self.pages:
                cost = len(page.encode()) + OVERHEAD
                if cost > self.room:
                    self.rest = [a + b for a, b in zip(self.rest, count)]
                    continue
                self.room -= cost
            add_to(self.pages, page, count)

    def is_balanced(self):
        countries = sum(records for records, _ in self.countries.values())
        return (
            self.lines == self.good + sum(self.bad)
            and self.good == countries
            and self.good == sum(self.statuses)
        )

    def quantile(self, thousandths):
        wanted = max(-(-self.good * thousandths // 1000), 1)
        for place in sorted(self.latency):
            wanted -= self.latency[place]
            if wanted <= 0:
                return min(longest_in(place), self.slowest)

    def __str__(self):
        out = []
        if self.broken:
            out.append(f"INCOMPLETE: {self.broken}")
        out.append(f"{self.lines} lines = {self.good} good + {sum(self.bad)} bad")
        for kind, count in enumerate(self.bad):
            if count:
                out.append(f"  {BAD[kind]:<14}{count:>10}   the first at {self.first_bad[kind]}")
        if self.carriage_returns:
            out.append(f"of the good ones {self.carriage_returns} ended in CR LF")
        if self.byte_order_marks:
            out.append(f"of the good ones {self.byte_order_marks} began with a byte order mark")
        if self.good:
            out += self.of_the_good()
        asked, failed = self.lookups
        out.append(f"{asked} lookups, {failed} failed")
        return "\n".join(out)

    def of_the_good(self):
        out = []
        statuses = [f"   {c}xx {count}" for c, count in enumerate(self.statuses) if count]
        out.append("status" + "".join(statuses))
        latency = "latency"
        for name, share in ("half", 500), ("90%", 900), ("99%", 990), ("99.9%", 999):
            latency += f"   {name} {millis(self.quantile(share))}"
        latency += f"   all {millis(self.slowest)}"
        out.append(latency)
        countries = sorted(self.countries.items(), key=lambda row: (-row[1][0], row[0]))
        out += rows("country", countries)
        pages = sorted(self.pages.items(), key=lambda row: (-row[1][0], row[0]))
        out += rows(f"page (of {len(pages)})", pages[: self.top])
        if self.rest[0]:
            out += rows("pages that came too late", [("", self.rest)])
        return out


def add_to(table, name, count):
    if name in table:
        table[name][0] += count[0]
        table[name][1] += count[1]
    else:
        table[name] = list(count)


def rows(title, rows):
    yield f"{title:<30}{'records':>12}{'bytes':>20}"
    for name, (records, size) in rows:
        yield f"  {shown(name):<28}{records:>12}{size:>20}"


def harmless(text):
    """Text without commands to the terminal."""
    return "".join("\ufffd" if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)


def shown(name):
    return harmless(name[:60]) + ("…" if len(name) > 60 else "")


def millis(micros):
    return f"{micros // 1000}.{micros % 1000 // 100} ms"


# ---------------------------------------------------------------------------- the command line


def reason(error):
    return f"{error.strerror} (os error {error.errno})"


def arguments():
    def number(least, most):
        def convert(text):
            if not least <= (value := int(text)) <= most:
                raise argparse.ArgumentTypeError(f"it is from {least} to {most}")
            return value

        return convert

    cores = min(os.cpu_count() or 1, 60)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="`-`: standard input")
    parser.add_argument("--bad", metavar="FILE", help="set bad lines aside in FILE; `-` prints them")
    parser.add_argument("--top", type=number(0, sys.maxsize), default=5, help="list so many pages")
    parser.add_argument("--lookups", type=number(1, 10_000), default=100, help="so many at a time")
    parser.add_argument(
        "--jobs", type=number(0, 60), default=None, help="parse in so many processes (0: in this one)"
    )
    parser.add_argument("--stats", action="store_true", help="say how fast it was")
    options = parser.parse_args()
    inputs, size = [], 0
    for name in options.files:
        if name == "-":
            inputs.append(("(standard input)", lambda: open(0, "rb", buffering=0, closefd=False)))
            size += SMALL
            path = "/dev/stdin"
        else:
            path = name
            try:
                about = os.stat(name)
                if stat.S_ISDIR(about.st_mode):
                    sys.exit(f"pipeline.py: cannot read {name}: it is a directory")
                if stat.S_ISREG(about.st_mode):
                    open(name, "rb").close()
            except OSError as error:
                sys.exit(f"pipeline.py: cannot read {name}: {reason(error)}")
            size += about.st_size or SMALL
            opener = lambda name=name: open(name, "rb", buffering=0)  # noqa: E731
            inputs.append((harmless(name), opener))
        if options.bad and os.path.isfile(path) and os.path.exists(options.bad):
            if os.path.samefile(path, options.bad):
                sys.exit(f"pipeline.py: --bad {name} would overwrite what is to be read")
    if not inputs:
        sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sample.ndjson")
        inputs = [("sample.ndjson", lambda: open(sample, "rb", buffering=0))]
    if options.jobs is None:
        options.jobs = cores if size >= SMALL else 0
    return options, inputs


def ignore_ctrl_c():
    """In the processes that parse: Ctrl-C is for the one that reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


async def main(options, inputs):
    start = time.perf_counter()
    position = [0]  # how many bytes were read
    stopping = asyncio.Event()

    def stop():
        if stopping.is_set():
            os._exit(130)
        print("pipeline.py: stopping; the report is of what was read", file=sys.stderr)
        stopping.set()

    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
    with contextlib.ExitStack() as stack:
        pool = None
        if options.jobs:
            pool = concurrent.futures.ProcessPoolExecutor(options.jobs, initializer=ignore_ctrl_c)
            stack.enter_context(pool)
        report = await run(options, inputs, pool, stopping, position)
    code = tell(report, options, position[0], time.perf_counter() - start, stopping.is_set())
    if stopping.is_set():
        # The end of the loop would wait for the thread that waits for standard input.
        os._exit(code)
    return code


def tell(report, options, position, seconds, stopped):
    try:
        print(report, flush=True)
    except OSError as error:
        sys.stdout = None  # Nothing more goes there.
        print(f"pipeline.py: cannot write the report: {reason(error)}", file=sys.stderr)
        return 1
    if options.stats:
        line = f"{position / 1e6:.1f} MB in {seconds:.2f} s: {position / 1e6 / seconds:.0f} MB/s"
        print(f"pipeline.py: {line}", file=sys.stderr)
    if not report.is_balanced():
        print("pipeline.py: lines were lost, which is a mistake in this program", file=sys.stderr)
        return 1
    if report.broken is None:
        return 0
    if stopped:
        return 130
    print(f"pipeline.py: {report.broken}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*arguments())))
