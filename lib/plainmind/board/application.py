"""The board as an ASGI application: requests to pages, records and events, each answer clean."""

import asyncio
import json
import threading
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .. import __version__
from ..ground import clock, errors, files, stream
from ..ground.errors import BadData, Failure, Misconfigured
from ..memory import Memory
from . import api, changes, rendering
from .access import TOKEN, Doors
from .guard import Guard, read_body
from .links import LiveLinks
from .pages import PAGES, BoardPage

PAUSE = 1.0  # seconds between two looks at the files, while somebody watches
LARGEST = 64 * 1024  # bytes of what is sent to us
LONGEST = 1000  # characters of the name of a part
AGAIN = 5  # seconds after which a page that could not be made is asked for again
#: that make answers: Python runs one at a time, and each keeps memory of its own for good
THREADS = 4
_EACH = 2  # of these, for one page
_KEPT = 16 << 20  # bytes of answers that are given again while nothing changed, and of what asked
_COUNT = 300  # how many of them
_BEAT = 15  # looks after which a watcher is told that nothing happened
_STATUS = {
    errors.NO_INPUT: 404, errors.USAGE: 400, errors.BAD_DATA: 400, errors.NOT_PERMITTED: 403,
    errors.BUSY: 503, errors.MISCONFIGURED: 503, errors.UNAVAILABLE: 503,
    errors.INPUT_OUTPUT: 503,
}  # fmt: skip
_SAID = {404: "not found", 405: "not allowed"}
_TITLES = {404: "Not found", 503: "Temporarily unavailable"}


class _Part(PathConvertor):
    """Of a page: the name of a file, which may hold a newline."""

    regex = "(?s:.*)"


register_url_convertor("any", _Part())


class KeptAnswer(NamedTuple):
    """`began`: seconds of the clock that only goes on, when the files were looked at."""

    tag: str
    body: bytes
    began: float

    def answer(self, known: str, kind: str) -> Response:
        if known == self.tag:
            return Response(status_code=304, headers={"etag": self.tag})
        return Response(self.body, headers={"etag": self.tag}, media_type=kind)


class Board:
    """Answers by the memory of one home, as it is when asked."""

    def __init__(
        self, open_memory: Callable[[], Memory], ended: asyncio.Event | None = None,
        find: Callable[[str], Doors] | None = None,
    ):  # fmt: skip
        """`ended`: set when those who watch are to be left. `find`: the doors for a token."""
        self.ended = ended or asyncio.Event()
        self._open, self._memory, self._state = open_memory, open_memory(), ""
        self._doors: Doors | None = None
        self._find = find or (lambda token: Doors(0, token=token))
        self._lock = threading.Lock()  # of what follows
        self._kept: OrderedDict[tuple, KeptAnswer] = OrderedDict()
        self._size = 0
        # who waits for these holds no thread
        self._making: weakref.WeakValueDictionary[tuple, asyncio.Lock]
        self._making = weakref.WeakValueDictionary()
        self._threads = asyncio.Semaphore(THREADS - 1)  # one is left for all that is quick
        self._of_page = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(_EACH))
        self._looking = asyncio.Lock()
        self._looked: tuple[float, dict[str, str]] = (0.0, {})

    def open_memory(self) -> Memory:
        """With .env and config.toml as they are now, read when they changed. Misconfigured while
        they are wrong."""
        with self._lock:
            state = changes.digest(self._memory.home, self._memory.env, ())
            if state != self._state:
                self._memory = self._open()
                self._state = state
            return self._memory

    @property
    def asks(self) -> bool:
        return bool(self._doors and self._doors.asks)

    def open_doors(self) -> Doors:
        """By the token as it is now; while .env cannot be read, as it was. Misconfigured when there
        is none any more: while an editor rewrites .env, nobody is let in."""
        memory = self._memory
        with suppress(Failure, OSError):
            memory = self.open_memory()
        token = memory.env.get(TOKEN).strip()
        if self._doors and self._doors.asks and not token:
            raise Misconfigured(f"no {TOKEN} any more", cure="put it into .env, or start again")
        if not self._doors or self._doors.token != token:
            self._doors = self._find(memory.env.get(TOKEN))
        return self._doors

    async def answer_page(
        self, page: BoardPage, part: str, query: dict[str, str], known: str
    ) -> Response:
        def make(memory: Memory, now: int) -> str:
            mask, links = memory.env.mask, LiveLinks(asks=self.asks)
            data = rendering.show(page.module.read(memory, part, query), mask)
            return rendering.render(page, data, links, now, part=part, mask=mask)

        query = {name: query[name] for name in page.asks if name in query}
        key = (page.name, part, *sorted(query.items()))
        return await self._answer(key, page.watches, known, "text/html", make)

    async def answer_data(
        self, name: str, part: str, query: dict[str, str], known: str
    ) -> Response:
        def make(memory: Memory, now: int) -> str:
            found = api.ANSWERS[name](memory, part, query)
            return stream.json_line(rendering.clean(found, memory.env.mask)) + "\n"

        query = {name: query[name] for name in api.ASKS if name in query}
        key = (f"/{name}", part, *sorted(query.items()))
        return await self._answer(key, api.WATCHES, known, "application/json", make)

    async def _answer(
        self, key: tuple, topics: Sequence[str], known: str, kind: str,
        make: Callable[[Memory, int], str],
    ) -> Response:  # fmt: skip
        """What `make` makes, once as long as the files of these topics and the minute are the
        same; nothing but its tag for who has that already."""
        arrived = clock.monotonic()
        making = self._making.setdefault(key, asyncio.Lock())
        async with making, self._of_page[key[0]], self._threads:
            kept = self._kept.get(key)
            if kept and kept.began >= arrived:  # while this waited: it is as new as was asked for
                return kept.answer(known, kind)
            return await run_in_threadpool(self._renew, key, kept, topics, known, kind, make)

    def _renew(
        self, key: tuple, kept: KeptAnswer | None, topics: Sequence[str], known: str, kind: str,
        make: Callable[[Memory, int], str],
    ) -> Response:  # fmt: skip
        began = clock.monotonic()
        memory = self.open_memory()
        now = memory.now()
        # looked at before it is read: what is written meanwhile makes the next answer new
        state = changes.digest(memory.home, memory.env, topics)
        if known == (tag := _tag(state, now)):
            return Response(status_code=304, headers={"etag": tag})
        if not kept or kept.tag != tag:
            with memory.keeping_open() as asked:
                body = stream.encode(make(asked, now))
            # the index is another when making this wrote it
            tag = _tag(changes.renew(memory.home, topics, state), now)
            self._keep(key, kept := KeptAnswer(tag, body, began))
        return kept.answer(known, kind)

    def _keep(self, key: tuple, made: KeptAnswer) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = made
            self._size += _weigh(key, made) - (_weigh(key, before) if before else 0)
            while self._size > _KEPT or len(self._kept) > _COUNT:
                self._size -= _weigh(*self._kept.popitem(last=False))

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
        memory = self._memory  # the last that could be opened
        if isinstance(error, OSError):
            error = files.to_failure(error)
        headers: dict[str, str] = {}
        if isinstance(error, Failure):
            status, text = _STATUS.get(error.code, 500), str(error)
        elif isinstance(error, HTTPException):
            status, text = error.status_code, _SAID.get(error.status_code, str(error.detail))
            headers = dict(error.headers or {})
        else:
            status, text = 500, "the board failed at this; its standard error says more"
            memory.say(f"{request.url.path}: {type(error).__name__}: {error}")
        if status == 503:
            headers["retry-after"] = headers["refresh"] = str(AGAIN)
        if request.url.path.startswith("/api/"):
            headers.pop("refresh", None)
            return _to_json(rendering.clean({"error": text}, memory.env.mask), status, headers)
        told = rendering.show(text, memory.env.mask)
        wrong = isinstance(error, Failure) and error.code == errors.MISCONFIGURED
        title = "Configuration error" if wrong else _TITLES.get(status, "That did not work")
        html = rendering.render_message(title, told, LiveLinks(), memory.now())
        return HTMLResponse(stream.encode(html), status, headers)

    async def look(self) -> dict[str, str]:
        """Topic -> digest; one look serves all who watch. While the settings are wrong, all topics
        are others than before."""
        async with self._looking:
            at, found = self._looked
            if not found or clock.monotonic() - at > PAUSE * 0.9:
                found = await run_in_threadpool(self._look)
                self._looked = clock.monotonic(), found
        return found

    def _look(self) -> dict[str, str]:
        found = dict.fromkeys(changes.TOPICS, "")
        with suppress(Failure, OSError):
            memory = self.open_memory()
            found = {name: changes.digest(memory.home, memory.env, [name]) for name in found}
        return found

    async def watch(self) -> AsyncIterator[str]:
        """Server-sent events: the topics that changed, whenever some did."""
        before = await self.look()
        yield "retry: 3000\n\n"
        quiet = 0
        while not self.ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), PAUSE)
            found = await self.look()
            topics = [topic for topic in found if found[topic] != before[topic]]
            before, quiet = found, quiet + 1
            if topics:
                yield f"event: change\ndata: {' '.join(topics)}\n\n"
            elif quiet % _BEAT == 0:
                yield ": nothing new\n\n"


def make(
    open_memory: Callable[[], Memory], find: Callable[[str], Doors],
    ended: asyncio.Event | None = None,
) -> Guard:  # fmt: skip
    """The whole application, behind its door. `find`: the doors for a token."""
    board = Board(open_memory, ended, find)
    routes: list[Any] = [Route("/events", _serve_events(board))]
    routes += [Route(f"/api/{name}", _serve_data(board, name)) for name in api.ANSWERS]
    posts = {name: _serve_deed(board, name) for name in api.DEEDS}
    routes += [Route(f"/api/{name}", serve, methods=["POST"]) for name, serve in posts.items()]
    for page in PAGES:
        serve = _serve_page(board, page)
        routes.append(Route(page.path, serve))
        if page.has_parts:
            routes.append(Route(f"/{page.name}/{{part:any}}", serve))
    routes.append(Mount("/static", StaticFiles(directory=rendering.STATIC)))
    handlers: dict[Any, Any] = dict.fromkeys((Failure, HTTPException, Exception), board.tell)
    inner = Starlette(routes=routes, exception_handlers=handlers)
    inner.router.redirect_slashes = False
    return Guard(inner, board.open_doors)


def _weigh(key: tuple, kept: KeptAnswer) -> int:
    return len(repr(key)) + len(kept.body)


def _tag(state: str, now: int) -> str:
    return f'"{__version__}-{state}-{now // changes.MINUTE:x}"'


def _read(request: Request) -> tuple[str, dict[str, str], str]:
    """What was asked: part, query, and the tag of what the asker has."""
    part = request.path_params.get("part", "")
    if len(part) > LONGEST or "\0" in part:
        raise HTTPException(404)
    return part, dict(request.query_params), request.headers.get("if-none-match", "")


def _serve_page(board: Board, page: BoardPage) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        return await board.answer_page(page, *_read(request))

    return serve


def _serve_data(board: Board, name: str) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        return await board.answer_data(name, *_read(request))

    return serve


def _serve_deed(board: Board, name: str) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        body = await read_body(request.receive, LARGEST)
        if body is None:
            raise HTTPException(413, "too long, or too slow")
        return await run_in_threadpool(board.do, name, body)

    return serve


def _serve_events(board: Board) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        headers = {"x-accel-buffering": "no"}  # a proxy passes on what there is
        return StreamingResponse(board.watch(), 200, headers, "text/event-stream")

    return serve


def _to_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(stream.json_record(value), status, headers, "application/json")
