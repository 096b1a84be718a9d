"""What Queue.shutdown does, from Python 3.13 on."""

import asyncio


async def get(queue):
    try:
        print("get:", await queue.get())
    except asyncio.QueueShutDown:
        print("get: QueueShutDown")


async def main():
    queue = asyncio.Queue(1)
    if not hasattr(queue, "shutdown"):
        print("there is no Queue.shutdown before Python 3.13")
        return
    await queue.put(1)
    waits = asyncio.create_task(queue.put(2))
    await asyncio.sleep(0)
    queue.shutdown()
    try:
        await waits
    except asyncio.QueueShutDown:
        print("a put that waits: QueueShutDown")
    try:
        await queue.put(3)
    except asyncio.QueueShutDown:
        print("put: QueueShutDown")
    await get(queue)
    await get(queue)

    queue = asyncio.Queue(1)
    await queue.put(1)
    queue.shutdown(immediate=True)
    print(f"immediate: {queue.qsize()} left")
    await get(queue)


asyncio.run(main())
