"""The notes in aiohttp. The Rust twins are src/bare.rs and src/with_axum.rs."""

import asyncio

from aiohttp import web

from notes import Refusal, Seen, Store, read_draft, run, to_json

MAX_BODY = 64 * 1024
STORE = web.AppKey("store", Store)
SEEN = web.AppKey("seen", Seen)
routes = web.RouteTableDef()


def answer(status, value, **headers):
    body = to_json(value)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def draft_of(request):
    return read_draft(request.headers.get("Content-Type", ""), await request.read())


@routes.get("/notes")
async def list_notes(request):
    return answer(200, request.app[STORE].list(request.query))


@routes.post("/notes")
async def create(request):
    note = request.app[STORE].create(await draft_of(request))
    return answer(201, note, Location=f"/notes/{note['id']}")


@routes.get(r"/notes/{id:[0-9]{1,19}}")
async def read(request):
    return answer(200, request.app[STORE].read(int(request.match_info["id"])))


@routes.put(r"/notes/{id:[0-9]{1,19}}")
async def replace(request):
    draft = await draft_of(request)
    return answer(200, request.app[STORE].replace(int(request.match_info["id"]), draft))


@routes.delete(r"/notes/{id:[0-9]{1,19}}")
async def delete(request):
    request.app[STORE].delete(int(request.match_info["id"]))
    return web.Response(status=204)


@web.middleware
async def errors(request, handler):
    """Whatever goes wrong becomes {"error": "…"}."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer(refusal.status, {"error": str(refusal)})
    except TimeoutError:
        return answer(503, {"error": "this took too long"}, **{"Retry-After": "1"})
    except web.HTTPNotFound:
        return answer(404, {"error": "there is nothing at this path"})
    except web.HTTPMethodNotAllowed as refusal:
        allow = ", ".join(sorted(refusal.allowed_methods))
        return answer(405, {"error": "this path has no such method"}, Allow=allow)
    except web.HTTPRequestEntityTooLarge:
        return answer(413, {"error": "a body must have at most 65536 bytes"})
    except web.HTTPException:
        raise
    except Exception:
        request.app.logger.exception("in %s %s", request.method, request.path)
        return answer(500, {"error": "internal error"})


@web.middleware
async def compress(request, handler):
    response = await handler(request)
    if response.body:
        response.enable_compression()  # if the client accepts it
    return response


def time_limit(seconds):
    @web.middleware
    async def limit(request, handler):
        async with asyncio.timeout(seconds):
            return await handler(request)

    return limit


async def slow(request):
    await asyncio.sleep(60)


async def panics(request):
    raise RuntimeError("a bug in a handler")


async def wait(request):
    await request.app[SEEN].wait()
    return web.Response()


async def seen(request):
    return answer(200, request.app[SEEN].counts)


async def size(request):
    return answer(200, {"size": len(await request.read())})


async def draft(request):
    sent = await request.json()
    return web.Response(text=f"taken: {sent['title']}")


async def serve(flags, listening, stop):
    if flags.defaults:
        app = web.Application()
    else:
        layers = [compress, errors, time_limit(flags.time_limit)]  # the first one is outermost
        app = web.Application(client_max_size=MAX_BODY, middlewares=layers)
    app[STORE] = Store()
    app[SEEN] = Seen()
    app.add_routes(routes)
    if flags.probes:
        for probe in [slow, panics, wait, seen]:
            app.router.add_get("/probe/" + probe.__name__.replace("panics", "panic"), probe)
        app.router.add_post("/probe/size", size)
        app.router.add_post("/probe/draft", draft)
    runner = web.AppRunner(app, shutdown_timeout=flags.grace, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", flags.port, backlog=1024).start()
    listening(runner.addresses[0][1])
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    run(serve)
