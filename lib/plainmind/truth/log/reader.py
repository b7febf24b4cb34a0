"""Reading windows: events of a window, the events at a reference. Writes nothing."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from ...formats.log import event as events
from ...ground import files, regular
from ...ground.errors import BadData, NoInput
from ...ground.paths import Home, window_sort_key

_HEADER = b"\n## "  # no line of a body begins so
_PIECE = 1 << 17  # bytes in which lines are counted at a time
_NEAR = 1 << 14  # bytes before and after a line that are parsed first


class HasTime(Protocol):
    @property
    def timestamp(self) -> str: ...


Timed = TypeVar("Timed", bound=HasTime)


class Window(NamedTuple):
    """One window's bytes, or a part of them, parsed. `path` is relative to the home."""

    path: str
    context: str
    data: bytes
    entries: list[events.RawEvent | events.Gap]

    def blocks(self) -> list[events.RawEvent]:
        return [entry for entry in self.entries if isinstance(entry, events.RawEvent)]

    def event(self, block: events.RawEvent) -> events.Event:
        return events.decode(block, self.path, self.context)

    def text(self, block: events.RawEvent) -> bytes:
        """The event as it stands, without the blank line after it."""
        return self.data[block.offset : block.end - 1]


def context_of(path: str) -> str:
    """`logs/discord-thread/123/x.md` -> `discord-thread/123`."""
    return "/".join(path.split("/")[1:3])


def read_window(home: Home, path: str) -> Window:
    """A window by its path: absolute, relative to the home, or to the working directory. NoInput,
    NotPermitted; BadData for what is not one."""
    part, file = _open(home, path)
    with file:
        data = file.read()
    return Window(part, context_of(part), data, events.scan(data))


def parse_window(path: str, data: bytes) -> Window:
    """A window of these bytes, whose path relative to the home this is."""
    return Window(path, context_of(path), data, events.scan(data))


def read_part(home: Home, path: str, line: int, end_line: int, margin: int = 0) -> Window:
    """The part of a window that has the events from one line to another, and at least `margin`
    events before and after, if there are so many. Nothing else is parsed; of what stands before,
    the lines are counted. As read_window."""
    part, file = _open(home, path)
    with file:
        at, near, size = _find_line(file, line), _NEAR, os.fstat(file.fileno()).st_size
        while at >= 0:
            start, end = max(0, at - near), min(at + near, size)
            file.seek(start)
            data, is_end = file.read(end - start), end == size
            # whole events: from one header to another
            first = data.find(_HEADER) + 1 if start else 0
            last = len(data) if is_end else data.rfind(_HEADER) + 1
            near *= 8
            if (start and not first) or first > at - start or (last <= at - start and not is_end):
                continue
            number = line - data.count(b"\n", first, at - start)
            data = data[first:last]
            found = Window(part, context_of(part), data, events.scan(data, number))
            before = sum(block.end_line < line for block in found.blocks())
            after = sum(block.line > end_line for block in found.blocks())
            is_whole = is_end or number + data.count(b"\n") > end_line and after >= margin
            if is_whole and (not start or before >= margin):
                return found
    return Window(part, context_of(part), b"", [])


def _open(home: Home, path: str) -> tuple[str, BinaryIO]:
    """A window's path relative to the home, and its file."""
    part = home.find(path)
    pieces = part.split(os.sep)
    if len(pieces) != 4 or pieces[0] != "logs" or not part.endswith(".md"):
        raise _describe(home, path, part)
    try:
        return part, regular.open_file(home.path(part))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NoInput(f"no such window: '{path}'", cure="see 'mem-log'") from None
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise NoInput(f"not a window, but a pipe or a device: '{path}'") from None
        raise files.to_failure(error) from None


def _find_line(file: BinaryIO, line: int) -> int:
    """The offset at which a line begins; -1 when the file has fewer."""
    at, left = 0, line - 1
    while left > 0:
        if not (piece := file.read(_PIECE)):
            return -1
        count = piece.count(b"\n")
        if count < left:
            at, left = at + len(piece), left - count
            continue
        end = 0
        for _ in range(left):
            end = piece.index(b"\n", end) + 1
        return at + end
    return at


def _describe(home: Home, path: str, part: str) -> BadData:
    """What a path is that is not a window's."""
    if part.startswith(("knowledge/", "memory/", "raw/")):
        return BadData(f"'{path}' is a page, not an event", cure="edit it, or delete it")
    if len(part.split(os.sep)) == 2 and home.list_windows(part):
        return BadData(f"'{path}' is a context", cure=f"see its events with 'mem-log -n 20 {part}'")
    cure = "give a path such as logs/discord-thread/123/20260130T142355Z.md"
    return BadData(f"'{path}' is not a window", cure=cure)


def find_events(opened: Window, line: int, end_line: int) -> list[events.RawEvent]:
    """The blocks that have a line from `line` to `end_line`. NoInput when there is none."""
    found = [b for b in opened.blocks() if b.line <= end_line and b.end_line >= line]
    if not found:
        place, cure = f"{opened.path}:{line}", "see the window with mem-show --window"
        raise NoInput("no event here", place=place, cure=cure)
    return found


def find_around(opened: Window, line: int, end_line: int, margin: int) -> list[events.RawEvent]:
    """The blocks at a range of lines, with `margin` more before and after."""
    blocks, wanted = opened.blocks(), find_events(opened, line, end_line)
    first, last = blocks.index(wanted[0]), blocks.index(wanted[-1])
    return blocks[max(0, first - margin) : last + margin + 1]


def read_conversation(home: Home, context: str) -> list[Window]:
    """The current window of a context, and before it those that it goes on from: where several
    machines have the memory, each writes windows of its own. Oldest first."""
    found: list[Window] = []
    for name in reversed(home.list_windows(context)):
        found.append(read_window(home, f"logs/{context}/{name}"))
        title = events.parse_title(found[-1].data)
        if not (title and title.goes_on):
            break
    return found[::-1]


def order_by_time(windows: Iterable[Iterable[Timed]]) -> list[tuple[str, int, Timed]]:
    """The events of windows by time, those of one in its order, each with the number of its window
    and the time at which it counts: where a window has times that go back, an event counts as old
    as the oldest after it. Those of one time are in the order of their windows."""
    keyed = []
    for number, window in enumerate(windows):
        at = "~"
        for place, event in reversed(list(enumerate(window))):
            at = min(at, event.timestamp)
            keyed.append((at, number, place, event))
    keyed.sort(key=lambda one: one[:3])
    return [(at, number, event) for at, number, _, event in keyed]


def find_run(home: Home, path: str, line: int, owns: Callable[[Any], bool]) -> int:
    """The line where the events begin that all have an id that `owns` knows, up to the one at
    `line`."""
    first = line
    for block in reversed(read_window(home, path).blocks()):
        if block.line < line and not owns(events.parse_meta(block).get("id")):
            break
        first = min(first, block.line)
    return first


def read_event(home: Home, text: str) -> events.Event:
    """The one event a reference points at (or into)."""
    from ...formats import reference

    ref = reference.parse(text)
    opened = read_part(home, ref.path, ref.line, ref.line)
    return opened.event(find_events(opened, ref.line, ref.line)[0])


def list_windows(home: Home, wanted: str | None = None, *, every: bool = False) -> Iterator[str]:
    """Paths of all windows, relative to the home, in the order they were started; or those of a
    context, or of a surface alone. `every`: as Home.list_windows, for who reports what cannot be
    read."""
    windows = [
        (window_sort_key(name), f"logs/{context}/{name}")
        for context in home.list_contexts(wanted)
        for name in home.list_windows(context, every=every)
    ]
    yield from (path for _, path in sorted(windows))
