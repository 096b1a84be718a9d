"""What main leaves behind when it returns. Twin of src/bin/main-returns.rs."""

import asyncio
import time


async def work():
    try:
        print("task: begins")
        await asyncio.sleep(1)
        print("task: done")
    finally:
        print("task: tools put away")


def compute():
    time.sleep(1)
    print("thread: done")


async def main():
    task = asyncio.create_task(work())
    asyncio.get_running_loop().run_in_executor(None, compute)
    await asyncio.sleep(0)
    print("main returns")


asyncio.run(main())
