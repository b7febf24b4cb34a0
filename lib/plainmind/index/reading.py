"""Files to records: what was appended to windows and pins, and which pages changed.

Owns what 'up to date' means. For the logs there are two ways: `grown_windows` reads the journal of
window heads, which every append writes, and names only windows that grew; `changed_windows` looks
at every window. Knows no engine.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from stat import S_ISREG
from typing import Any, NamedTuple

from ..formats.log import event as log_event
from ..formats.log import forgotten, injected_blocks
from ..ground import clock, files
from ..ground.errors import Failure
from ..ground.paths import Home

EMBEDDED = ("user", "agent")  # roles whose events get vectors
EPISODE_GAP = 3600 * 1000  # ms without a word that end a stretch of conversation
EPISODE_EVENTS = 30  # and its greatest length

#: a file changed within this time of being read may change again without its time showing it
UNSETTLED = 2_000_000_000  # ns

#: without one of these an answer holds no thoughts, tokens or calls; answers are logged stripped
_MARKS = ("<", "◁", "[THINK]", "[INST]", "[/INST]", "[TOOL_CALLS]")
_OPENINGS = ("a", "c", "{", "[", "`")  # of JSON, harmony

#: what a terminal takes for a command, and would stick to the next word
_LINE = re.compile(r"[1-9]\d{0,11}\Z", re.ASCII)
_COLOUR = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]")


class WindowState(NamedTuple):
    """How far a window was read; the last event shows that what was read still stands."""

    path: str
    context: str
    inode: int = 0
    modified: int = 0  # ns
    size: int = 0
    read_to: int = 0  # the end of the last whole event
    last_offset: int = 0
    last_line: int = 1
    digest: str = ""
    events: int = 0


class NewEvent(NamedTuple):
    line: int
    end_line: int
    timestamp: str
    instant: int  # the same, ms since the epoch
    role: str
    author: str
    model: str  # that wrote it, as the log names it
    content: str  # less what a recall had injected into it
    changes: tuple[tuple[str, int], ...] = ()  # (path, line) of events that it is in the place of


class WindowReading(NamedTuple):
    """What reading a window gave. `again`: from its start, what was known of it is void."""

    state: WindowState
    events: list[NewEvent]
    again: bool


def window(home: Home, path: str, known: WindowState | None) -> WindowReading | None:
    """The events of a window that are not known yet; None when the window is gone."""
    full = home.path(path)
    try:
        stat = os.stat(full)
    except FileNotFoundError:
        return None
    if not S_ISREG(stat.st_mode):
        return None
    blocks: list[log_event.RawEvent] = []
    again = False
    # an append makes a window longer; another file in its place, or another content of that length,
    # is an edit
    grown = known and (stat.st_mtime_ns == known.modified or stat.st_size > known.size)
    if known and (stat.st_ino != known.inode or not grown):
        known, again = None, True
    if known:
        blocks = _blocks(files.read(full, known.last_offset), known.last_line, known.last_offset)
        if known.events:
            # the event read last must still be where it was; then all before it is as it was read
            place = known.digest, known.last_offset
            if blocks and (blocks[0].digest, blocks[0].offset) == place:
                del blocks[0]
            else:
                known, again = None, True
    if not known:
        blocks = _blocks(files.read(full), 1, 0)
        surface, context_id = path.split("/")[1:3]
        known = WindowState(path, f"{surface}/{context_id}")
    known = known._replace(inode=stat.st_ino, modified=stat.st_mtime_ns, size=stat.st_size)
    if blocks:
        last = blocks[-1]
        known = known._replace(
            read_to=last.end,
            last_offset=last.offset,
            last_line=last.line,
            digest=last.digest,
            events=known.events + len(blocks),
        )
    return WindowReading(known, [_event(block) for block in blocks], again)


def _blocks(data: bytes, line: int, offset: int) -> list[log_event.RawEvent]:
    found = [entry for entry in log_event.scan(data, line) if isinstance(entry, log_event.RawEvent)]
    if not offset:
        return found
    return [b._replace(offset=b.offset + offset, end=b.end + offset) for b in found]


def _event(block: log_event.RawEvent) -> NewEvent:
    meta = log_event.parse_meta(block) if block.meta else {}
    author, model = (utf8(str(meta.get(key) or "")) for key in ("author", "model"))
    # of what was taken back nothing is recalled, and not that it was
    silent = forgotten.is_blank(block) or forgotten.parse_record(block)
    text = "" if silent else log_event.decode_content(block)
    content = _COLOUR.sub("", injected_blocks.strip(text, echoes=block.role in ("agent", "tool")))
    if block.role == "tool":
        content = injected_blocks.strip_recalled_lines(content)
    elif block.role == "agent" and (content[:1] in _OPENINGS or any(m in content for m in _MARKS)):
        from ..formats import answer  # its patterns take milliseconds to compile

        content = answer.clean(content)  # earlier versions logged thoughts, too
    instant = clock.parse(block.timestamp)
    return NewEvent(
        block.line, block.end_line, block.timestamp, instant, block.role, author, model,
        utf8(content), _changes(block.role, meta),
    )  # fmt: skip


def _changes(role: str, meta: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """The events that one says it is a change of (discord-relay: a message was edited)."""
    refs = meta.get("changes") if role == "system" else None
    places = [str(ref).rpartition(":") for ref in refs] if isinstance(refs, list) else []
    return tuple((utf8(path), int(line)) for path, _, line in places if _LINE.match(line))


def utf8(text: str) -> str:
    """Text as a database takes it: what came in as bytes that are not UTF-8 becomes '?'."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# --- what changed


def grown_windows(
    home: Home, seen: Mapping[str, Any] | None
) -> tuple[list[str], dict[str, Any]] | None:
    """(windows that the journal names after the position `seen`, the position now).

    None when the journal cannot tell, and all windows are to be looked at: it is new or was
    replaced, or the machine was started since (its last lines need not have reached the disk).
    """
    now = journal_position(home)
    if not seen or not now["boot"] or seen["size"] > now["size"]:
        return None
    if (seen["boot"], seen["inode"]) != (now["boot"], now["inode"]):
        return None
    # one that was emptied, or removed and made again with the same inode, may have any size now
    if seen.get("tail") != _journal_tail(home, seen["size"]):
        return None
    if seen["size"] == now["size"]:
        return [], now
    from ..formats.log import window_heads

    data = files.read(home.window_heads, seen["size"])
    whole = data[: data.rfind(b"\n") + 1]
    size = seen["size"] + len(whole)
    position = {**now, "size": size, "tail": _journal_tail(home, size)}
    return sorted(window_heads.latest_by_window(window_heads.parse(whole))), position


def changed_windows(
    home: Home, known: Iterable[tuple[str, int, int, int]]
) -> tuple[list[str], list[str]]:
    """(windows that are new or changed, windows that are gone), compared with what is known of
    each: (path, inode, modified, size)."""
    from ..truth.log import reader

    before = {path: state for path, *state in known}
    paths = []
    for path in reader.list_windows(home):
        stat = os.stat(home.path(path))
        if before.pop(path, None) != [stat.st_ino, stat.st_mtime_ns, stat.st_size]:
            paths.append(path)
    return paths, sorted(before)


def journal_position(home: Home) -> dict[str, Any]:
    """How far the journal of window heads goes; JSON."""
    inode, _, size = _state(home.window_heads)
    tail = _journal_tail(home, size)
    return {"inode": inode, "size": size, "boot": clock.boot_id(), "tail": tail}


def _journal_tail(home: Home, size: int) -> str:
    """What stands in the journal before `size`: its last line has a digest that no other has."""
    if not size:
        return ""
    start = max(0, size - 256)
    try:
        return files.read(home.window_heads, start, size - start).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def pins_state(home: Home) -> list[int]:
    """What tells that the pins changed; JSON."""
    return _state(home.pins)


def _state(path: str) -> list[int]:
    """Inode, modification time in ns and size of a file; zeros when there is none."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return [0, 0, 0]
    return [stat.st_ino, stat.st_mtime_ns, stat.st_size]


def pins(home: Home) -> list[tuple[str, int]]:
    """(path, line) of every pinned event."""
    from ..formats.log.pins import parse

    try:
        return [(pin.path, pin.line) for pin in parse(files.read(home.pins))]
    except FileNotFoundError:
        return []


# --- pages


class FileState(NamedTuple):
    """What tells that a page's file changed."""

    inode: int
    modified: int  # ns; 0 when that was too lately to be trusted
    size: int


class PageFile(NamedTuple):
    """A page whose file looks new or changed. `data` is None when it cannot be read."""

    path: str
    state: FileState
    data: bytes | None
    digest: str


def changed_pages(home: Home, known: Mapping[str, FileState]) -> tuple[list[PageFile], list[str]]:
    """(pages whose files look new or changed, pages that are gone)."""
    from ..truth.pages import page_files

    before = dict(known)
    found: list[tuple[str, os.stat_result]] = []
    for path, entry in page_files.list_recalled(home):
        if not page_files.is_printable(path):
            continue
        state = before.pop(path, None)
        try:
            stat = entry.stat()
        except FileNotFoundError:  # gone meanwhile
            continue
        if state != (stat.st_ino, stat.st_mtime_ns, stat.st_size):
            found.append((path, stat))
    return list(_page_files(home, found)), sorted(before)


def _page_files(home: Home, found: list[tuple[str, os.stat_result]]) -> Iterator[PageFile]:
    contents = [page_content(home, path) for path, _ in found]
    now = clock.system_now() * 1_000_000
    for (path, stat), data in zip(found, contents, strict=True):
        modified = stat.st_mtime_ns if now - stat.st_mtime_ns > UNSETTLED else 0
        digest = hashlib.sha256(data).hexdigest() if data is not None else ""
        yield PageFile(path, FileState(stat.st_ino, modified, stat.st_size), data, digest)


def page_content(home: Home, path: str) -> bytes | None:
    """A page's bytes; None when it is gone, cannot be read, or is another program's and not text:
    then it is not recalled."""
    from ..truth.pages import page_files

    try:
        data = page_files.read_content(home, path)
    except (OSError, Failure):
        return None
    return None if page_files.is_foreign(path) and b"\0" in data else data
