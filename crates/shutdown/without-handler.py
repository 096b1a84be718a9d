"""Ctrl-C without a handler: asyncio.run cancels main. Twin of src/bin/without-handler.rs."""

import asyncio


async def work():
    try:
        print("work begins", flush=True)
        await asyncio.sleep(60)  # press Ctrl-C
        print("work is done")
    finally:
        print("putting the tools away", flush=True)
        await asyncio.sleep(0.5)
        print("tools put away")


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(work())


asyncio.run(main())
