"""What the logs hold, from the files alone: contexts and windows with their events and last words;
the last events, and those that come. Refuses to know an index."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from heapq import nlargest
from itertools import accumulate, islice
from stat import S_ISREG
from typing import Any, NamedTuple

from ...formats.log import event as events
from ...formats.log import window_heads
from ...ground import clock, files, stream
from ...ground.errors import BadData, NoInput
from ...ground.paths import Home, is_within
from ...ground.zone import last_instant, to_local
from . import reader
from .window_notes import WindowNote, WindowNotes, list_times, take_note

PAUSE = 0.25  # seconds between two looks at logs that are followed
LONGEST = 160  # characters of an event's words on a line
_FIRST = 4096  # bytes of the first look at the end of a window
_HEADER = b"\n## "  # no line of a body begins so

Selects = Callable[[events.RawEvent], bool]
Summarize = Callable[[Home, str], "Summary"]

# --- contexts and windows

WINDOW_KEYS = ("path", "context", "events", "timestamp", "role", "author", "content")
CONTEXT_KEYS = ("context", "windows", *(key for key in WINDOW_KEYS if key != "context"))


class Summary(NamedTuple):
    """Of a window, or of all of a context's: how many events, and the last one, if there is any.
    `path` is that of the last window."""

    path: str
    context: str
    windows: int
    events: int
    last: events.Event | None

    @property
    def time(self) -> str:
        """When it last changed, as far as the log says; '' where it does not."""
        return self.last.timestamp if self.last else find_start(self.path)

    @property
    def words(self) -> str:
        """Who said what last; '' when nobody said anything."""
        return _words(self.last) if self.last else ""

    def record(self, keys: tuple[str, ...]) -> dict[str, Any]:
        last = self.last
        said = (last.role, last.author, last.content) if last else ("", "", "")
        values = {**self._asdict(), "timestamp": last.timestamp if last else ""}
        values |= dict(zip(("role", "author", "content"), said))
        return {key: values[key] for key in keys}

    def row(self, name: str, *counts: int) -> str:
        """`name<TAB>counts<TAB>time<TAB>words`."""
        told = _told(self.time) if self.time else ""
        return "\t".join([name, *map(str, counts), told, self.words]).rstrip("\t")


def list_contexts(
    home: Home,
    wanted: str | None,
    summarize: Summarize | None = None,
    complain: Callable[[OSError], None] | None = None,
) -> list[Summary]:
    """The contexts, or those of a surface, the one that changed last first. `summarize` may know
    windows from before; with `complain`, a folder that cannot be read is left out."""
    if summarize is None:
        with WindowNotes(home) as notes:
            return list_contexts(home, wanted, partial(_summarize_once, notes, set()), complain)
    found = []
    for context in home.list_contexts(wanted):
        try:
            windows = list_windows(home, context, summarize)
        except OSError as error:
            if complain is None:
                raise
            complain(error)
            continue
        if windows:
            total = sum(window.events for window in windows)
            last = next((window.last for window in windows if window.last), None)
            found.append(Summary(windows[0].path, context, len(windows), total, last))
    return sorted(found, key=lambda one: (one.time, one.context), reverse=True)


def list_windows(home: Home, context: str, summarize: Summarize | None = None) -> list[Summary]:
    """The windows of a context, newest first, without those that were removed meanwhile."""
    if summarize is None:
        with WindowNotes(home) as notes:
            return list_windows(home, context, partial(_summarize, notes))
    found = []
    for name in reversed(home.list_windows(context)):
        with suppress(FileNotFoundError):
            found.append(summarize(home, f"logs/{context}/{name}"))
    return found


def check_there(home: Home, wanted: str | None) -> None:
    """NoInput when nothing is logged in a context, or in any of a surface."""
    if missing := describe_missing(home, wanted):
        raise NoInput(missing, cure="see 'mem-log' for those that there are")


def describe_missing(home: Home, wanted: str | None) -> str:
    """What is said of a context, or of a surface, in which nothing is logged; '' if there is."""
    if not wanted or any(map(home.list_windows, home.list_contexts(wanted))):
        return ""
    return f"no such {'context' if '/' in wanted else 'surface'}: '{wanted}'"


def summarize_window(home: Home, path: str) -> Summary:
    return _summarize_noted(take_note(files.read(home.path(path))), home, path)


def _summarize(notes: WindowNotes, home: Home, path: str) -> Summary:
    return _summarize_noted(notes.read(path), home, path)


def _summarize_once(notes: WindowNotes, told: set[str], home: Home, path: str) -> Summary:
    """The same, with the last event of one window of a context, the first that is asked for."""
    context, note = reader.context_of(path), notes.read(path)
    if context in told:
        return Summary(path, context, 1, note.events, None)
    found = _summarize_noted(note, home, path)
    told.update([context] * bool(found.last))
    return found


def _summarize_noted(note: WindowNote, home: Home, path: str) -> Summary:
    context, last = reader.context_of(path), None
    if note.offset >= 0:
        found = events.scan(files.read(home.path(path), note.offset), note.line)
        if found and isinstance(found[0], events.RawEvent):
            last = events.decode(found[0], path, context)
    return Summary(path, context, 1, note.events, last)


def find_start(path: str) -> str:
    """When a window was begun, by its name; '' for another name, as a person may give."""
    try:
        return clock.to_text(clock.parse(os.path.basename(path)[:16]))
    except BadData:
        return ""


# --- events


def row_of_event(event: events.Event) -> str:
    """`path:line: time who: words`."""
    return f"{event.ref}: {_told(event.timestamp)} {_words(event)}"


def select(since: int | None, until: int | None, role: str | None) -> tuple[str, str, Selects]:
    """From which timestamp on, and up to which one ('' and '~' are any), and which events, are of a
    role (None is any) between two instants."""
    first = "" if since is None else clock.to_text(since)
    last = "~" if until is None else clock.to_text(until)
    return first, last, lambda one: first <= one.timestamp <= last and role in (None, one.role)


def read_latest(
    home: Home,
    sizes: dict[str, int],
    count: int | None,
    since: str,
    selects: Selects,
    until: str = "~",
) -> list[events.Event]:
    """The last `count` events that `selects` allows, oldest first; all when it is None. `sizes` are
    the windows to look at, and how much of each; no event before `since` or after `until`, which
    are timestamps, is allowed."""
    with WindowNotes(home) as notes:
        found = {path: notes.find(path, many=len(sizes)) for path in sizes}
    known = {path: note for path, note in found.items() if note}
    wanted = {
        path: size
        for path, size in sizes.items()
        if path not in known or known[path].first <= until and since <= known[path].last
    }
    if since:
        latest = _merge(
            _read_since(home, path, size, since, selects) for path, size in wanted.items()
        )
    else:
        latest = _read_last(home, wanted, known, count, selects)
    return latest if count is None else latest[max(0, len(latest) - count) :]


def _merge(windows: Iterable[list[events.Event]]) -> list[events.Event]:
    """The events of windows by time (reader.order_by_time)."""
    some = sorted(filter(None, map(list, windows)), key=lambda window: window[0].path)
    return [event for *_, event in reader.order_by_time(some)]


def _read_since(
    home: Home, path: str, size: int, since: str, selects: Selects
) -> list[events.Event]:
    data, context = files.read(home.path(path), 0, size), reader.context_of(path)
    if not any(time >= since.encode() for time in list_times(data)):
        return []
    blocks = (entry for entry in events.scan(data) if isinstance(entry, events.RawEvent))
    return [events.decode(block, path, context) for block in blocks if selects(block)]


def _read_last(
    home: Home,
    sizes: dict[str, int],
    known: dict[str, WindowNote],
    count: int | None,
    selects: Selects,
) -> list[events.Event]:
    """The last `count` of each window that can have any of the last of all."""
    ends = []
    for path, size in sizes.items():
        if note := known.get(path):
            ends.append((note.last, path))
        elif last := next(filter(selects, _read_back(home.path(path), size)), None):
            ends.append((last.timestamp, path))
    windows: list[list[events.Event]] = []
    times: list[str] = []  # as old as they count
    for timestamp, path in sorted(ends, reverse=True) if count != 0 else []:
        if count is not None and len(times) >= count and timestamp < nlargest(count, times)[-1]:
            break
        windows.append(_read_end(home, path, sizes[path], count, selects))
        times += accumulate((event.timestamp for event in reversed(windows[-1])), min)
    return _merge(windows)


def _read_end(
    home: Home, path: str, size: int, count: int | None, selects: Selects
) -> list[events.Event]:
    full, window = home.path(path), []
    before: bytes | None = None
    for block in islice(filter(selects, _read_back(full, size)), count):
        before = files.read(full, 0, size) if before is None else before
        line = before.count(b"\n", 0, block.offset) + 1
        block = block._replace(line=line, end_line=line + block.end_line - block.line)
        window.append(events.decode(block, path, reader.context_of(path)))
    return window[::-1]


def _read_back(full: str, size: int) -> Iterator[events.RawEvent]:
    """The events in the first `size` bytes of a window, the last one first. Their lines are not
    those of the file."""
    length, end = _FIRST, size
    while True:
        start = max(0, size - length)
        data = files.read(full, start, size - start)
        while (at := data.rfind(_HEADER, 0, end - start) + 1) > 0:
            entry = events.scan(data[at : end - start])[0]
            end = start + at
            if isinstance(entry, events.RawEvent):
                yield entry._replace(offset=end, end=end + entry.end)
        if not start:
            return
        length *= 8


def _words(event: events.Event) -> str:
    words = " ".join(event.content.split())
    words = re.sub(r"\A\(forgotten\)(?: \(forgotten\))+\Z", "(forgotten)", words)
    cut = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return f"{event.author or event.role}: {cut}".rstrip()


def _told(timestamp: str) -> str:
    return f"{to_local(min(clock.parse(timestamp), last_instant())):%Y-%m-%d %H:%M}"


# --- following


def list_sizes(home: Home, wanted: str | None) -> dict[str, int]:
    """The windows of a context, of a surface, or all, and their sizes in bytes now."""
    return {path: os.path.getsize(home.path(path)) for path in reader.list_windows(home, wanted)}


def follow(
    home: Home, wanted: str | None, sizes: dict[str, int], selects: Selects
) -> Iterator[events.Event]:
    """What comes after `sizes` was taken, until nobody reads it."""
    follower = Follower(home, wanted, sizes, selects)
    while not stream.reader_left():
        yield from follower.read_new()
        stream.flush()
        clock.sleep(PAUSE)


class Follower:
    """What is appended to windows, and to new ones, after `sizes` was taken: every event once."""

    def __init__(self, home: Home, wanted: str | None, sizes: dict[str, int], selects: Selects):
        self.home, self.wanted, self.selects = home, wanted, selects
        self._sizes = sizes
        self._read: dict[str, _Place] = {}
        self._journal = (0, 0)
        self._look_again = 0.0

    def read_new(self) -> list[events.Event]:
        """What came since the last call, oldest first."""
        return _merge(list(self._read_window(path)) for path in self._changed())

    def _changed(self) -> list[str]:
        """Windows that the journal names since the last look; now and then, all there are, for its
        lines may be lost, and others may write windows without it."""
        try:
            stat = os.stat(self.home.window_heads)
            now = (stat.st_ino, stat.st_size)
        except FileNotFoundError:
            now = (0, 0)
        before, self._journal = self._journal, now
        started = clock.monotonic()
        if started >= self._look_again or before[0] != now[0] or before[1] > now[1]:
            paths = list(reader.list_windows(self.home, self.wanted))
            grown = [path for path in paths if self._is_grown(path)]
            # at ten thousand windows, a look takes a tenth of a second
            self._look_again = clock.monotonic() + max(1.0, 20 * (clock.monotonic() - started))
            return grown
        if before == now:
            return []
        data = files.read(self.home.window_heads, before[1])
        whole = data[: data.rfind(b"\n") + 1]
        self._journal = (now[0], before[1] + len(whole))
        named = window_heads.latest_by_window(window_heads.parse(whole))
        return [path for path in named if is_within(reader.context_of(path), self.wanted)]

    def _is_grown(self, path: str) -> bool:
        size = os.path.getsize(self.home.path(path))
        place = self._read.get(path)
        return size != (place.size if place else self._sizes.get(path, 0))

    def _read_window(self, path: str) -> Iterator[events.Event]:
        """Events after the place that was read. A torn one at the end waits to be whole. Of a
        window that was replaced, or cut, lines that were shown are not shown again."""
        full = self.home.path(path)
        try:
            stat = os.stat(full)
        except FileNotFoundError:
            return
        is_cut = path not in self._read and stat.st_size < self._sizes.get(path, 0)
        if is_cut or not S_ISREG(stat.st_mode):
            return
        place = self._read.get(path) or self._first_place(path, full)
        start = place
        if place.inode != stat.st_ino or stat.st_size < place.offset:
            start = _Place(stat.st_ino, 0, 1, 0)
        data = files.read(full, start.offset, stat.st_size - start.offset)
        offset, line = start.offset, start.line
        for block in events.scan(data, start.line):
            if isinstance(block, events.RawEvent):
                offset, line = start.offset + block.end, block.end_line + 2
                if block.line >= max(place.line, place.shown) and self.selects(block):
                    yield events.decode(block, path, reader.context_of(path))
        shown = max(line, place.line, place.shown)
        self._read[path] = _Place(stat.st_ino, offset, line, stat.st_size, shown)

    def _first_place(self, path: str, full: str) -> "_Place":
        """Where the window ended when `sizes` was taken, after its last whole event."""
        size = self._sizes.get(path, 0)
        inode = os.stat(full).st_ino
        last = next(_read_back(full, size), None) if size else None
        if last is None:
            return _Place(inode, 0, 1, size)
        return _Place(inode, last.end, files.read(full, 0, last.end).count(b"\n") + 1, size)


class _Place(NamedTuple):
    """How far a window was read: after its last whole event, at the beginning of a line. `size` is
    all that was looked at; lines before `shown` are not shown again."""

    inode: int
    offset: int
    line: int
    size: int
    shown: int = 0
