"""A queue of asyncio is not made for other threads. The mistake, and what it costs."""

import asyncio
import threading
import time


async def main():
    queue = asyncio.Queue()
    # The mistake: it puts the item there, and does not wake the loop. To do it right:
    # loop.call_soon_threadsafe(queue.put_nowait, "item")
    threading.Timer(0.1, queue.put_nowait, ["item"]).start()
    start = time.monotonic()
    # Without this limit, the loop would sleep until something else wakes it.
    item = await asyncio.wait_for(queue.get(), 0.6)
    print(f"{item}, after {time.monotonic() - start:.1f} s")


asyncio.run(main())
