"""A room: who is in it, and what was said. Used by chat.py."""

import secrets
import time
from collections import deque

from rules import message


class Room:
    def __init__(self, name, history):
        self.name = name
        self.epoch = secrets.token_hex(8)
        self.last_id = 0
        self.history = deque(maxlen=history)
        self.members = {}  # by the name as it is compared

    def people(self):
        return sorted(member.name for member in self.members.values())

    def welcome(self, name, after):
        """For who comes, or comes back having seen the message `after`."""
        history, missed = list(self.history), 0
        if after is not None and after <= self.last_id:
            missed = max(0, self.last_id - len(history) - after)
            history = [said for said in history if said["id"] > after]
        return message(
            "welcome",
            name=name,
            room=self.name,
            epoch=self.epoch,
            people=self.people(),
            history=history,
            missed=missed,
        )

    def say(self, name, text):
        self.last_id += 1
        said = {"id": self.last_id, "name": name, "text": text, "at": time.time_ns() // 1_000_000}
        self.history.append(said)
        self.tell(message("said", **said), self.last_id)
        return self.last_id

    def tell(self, frame, number=None):
        for member in self.members.values():
            member.offer(frame, number)
