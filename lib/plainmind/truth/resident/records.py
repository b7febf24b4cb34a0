"""`resident/traces.jsonl` and `resident/faults.jsonl`: what was chosen for prompts, and what went
wrong with it. At most 1,000 lines or 1 MB each, the oldest out first; no line holds a text of
memory. They tell, and nothing depends on them: what cannot be written is left out."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ...ground import files
from ...ground.errors import Failure
from ...ground.paths import Home
from ...ground.stream import json_record

TRACES, FAULTS = "traces", "faults"
MOST_LINES, MOST_BYTES = 1000, 1_000_000


def read(home: Home, kind: str) -> list[dict[str, Any]]:
    """The records, oldest first."""
    found = []
    for line in _read(home, kind).split(b"\n"):
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
            found += [value] if type(value) is dict else []
    return found


def append(home: Home, kind: str, records: Iterable[dict[str, Any]]) -> None:
    """Add records, where there is a home."""
    lines = b"".join(map(json_record, records))
    if not lines or not os.path.isdir(home.root):
        return
    with suppress(Failure, OSError), files.lock(home.path("resident", ".records.lock"), 0.5):
        data = _read(home, kind)
        if len(data) + len(lines) <= MOST_BYTES and data.count(b"\n") < MOST_LINES:
            start = b"\n" if data and not data.endswith(b"\n") else b""
            files.append(_path(home, kind), start + lines, durable=False)
        else:
            files.replace(_path(home, kind), _trim(data + lines))


def _trim(data: bytes) -> bytes:
    """The newest three quarters of what there may be."""
    kept = data[-MOST_BYTES * 3 // 4 :].split(b"\n")[-MOST_LINES * 3 // 4 :]
    return b"\n".join(kept if len(kept) == len(data.split(b"\n")) else kept[1:])


def _path(home: Home, kind: str) -> str:
    return home.path("resident", f"{kind}.jsonl")


def _read(home: Home, kind: str) -> bytes:
    try:
        return files.read(_path(home, kind))
    except FileNotFoundError:
        return b""
