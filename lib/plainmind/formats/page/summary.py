"""A summary of a conversation that another tool made, such as a compaction of pi's."""

import json
from typing import Any, NamedTuple

from ...ground import clock
from ...ground.errors import BadData


class ConversationSummary(NamedTuple):
    """`id` is the tool's own, in the conversation `context`; `instant` in ms since the epoch."""

    context: str
    id: str
    instant: int
    content: str


def parse(line: bytes) -> ConversationSummary:
    """A summary from one line of JSON with these keys, the time being `timestamp`. BadData."""
    try:
        value: Any = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadData("not valid JSON") from None
    cure = 'write {"context": "pi/…", "id": "…", "timestamp": "…", "content": "…"}'
    keys = ("context", "id", "timestamp", "content")
    texts: dict[str, str] = value if isinstance(value, dict) else {}
    for key in keys:
        if not isinstance(texts.get(key), str) or not texts[key].strip():
            raise BadData(f"no '{key}'", cure=cure)
    context, id, stamp, content = (texts[key] for key in keys)
    return ConversationSummary(context, id, clock.parse(stamp), content)
