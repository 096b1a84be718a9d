"""A cancelled query and a cancelled transaction with asyncpg: what is left on the server."""

import asyncio
import sys

import asyncpg


RUNNING = (
    "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'INSERT%pg_sleep%' AND state = 'active'"
)


async def main(url):
    pool = await asyncpg.create_pool(url, min_size=0, max_size=1)
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE words (word TEXT)")

    async def slow_insert():
        async with pool.acquire() as connection:
            await connection.execute("INSERT INTO words SELECT 'late' FROM pg_sleep(0.5)")

    task = asyncio.create_task(slow_insert())
    watcher = await asyncpg.connect(url)
    while not await watcher.fetchval(RUNNING):
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    async with pool.acquire() as connection:
        print("late:", await connection.fetchval("SELECT COUNT(*) FROM words"))

    halfway = asyncio.Event()

    async def transaction():
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("INSERT INTO words VALUES ('half')")
            halfway.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(transaction())
    await halfway.wait()
    task.cancel()
    await asyncio.wait([task])
    async with pool.acquire() as connection:
        print("half:", await connection.fetchval("SELECT COUNT(*) FROM words"))
    async with pool.acquire() as kept:
        try:
            await pool.acquire(timeout=0.2)
        except TimeoutError as error:
            print("exhausted:", type(error).__name__)
        await kept.execute("DROP TABLE words")
    await watcher.close()
    await pool.close()


asyncio.run(main(sys.argv[1]))
