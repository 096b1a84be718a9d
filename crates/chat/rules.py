"""What the chat's messages are and what they must keep to. Used by chat.py."""

import json
import struct
import time
import unicodedata
from typing import NamedTuple

from aiohttp import WSMsgType


class Goodbye(Exception):
    """The connection ends, with a close code and one sentence."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


class Refusal(Exception):
    """One message is not accepted."""


class Frame(NamedTuple):
    """What goes out, encoded once for all readers."""

    opcode: WSMsgType
    payload: bytes
    wire: bytes  # with the header that WebSocketResponse would write


def frame(opcode, payload):
    size = len(payload)
    if size < 126:
        header = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        header = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        header = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return Frame(opcode, payload, header + payload)


def to_json(value):
    """As serde_json writes it: UTF-8, no blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def message(kind, **fields):
    return frame(WSMsgType.TEXT, to_json({"type": kind, **fields}).encode())


PING = frame(WSMsgType.PING, b"")


def no_number(name):
    raise ValueError(f"{name} is no JSON")


def parse(text):
    """A client's message as a dict with a type, and strings that can be encoded again."""
    try:
        value = json.loads(text, parse_constant=no_number)
        if not isinstance(value, dict):
            raise ValueError("an object is needed")
        for name in ("type", "name", "room", "text", "ref", "of"):
            if value.get(name) is not None:
                value[name].encode()  # only a string has this, and half of a surrogate pair fails
        after = value.get("after")
        if after is not None and (type(after) is not int or not 0 <= after < 2**64):
            raise ValueError("after is no id")
    # A JSON of many brackets is a RecursionError.
    except (ValueError, AttributeError, RecursionError):
        raise Goodbye(4000, "this is no message of this protocol") from None
    return value


# What Rust trims. Python's own strip() also takes four control characters.
BLANKS = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and not "\x1c" <= c <= "\x1f")

# Letters and signs that nobody sees: Default_Ignorable_Code_Point, which Python does not know.
UNSEEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
UNSEEN |= {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}


def is_name(name):
    """Letters and numbers of any script, each with at most four signs, and some of ASCII."""
    signs = None  # how many the last letter has; None where there is none
    for c in name:
        kind = unicodedata.category(c)
        if c in " -_.'":
            signs = None
        elif ord(c) in UNSEEN:
            return False
        elif kind[0] in "LN":
            signs = 0
        elif kind in ("Mn", "Mc") and signs is not None and signs < 4:
            signs += 1
        else:
            return False
    return True


def checked_name(name):
    name = name.strip(BLANKS)
    if not 1 <= len(name) <= 32:
        raise Goodbye(4000, "a name has 1 to 32 characters")
    if not is_name(name):
        raise Goodbye(4000, "a name has only letters, digits, spaces and - _ . '")
    return name


def checked_room(room):
    room = room.strip(BLANKS)
    if not 1 <= len(room) <= 32 or not set(room) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise Goodbye(4000, "a room has 1 to 32 of a-z, 0-9 and -")
    return room


def checked_text(text):
    text = text.strip(BLANKS)
    if not text:
        raise Refusal("there is no text")
    if len(text) > 2000:
        raise Refusal("a text has at most 2000 characters")
    if any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in text):
        raise Refusal("a text has no control characters")
    return text


class Bucket:
    """So many messages at once, so many more each second; a burst of 0 is no limit."""

    def __init__(self, burst, rate):
        self.burst, self.rate = burst, rate
        self.left, self.filled = burst, time.monotonic()

    def take(self):
        if not self.burst:
            return True
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.filled) * self.rate)
        self.filled = now
        if self.left < 1:
            return False
        self.left -= 1
        return True
