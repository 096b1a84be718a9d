"""Async access to SQLite: queries, a pool, and transactions, with the standard library alone."""

import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

HOLD = 0.2

MIGRATIONS = sorted(
    (Path(__file__).parent / "migrations" / "sqlite").glob("*.sql"),
    key=lambda path: int(path.name.split("_")[0]),
)


@dataclass
class Note:
    title: str
    text: str


class Pool:
    """Connections to lend. The standard library has none; asyncpg's works alike."""

    def __init__(self, file, size):
        self.file = file
        self.opened = 0
        self.idle = asyncio.Queue()
        for _ in range(size):
            self.idle.put_nowait(None)  # a place; its connection is opened when it is needed

    @asynccontextmanager
    async def acquire(self):
        connection = await self.idle.get()
        try:
            if connection is None:
                connection = await asyncio.to_thread(connect, self.file)
                self.opened += 1
            yield connection
        finally:
            self.idle.put_nowait(connection)

    async def close(self):
        while not self.idle.empty():
            connection = self.idle.get_nowait()
            if connection is not None:
                connection.close()


def connect(file):
    # Each call below may run on another thread, though never two at one time.
    return sqlite3.connect(file, isolation_level=None, check_same_thread=False)


async def execute(connection, sql, values=()):
    # Without to_thread, the event loop would stand still until the disk has answered.
    work = asyncio.to_thread(lambda: connection.execute(sql, values).fetchall())
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])  # no thread can be cancelled, and this one has the connection
        raise


def migrate(file):
    connection = connect(file)
    connection.execute("PRAGMA journal_mode = WAL")
    for number, path in enumerate(MIGRATIONS, 1):
        connection.executescript(path.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA user_version = {number}")
    connection.close()


def literally(text):
    """The text as a pattern of LIKE that fits nothing but this text."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def create(connection, title, text):
    await execute(
        connection,
        "INSERT INTO notes (title, text, title_folded, text_folded) VALUES (?, ?, ?, ?)",
        (title, text, title.lower(), text.lower()),
    )


async def rows_as_types(pool):
    async with pool.acquire() as connection:
        await create(connection, "milk", "two bottles")
        await create(connection, "bread", "100% rye")
        await create(connection, "O'Reilly", "bring the book back")
        pattern = f"%{literally('BO'.lower())}%"
        rows = await execute(
            connection,
            "SELECT title, text FROM notes WHERE title_folded LIKE ? ESCAPE '\\'"
            " OR text_folded LIKE ? ESCAPE '\\' ORDER BY id",
            (pattern, pattern),
        )
    print(f"search BO: {len(rows)} of 3 notes")
    for note in [Note(*row) for row in rows]:
        print(f"  {note.title}: {note.text}")


async def injection(pool):
    title = "' OR 'a' = 'a"
    print(f"title {title}")
    async with pool.acquire() as connection:
        found = await execute(connection, "SELECT title FROM notes WHERE title = ?", (title,))
        print(f"  bound: {len(found)} notes")
        # Nothing objects to this one.
        found = await execute(connection, f"SELECT title FROM notes WHERE title = '{title}'")
        print(f"  glued: {len(found)} notes")


async def streaming(pool):
    async with pool.acquire() as connection:
        cursor = await asyncio.to_thread(
            connection.execute,
            "WITH RECURSIVE numbers(n) AS ("
            "SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000) SELECT n FROM numbers",
        )
        count = total = 0
        while rows := await asyncio.to_thread(cursor.fetchmany, 50):
            count += len(rows)
            total += sum(number for (number,) in rows)
    print(f"streamed {count} rows, their sum is {total}")


async def query(pool):
    async with pool.acquire() as connection:
        await execute(connection, "SELECT 1")
        await asyncio.sleep(HOLD)  # stands in for a slow query


async def two_connections(file):
    pool = Pool(file, 2)
    start = time.monotonic()
    await asyncio.gather(*[query(pool) for _ in range(6)])
    took = time.monotonic() - start
    print(f"six queries of 0.2 s: {pool.opened} connections, {took:.1f} s in all")
    await pool.close()


async def exhausted(file):
    pool = Pool(file, 1)
    async with pool.acquire():
        try:
            async with asyncio.timeout(0.5), pool.acquire():
                print("a pool of one gave out two")
        except TimeoutError:
            print("the only connection is kept: gave up waiting")
    async with pool.acquire():
        print("it was returned: here it is")
    await pool.close()


@asynccontextmanager
async def transaction(connection):
    await execute(connection, "BEGIN")
    try:
        yield
        await execute(connection, "COMMIT")
    except BaseException:  # CancelledError too, which is no Exception
        if connection.in_transaction:
            await execute(connection, "ROLLBACK")
        raise


async def transfer(pool, amount, halfway=None):
    async with pool.acquire() as connection, transaction(connection):
        await execute(
            connection,
            "UPDATE accounts SET balance = balance + ? WHERE name = 'Bob'",
            (amount,),
        )
        if halfway is not None:
            print(f"  halfway, seen from inside: {await balances(connection)}")
            halfway.set()
            await asyncio.Event().wait()  # a server that does not answer
        await execute(
            connection,
            "UPDATE accounts SET balance = balance - ? WHERE name = 'Ada'",
            (amount,),
        )


async def balances(connection):
    rows = await execute(connection, "SELECT name, balance FROM accounts ORDER BY name")
    return ", ".join(f"{name} {balance}" for name, balance in rows)


async def show_balances(pool, when):
    async with pool.acquire() as connection:
        print(f"{when}: {await balances(connection)}")


async def transactions(pool):
    async with pool.acquire() as connection:
        await execute(
            connection,
            "INSERT INTO accounts (name, balance) VALUES ('Ada', 100), ('Bob', 0)",
        )
    await transfer(pool, 30)
    await show_balances(pool, "transfer 30")
    try:
        await transfer(pool, 500)
    except sqlite3.IntegrityError:
        print("transfer 500: refused")
    await show_balances(pool, "  after it")

    print("transfer 50, dropped halfway")
    halfway = asyncio.Event()
    task = asyncio.create_task(transfer(pool, 50, halfway))
    await halfway.wait()
    task.cancel()
    await asyncio.wait([task])  # until it has rolled back
    await show_balances(pool, "  after it")


async def main():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "notes.db"
        await asyncio.to_thread(migrate, file)
        pool = Pool(file, 10)
        async with pool.acquire() as connection:
            ((version,),) = await execute(connection, "PRAGMA user_version")
        print(f"SQLite, tables at version {version}")
        await rows_as_types(pool)
        await injection(pool)
        await streaming(pool)
        await two_connections(file)
        await exhausted(file)
        await transactions(pool)
        print("LISTEN and NOTIFY: SQLite has neither")
        await pool.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
