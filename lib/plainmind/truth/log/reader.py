"""Reading windows: events of a window, the events at a reference. Writes nothing."""

import errno
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...formats import reference
from ...formats.log import event as events
from ...ground import files
from ...ground.errors import BadData, NoInput
from ...ground.paths import Home, window_sort_key


class Window(NamedTuple):
    """One window's bytes, parsed. `path` is relative to the home."""

    path: str
    context: str
    data: bytes
    entries: list[events.RawEvent | events.Gap]

    def blocks(self) -> list[events.RawEvent]:
        return [entry for entry in self.entries if isinstance(entry, events.RawEvent)]

    def event(self, block: events.RawEvent) -> events.Event:
        return events.decode(block, self.path, self.context)

    def text(self, block: events.RawEvent) -> bytes:
        """The event as it stands in the file, without the blank line after it."""
        return self.data[block.offset : block.end - 1]


def context_of(path: str) -> str:
    """`logs/discord-thread/123/x.md` -> `discord-thread/123`."""
    return "/".join(path.split("/")[1:3])


def read_window(home: Home, path: str) -> Window:
    """A window by its path: absolute, relative to the home, or to the working directory. NoInput,
    NotPermitted; BadData for what is not one."""
    part = home.find(path)
    pieces = part.split(os.sep)
    if len(pieces) != 4 or pieces[0] != "logs" or not part.endswith(".md"):
        raise _describe(home, path, part)
    try:
        data = files.read(home.path(part))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NoInput(f"no such window: '{path}'", cure="see 'mem-log'") from None
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise NoInput(f"not a window, but a pipe or a device: '{path}'") from None
        raise files.to_failure(error) from None
    return Window(part, context_of(part), data, events.scan(data))


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
    ref = reference.parse(text)
    opened = read_window(home, ref.path)
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
