"""Calling an async function runs nothing; awaiting it does. The Rust twin is src/main.rs."""

import asyncio
import sys
import time


async def fetch_data():
    print("Start fetching")
    await asyncio.sleep(2)
    print("Done fetching")
    return 123


async def my_async_task():
    await fetch_data()
    return "Async task completed!"


async def main():
    # Not the data: a coroutine object, which knows the call and how far it has come.
    coroutine = fetch_data()
    print("Called fetch_data().")
    await asyncio.sleep(1)
    print("One second later: nothing of it has run.")

    start = time.monotonic()
    data = await coroutine
    print(f"data: {data}, after {time.monotonic() - start:.1f} s")

    outer = my_async_task()
    print(await outer)

    # With its frame: room for all that the function must remember while it waits.
    print(f"size of fetch_data(): {sys.getsizeof(coroutine)} bytes")
    print(f"size of my_async_task(): {sys.getsizeof(outer)} bytes")


asyncio.run(main())
