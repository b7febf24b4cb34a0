"""The board's door: no request comes in, and no answer goes out, but through here."""

import asyncio
import html
import re
from contextlib import suppress
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import access, rendering
from .access import Doors, Refusal
from .links import LiveLinks

PATIENCE = 10.0  # seconds in which what is sent to us has arrived
_LONGEST = 4096  # bytes of a token that is sent in
#: an address on this site: no other begins with one slash, and then neither a second nor what
#: browsers take for one
_OWN = re.compile(
    r"/(?!token\b)(?:[\w.~!$&'()*+,;=:@%?-][\w.~!$&'()*+,;=:@%/?-]{0,700})?", re.ASCII
)
_KEPT = 30 * 86400  # seconds that a browser keeps its cookie


class Guard:
    def __init__(self, inner: ASGIApp, doors: Doors):
        self.inner, self.doors = inner, doors

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
        headers, path = Headers(scope=scope), scope["path"]
        cookie = cookie_parser(headers.get("cookie", "")).get(access.COOKIE, "")
        refusal = self.doors.judge(scope["method"], headers, cookie)
        if path == "/token" and self.doors.asks and (not refusal or refusal.status == 401):
            if scope["method"] == "POST":
                return await self._let_in(scope, receive)
            return _refuse(scope, refusal) if refusal else RedirectResponse("/", 303)
        if refusal and refusal.status == 401 and path.startswith("/static/"):
            return self.inner  # what the page that asks for the token looks like
        return _refuse(scope, refusal) if refusal else self.inner

    async def _let_in(self, scope: Scope, receive: Receive) -> Response:
        """A cookie for who sent the token with our form."""
        body = await read_body(receive, _LONGEST) or b""
        fields = parse_qs(body.decode("latin-1"), encoding="latin-1")
        asked = _to_own(fields.get("asked", [""])[0])
        if not self.doors.is_token(fields.get("token", [""])[0].encode("latin-1")):
            return _refuse(scope, Refusal(401, "that is not the token"), asked)
        answer = RedirectResponse(asked, 303)
        # lax: a link in a mail leads here, and what else another site causes is refused anyway
        answer.set_cookie(
            access.COOKIE, self.doors.cookie, max_age=_KEPT, httponly=True, samesite="lax",
            secure=scope["scheme"] == "https",
        )  # fmt: skip
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
