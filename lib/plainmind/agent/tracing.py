"""A trace of what a model was asked and answered, and of how much of each request was the same as
before.

Providers keep what they computed for the beginning of a request and charge less for it the next
time, as long as it is the same to the byte. Owns the record; knows no provider.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from ..ground import clock, files, regular
from ..ground.errors import NotPermitted
from ..ground.masks import Mask
from ..ground.paths import Home
from ..ground.stream import json_line
from ..providers.chat import Reply
from ..truth.pages import maintenance
from . import prompt


class Trace:
    """Appends a line to a file for every answer; NotPermitted before the first, not after it."""

    def __init__(
        self,
        home: Home,
        path: str,
        now: int,
        mask: Mask,
        say: Callable[[str], None],
        route: str = "",
    ):
        folder = os.path.dirname(path)
        writable = os.access(path if os.path.exists(path) else folder, os.W_OK)
        if not writable or not os.path.isdir(folder) or os.path.isdir(path):
            raise NotPermitted(
                f"'{path}' cannot be written", cure="name a file in a folder of yours"
            )
        self._path, self._now, self._mask, self._say = path, now, mask, say
        self._route = {"route": route} if route else {}
        maintenance.record_trace(home, path)

    def __call__(self, request: dict[str, Any], reply: Reply, seconds: float) -> None:
        """Record one answer. A request's text is its messages as JSON, in UTF-8."""
        request = self._mask.mask_all(request)
        mask = self._mask.mask_cut if reply.cut else self._mask
        text = render(request)
        before = self._last()
        same = count_common(before, text)
        record = {
            "now": clock.to_text(self._now), "request": request, "reply": mask(reply.text),
            "calls": self._mask.mask_all([call._asdict() for call in reply.calls]),
            "usage": reply.usage, "seconds": seconds,
            "bytes": len(text), "stable_bytes": count_stable(request), "same_bytes": same,
            **self._route,
        }  # fmt: skip
        files.append(self._path, json_line(record).encode() + b"\n")
        if before:
            stable = f"{record['stable_bytes']} before what is injected"
            self._say(f"prompt: {same} of {len(text)} bytes as in the request before, {stable}")

    def _last(self) -> bytes:
        """The text of the request of the last record, b"" when there is none."""
        try:
            with regular.open_file(self._path) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - (64 << 20)))
                return render(json.loads(file.read().rstrip(b"\n").rpartition(b"\n")[2])["request"])
        except (OSError, ValueError, KeyError, TypeError):
            return b""


def render(request: dict[str, Any]) -> bytes:
    """A request's messages in the order a model reads them, without what closes the list."""
    return json.dumps(request["messages"], ensure_ascii=False).encode("utf-8", "surrogatepass")[:-1]


def count_stable(request: dict[str, Any]) -> int:
    """Bytes of a request before its last message of the user, in which memories are injected."""
    messages = request["messages"]
    return len(render({"messages": messages[: prompt.find_last_user(messages)]}))


def count_common(one: bytes, other: bytes) -> int:
    """Bytes that two texts have in common at their beginnings."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
