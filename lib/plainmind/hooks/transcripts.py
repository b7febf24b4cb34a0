"""What a client's own file of a session tells that its event did not."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..formats.log import injected_blocks
from ..ground import regular

TAIL = 16 * 1024 * 1024  # bytes that are read of its end


def find_prompt(path: str, turn: str) -> str:
    """What the user wrote in a turn of Claude Code's, without what was injected; '' when it is not
    there."""
    texts = []
    for line in _lines(path):
        message = line.get("message")
        own = line.get("type") == "user" and line.get("promptId") == turn and not line.get("isMeta")
        if own and not line.get("isCompactSummary") and isinstance(message, Mapping):
            texts += _texts(message.get("content"))
    return injected_blocks.strip("\n".join(texts), echoes=False)


def find_summaries(
    path: str, mark: str, find: Callable[[dict[str, Any]], Iterable[tuple[str, str, str]]]
) -> Iterator[tuple[str, str, str]]:
    """What `find` finds in the lines that have this mark."""
    for line in _lines(path, mark.encode()):
        yield from find(line)


def _texts(content: Any) -> list[str]:
    """The texts of a message; none of a tool's result."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [
        part["text"].encode("utf-8", "replace").decode()
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, Mapping) and isinstance(part.get("text"), str)
    ]


def _lines(path: str, mark: bytes = b"") -> Iterator[dict[str, Any]]:
    """The objects at the end of a file, of lines that have the mark; none where there is no file to
    read."""
    try:
        with regular.open_file(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            data = file.read(TAIL)
    except (OSError, ValueError):
        return
    for line in data.split(b"\n") if mark in data else ():
        if mark not in line:
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
