"""What an async call returned, kept for a while, with one call for all who wait. The Rust twin is src/lib.rs."""

import asyncio
import collections
import functools
import time


class Cache:
    """Remembers what `fetch` returned, and runs it once for all who wait for the same key."""

    def __init__(self, fetch, capacity, fresh, stale=0, errors=0):
        self.fetch = fetch
        self.capacity, self.fresh, self.stale, self.errors = capacity, fresh, stale, errors
        self.entries = collections.OrderedDict()  # Of finished tasks, in the order of their last use.
        self.flights = {}  # Of running tasks.
        self.info = collections.Counter()

    async def get(self, key):
        expired = False
        if key in self.entries:
            self.entries.move_to_end(key)
            since, task = self.entries[key]
            fresh, usable = self.limits(task)
            age = time.monotonic() - since
            if age < fresh:
                self.info["hits"] += 1
                return task.result()
            if age < usable:
                self.info["stale"] += 1
                if key not in self.flights:
                    self.begin(key)
                return task.result()
            expired = True
        if key in self.flights:
            self.info["joined"] += 1
        else:
            self.info["misses"] += 1
            self.info["expired"] += expired
            self.begin(key)
        # Without the shield, who gives up would cancel the task of all.
        return await asyncio.shield(self.flights[key])

    def limits(self, task):
        """How long the answer of a task is fresh, and how long it is good for something."""
        if task.exception() is None:
            return self.fresh, self.fresh + self.stale
        return self.errors, self.errors

    def begin(self, key):
        task = self.flights[key] = asyncio.create_task(self.fetch(key))
        # Added first, so it is called before those who wait for the task go on.
        task.add_done_callback(functools.partial(self.landed, key))

    def landed(self, key, task):
        # To ask for the exception also keeps asyncio from complaining that nobody did.
        failed = task.cancelled() or task.exception() is not None
        self.info["errors"] += failed
        # After an invalidation it is not this task any more that stands there.
        if self.flights.get(key) is not task:
            return
        del self.flights[key]
        if not failed or (self.errors and not task.cancelled() and not self.usable(key)):
            self.keep(key, task)

    def usable(self, key):
        if key not in self.entries:
            return False
        since, task = self.entries[key]
        usable = time.monotonic() - since < self.limits(task)[1]
        return usable and task.exception() is None

    def keep(self, key, task):
        self.entries[key] = time.monotonic(), task
        self.entries.move_to_end(key)
        if len(self.entries) > self.capacity:
            self.entries.popitem(last=False)
            self.info["evicted"] += 1

    def invalidate(self, key):
        self.entries.pop(key, None)
        self.flights.pop(key, None)

    def cache_info(self):
        names = ("hits", "stale", "joined", "misses", "expired", "evicted", "errors")
        counts = {name: self.info[name] for name in names}
        counts |= {"entries": len(self.entries), "flights": len(self.flights)}
        return " ".join(f"{name}={count}" for name, count in counts.items())
