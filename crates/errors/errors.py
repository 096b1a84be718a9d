"""One failing task among five, in all the ways of waiting for them. The Rust twin is src/main.rs."""

import asyncio
import time

ROWS = [1, 2, 3, 4, 5]


async def fetch(row):
    """Stands in for a query that takes `row` seconds. Row 2 fails."""
    try:
        await asyncio.sleep(row)
    except asyncio.CancelledError:
        log.row(row, "cancelled")
        await clean_up(row)
        raise
    if row == 2:
        log.row(row, "failed")
        raise ConnectionResetError("connection reset")
    log.row(row, "done")
    return f"row {row}"


async def clean_up(row):
    """Takes half a second, and fails for row 4."""
    await asyncio.sleep(0.5)
    if row == 4:
        log.row(row, "failed to clean up")
        raise OSError("row 4 was not given back")
    log.row(row, "cleaned up")


async def gather():
    return await asyncio.gather(*(fetch(row) for row in ROWS))


async def gather_all():
    return await asyncio.gather(*(fetch(row) for row in ROWS), return_exceptions=True)


async def gather_cancel():
    tasks = [asyncio.create_task(fetch(row)) for row in ROWS]
    try:
        return await asyncio.gather(*tasks)
    except ConnectionResetError:
        for task in tasks:
            task.cancel()
        raise


async def wait_cancel():
    tasks = [asyncio.create_task(fetch(row)) for row in ROWS]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    # Without this the others would run on.
    for task in pending:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def task_group():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(row)) for row in ROWS]
    return [task.result() for task in tasks]


async def title(row):
    try:
        text = await fetch(row)
    except ConnectionResetError as error:
        raise RuntimeError(f"row {row} of the report") from error
    return text.upper()


class Log:
    """What each way of waiting did: every line as it happens, and the table at the end."""

    def begin(self, title):
        print(title)
        self.start = time.monotonic()
        self.ends = []
        self.told = None

    def say(self, what):
        at = f"{time.monotonic() - self.start:.1f} s"
        print(f"  {at}  {what}")
        return at

    def row(self, row, end):
        self.say(f"fetch({row}) {end}")
        self.ends.append((row, end))

    async def caller(self, way):
        """Says what the caller of `way` has in the end."""
        try:
            answer = await way
        except ExceptionGroup as group:
            answer = group.exceptions
        except Exception as error:
            answer = [error]
        results = [value for value in answer if isinstance(value, str)]
        errors = [value for value in answer if isinstance(value, Exception)]
        has = f"{count(results, 'result')}, {count(errors, 'error')}"
        which = "; ".join(str(error) for error in errors)
        self.told = self.say(f"the caller has {has}: {which}"), has

    def line(self, way):
        def rows(end):
            return " ".join(sorted(str(row) for row, what in self.ends if what == end)) or "-"

        after, has = self.told
        ends = f"{rows('done'):9} {rows('cancelled'):9} {rows('cleaned up'):12}"
        return f"{way:20} {after}  {ends} {has}"


log = Log()
table = []


def count(things, what):
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


async def others_run_on():
    log.begin("the others run on")
    await log.caller(gather())
    await asyncio.sleep(4)  # The caller has its answer. What still happens?
    table.append(log.line("gather"))


async def wait_for_all():
    log.begin("wait for all")
    await log.caller(gather_all())
    table.append(log.line("return_exceptions"))


async def stop_the_others():
    log.begin("stop the others")
    await log.caller(gather_cancel())
    await asyncio.sleep(1)
    table.append(log.line("gather, cancel"))


async def stop_the_others_and_wait():
    log.begin("stop the others and wait")
    await log.caller(wait_cancel())
    table.append(log.line("wait, cancel, gather"))


async def a_group():
    log.begin("a group")
    await log.caller(task_group())
    table.append(log.line("TaskGroup"))


async def which_row():
    log.begin("which row?")
    try:
        print(f"  title: {await title(2)}")
    except RuntimeError as error:
        print(f"  error: {error}\n  chain: {error}: {error.__cause__}")


async def nobody_looks():
    log.begin("nobody looks")
    asyncio.create_task(fetch(2))
    await asyncio.sleep(3)
    log.say("nobody was told")


async def main():
    await others_run_on()
    await wait_for_all()
    await stop_the_others()
    await stop_the_others_and_wait()
    await a_group()
    await which_row()
    await nobody_looks()

    print("\nway                  after  done      cancelled cleaned up   the caller has")
    for line in table:
        print(line)


asyncio.run(main())
