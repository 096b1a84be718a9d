"""Tasks: asyncio.create_task. The Rust twin is src/main.rs."""

import asyncio
import gc
import time


async def task(number):
    print(f"Task {number} started")
    await asyncio.sleep(2)
    print(f"Task {number} completed")


async def two_tasks():
    task1 = asyncio.create_task(task(1))
    task2 = asyncio.create_task(task(2))
    print("Both are spawned, and neither has started.")
    await task1
    await task2


async def wait(seconds):
    await asyncio.sleep(seconds)
    print(f"Done after {seconds} s")
    return seconds


async def in_spawn_order():
    tasks = [asyncio.create_task(wait(seconds)) for seconds in (3, 1, 2)]
    return [await task for task in tasks]


async def check(seconds):
    start = time.monotonic()
    try:
        await asyncio.sleep(seconds)
        if seconds == 1:
            raise ValueError(f"check({seconds}) failed")
        return seconds
    finally:
        print(f"check({seconds}) ends after {time.monotonic() - start:.1f} s")


async def everyone_ends():
    tasks = [asyncio.create_task(check(seconds)) for seconds in (2, 1)]
    for ended in asyncio.as_completed(tasks):
        try:
            print(f"result: {await ended}")
        except ValueError as error:
            print(f"error: {error}")


async def first_error_stops_all():
    try:
        async with asyncio.TaskGroup() as group:
            for seconds in (2, 1):
                group.create_task(check(seconds))
    except* ValueError as errors:
        print(f"error: {errors.exceptions[0]}")


async def forgotten():
    start = time.monotonic()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        print(f"forgotten() ends after {time.monotonic() - start:.1f} s")


async def detached():
    asyncio.create_task(task(3))
    asyncio.create_task(forgotten())
    await asyncio.sleep(1)
    gc.collect()
    await asyncio.sleep(2)


async def slow():
    start = time.monotonic()
    try:
        await asyncio.sleep(60)
        print("This is never printed.")
    finally:
        await asyncio.sleep(1)
        print(f"slow() ends after {time.monotonic() - start:.1f} s")


async def aborted():
    task = asyncio.create_task(slow())
    await asyncio.sleep(1)
    task.cancel()
    print("It is told to stop, and has not stopped yet.")
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled: true")


async def left_behind():
    asyncio.create_task(slow())
    await asyncio.sleep(1)


async def main():
    start = time.monotonic()
    await two_tasks()
    print(f"two tasks: {time.monotonic() - start:.1f} s")

    print(f"results: {await in_spawn_order()}")
    await everyone_ends()
    await first_error_stops_all()
    await detached()
    await aborted()
    await left_behind()
    print("main returns.")


asyncio.run(main())
print("The program ends.")
