"""The board as an ASGI application: requests to pages, records and events, each answer clean."""

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..ground import clock, stream
from ..ground.errors import BAD_DATA, BUSY, NO_INPUT, NOT_PERMITTED, USAGE, BadData, Failure
from ..memory import Memory
from . import api, changes, rendering
from .access import Doors
from .guard import Guard
from .links import LiveLinks
from .pages import PAGES, BoardPage

PAUSE = 1.0  # seconds between two looks at the files, while somebody watches
LARGEST = 64 * 1024  # bytes of what is sent to us
_KEPT = 64  # answers that are given again while nothing changed
_BEAT = 15  # looks after which a watcher is told that nothing happened
_STATUS = {NO_INPUT: 404, USAGE: 400, BAD_DATA: 400, NOT_PERMITTED: 403, BUSY: 503}
_SAID = {404: "not found", 405: "not allowed"}


class Board:
    """Answers by the memory of one home, as it is when asked."""

    def __init__(self, open_memory: Callable[[], Memory]):
        self.open_memory = open_memory
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple, tuple[str, bytes]] = OrderedDict()
        self._looked: tuple[float, dict[str, str]] = (0.0, {})

    def answer_page(
        self, page: BoardPage, part: str, query: dict[str, str], known: str
    ) -> Response:
        memory = self.open_memory()
        now = memory.now()
        # looked at before it is read: what is written meanwhile makes the next answer new
        state = changes.digest(memory.home, memory.env, page.watches)
        tag = f'"{state}-{now // changes.MINUTE:x}"'
        if known == tag:
            return Response(status_code=304, headers={"etag": tag})
        key = (page.name, part, *sorted(query.items()))
        with self._lock:
            kept = self._kept.get(key)
        if not kept or kept[0] != tag:
            data = rendering.show(page.module.read(memory, part, query), memory.env.mask)
            html = rendering.render(page, data, LiveLinks(), now, part=part)
            kept = tag, stream.encode(html)
            with self._lock:
                self._kept[key] = kept
                self._kept.move_to_end(key)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return HTMLResponse(kept[1], headers={"etag": tag, "cache-control": "no-cache"})

    def answer_data(self, name: str, part: str) -> Response:
        memory = self.open_memory()
        return _to_json(rendering.clean(api.ANSWERS[name](memory, part), memory.env.mask))

    def do(self, name: str, body: bytes) -> Response:
        memory = self.open_memory()
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            raise BadData("not JSON", cure="send one JSON object") from None
        return _to_json(rendering.clean(api.DEEDS[name](memory, given), memory.env.mask), 201)

    def tell(self, request: Request, error: Exception) -> Response:
        """Why there is no answer. What nobody thought of is told on standard error, and no more
        than that outside."""
        memory = self.open_memory()
        if isinstance(error, Failure):
            status, text = _STATUS.get(error.code, 500), str(error)
        elif isinstance(error, HTTPException):
            status, text = error.status_code, _SAID.get(error.status_code, str(error.detail))
        else:
            status, text = 500, "the board failed at this; its standard error says more"
            memory.say(f"{request.url.path}: {type(error).__name__}: {error}")
        if request.url.path.startswith("/api/"):
            return _to_json(rendering.clean({"error": text}, memory.env.mask), status)
        told = rendering.show(text, memory.env.mask)
        html = rendering.render_message(told, LiveLinks(), memory.now())
        return HTMLResponse(stream.encode(html), status)

    def look(self) -> dict[str, str]:
        """Topic -> digest; one look serves all who watch."""
        with self._lock:
            at, found = self._looked
            if not found or clock.monotonic() - at > PAUSE * 0.9:
                memory = self.open_memory()
                topics = changes.TOPICS
                found = {name: changes.digest(memory.home, memory.env, [name]) for name in topics}
                self._looked = clock.monotonic(), found
        return found

    async def watch(self) -> AsyncIterator[str]:
        """Server-sent events: the topics that changed, whenever some did."""
        before = await run_in_threadpool(self.look)
        yield "retry: 3000\n\n"
        quiet = 0
        while True:
            await asyncio.sleep(PAUSE)
            found = await run_in_threadpool(self.look)
            topics = [topic for topic in found if found[topic] != before[topic]]
            before, quiet = found, quiet + 1
            if topics:
                yield f"event: change\ndata: {' '.join(topics)}\n\n"
            elif quiet % _BEAT == 0:
                yield ": nothing new\n\n"


def make(open_memory: Callable[[], Memory], doors: Doors) -> Guard:
    """The whole application, behind its door."""
    board = Board(open_memory)
    routes: list[Any] = [Route("/events", _serve_events(board))]
    routes += [Route(f"/api/{name}", _serve_data(board, name)) for name in api.ANSWERS]
    posts = {name: _serve_deed(board, name) for name in api.DEEDS}
    routes += [Route(f"/api/{name}", serve, methods=["POST"]) for name, serve in posts.items()]
    for page in PAGES:
        serve = _serve_page(board, page)
        routes.append(Route(page.path, serve))
        if page.has_parts:
            routes.append(Route(f"/{page.name}/{{part:path}}", serve))
    routes.append(Mount("/static", StaticFiles(directory=rendering.STATIC)))
    handlers: dict[Any, Any] = dict.fromkeys((Failure, HTTPException, Exception), board.tell)
    return Guard(Starlette(routes=routes, exception_handlers=handlers), doors)


def _serve_page(board: Board, page: BoardPage) -> Callable[[Request], Any]:
    def serve(request: Request) -> Response:
        part, known = request.path_params.get("part", ""), request.headers.get("if-none-match")
        return board.answer_page(page, part, dict(request.query_params), known or "")

    return serve


def _serve_data(board: Board, name: str) -> Callable[[Request], Any]:
    return lambda request: board.answer_data(name, request.path_params.get("part", ""))


def _serve_deed(board: Board, name: str) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise HTTPException(413, "more than this needs")
        return await run_in_threadpool(board.do, name, body)

    return serve


def _serve_events(board: Board) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        headers = {"cache-control": "no-store"}
        return StreamingResponse(board.watch(), media_type="text/event-stream", headers=headers)

    return serve


def _to_json(value: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    body = stream.json_record(value)
    return Response(body, status, headers=headers, media_type="application/json")
