"""What both Python servers serve, and how they are started: the notes, their rules, the flags."""

import argparse
import asyncio
import errno
import json
import signal
import sys


class Refusal(Exception):
    """A request is refused: a status, and one sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def read_draft(content_type, body):
    """Reads the JSON of a note from a body and checks it."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "Expected request with `Content-Type: application/json`")
    try:
        draft = json.loads(body.decode())
        draft = {"title": draft["title"], "text": draft.get("text", "")}
        for value in draft.values():
            value.encode()  # only a string has this, and half of a surrogate pair fails
    # A JSON of many brackets is a RecursionError.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refusal(400, f"this is no note: {type(error).__name__}") from None
    draft["title"] = draft["title"].strip()
    if not 1 <= len(draft["title"]) <= 100:
        raise Refusal(422, "title must have 1 to 100 characters")
    if len(draft["text"]) > 10_000:
        raise Refusal(422, "text must have at most 10000 characters")
    return draft


def read_number(query, name, default, least, most):
    """Reads a number of a query."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or not least <= int(text) <= most:
        raise Refusal(400, f"{name} must be a number from {least} to {most}")
    return int(text)


class Store:
    """The notes, in memory."""

    def __init__(self):
        self.notes = {}
        self.last_id = 0

    def create(self, draft):
        self.last_id += 1
        self.notes[self.last_id] = {"id": self.last_id, **draft}
        return self.notes[self.last_id]

    def read(self, number):
        if number not in self.notes:
            raise Refusal(404, f"there is no note {number}")
        return self.notes[number]

    def replace(self, number, draft):
        self.read(number)
        self.notes[number] = {"id": number, **draft}
        return self.notes[number]

    def delete(self, number):
        self.read(number)
        del self.notes[number]

    def list(self, query):
        limit = read_number(query, "limit", 20, 1, 100)
        offset = read_number(query, "offset", 0, 0, 2**63)
        search = query.get("search", "").lower()
        found = [
            note
            for note in self.notes.values()
            if search in note["title"].lower() or search in note["text"].lower()
        ]
        return {"notes": found[offset : offset + limit], "total": len(found)}


class Seen:
    """What became of the handlers that waited."""

    def __init__(self):
        self.counts = {"begun": 0, "finished": 0, "dropped": 0}

    async def wait(self):
        self.counts["begun"] += 1
        try:
            await asyncio.sleep(0.4)
        except asyncio.CancelledError:
            self.counts["dropped"] += 1
            raise
        self.counts["finished"] += 1


def to_json(value):
    """As serde_json writes it: UTF-8, no blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def run(serve):
    """Reads the flags, and runs `serve(flags, listening, stop)` until it ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--time-limit", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--grace", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--probes", action="store_true")
    parser.add_argument("--defaults", action="store_true")
    flags = parser.parse_args()
    try:
        asyncio.run(until_stopped(serve, flags))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.exit(f"port {flags.port} is in use; stop the other program, or choose another with --port")
    except KeyboardInterrupt:
        print("stopped at once; what was in flight is lost", file=sys.stderr)
        sys.exit(130)


async def until_stopped(serve, flags):
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(*_):
        if stop.is_set():
            raise KeyboardInterrupt  # asked twice
        loop.call_soon_threadsafe(stop.set)

    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGTERM, asked)
    await serve(flags, listening, stop)
    print("Stopped.")


def listening(port):
    print(f"Listening on http://127.0.0.1:{port}", flush=True)
