"""The notes in Tornado."""

import asyncio
import json

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from notes import Refusal, Seen, Store, read_draft, run, to_json

MAX_BODY = 64 * 1024


def limited(method):
    async def within_limit(self, *args):
        self.service.in_flight += 1
        try:
            async with asyncio.timeout(self.service.time_limit):
                return await method(self, *args)
        finally:
            self.service.in_flight -= 1

    return within_limit


# Otherwise Tornado reads a body into memory before it calls a handler, up to 100 MB.
@tornado.web.stream_request_body
class Handler(tornado.web.RequestHandler):
    """What all handlers share: JSON, errors, limits."""

    def __init_subclass__(cls):
        # Tornado has no layers around its handlers, so each method is wrapped by itself.
        for name in vars(cls).keys() & {"get", "head", "post", "put", "delete"}:
            setattr(cls, name, limited(getattr(cls, name)))

    def initialize(self, service):
        self.service = service
        self.body = bytearray()

    def data_received(self, chunk):
        # What is too much is read and thrown away: an exception here would cost the answer.
        if len(self.body) <= MAX_BODY:
            self.body += chunk

    def whole_body(self):
        if len(self.body) > MAX_BODY:
            raise Refusal(413, "a body must have at most 65536 bytes")
        return bytes(self.body)

    def answer(self, status, value):
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(to_json(value))

    def write_error(self, status_code, exc_info=(None, None, None), **_):
        error = exc_info[1]
        if isinstance(error, Refusal):
            return self.answer(error.status, {"error": str(error)})
        if isinstance(error, TimeoutError):
            self.set_header("Retry-After", "1")
            return self.answer(503, {"error": "this took too long"})
        if status_code == 405:
            # Tornado does not say which methods there are.
            methods = [m for m in self.SUPPORTED_METHODS if m.lower() in vars(type(self))]
            self.set_header("Allow", ", ".join(sorted(methods)))
        sentences = {
            404: "there is nothing at this path",
            405: "this path has no such method",
            500: "internal error",
        }
        self.answer(status_code, {"error": sentences.get(status_code, self._reason)})

    def log_exception(self, kind, error, trace):
        if not isinstance(error, (Refusal, TimeoutError)):
            super().log_exception(kind, error, trace)

    def query(self):
        return {name: self.get_query_argument(name, strip=False) for name in self.request.query_arguments}

    def draft(self):
        return read_draft(self.request.headers.get("Content-Type", ""), self.whole_body())


class ListHandler(Handler):
    async def get(self):
        self.answer(200, self.service.store.list(self.query()))

    head = get

    async def post(self):
        note = self.service.store.create(self.draft())
        self.set_header("Location", f"/notes/{note['id']}")
        self.answer(201, note)


class NoteHandler(Handler):
    async def get(self, number):
        self.answer(200, self.service.store.read(int(number)))

    head = get

    async def put(self, number):
        self.answer(200, self.service.store.replace(int(number), self.draft()))

    async def delete(self, number):
        self.service.store.delete(int(number))
        self.set_status(204)


class NotFound(Handler):
    # Not in `prepare`, as Tornado's own: an error before the body is read ends the connection.
    async def get(self):
        raise tornado.web.HTTPError(404)

    head = post = put = patch = delete = options = get


async def slow(handler):
    await asyncio.sleep(60)


async def panics(handler):
    raise RuntimeError("a bug in a handler")


async def wait(handler):
    await handler.service.seen.wait()


async def seen(handler):
    handler.finish(handler.service.seen.counts)


async def size(handler):
    handler.finish({"size": len(handler.whole_body())})


async def draft(handler):
    sent = json.loads(handler.request.body)
    handler.finish(f"taken: {sent['title']}")


class Plain(tornado.web.RequestHandler):
    """Tornado by itself."""

    def initialize(self, service):
        self.service = service

    def whole_body(self):
        return self.request.body


def probes(base):
    """Handlers that misbehave, as methods of classes like this one."""
    methods = {"slow": slow, "panic": panics, "wait": wait, "seen": seen}
    for name, method in methods.items():
        yield name, type(name, (base,), {"get": method})
    for name, method in {"size": size, "draft": draft}.items():
        yield name, type(name, (base,), {"post": method})


class Service:
    """What all handlers share."""

    def __init__(self, flags):
        self.store = Store()
        self.seen = Seen()
        self.time_limit = flags.time_limit
        self.in_flight = 0


async def serve(flags, listening, stop):
    shared = {"service": Service(flags)}
    routes = [(r"/notes", ListHandler, shared), (r"/notes/([0-9]{1,19})", NoteHandler, shared)]
    if flags.probes:
        base = Plain if flags.defaults else Handler
        routes += [(f"/probe/{name}", probe, shared) for name, probe in probes(base)]
    settings = {"log_function": lambda _: None}
    if not flags.defaults:
        settings |= {"default_handler_class": NotFound, "default_handler_args": shared, "compress_response": True}
    server = HTTPServer(tornado.web.Application(routes, **settings))
    sockets = bind_sockets(flags.port, "127.0.0.1", backlog=1024)
    server.add_sockets(sockets)
    listening(sockets[0].getsockname()[1])
    await stop.wait()
    server.stop()
    # `close_all_connections` does not wait for a handler, so we do.
    deadline = asyncio.get_running_loop().time() + flags.grace
    while shared["service"].in_flight and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
    await server.close_all_connections()


if __name__ == "__main__":
    run(serve)
