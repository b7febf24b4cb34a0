"""Servers on 127.0.0.1 that answer as a test says, and requests to send them."""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from scene import PATIENCE


class Seen(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]  # names in small letters
    body: Any


class Server:
    """A loopback server. `answers`, which write to the handler, in turn; the last for ever."""

    def __init__(self, *answers: Callable[[BaseHTTPRequestHandler, Seen], None]):
        self.answers, self.seen = list(answers), []
        self.done = threading.Event()  # what hangs, hangs until then
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                data = self.rfile.read(length)
                seen = Seen(
                    self.command,
                    self.path,
                    {k.lower(): v for k, v in self.headers.items()},
                    json.loads(data) if data else None,
                )
                outer.seen.append(seen)
                self.close_connection = True
                answer = outer.answers[min(len(outer.seen), len(outer.answers)) - 1]
                try:
                    answer(self, seen)
                except OSError:  # the client has gone
                    pass

            do_GET = do_POST = _serve

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.outer = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.done.set()
        self._server.shutdown()
        self._server.server_close()


def says(value: Any, status: int = 200, **headers: str):
    """The whole answer: JSON, or the bytes as they are."""

    def answer(handler, seen):
        made = value(seen) if callable(value) else value
        data = made if isinstance(made, bytes) else json.dumps(made).encode()
        handler.send_response(status)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header(
            "Connection", "close"
        )  # else a client may send its next request into the closing
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def streams(*pieces: bytes, then: Callable | None = None, **headers: str):
    """An answer in pieces that ends with the connection; `then` is done before that."""

    def answer(handler, seen):
        handler.send_response(200)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
        if then:
            then(handler, seen)

    return answer


def resets(handler, seen) -> None:
    """The connection dies as of a crashed server: RST, not FIN."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # rfile and wfile hold the socket too
    os.close(handler.connection.detach())


def hangs(handler, seen) -> None:
    handler.server.outer.done.wait(2 * PATIENCE)


def dribbles(prefix: bytes, byte: bytes = b" "):
    """One byte every 20 ms, which no socket's timeout notices."""

    def answer(handler, seen):
        handler.wfile.write(prefix)
        while not handler.server.outer.done.wait(0.02):
            handler.wfile.write(byte)

    return answer


def sse(*events: Any) -> bytes:
    return b"".join(
        b"data: " + (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n\n"
        for event in events
    )


TOOL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a command.",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}, "timeout": {"type": "number"}},
            "required": ["command"],
        },
    },
}


def asking(text: str = "Hi.", *more: dict, tools=(), max_tokens: int = 64) -> dict:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": text},
        *more,
    ]
    return {"model": "m", "messages": messages, "tools": list(tools), "max_tokens": max_tokens}


#: what the agent sends after one call of the tool
CALLED = (
    {
        "role": "assistant",
        "content": "Let me look.",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "bash", "arguments": '{"command": "ls"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "a.txt"},
)
