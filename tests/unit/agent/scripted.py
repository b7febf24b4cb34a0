"""A chat model that says what a script tells it, behind OpenAI's interface on this machine."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import listening
from scene import PATIENCE

Reply = str | dict | int | bytes | tuple | Callable[[dict], "Reply"]


CONTEXT = "discord-thread/1"


class Script:
    """What the server answers, in order, and what it was asked."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def then(self, *replies: Reply) -> "Script":
        self.replies += replies
        return self

    @property
    def messages(self) -> list[list[dict[str, Any]]]:
        return [request["messages"] for request in self.requests]

    def injected(self, number: int = -1) -> list[dict[str, Any]]:
        """The memories before the message of a request, [] when there is no block."""
        last = [m for m in self.messages[number] if m["role"] == "user"][-1]["content"]
        border, mark, body = (last.split("\n") + ["", ""])[:3]
        if not border.startswith("INJECTED_CONTEXT_BORDER ") or not mark.endswith("_MEMORIES"):
            return []
        return json.loads(body)["memories"]


def call(command: str, *, id: str = "c1", **more: Any) -> dict[str, Any]:
    """A tool call of bash."""
    return raw_call(json.dumps({"command": command, **more}), id=id)


def raw_call(arguments: str, *, id: str = "c1", name: str = "bash") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: dict[str, Any], text: str = "") -> dict[str, Any]:
    """A message that calls tools."""
    return {"role": "assistant", "content": text, "tool_calls": list(made)}


def later(reply: Reply = 503) -> Reply:
    """A failure that is not tried again within the run: the server asks for an hour."""
    return (reply, {"Retry-After": "3600"})


def ends(pid: int) -> bool:
    """Whether a process that was killed is gone, or is so soon: dying takes a moment."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] in "ZX":
                    return True
        except OSError:
            return True
        time.sleep(0.005)
    return False


@contextmanager
def serving(script: Script) -> Iterator[Script]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.requests.append(body)
            script.headers.append(dict(self.headers))
            reply: Reply = script.replies.pop(0) if script.replies else (418, {})
            while callable(reply):
                reply = reply(body)
            headers: dict[str, str] = {}
            if isinstance(reply, tuple):
                reply, headers = reply
            status, data = 200, b""
            if isinstance(reply, int):
                status, data = (
                    reply,
                    b"the script says so" if reply != 418 else b"the script is over",
                )
            elif isinstance(reply, bytes):
                data = reply
            else:
                message = (
                    {"role": "assistant", "content": reply} if isinstance(reply, str) else reply
                )
                usage = {"prompt_tokens": 7, "completion_tokens": 3}
                data = json.dumps({"choices": [{"message": message}], "usage": usage}).encode()
            try:
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(data)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:  # it was killed meanwhile
                pass

    with listening(Handler) as url:
        script.url = f"{url}/v1"
        yield script
