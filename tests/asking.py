"""Requests to the board's application, without a socket: `ask(app, "/log?q=tea")`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from plainmind.board import access, application
from plainmind.board.access import Doors
from plainmind.memory import Memory

PORT = 3030
HOST = f"127.0.0.1:{PORT}"


class BoardAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def value(self) -> Any:
        return json.loads(self.body)


def make_board(open_memory: Callable[[], Memory], token: str = "") -> Any:
    """`token`: as the environment has it."""

    def open_with_token() -> Memory:
        memory = open_memory()
        if token:
            memory.env._process = {**memory.env._process, access.TOKEN: token}
        return memory

    return application.make(open_with_token, lambda given: Doors(PORT, token=given.strip()))


def ask(
    app: Any, address: str, method: str = "GET", body: bytes = b"", **headers: str
) -> BoardAnswer:
    """Headers by their names with _ for -; `host` is ours unless it is given."""
    return asyncio.run(_ask(app, address, method, body, {"host": HOST, **headers}))


async def _ask(app, address: str, method: str, body: bytes, headers) -> BoardAnswer:
    path, _, query = address.partition("?")
    scope = {
        "type": "http", "method": method, "scheme": "http", "http_version": "1.1",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "server": ("127.0.0.1", PORT), "client": ("127.0.0.1", 50000),
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in headers.items()
        ],
    }  # fmt: skip
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.Event().wait()  # it does not leave
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    told = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return BoardAnswer(sent[0]["status"], told, b"".join(one.get("body", b"") for one in sent))
