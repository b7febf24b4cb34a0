"""`relay/dead.jsonl`, what could not be answered or posted, for a person to read."""

import json
import os
from contextlib import suppress
from typing import NamedTuple

from ...ground import clock, files
from ...ground.errors import BadData
from ...ground.paths import Home

MOST = 256 * 1024  # bytes of the end that are looked at


class DeadLetter(NamedTuple):
    at: int  # ms
    context: str
    why: str


def read(home: Home) -> list[DeadLetter]:
    """The last ones, oldest first."""
    path, found = home.path("relay", "dead.jsonl"), []
    try:
        size = os.path.getsize(path)
        data = files.read(path, max(0, size - MOST), MOST)
    except OSError:
        return []
    for line in data.split(b"\n"):
        with suppress(ValueError, TypeError, LookupError, RecursionError, BadData):
            value = json.loads(line)
            context, why = value["context"], value["why"]
            found.append(DeadLetter(clock.parse(value["at"]), str(context), str(why)))
    return found
