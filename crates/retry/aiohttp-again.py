"""A server that never answers, and how often aiohttp asks it by itself."""

import asyncio

import aiohttp


async def main():
    requests = 0

    async def hang_up(reader, writer):
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with aiohttp.ClientSession() as session:
        for method in ["GET", "PUT", "POST"]:
            requests = 0
            try:
                async with session.request(method, f"http://{host}:{port}/"):
                    pass
            except aiohttp.ServerDisconnectedError as error:
                print(f"{method}: {error}, requests: {requests}")


if __name__ == "__main__":
    asyncio.run(main())
