"""What turns were given of the past, as `raw/maintenance-log/recalled-<YYYY-MM>.jsonl` tells:

    {"time", "pages": [path, …], "message": path:line, "events": [[path:line, score, relevance,
     recency, penalty, pinned], …]}

Places and numbers alone, no text. The files age out by retention, and are not synced."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...ground import clock, files, zone
from ...ground.errors import BadData, Busy
from ...ground.paths import Home
from . import maintenance

LONGEST = 1 << 20  # bytes of the end of a file in which the last turns are looked for


class GivenEvent(NamedTuple):
    """An event that a turn was given, and how it ranked (recall.rank)."""

    ref: str
    score: float
    relevance: float
    recency: float
    penalty: float
    pinned: bool


class GivenRow(NamedTuple):
    """An event or a page that a turn was given; a page has no numbers."""

    ref: str
    time: str
    message: str
    score: float | None = None
    relevance: float | None = None
    recency: float | None = None
    penalty: float | None = None
    pinned: bool | None = None

    def __str__(self) -> str:
        numbers = ("" if one is None else f"{one:.4f}" for one in self[3:7])
        pinned = "pinned" if self.pinned else ""
        return "\t".join([self.ref, self.time, self.message, *numbers, pinned]).rstrip("\t")


class GivenTurn(NamedTuple):
    """What a turn was given with the message at `message`, which is '' where nobody knows."""

    time: str
    message: str
    events: Sequence[GivenEvent]
    pages: Sequence[str]

    def list_rows(self) -> Iterator[GivenRow]:
        for event in self.events:
            yield GivenRow(event.ref, self.time, self.message, *event[1:])
        for page in self.pages:
            yield GivenRow(page, self.time, self.message)


class GivenCounts(NamedTuple):
    """Of all records. `days`: local day -> turns, events and pages."""

    days: dict[str, tuple[int, int, int]]
    events: Counter[str]
    pages: Counter[str]


def record(
    home: Home, now: int, pages: Sequence[str], events: Sequence[GivenEvent] = (), message: str = ""
) -> None:
    """What a turn was given; no turn waits long for that, or fails."""
    if not pages and not events:
        return
    line: dict[str, Any] = {"time": clock.to_text(now), "pages": list(pages)}
    if events:
        rounded = [[one[0], *(round(n, 4) for n in one[1:5]), one.pinned] for one in events]
        line |= {"message": message, "events": rounded}
    try:
        maintenance.append_monthly(home, now, "recalled-", line)
    except Busy:
        pass


def find_last(home: Home) -> dict[str, str]:
    """Path of a page -> when it was last given to a turn, as far back as there are records."""
    last: dict[str, str] = {}
    for name in maintenance.list_monthly(home, "recalled-"):
        for turn in _parse(_read(name)):
            for page in turn.pages:
                last[page] = max(last.get(page, ""), turn.time)
    return last


def read_last(home: Home, count: int) -> list[GivenTurn]:
    """The last turns that were given anything, newest first."""
    found: list[GivenTurn] = []
    for name in reversed(maintenance.list_monthly(home, "recalled-")):
        size = os.path.getsize(name)
        turns = _parse(_read(name, max(0, size - LONGEST)))
        found += list(turns)[::-1]
        if len(found) >= count:
            break
    return found[:count]


class Counting:
    """`GivenCounts` for a process that is asked again: nothing is read a second time."""

    def __init__(self) -> None:
        #: name -> inode, bytes that were counted, and the counts
        self._known: dict[str, tuple[int, int, GivenCounts]] = {}
        self._zone = ""

    def count(self, home: Home) -> GivenCounts:
        if self._zone != zone.name():  # its days are others
            self._known, self._zone = {}, zone.name()
        total = GivenCounts({}, Counter(), Counter())
        for name in maintenance.list_monthly(home, "recalled-"):
            counts = self._count_file(name)
            for day, numbers in counts.days.items():
                total.days[day] = _sum(total.days.get(day, (0, 0, 0)), numbers)
            total.events.update(counts.events)
            total.pages.update(counts.pages)
        return total

    def _count_file(self, name: str) -> GivenCounts:
        try:
            found = os.stat(name)
        except FileNotFoundError:  # retention was faster
            return GivenCounts({}, Counter(), Counter())
        inode, done, counts = self._known.get(name, (0, 0, GivenCounts({}, Counter(), Counter())))
        if inode != found.st_ino or found.st_size < done:
            done, counts = 0, GivenCounts({}, Counter(), Counter())
        data = _read(name, done)
        if end := data.rfind(b"\n") + 1:
            # another thread may be reading what is known
            counts = GivenCounts({**counts.days}, counts.events.copy(), counts.pages.copy())
            for turn in _parse(data[:end]):
                _add(counts, turn)
            self._known[name] = found.st_ino, done + end, counts
        return counts


def _sum(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _add(counts: GivenCounts, turn: GivenTurn) -> None:
    day = zone.to_day(clock.parse(turn.time)).isoformat()
    numbers = 1, len(turn.events), len(turn.pages)
    counts.days[day] = _sum(counts.days.get(day, (0, 0, 0)), numbers)
    counts.events.update(one.ref for one in turn.events)
    counts.pages.update(turn.pages)


def _read(name: str, start: int = 0) -> bytes:
    try:
        return files.read(name, start)
    except FileNotFoundError:
        return b""


def _parse(data: bytes) -> Iterator[GivenTurn]:
    """The turns of whole lines; what somebody else wrote there is passed over."""
    for value in maintenance.parse_lines(data):
        if _is_time(value.get("time")):
            pages, events = value.get("pages"), value.get("events")
            yield GivenTurn(
                value["time"], str(value.get("message", "")),
                list(filter(None, map(_to_event, events if isinstance(events, list) else ()))),
                [str(page) for page in (pages if isinstance(pages, list) else ())],
            )  # fmt: skip


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and clock.parse(value) <= zone.last_instant()
    except BadData:
        return False


def _to_event(value: Any) -> GivenEvent | None:
    if not isinstance(value, list) or len(value) != 6:
        return None
    ref, *numbers, pinned = value
    if any(type(one) not in (int, float) or not -9 < one < 9 for one in numbers):
        return None
    score, relevance, recency, penalty = map(float, numbers)
    return GivenEvent(str(ref), score, relevance, recency, penalty, bool(pinned))
