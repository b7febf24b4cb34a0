"""Starts the server, says where it is, and ends when nobody holds its standard input any more."""

import argparse
import asyncio
import inspect
import json
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable

from aiohttp import web

from . import cast
from .answers import Answers
from .commands import Commands
from .control import Control
from .exchange import Exchange, answer
from .faults import Faults
from .gateway import Gateway
from .interactions import Interactions
from .limits import Limits
from .record import Record
from .refusal import Refused
from .routes import Routes
from .thread_routes import ThreadRoutes
from .world import World

BASES = ("/api/v10", "/api")


def build(url: str, another: Callable[[], Awaitable[dict]]) -> web.Application:
    world, faults, record = World(url), Faults(), Record()
    exchange = Exchange(faults, Limits(), record)
    gateway, routes = Gateway(world, faults, record), Routes(world)
    commands = Commands(world.mint, cast.BOT)
    interactions = Interactions(world, commands)
    control = Control(world, gateway, exchange, interactions, routes, another)

    async def controlled(request: web.Request) -> web.Response:
        try:
            done = control.do(await request.json())
            return answer(await done if inspect.isawaitable(done) else done)
        except (Refused, ValueError, TypeError, KeyError) as error:
            return answer({"error": str(error), "trace": traceback.format_exc()}, 400)

    async def file(request: web.Request) -> web.Response:
        name, kind, content = world.files.get(request.match_info["file_id"], ("", None, b""))
        if name != request.match_info["name"]:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type=kind or "application/octet-stream")

    application = web.Application(middlewares=[exchange.through], client_max_size=1 << 28)
    for table in (
        routes,
        ThreadRoutes(world),
        Answers(world, commands, interactions, routes),
        gateway,
    ):
        for method, path, route in table.table():
            for base in BASES:
                application.router.add_route(method, base + path, route)  # type: ignore[arg-type]
    application.router.add_get("/cdn/attachments/{channel_id}/{file_id}/{name}", file)
    application.router.add_get("/gateway", gateway.connect)
    application.router.add_post("/control", controlled)
    return application


async def serve(port: int) -> None:
    runners: list[web.AppRunner] = []

    async def open_at(port: int = 0) -> dict:
        listening = socket.create_server(("127.0.0.1", port))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        runners.append(web.AppRunner(build(url, open_at), access_log=None, shutdown_timeout=0.1))
        await runners[-1].setup()
        await web.SockSite(runners[-1], listening, backlog=1024).start()
        return {"url": url}

    print(json.dumps(await open_at(port)), flush=True)
    await _orphaned()
    await asyncio.gather(*(runner.cleanup() for runner in runners))


async def _orphaned() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait, daemon=True).start()
    await over.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args().port))
