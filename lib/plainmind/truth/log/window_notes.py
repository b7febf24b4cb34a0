"""What is known of windows without reading them: how many events one has, the first and the last
time in it, and where its last event stands.

Derived, in `index/windows.json`, by the states of the files; made again where it is missing,
damaged, or of other files. It holds no words. Of few windows nothing is kept. Owns this file.
"""

import json
import os
import re
import zlib
from contextlib import suppress
from typing import Any, NamedTuple, Self

from ...formats.log import event as events
from ...ground import file_states, files
from ...ground.paths import Home

LEAST = 100  # windows that are read each time: it takes 5 ms
LONG = 1 << 20  # bytes of a window that is read for its last event by its end
_HEADER = b"\n## "  # no line of a body begins so
_TIMES = re.compile(rb"^## (\S+) ", re.M)
_VERSION = 1

State = tuple[int, int, int, int]


class WindowNote(NamedTuple):
    """`first` and `last` are the least and the greatest of the times in it, as they stand there;
    without any, no time lies between them."""

    events: int
    first: str
    last: str
    offset: int  # of its last event; -1 for none
    line: int


def list_times(data: bytes) -> list[bytes]:
    """Of all that looks like a header, in their order."""
    return [match[1] for match in _TIMES.finditer(data)]


def take_note(data: bytes) -> WindowNote:
    times = list_times(data)
    first, last = (min(times), max(times)) if times else (b"~", b"")
    bounds = first.decode("utf-8", "replace"), last.decode("utf-8", "replace")
    count, at, line = data.count(_HEADER), -1, 0
    if b'{"torn":[' in data:  # a torn header among the others is not an event
        blocks = [entry for entry in events.scan(data) if isinstance(entry, events.RawEvent)]
        count = len(blocks)
        at, line = (blocks[-1].offset, blocks[-1].line) if blocks else (-1, 0)
        return WindowNote(count, *bounds, at, line)
    end = len(data)
    while (before := data.rfind(_HEADER, 0, end)) >= 0 and at < 0:
        found = events.scan(data[before + 1 :])
        if isinstance(found[0], events.RawEvent):
            at, line = before + 1, data.count(b"\n", 0, before + 1) + 1
        else:
            count -= 1
        end = before
    return WindowNote(count, *bounds, at, line)


class WindowNotes:
    """Those of a home, for one look at it, which ends by keeping what it found out."""

    def __init__(self, home: Home):
        self.home = home
        self._kept: dict[str, list] = _load(home)
        self._new: dict[str, WindowNote] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None and self._new:
            self._save()

    def find(self, path: str, *, many: int) -> WindowNote | None:
        """What is known of a window now, for who looks at `many`; None where it pays more to read
        the end of it alone, as it is long and changed, or is one of few."""
        if many < LEAST:
            return None
        size = os.stat(self.home.path(path)).st_size
        row = self._kept.get(path)
        return self.read(path) if size < LONG or row and row[0][3] == size else None

    def read(self, path: str) -> WindowNote:
        """What is known of a window now; of one that changed, it is read. OSError."""
        full = self.home.path(path)
        state = file_states.state_of(os.stat(full))
        row = self._kept.get(path)
        if row and tuple(row[0]) == state:
            return WindowNote(*row[1:])
        note = take_note(files.read(full))
        self._kept[path] = [file_states.settle(state), *note]
        self._new[path] = note
        return note

    def _save(self) -> None:
        rows = {
            path: row
            for path, row in self._kept.items()
            if path in self._new or os.path.exists(self.home.path(path))
        }
        if len(rows) >= LEAST:
            text = json.dumps([_VERSION, rows], separators=(",", ":")).encode()
            with suppress(OSError):  # a folder that cannot be written, a full disk
                files.replace(_name(self.home), b"%08x\n%s" % (zlib.crc32(text), text))


def _name(home: Home) -> str:
    return os.path.join(home.index, "windows.json")


def _load(home: Home) -> dict[str, list]:
    try:
        checksum, _, text = files.read(_name(home)).partition(b"\n")
        version, rows = json.loads(text) if int(checksum, 16) == zlib.crc32(text) else (0, {})
    except (OSError, ValueError, RecursionError):
        return {}
    return rows if version == _VERSION else {}
