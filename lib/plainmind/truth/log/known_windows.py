"""Windows that were read before, for a process that is asked again: what is known of one holds as
long as its file is the same. Summaries, and parts of a window without reading the others again.
Writes nothing."""

import os
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple

from ...formats.log import event as events
from ...ground import file_states, files, regular
from ...ground.errors import Failure, NotPermitted
from ...ground.masks import Mask
from ...ground.paths import Home
from . import overview, reader

KEPT = 16  # windows whose outlines are kept
SUMMARIES = 20_000  # that are kept
LONGEST = 2_000  # characters of an event that a summary keeps

State = tuple[int, int, int, int]

Select = Callable[[Sequence[int]], tuple[int, int]]


class Summaries:
    """As `overview.summarize_window`, for windows that have not changed since; of a long last event
    only the beginning, masked before it is cut. One that cannot be read has no events, and is
    complained of."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[State, Mask, overview.Summary]] = OrderedDict()

    def read(
        self, complain: Callable[[Failure], None], mask: Mask, home: Home, path: str
    ) -> overview.Summary:
        full = home.path(path)
        state = file_states.state_of(os.stat(full))
        known = self._known.get(full)
        if known and known[0] == state and known[1] is mask:
            return known[2]
        try:
            found = overview.summarize_window(home, path)
        except FileNotFoundError:
            raise
        except OSError as error:
            complain(files.to_failure(error))
            return overview.Summary(path, reader.context_of(path), 1, 0, None)
        if found.last:
            shown = mask(found.last.content)[:LONGEST]
            found = found._replace(last=found.last._replace(content=shown))
        self._known[full] = file_states.settle(state), mask, found
        while len(self._known) > SUMMARIES:
            self._known.popitem(last=False)
        return found


class WindowPart(NamedTuple):
    """Entries of a window, events and gaps, oldest first: those from number `first` on."""

    entries: list[events.Event | events.Gap]
    first: int
    total: int  # entries there are
    gaps: int  # of all of them


class _Outline(NamedTuple):
    """Where the entries of a window begin. `checksum` is that of all bytes before the last event,
    whose number is `last`; -1 for none."""

    state: State
    offsets: "array[int]"
    lines: "array[int]"
    gaps: int
    last: int
    checksum: int


class Outlines:
    """What is known of windows that were read lately; used by one thread at a time, or by several
    of which each may read again what another has just read."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Outline] = OrderedDict()

    def read(self, home: Home, path: str, select: Select) -> WindowPart:
        """The part that `select` chooses: given the first lines of all entries, it answers with the
        numbers of the first one and of the one after the last. NotPermitted where a link leads out
        of the logs, OSError."""
        _, full = home.resolve(path)
        if not full.startswith(os.path.realpath(home.logs) + os.sep):
            raise NotPermitted(
                f"'{path}' leads out of the logs", cure="put the window itself there"
            )
        with regular.open_direct(full) as file:
            outline = _outline(file, self._known.get(full))
            first, end = select(outline.lines)
            found = _read(file, outline, first, end)
        self._known.pop(full, None)  # the newest is the last
        self._known[full] = outline._replace(state=file_states.settle(outline.state))
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        context = reader.context_of(path)
        decoded = [
            events.decode(one, path, context) if isinstance(one, events.RawEvent) else one
            for one in found
        ]
        return WindowPart(decoded, first, len(outline.offsets), outline.gaps)


def _read(
    file: BinaryIO, outline: _Outline, first: int, end: int
) -> list[events.RawEvent | events.Gap]:
    if first >= end:
        return []
    start = outline.offsets[first]
    stop = outline.offsets[end] if end < len(outline.offsets) else outline.state[-1]
    file.seek(start)
    return events.scan(file.read(stop - start), outline.lines[first])


def _outline(file: BinaryIO, known: _Outline | None) -> _Outline:
    """The outline of a window; of one that grew, only what came is parsed."""
    state = file_states.state_of(os.fstat(file.fileno()))
    if known and known.state == state:
        return known
    file.seek(0)
    data = file.read(state[-1])
    offsets, lines, gaps, start = array("q"), array("q"), 0, 0
    entries: list[events.RawEvent | events.Gap] = []
    if known and known.last >= 0:
        start, line = known.offsets[known.last], known.lines[known.last]
        if zlib.crc32(data[:start]) == known.checksum:
            entries = events.scan(data[start:], line)
    if known and entries and isinstance(entries[0], events.RawEvent):
        offsets, lines = known.offsets[: known.last], known.lines[: known.last]
        gaps = known.gaps - (len(known.offsets) - 1 - known.last)
    else:
        start, entries = 0, events.scan(data)
    last = -1
    for number, entry in enumerate(entries, len(offsets)):
        offsets.append(start + entry.offset)
        lines.append(entry.line)
        is_event = isinstance(entry, events.RawEvent)
        last, gaps = (number, gaps) if is_event else (last, gaps + 1)
    checksum = zlib.crc32(data[: offsets[last]]) if last >= 0 else 0
    return _Outline(state, offsets, lines, gaps, last, checksum)
