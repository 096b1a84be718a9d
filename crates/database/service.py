"""The web service over a database with aiohttp: asyncpg on PostgreSQL, sqlite3 in threads otherwise."""

import argparse
import asyncio
import json
import os
import re
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import asyncpg
from aiohttp import web

MAX_BODY = 64 * 1024
LARGEST = 2**63 - 1
# SQLite refuses a longer pattern, and no note is as long as that.
MAX_PATTERN = 50_000
TABLES = Path(__file__).parent / "migrations"

FOUND = r"(title_folded LIKE $1 ESCAPE '\' OR text_folded LIKE $1 ESCAPE '\')"
COLUMNS = "id, title, text"


class Unavailable(Exception):
    """The database is busy or away."""


class Postgres:
    """asyncpg: speaks PostgreSQL's own protocol over a socket of the event loop."""

    def __init__(self, pool, patience):
        self.pool = pool
        self.patience = patience

    @classmethod
    async def open(cls, url, connections, patience):
        pool = await asyncpg.create_pool(url, min_size=0, max_size=connections, timeout=patience)
        tables = (TABLES / "postgres" / "1_notes.sql").read_text(encoding="utf-8")
        async with pool.acquire() as connection:
            await connection.execute(tables.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        return cls(pool, patience)

    async def fetch(self, sql, *values):
        try:
            async with self.pool.acquire(timeout=self.patience) as connection:
                return [tuple(row) for row in await connection.fetch(sql, *values)]
        except (
            OSError,  # TimeoutError is one of them
            asyncpg.InterfaceError,
            asyncpg.PostgresConnectionError,
            asyncpg.OperatorInterventionError,  # stopped by an administrator, or about to start
            asyncpg.InsufficientResourcesError,
        ) as error:
            raise Unavailable(repr(error)) from error

    async def close(self):
        await self.pool.close()


class Sqlite:
    """sqlite3: a library, not a server. Whoever calls it waits, so a thread does."""

    def __init__(self, file, connections, patience):
        self.file = file
        self.patience = patience
        self.free = asyncio.Semaphore(connections)

    @classmethod
    async def open(cls, file, connections, patience):
        database = cls(file, connections, patience)
        await asyncio.to_thread(database.migrate)
        return database

    def migrate(self):
        tables = (TABLES / "sqlite" / "1_notes.sql").read_text(encoding="utf-8")
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                tables.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
            )

    def query(self, sql, values):
        # `with connection` ends the transaction: commits, or rolls back after an error.
        with closing(sqlite3.connect(self.file)) as connection, connection:
            return connection.execute(re.sub(r"\$(\d+)", r"?\1", sql), values).fetchall()

    async def fetch(self, sql, *values):
        try:
            async with asyncio.timeout(self.patience):
                await self.free.acquire()
        except TimeoutError as error:
            raise Unavailable("no connection in time") from error
        try:
            return await asyncio.to_thread(self.query, sql, values)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise Unavailable(str(error)) from error
        finally:
            self.free.release()

    async def close(self):
        pass


DATABASE = web.AppKey("database", object)
TIME_LIMIT = web.AppKey("time_limit", float)


def sentence(status, text, headers=None):
    return web.json_response({"error": text}, status=status, headers=headers)


class Refused(Exception):
    def __init__(self, status, text):
        self.response = sentence(status, text)


@web.middleware
async def errors(request, handler):
    try:
        async with asyncio.timeout(request.app[TIME_LIMIT]):
            return await handler(request)
    except Refused as refused:
        return refused.response
    except Unavailable as error:
        print(f"service.py: 503: {error}", file=sys.stderr)
        text = "the database is busy or away; try again"
        return sentence(503, text, {"Retry-After": "1"})
    except TimeoutError:
        return sentence(503, "this took too long; try again", {"Retry-After": "1"})
    except web.HTTPException as error:
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return sentence(error.status, error.reason, headers)
    except Exception as error:
        print(f"service.py: 500: {error!r}", file=sys.stderr)
        return sentence(500, "internal error")


async def draft(request):
    if request.content_type != "application/json":
        raise Refused(415, "the content type must be application/json")
    try:
        note = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"this is no JSON: {error}") from error
    if not isinstance(note, dict):
        raise Refused(400, "a note is an object")
    title, text = note.get("title"), note.get("text", "")
    if not isinstance(title, str) or not isinstance(text, str):
        raise Refused(400, "title and text must be strings")
    title = title.strip()
    try:
        f"{title}{text}".encode()
    except UnicodeEncodeError as error:
        raise Refused(400, "half of a surrogate pair is no character") from error
    if not 1 <= len(title) <= 100:
        raise Refused(422, "title must have 1 to 100 characters")
    if len(text) > 10_000:
        raise Refused(422, "text must have at most 10000 characters")
    for name, value in (("title", title), ("text", text)):
        if "\0" in value:
            raise Refused(422, f"{name} must not contain the character U+0000")
    return title, text


def digits(text, largest=LARGEST):
    if not re.fullmatch("[0-9]+", text) or len(text) > 20 or int(text) > largest:
        return None
    return int(text)


def number(request, name, default, low, high, otherwise):
    if name not in request.query:
        return default
    value = digits(request.query[name], high)
    if value is None or value < low:
        raise Refused(400, otherwise)
    return value


def literally(text):
    return re.sub(r"([%_\\])", r"\\\1", text)


def note(row):
    return dict(zip(("id", "title", "text"), row))


async def create(request):
    title, text = await draft(request)
    (row,) = await request.app[DATABASE].fetch(
        "INSERT INTO notes (title, text, title_folded, text_folded) VALUES ($1, $2, $3, $4)"
        f" RETURNING {COLUMNS}",
        title,
        text,
        title.lower(),
        text.lower(),
    )
    return web.json_response(note(row), status=201, headers={"Location": f"/notes/{row[0]}"})


async def list_notes(request):
    limit = number(request, "limit", 20, 1, 100, "limit must be a number from 1 to 100")
    offset = number(request, "offset", 0, 0, LARGEST, "offset must be a number from 0")
    pattern = f"%{literally(request.query.get('search', '').lower())}%"
    if len(pattern.encode(errors="replace")) > MAX_PATTERN or "\0" in pattern:
        return web.json_response({"notes": [], "total": 0})
    database = request.app[DATABASE]
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM notes WHERE {FOUND} ORDER BY id LIMIT $2 OFFSET $3",
        pattern,
        limit,
        offset,
    )
    ((total,),) = await database.fetch(f"SELECT COUNT(*) FROM notes WHERE {FOUND}", pattern)
    return web.json_response({"notes": [note(row) for row in rows], "total": total})


async def one(request, sql, *values):
    """The only row, of the note that the path names: its number is the last value."""
    text = request.match_info["id"]
    number = digits(text)
    rows = [] if number is None else await request.app[DATABASE].fetch(sql, *values, number)
    if not rows:
        raise Refused(404, f"there is no note {text}")
    return rows[0]


async def get(request):
    row = await one(request, f"SELECT {COLUMNS} FROM notes WHERE id = $1")
    return web.json_response(note(row))


async def change(request):
    title, text = await draft(request)
    row = await one(
        request,
        "UPDATE notes SET title = $1, text = $2, title_folded = $3, text_folded = $4"
        f" WHERE id = $5 RETURNING {COLUMNS}",
        title,
        text,
        title.lower(),
        text.lower(),
    )
    return web.json_response(note(row))


async def delete(request):
    await one(request, "DELETE FROM notes WHERE id = $1 RETURNING id")
    return web.Response(status=204)


def application(database, time_limit):
    app = web.Application(client_max_size=MAX_BODY, middlewares=[errors])
    app[DATABASE] = database
    app[TIME_LIMIT] = time_limit
    app.add_routes(
        [
            web.get("/notes", list_notes),
            web.post("/notes", create),
            web.get("/notes/{id}", get),
            web.put("/notes/{id}", change),
            web.delete("/notes/{id}", delete),
        ]
    )
    return app


async def serve(url, options):
    if url.startswith(("postgres:", "postgresql:")):
        opening = Postgres.open(url, options.connections, options.patience)
    else:
        opening = Sqlite.open(url, options.connections, options.patience)
    try:
        database = await opening
    except (OSError, asyncpg.PostgresError, sqlite3.Error) as error:
        print(f"service.py: cannot open the database: {error}", file=sys.stderr)
        return 1
    runner = web.AppRunner(application(database, options.time_limit))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port)
    await site.start()
    port = runner.addresses[0][1]
    print(f"Listening on http://127.0.0.1:{port}", flush=True)
    try:
        await asyncio.Event().wait()  # until Ctrl-C cancels this task
    finally:
        await runner.cleanup()
        await database.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default=os.environ.get("DATABASE_URL") or None)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--patience", type=float, default=3)
    parser.add_argument("--time-limit", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or str(Path(folder) / "notes.db")
        try:
            return asyncio.run(serve(url, options))
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
