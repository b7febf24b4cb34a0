"""The board's door: no request comes in, and no answer goes out, but through here."""

import html
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import access, rendering
from .access import Doors
from .links import LiveLinks

_LONGEST = 4096  # bytes of a token that is sent in


class Guard:
    def __init__(self, inner: ASGIApp, doors: Doors):
        self.inner, self.doors = inner, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # its lifespan; a socket is not spoken
            if scope["type"] == "lifespan":
                await self.inner(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in access.HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        refusal = self.doors.judge(scope["method"], headers, _find_cookie(headers))
        if refusal and refusal.status == 401 and scope["path"] == "/token":
            answer: ASGIApp = await self._let_in(scope, receive)
        elif refusal and refusal.status == 401 and scope["path"].startswith("/static/"):
            answer = self.inner  # what the page that asks for the token looks like
        elif refusal:
            answer = _refuse(scope, refusal)
        else:
            answer = self.inner
        await answer(scope, receive, send_guarded)

    async def _let_in(self, scope: Scope, receive: Receive) -> Response:
        """What the page that asks for a token sent; a cookie when it is right."""
        body = b""
        while scope["method"] == "POST" and len(body) <= _LONGEST:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not self.doors.knows("", given):
            return _refuse(scope, access.Refusal(401, "that is not the token"))
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            access.COOKIE, self.doors.token, httponly=True, samesite="strict", max_age=30 * 86400
        )
        return answer


def _refuse(scope: Scope, refusal: access.Refusal) -> Response:
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": refusal.what}, refusal.status)
    if refusal.status == 401:
        return HTMLResponse(rendering.render_token(refusal.what, LiveLinks()), 401)
    return HTMLResponse(
        f"<!doctype html><title>Refused</title><p>{html.escape(refusal.what)}", refusal.status
    )


def _find_cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(access.COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
