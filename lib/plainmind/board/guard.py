"""The board's door: no request comes in, and no answer goes out, but through here."""

import asyncio
import html
import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, parse_qsl, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..ground.errors import Misconfigured
from . import access, rendering
from .access import Doors, Refusal
from .links import LiveLinks

PATIENCE = 10.0  # seconds in which what is sent to us has arrived
_LONGEST = 4096  # bytes of a token that is sent in
#: an address on this site: no other begins with one slash, and then neither a second nor what
#: browsers take for one
_OWN = re.compile(
    r"/(?!token\b|logout\b)(?:[\w.~!$&'()*+,;=:@%?-][\w.~!$&'()*+,;=:@%/?-]{0,700})?", re.ASCII
)
_PAUSE = 0.5  # seconds before a wrong token is told


class Guard:
    def __init__(self, inner: ASGIApp, open_doors: Callable[[], Doors]):
        """`open_doors`: what is asked for now. Misconfigured when nobody may come in."""
        self.inner, self._open_doors = inner, open_doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a web socket is not spoken
            return

        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in access.HEADERS.items():
                    headers[name] = value
                kept = scope["path"].startswith("/static/")
                headers.setdefault("cache-control", "no-cache" if kept else "no-store")
            await send(message)

        try:
            await (await self._choose(scope, receive))(scope, receive, send_guarded)
        except Exception:  # it has been told; a trace would show what no mask has seen
            if not started:
                await Response("this failed", 500)(scope, receive, send_guarded)

    async def _choose(self, scope: Scope, receive: Receive) -> ASGIApp:
        state = scope.get("state", {})  # of connections.BoardConnection
        if state.get("is_full"):
            return _refuse(scope, Refusal(503, "too many connections at once"))
        try:
            doors = self._open_doors()
        except Misconfigured as failure:
            return _refuse(scope, Refusal(503, str(failure)))
        headers, path = Headers(scope=scope), scope["path"]
        cookie = cookie_parser(headers.get("cookie", "")).get(access.COOKIE, "")
        searches = b"q" in dict(parse_qsl(scope["query_string"]))
        refusal = doors.judge(scope["method"], headers, cookie, searches=searches)
        is_open = not refusal or refusal.status == 401
        if path in ("/token", "/logout") and doors.asks and is_open:
            if scope["method"] == "POST" and path == "/token":
                return await self._let_in(doors, scope, receive)
            return _refuse(scope, refusal) if refusal else _leave(doors, scope, cookie)
        if refusal and refusal.status == 401 and path.startswith("/static/"):
            return self.inner  # what the page that asks for the token looks like
        if refusal and refusal.status == 401 and "authorization" in headers:
            await asyncio.sleep(_PAUSE)
        if not refusal and "let_in" in state:
            state["let_in"]()
        return _refuse(scope, refusal) if refusal else self.inner

    async def _let_in(self, doors: Doors, scope: Scope, receive: Receive) -> Response:
        """A session for who sent the token with our form."""
        body = await read_body(receive, _LONGEST) or b""
        fields = parse_qs(body.decode("latin-1"), encoding="latin-1")
        asked = _to_own(fields.get("asked", [""])[0])
        if not doors.is_token(fields.get("token", [""])[0].encode("latin-1")):
            await asyncio.sleep(_PAUSE)
            return _refuse(scope, Refusal(401, "that is not the token"), asked)
        answer = RedirectResponse(asked, 303)
        # lax: a link in a mail leads here, and what else another site causes is refused anyway
        answer.set_cookie(
            access.COOKIE, doors.begin_session(), max_age=access.LASTS, httponly=True,
            samesite="lax", secure=scope["scheme"] == "https",
        )  # fmt: skip
        return answer


def _leave(doors: Doors, scope: Scope, cookie: str) -> Response:
    answer = RedirectResponse("/", 303)
    if scope["path"] == "/logout" and scope["method"] == "POST":
        doors.end_session(cookie)
        answer.delete_cookie(access.COOKIE)
    return answer


async def read_body(receive: Receive, most: int) -> bytes | None:
    """What a request brings; None when that is more than `most` bytes, or takes too long."""
    body = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while len(body) <= most:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    return body if len(body) <= most else None
    return None


def _to_own(address: str) -> str:
    """A page of ours that was asked for, to go on to; the first one where that is none."""
    return address if _OWN.fullmatch(address) else "/"


def _find_asked(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    path = quote(scope["path"]) if scope["method"] == "GET" else "/"
    return _to_own(f"{path}?{query}" if query and path != "/" else path)


def _refuse(scope: Scope, refusal: Refusal, asked: str = "") -> Response:
    headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": refusal.what}, refusal.status, headers)
    if refusal.status == 401:
        text = rendering.render_token(refusal.what, LiveLinks(), asked or _find_asked(scope))
    else:
        text = f"<!doctype html><title>Refused</title><p>{html.escape(refusal.what)}"
    return HTMLResponse(text, refusal.status, headers)
