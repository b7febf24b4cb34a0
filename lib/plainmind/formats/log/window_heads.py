r"""`raw/maintenance-log/window-heads.jsonl`: the last digest of every window, kept outside it.

Every append adds one line: `{"window":"logs/…md","size":1234,"line":57,"h":"9f2c41d07a3b"}`. The
journal has two uses: a window that was cut short or rolled back no longer matches it, and its end
tells the index which windows grew. A line is written after its event is durable, and is not synced:
when one is lost in a power failure, the index looks at every window once.
"""

import json
from typing import Any, NamedTuple


class WindowHead(NamedTuple):
    window: str  # path relative to the home
    size: int  # bytes of the window then
    line: int  # line of its last event
    digest: str

    def record(self) -> dict[str, Any]:
        window, size, line, digest = self
        return {"window": window, "size": size, "line": line, "h": digest}


def render(head: WindowHead) -> bytes:
    return json.dumps(head.record(), separators=(",", ":")).encode() + b"\n"


def parse(data: bytes) -> list[WindowHead]:
    """Every whole line that is a head; a torn one is passed over."""
    heads = []
    for row in data.split(b"\n"):
        try:
            value = json.loads(row)
            place = str(value["window"]), int(value["size"]), int(value["line"])
            heads.append(WindowHead(*place, str(value["h"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
    return heads


def latest_by_window(heads: list[WindowHead]) -> dict[str, WindowHead]:
    return {head.window: head for head in heads}
