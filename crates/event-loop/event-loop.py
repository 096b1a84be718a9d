"""An event loop by hand, and the gather lesson and a server on it. The Rust twin is src/."""

import argparse
import asyncio
import collections
import contextlib
import errno
import heapq
import itertools
import selectors
import socket
import subprocess
import sys
import time
import types

# ---- The loop ----


class Task:
    """A coroutine, and what the loop has to know of it. Awaiting it waits for its output."""

    def __init__(self, loop, name, coroutine):
        self.loop = loop
        self.name = name
        self.coroutine = coroutine
        self.queued = False  # Whether it stands in the run queue.
        self.done = False
        self.output = None
        self.joiner = None  # Who awaits it.

    def wake(self):
        # Woken twice before its turn, it still has one turn.
        if not self.queued:
            self.queued = True
            self.loop.ready.append(self)
            self.loop.notes.append(f", wakes {self.name}")

    def __await__(self):
        while not self.done:
            self.joiner = self.loop.current
            yield
        return self.output


class EventLoop:
    """An event loop. `yield` means pending: whoever yields has left its task with a waker."""

    def __init__(self, virtual, trace):
        self.virtual = virtual
        self.virtual_now = 0.0
        self.start = time.monotonic()
        self.ready = collections.deque()
        self.timers = []  # A heap: by time, and for the same time in the order of their making.
        self.ids = itertools.count()
        self.selector = selectors.DefaultSelector()
        self.current = None  # The task that is being polled.
        self.say = print if trace else lambda line: None
        self.turns = 0
        self.notes = []

    def now(self):
        return self.virtual_now if self.virtual else time.monotonic() - self.start

    def run(self, coroutine):
        """asyncio.run"""
        main = self.spawn("main", coroutine)
        try:
            while not main.done:
                self.turn()
        except BaseException:
            for task in [main, *self.ready]:  # Those that never began would be warned of.
                task.coroutine.close()
            raise
        return main.output

    def spawn(self, name, coroutine):
        """asyncio.create_task"""
        task = Task(self, name, coroutine)
        task.wake()
        return task

    def turn(self):
        """Once around: sleeps until somebody is ready, then polls each who is."""
        sockets = self.select(0 if self.ready else self.until_next())
        timers = []
        while self.timers and self.timers[0][0] <= self.now():
            timers.append(heapq.heappop(self.timers)[2])
        for task in sockets + timers:
            task.wake()
        self.turns += 1
        self.notes.clear()
        woken = f", sockets ready: {len(sockets)}" if sockets else ""
        woken += f", timers due: {len(timers)}" if timers else ""
        woken += f", tasks ready: {len(self.ready)}"
        self.say(f"loop: turn {self.turns} at {self.now():.1f} s{woken}")
        # Whoever is woken from here on has the next turn.
        for _ in range(len(self.ready)):
            self.poll(self.ready.popleft())

    def until_next(self):
        """How long nobody will be ready, as far as the timers know."""
        sockets = len(self.selector.get_map())
        timer = f"next timer at {self.timers[0][0]:.1f} s" if self.timers else "no timer"
        watched = f", open sockets: {sockets}" if sockets else ""
        end = "the clock jumps" if self.virtual and self.timers and not sockets else "sleeping"
        self.say(f"loop:   nobody is ready, {timer}{watched}: {end}")
        if not self.timers and not sockets:
            raise RuntimeError("stuck: no timer is set, no socket is open: nobody can wake a task")
        return max(0, self.timers[0][0] - self.now()) if self.timers else None

    def select(self, timeout):
        """Sleeps until a socket is ready or the timeout is over."""
        if self.selector.get_map():
            start = time.monotonic()
            ready = self.selector.select(timeout)
            if self.virtual:
                self.virtual_now += time.monotonic() - start
            for key, _ in ready:
                self.selector.unregister(key.fileobj)
            return [key.data for key, _ in ready]
        if self.virtual and timeout:
            # Only a timer can end this sleep. Nobody will notice that it is left out.
            self.virtual_now = self.timers[0][0]
        elif timeout:
            time.sleep(timeout)
        return []

    def poll(self, task):
        task.queued = False
        self.current = task
        try:
            task.coroutine.send(None)
            answer = "pending"
        except StopIteration as end:
            answer = "ready"
            task.done, task.output = True, end.value
            if task.joiner:
                task.joiner.wake()
        self.say(f"loop:   polled {task.name}: {answer}{''.join(self.notes)}")
        self.notes.clear()

    @types.coroutine
    def sleep(self, seconds):
        """asyncio.sleep"""
        at = self.now() + seconds
        heapq.heappush(self.timers, (at, next(self.ids), self.current))
        self.notes.append(f", timer at {at:.1f} s")
        yield

    @types.coroutine
    def until(self, sock, event):
        """Waits until a socket can be read or written."""
        self.selector.register(sock, event, self.current)
        self.notes.append(", waits for a socket")
        yield


# ---- The gather lesson ----


async def fetch_data(on, task):
    print(f"Start fetching for task {task}")
    await on.sleep(2)
    print(f"Done fetching for task {task}")
    return f"task {task}: 123"


async def wait(on, seconds):
    await on.sleep(seconds)
    print(f"Done after {seconds} s")
    return seconds


async def together(on, tasks):
    start = on.now()
    handles = [on.spawn(f"fetch_data({task})", fetch_data(on, task)) for task in range(tasks)]
    for handle in handles:
        print(await handle)
    print(f"together: {on.now() - start:.1f} s")


async def staggered(on):
    handles = [on.spawn(f"wait({seconds})", wait(on, seconds)) for seconds in [3, 1, 2]]
    print(f"results: {[await handle for handle in handles]}")


class Asyncio:
    """asyncio's loop, for comparison."""

    sleep = staticmethod(asyncio.sleep)
    now = staticmethod(time.monotonic)
    run = staticmethod(asyncio.run)

    @staticmethod
    def spawn(name, coroutine):
        return asyncio.create_task(coroutine, name=name)


# ---- A server that sends back what it gets, and its clients ----

MESSAGES = 10


async def read(on, sock, size):
    while True:
        try:
            return sock.recv(size)
        except BlockingIOError:
            await on.until(sock, selectors.EVENT_READ)


async def write_all(on, sock, data):
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            await on.until(sock, selectors.EVENT_WRITE)


async def accept(on, listener):
    while True:
        try:
            sock, _ = listener.accept()
            sock.setblocking(False)
            return sock
        except BlockingIOError:
            await on.until(listener, selectors.EVENT_READ)


async def echo(on, sock, count):
    """Sends back what comes until the client closes, or breaks off."""
    count["open"] += 1
    count["most"] = max(count["most"], count["open"])
    with sock, contextlib.suppress(ConnectionError):
        while data := await read(on, sock, 4096):
            await write_all(on, sock, data)
            count["bytes"] += len(data)
    count["open"] -= 1


def listen(port):
    listener = socket.create_server(("127.0.0.1", port))
    listener.setblocking(False)
    return listener


async def serve(on, port):
    with listen(port) as listener:
        print("echo on {}:{}".format(*listener.getsockname()), flush=True)
        for client in itertools.count():
            sock = await accept(on, listener)
            on.spawn(f"echo({client})", echo(on, sock, collections.Counter()))


async def serve_some(on, listener, clients):
    count = collections.Counter()
    tasks = []
    for client in range(clients):
        sock = await accept(on, listener)
        tasks.append(on.spawn(f"echo({client})", echo(on, sock, count)))
    for task in tasks:
        await task
    return count


async def server_and_clients(on, clients):
    """The clients run in a process of their own: each end of a connection is an open file."""
    start = on.now()
    with listen(0) as listener:
        address = "{}:{}".format(*listener.getsockname())
        command = [sys.executable, __file__, "--connect", address, "--clients", str(clients)]
        with subprocess.Popen(command) as other:
            server = on.spawn("server", serve_some(on, listener, clients))
            try:
                while other.poll() is None:
                    await on.sleep(0.01)
            finally:
                other.kill()
            if other.returncode:
                raise OSError("the clients have stopped early")
        count = await server
    print(
        f"server: {clients} clients, {count['most']} of them at the same time;"
        f" {count['bytes']} bytes; {on.now() - start:.1f} s"
    )


async def run_clients(on, address, clients):
    """All connected at the same time."""
    host, port = address.split(":")
    socks, size = [], 0
    for client in range(clients):
        # On the loopback a connection stands at once, or never.
        sock = socket.create_connection((host, int(port)))
        sock.setblocking(False)
        # Answered, it has been accepted: nobody closes before everybody is served.
        size += await round_trip(on, sock, client, 0)
        socks.append(sock)
    tasks = [on.spawn(f"client({n})", talk(on, sock, n)) for n, sock in enumerate(socks)]
    for task in tasks:
        size += await task
    print(f"clients: {clients}, each got back what it sent; {size} bytes", flush=True)


async def talk(on, sock, client):
    with sock:
        return sum([await round_trip(on, sock, client, n) for n in range(1, MESSAGES)])


async def round_trip(on, sock, client, message):
    sent = f"client {client:>6}, message {message:>2};".encode() * 40
    await write_all(on, sock, sent)
    received = b""
    while len(received) < len(sent):
        more = await read(on, sock, len(sent) - len(received))
        if not more:
            raise OSError("the server has closed the connection")
        received += more
    if received != sent:
        raise OSError(f"client {client} got bytes of somebody else")
    return len(sent)


# ---- The command ----


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=["ours", "asyncio"], default="ours")
    parser.add_argument("--instant", action="store_true")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--clients", type=int)
    parser.add_argument("--connect", metavar="ADDRESS")
    options = parser.parse_args()
    sockets = options.serve or options.clients is not None
    if options.instant and sockets:
        parser.error("--instant is for the two programs: no clock can hurry a socket")
    if options.on == "asyncio" and (options.trace or options.instant or sockets):
        parser.error("--on asyncio runs the two programs only, in real time")
    on = Asyncio if options.on == "asyncio" else EventLoop(options.instant, options.trace)
    if options.connect:
        on.run(run_clients(on, options.connect, options.clients or 1))
    elif options.clients is not None:
        on.run(server_and_clients(on, options.clients))
    elif options.serve:
        on.run(serve(on, options.port))
    else:
        on.run(together(on, 5))
        on.run(staggered(on))


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        advice = "; allow more with `ulimit -n 4096`" if error.errno == errno.EMFILE else ""
        sys.exit(f"event-loop.py: {error}{advice}")
    except KeyboardInterrupt:
        sys.exit(130)
