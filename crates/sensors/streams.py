"""What a stream of bytes does that one does not expect, with asyncio's streams: four scenes."""

import asyncio
import contextlib
import json

from gateway import BadLine, next_line

MAX_LINE = 4096
A_WHILE = 0.1  # long enough for loopback, where bytes arrive within a millisecond


@contextlib.asynccontextmanager
async def connection():
    """Two ends of one connection, each a reader and a writer."""
    accepted = asyncio.Queue()

    async def accept(reader, writer):
        await accepted.put((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=MAX_LINE)
    device = await asyncio.open_connection(*server.sockets[0].getsockname())
    gateway = await accepted.get()
    server.close()
    try:
        yield gateway, device
    finally:
        for _, writer in (gateway, device):
            writer.transport.abort()


async def too_long(name, next_line, in_pieces):
    """A line of thousands of bytes and two good ones: the first together with the bad one, or not."""
    seen = []
    async with connection() as ((reader, _), (_, device)):

        async def send():
            if in_pieces:
                for _ in range(5):
                    device.write(b"x" * 3000)
                    await asyncio.sleep(A_WHILE / 5)
                device.write(b"\none\n")
            else:
                device.write(b"x" * 7000 + b"\none\n")
            await asyncio.sleep(A_WHILE)
            seen.append("(a pause)")
            device.write(b"two\n")
            await asyncio.sleep(A_WHILE)
            device.close()

        async def receive():
            while True:
                try:
                    line = await next_line(reader)
                except BadLine:
                    seen.append("a bad line")
                except ValueError:
                    seen.append("error")
                else:
                    if not line:
                        return
                    text = line.decode().strip()
                    seen.append(text if len(text) < 10 else "another line")

        await asyncio.gather(send(), receive())
    print(f"  {name}: {', '.join(seen)}")


async def deaf():
    async with connection() as ((_, writer), _):
        written = 0
        with contextlib.suppress(TimeoutError):
            while True:
                writer.write(b"x" * 1024)
                async with asyncio.timeout(A_WHILE):
                    await writer.drain()
                written += 1
        print(f"  draining waits after {written} KiB")
        before = writer.transport.get_write_buffer_size()
        writer.write(b"x" * 1024 * 1024)  # and this does not
        more = (writer.transport.get_write_buffer_size() - before) // 1024
        print(f"  writing on: {more} KiB more in the memory of this process")
        # It waits until everything is sent, so it needs a limit. It is not to be called again: the
        # limit has cancelled the future for which all of them wait.
        writer.close()
        for attempt in "closing", "closing again":
            try:
                async with asyncio.timeout(A_WHILE):
                    await writer.wait_closed()
                print(f"  {attempt}: done")
            except (TimeoutError, asyncio.CancelledError) as error:
                print(f"  {attempt}: {type(error).__name__}")


async def half_open():
    async with connection() as ((reader, writer), _):
        writer.write(b"are you there?\n")
        await writer.drain()
        print("  writing to it: done")
        try:
            async with asyncio.timeout(A_WHILE):
                await reader.readline()
            print("  reading from it: done")
        except TimeoutError:
            print("  reading from it: still waiting")


async def goodbye(read_on):
    async with connection() as ((reader, writer), (device, to_gateway)):
        to_gateway.write(b"one\ntwo\n")
        await asyncio.sleep(A_WHILE)
        writer.write(b"bye\n")
        if read_on:
            writer.write_eof()  # only the direction to the device
        else:
            writer.close()
        await asyncio.sleep(A_WHILE)
        heard = (await device.read()).decode()  # until the end
        how = "shut down, and read on" if read_on else "closed"
        print(f"  {how}: the device hears {json.dumps(heard)}, and the end")


async def main():
    for in_pieces, how in (False, "at once"), (True, "in pieces"):
        print(f"a line that is too long, {how}")
        await too_long("readline", asyncio.StreamReader.readline, in_pieces)
        await too_long("our next_line", next_line, in_pieces)
    print("a device that reads nothing")
    await deaf()
    print("a device that is gone without a word")
    await half_open()
    print("a goodbye")
    for read_on in (False, True):
        await goodbye(read_on)


if __name__ == "__main__":
    asyncio.run(main())
