"""ASGI middleware: nothing but /v1/ and /health.

vLLM asks for its key below /v1/ and a few more, and answers /invocations, which runs the model too,
without one.
"""

from collections.abc import Awaitable, Callable
from typing import Any

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class OnlyV1:
    def __init__(self, app: App):
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if (
            scope["type"] == "lifespan"
            or scope["path"] == "/health"
            or scope["path"].startswith("/v1/")
        ):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send(
                {
                    "type": "http.response.start",
                    "status": 404,
                    "headers": [(b"content-length", b"0")],
                }
            )
            await send({"type": "http.response.body"})
