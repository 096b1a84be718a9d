"""The laboratory: cancels a coroutine wherever it waits. Twin of lib.rs and experiments.rs."""

import asyncio
import types
from collections import deque

CANCELLED = object()


class Cut:
    """One run of an experiment. Cancels its operation at one place."""

    def __init__(self, number, woken=False):
        self.number = number  # 0: before it starts; n: when it waits for the n-th time
        self.woken = woken  # when what it waits for has happened, and it has not run since
        self.completed = False

    async def run(self, operation):
        """Returns what the operation returns, or CANCELLED."""
        task = asyncio.create_task(self.counted(operation))
        if self.number == 0:
            task.cancel()
        try:
            result = await task
        except asyncio.CancelledError:
            operation.close()
            return CANCELLED
        self.completed = True
        return result

    async def counted(self, operation):
        return await self.drive(operation, asyncio.current_task())

    @types.coroutine
    def drive(self, operation, task):
        """Does what `await operation` does, and counts how often it waits."""
        awaits = 0
        proceed = operation.send, None
        while True:
            try:
                waits_for = proceed[0](proceed[1])
            except StopIteration as stop:
                return stop.value
            awaits += 1
            if awaits == self.number:
                if self.woken and waits_for is not None:
                    waits_for.add_done_callback(lambda _: task.cancel())
                else:
                    task.cancel()
            try:
                proceed = operation.send, (yield waits_for)
            except asyncio.CancelledError as error:
                proceed = operation.throw, error


async def cancel_at_every_await(name, experiment):
    """Runs the experiment once for each place, and once to its end. Returns a line that says it."""
    findings = []
    if verdict := await experiment(Cut(0)):
        findings.append(f"{verdict} if cancelled before it starts")
    number = 0
    while True:
        number += 1
        cut = Cut(number)
        waiting = await experiment(cut)
        if cut.completed:
            break
        woken = await experiment(Cut(number, woken=True))
        if waiting:
            findings.append(f"{waiting} if cancelled at await {number}")
        if woken and woken != waiting:
            findings.append(f"{woken} if cancelled at await {number} once woken")
    if waiting:
        findings.append(f"{waiting} even if nobody cancels it")
    awaits = number - 1
    keeps = f"keeps everything ({awaits} await{'' if awaits == 1 else 's'})"
    return f"{name:<18} {', '.join(findings) or keeps}"


async def put_all(queue, outbox):
    while outbox:
        # `put` takes a reference: the message leaves the outbox when it has been put.
        await queue.put(outbox[0])
        outbox.popleft()


async def send(cut):
    outbox, inbox, queue = deque(["one", "two"]), [], asyncio.Queue(1)

    async def receive():
        await asyncio.sleep(0)
        while True:
            inbox.append(await queue.get())

    receiver = asyncio.create_task(receive())
    await cut.run(put_all(queue, outbox))
    await asyncio.sleep(0.1)
    receiver.cancel()
    if inbox + list(outbox) != ["one", "two"]:
        return "loses its message"


async def receive(cut):
    queue = asyncio.Queue(1)

    async def send():
        await asyncio.sleep(0)
        await queue.put(1)

    sender = asyncio.create_task(send())
    received = await cut.run(queue.get())
    if received is CANCELLED:
        received = await queue.get()
    await sender
    if received != 1:
        return "loses its message"


MESSAGE = b"good day"


async def arrive(reader, data):
    for start in range(0, len(data), 3):
        await asyncio.sleep(0)
        reader.feed_data(data[start : start + 3])
    reader.feed_eof()


async def read_exactly(cut):
    reader = asyncio.StreamReader()
    writer = asyncio.create_task(arrive(reader, MESSAGE))
    found = await cut.run(reader.readexactly(8))
    if found is CANCELLED:
        found = await reader.read()
    await writer
    if lost := len(MESSAGE) - len(found):
        return f"loses {lost} bytes"


async def read_frame(reader):
    length = int.from_bytes(await reader.readexactly(4), "big")
    return await reader.readexactly(length)


async def framed_read(cut):
    reader = asyncio.StreamReader()
    writer = asyncio.create_task(arrive(reader, bytes([0, 0, 0, 8]) + MESSAGE))
    found = await cut.run(read_frame(reader))
    if found is CANCELLED:
        try:
            found = await read_frame(reader)
        except asyncio.IncompleteReadError:
            found = None
    await writer
    if found != MESSAGE:
        return "loses its message"


async def lock(cut):
    mutex, asked, got = asyncio.Lock(), [], []

    async def ask(name):
        if name not in asked:
            asked.append(name)
        async with mutex:
            got.append(name)

    async def release():
        await asyncio.sleep(0)
        mutex.release()

    async def ours():
        if await cut.run(ask("ours")) is CANCELLED:
            await asyncio.sleep(0)
            await ask("ours")

    async def theirs():
        await asyncio.sleep(0)
        await ask("theirs")

    await mutex.acquire()
    await asyncio.gather(ours(), theirs(), release())
    if got != asked:
        return "loses its place in the queue"


async def write_to_journal():
    await asyncio.sleep(0)


async def transfer(accounts):
    accounts["from"] -= 50
    await write_to_journal()
    accounts["to"] += 50


async def transfer_at_once(accounts):
    await write_to_journal()
    accounts["from"] -= 50
    accounts["to"] += 50


async def money(cut, operation):
    accounts = {"from": 100, "to": 100}
    await cut.run(operation(accounts))
    if lost := 200 - sum(accounts.values()):
        return f"loses {lost} of the money"


async def report():
    """One line for each operation."""
    for name, experiment in [
        ("send", send),
        ("receive", receive),
        ("read exactly", read_exactly),
        ("framed read", framed_read),
        ("lock", lock),
        ("transfer", lambda cut: money(cut, transfer)),
        ("transfer at once", lambda cut: money(cut, transfer_at_once)),
    ]:
        print(await cancel_at_every_await(name, experiment))
