"""A signal that is given back. Twin of src/bin/ctrl-c-once.rs; not for Windows."""

import asyncio
import signal


async def main():
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, pressed.set)
    try:
        await asyncio.wait_for(pressed.wait(), 0.3)
        print("stopped")
        return
    except TimeoutError:
        loop.remove_signal_handler(signal.SIGINT)
    print("no longer listening", flush=True)
    await asyncio.sleep(0.9)  # press Ctrl-C
    print("still here")


asyncio.run(main())
