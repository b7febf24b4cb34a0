"""The way of every REST request: fault, token, rate limit, route, answer, and a line in the record.

Knows no route. A route takes the request and gives what becomes JSON, or a whole response.
"""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from . import cast
from .faults import Faults, Rule
from .limits import Limits
from .record import Record
from .refusal import Refused

Route = Callable[[web.Request], Awaitable[object]]

UNAUTHORIZED = Refused(401, 0, "401: Unauthorized")
MESSAGES = {401: "401: Unauthorized", 403: "Missing Access", 404: "404: Not Found"}
CODES = {401: 0, 403: 50001, 404: 0}
HTML = (
    "<!DOCTYPE html>\n<html><head><title>{0}</title></head>"
    "<body><h1>{0}</h1><p>cloudflare</p></body></html>\n"
)


def answer(data: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """As Discord writes it: no charset in the content type, which discord.py compares."""
    body = json.dumps(data).encode()
    return web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers={"Via": "1.1 google", **(headers or {})},
    )


def page(status: int, title: str, headers: dict[str, str] | None = None) -> web.Response:
    """What stands in front of Discord answers itself: HTML, and no Via."""
    return web.Response(
        text=HTML.format(f"{status} {title}"),
        status=status,
        content_type="text/html",
        headers=headers,
    )


def limited(
    wait: float, everywhere: bool = False, headers: dict[str, str] | None = None
) -> web.Response:
    said = {
        "Retry-After": str(max(1, round(wait))),
        "X-RateLimit-Scope": "global" if everywhere else "user",
        **(headers or {}),
    }
    if everywhere:
        said["X-RateLimit-Global"] = "true"
    return answer(
        {"message": "You are being rate limited.", "retry_after": wait, "global": everywhere},
        429,
        said,
    )


def cut(request: web.Request) -> web.Response:
    """The connection ends as when a machine dies: reset, no answer. Nobody reads the result."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
    return web.Response()


class Exchange:
    def __init__(self, faults: Faults, limits: Limits, record: Record) -> None:
        self.faults = faults
        self.limits = limits
        self.record = record

    @web.middleware
    async def through(self, request: web.Request, handler: Route) -> web.StreamResponse:
        if request.path in ("/control", "/gateway"):
            return await handler(request)  # type: ignore[return-value]
        entry = self.record.request(
            method=request.method, path=request.path, query=dict(request.query),
            authorized=self.authorized(request), status=None, fault=None
        )  # fmt: skip
        rule = self.faults.take("rest", method=request.method, path=request.path)
        if rule:
            entry["fault"] = rule.what
        response = await (
            self.fault(rule, request, handler, entry)
            if rule
            else self.serve(request, handler, entry)
        )
        entry["status"] = (
            None if request.transport is None or request.transport.is_closing() else response.status
        )
        if response.status == 401:
            self.record.counts["unauthorized"] += 1
        return response

    def authorized(self, request: web.Request) -> bool:
        return request.headers.get(hdrs.AUTHORIZATION) == f"Bot {cast.TOKEN}"

    async def serve(self, request: web.Request, route: Route, entry: dict) -> web.StreamResponse:
        resource = request.match_info.route.resource
        kind = f"{request.method} {resource.canonical if resource else ''}"
        self.record.counts[kind.replace("/api/v10", "").replace("/api", "")] += 1
        open_to_all = request.path.startswith("/cdn/") or "webhook_token" in request.match_info
        try:
            if not open_to_all and not entry["authorized"]:
                raise UNAUTHORIZED
            if request.path.startswith("/cdn/"):
                return await route(request)  # type: ignore[return-value]
            major = next(
                (
                    request.match_info[n]
                    for n in ("channel_id", "guild_id", "webhook_id")
                    if n in request.match_info
                ),
                "",
            )
            headers, wait = self.limits.spend(kind, major)
            if wait:
                return limited(wait, headers=headers)
            data = await route(request)
            if isinstance(data, web.Response):
                data.headers.update(headers)
                return data
            return answer(data, headers=headers)
        except Refused as refused:
            return answer(refused.body, refused.status)
        except web.HTTPException as missed:
            return answer(
                {"message": f"{missed.status}: {missed.reason}", "code": 0}, missed.status
            )

    async def fault(
        self, rule: Rule, request: web.Request, route: Route, entry: dict
    ) -> web.StreamResponse:
        more = rule.more
        if rule.what == "slow":
            await asyncio.sleep(more.get("seconds", 1))
            return await self.serve(request, route, entry)
        if rule.what in ("reset_after", "hang"):
            if rule.what == "reset_after" or more.get("stored"):
                entry["served"] = (await self.serve(request, route, entry)).status
            if rule.what == "hang":
                await self.silence(request, more.get("seconds", 3600))
            return cut(request)
        if rule.what == "reset_before":
            return cut(request)
        await request.read()
        if rule.what == "429" and not more.get("via", True):
            return page(429, "Too Many Requests", {"Retry-After": str(more.get("retry_after", 1))})
        if rule.what == "429":
            return limited(more.get("retry_after", 0.5), more.get("everywhere", False))
        if rule.what == "html":
            return page(more.get("status", 502), more.get("title", "Bad Gateway"))
        status = int(rule.what)
        message, code = (
            MESSAGES.get(status, f"{status}: Server Error"),
            more.get("code", CODES.get(status, 0)),
        )
        return answer({"message": message, "code": code}, status)

    async def silence(self, request: web.Request, seconds: float) -> None:
        """For so long, or until nobody waits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and request.transport and not request.transport.is_closing():
            await asyncio.sleep(0.05)
