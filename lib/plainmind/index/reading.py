"""Files to records: what was appended to windows and pins, and which pages changed.

Owns what 'up to date' means. For the logs there are two ways: `grown_windows` reads the journal of
window heads, which every append writes, and names only windows that grew; `changed_windows` looks
at every window, and then a window that changed is read as a whole. What the first one cannot see, a
person's own edit, `stands` finds in the few events that are about to be shown. Knows no engine.
"""

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from stat import S_ISREG
from typing import Any, NamedTuple

from ..formats.log import event as log_event
from ..formats.log import forgotten, injected_blocks
from ..ground import clock, file_states, files, regular
from ..ground.digests import digest_63
from ..ground.errors import Failure
from ..ground.paths import Home, window_sort_key

EMBEDDED = ("user", "agent")  # roles whose events get vectors
EPISODE_GAP = 3600 * 1000  # ms without a word that end a stretch of conversation
EPISODE_EVENTS = 30  # and its greatest length

#: without one of these an answer holds no thoughts, tokens or calls; answers are logged stripped
_MARKS = ("<", "◁", "[THINK]", "[INST]", "[/INST]", "[TOOL_CALLS]")
_OPENINGS = ("a", "c", "{", "[", "`")  # of JSON, harmony

#: what a terminal takes for a command, and would stick to the next word
_LINE = re.compile(r"[1-9]\d{0,11}\Z", re.ASCII)
_COLOUR = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]")


class FileState(NamedTuple):
    """What tells that a file changed. `changed` cannot be set back, as `modified` can."""

    inode: int
    modified: int  # ns
    changed: int  # ns; 0 when that was too lately to be trusted
    size: int


class WindowState(NamedTuple):
    """How far a window was read. `checksum` and the last event show that it still stands."""

    path: str
    context: str
    inode: int = 0
    modified: int = 0  # ns
    changed: int = 0  # ns; 0 when not all of it was read then, or that was too lately to be trusted
    size: int = 0
    read_to: int = 0  # the end of the last whole event
    last_offset: int = 0
    last_line: int = 1
    digest: str = ""
    events: int = 0
    checksum: int = 0  # CRC-32 of all bytes to `read_to`: it can go on where it was


class EventPlace(NamedTuple):
    """The bytes of an event in its window, and what tells that they are as they were."""

    offset: int
    size: int
    checksum: int


class NewEvent(NamedTuple):
    line: int
    end_line: int
    timestamp: str
    instant: int  # the same, ms since the epoch
    role: str
    author: str
    model: str  # that wrote it, as the log names it
    content: str  # less what a recall had injected into it
    place: EventPlace
    changes: tuple[tuple[str, int], ...] = ()  # (path, line) of events that it is in the place of
    usage: dict[str, Any] | None = None  # the event's meta, where it says what a model cost


class WindowReading(NamedTuple):
    """What reading a window gave. `again`: from its start, what was known of it is void."""

    state: WindowState
    events: list[NewEvent]
    again: bool


def window(
    home: Home, path: str, known: WindowState | None, *, whole: bool = False
) -> WindowReading | None:
    """The events of a window that are not known yet; None when it is gone, or cannot be read.
    `whole`: all of it is compared with what was read; else, of one that grew, the last event
    alone."""
    full = home.path(path)
    try:
        stat = os.stat(full)
    except FileNotFoundError:
        return None
    if not S_ISREG(stat.st_mode) or not os.access(full, os.R_OK):
        return None
    new = WindowState(path, "/".join(path.split("/")[1:3]))
    # an append makes a window longer; another file in its place, or another content of that length,
    # is an edit
    grown = known and (stat.st_mtime_ns == known.modified or stat.st_size > known.size)
    goes_on = grown and not whole and known and stat.st_ino == known.inode
    start = known.last_offset if known and goes_on else 0
    try:
        data = files.read(full, start)
    except PermissionError:  # it is one of secrets (ground.regular)
        return None
    again = known is not None and not _is_known(data, start, known)
    if again and start:
        data, start = files.read(full), 0
    state = new if again or not known else known
    blocks = _blocks(data[state.last_offset - start :], state.last_line, state.last_offset)
    blocks = blocks[1:] if state.events else blocks  # the event read last
    end = blocks[-1].end if blocks else state.read_to
    trusted = not start and file_states.is_settled(stat.st_ctime_ns)
    inode, modified, changed, size = file_states.state_of(stat)
    state = state._replace(
        inode=inode,
        modified=modified,
        changed=changed if trusted else 0,
        size=size,
        checksum=zlib.crc32(data[state.read_to - start : end - start], state.checksum),
    )
    if blocks:
        last = blocks[-1]
        state = state._replace(
            read_to=last.end,
            last_offset=last.offset,
            last_line=last.line,
            digest=last.digest,
            events=state.events + len(blocks),
        )
    events = [_event(block, data[block.offset - start : block.end - start]) for block in blocks]
    return WindowReading(state, events, again)


def _is_known(data: bytes, start: int, known: WindowState) -> bool:
    """Whether a window, or its end from the last event on, is as it was read."""
    if not start:
        return zlib.crc32(data[: known.read_to]) == known.checksum
    last = next(iter(_blocks(data, known.last_line, start)), None)
    return last is not None and (last.digest, last.offset) == (known.digest, start)


def stands(home: Home, path: str, places: Iterable[EventPlace]) -> bool:
    """Whether all of these events of a window are in its file as they were read."""
    try:
        with regular.open_file(home.path(path)) as file:
            for offset, size, checksum in places:
                file.seek(offset)
                if digest_63(file.read(size)) != checksum:
                    return False
    except OSError:
        return False
    return True


def _blocks(data: bytes, line: int, offset: int) -> list[log_event.RawEvent]:
    found = [entry for entry in log_event.scan(data, line) if isinstance(entry, log_event.RawEvent)]
    if not offset:
        return found
    return [b._replace(offset=b.offset + offset, end=b.end + offset) for b in found]


def _event(block: log_event.RawEvent, data: bytes) -> NewEvent:
    meta = log_event.parse_meta(block) if block.meta else {}
    author, model = (utf8(str(meta.get(key) or "")) for key in ("author", "model"))
    # of what was taken back nothing is recalled, and not that it was
    silent = forgotten.is_silent(block)
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
        utf8(content), EventPlace(block.offset, len(data), digest_63(data)),
        _changes(block.role, meta), meta if type(meta.get("usage")) is dict else None,
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
    replaced, or the machine was started since (its last lines need not have reached the disk); or a
    line of it is damaged.
    """
    now = journal_position(home)
    if not seen or not now["boot"] or seen["size"] > now["size"]:
        return None
    if (seen["boot"], seen["inode"]) != (now["boot"], now["inode"]):
        return None
    # one that was emptied, or removed and made again with the same inode, may have any size now
    has_grown = seen["size"] < now["size"]
    tail = _journal_tail(home, seen["size"]) if has_grown else now["tail"]
    if seen.get("tail") != tail:
        return None
    if not has_grown:
        return [], now
    from ..formats.log import window_heads

    data = files.read(home.window_heads, seen["size"])
    whole = data[: data.rfind(b"\n") + 1]
    size = seen["size"] + len(whole)
    position = {**now, "size": size, "tail": _journal_tail(home, size)}
    heads = window_heads.parse(whole)
    if len(heads) < whole.count(b"\n"):
        return None
    return sorted(window_heads.latest_by_window(heads)), position


class WindowLook(NamedTuple):
    """What a look at every window found. `folders`: the two times of each context's together, 0
    when it is to be listed again."""

    changed: list[str]  # and new
    gone: list[str]
    folders: dict[str, int]


def changed_windows(home: Home, known: Mapping[str, int], listed: Mapping[str, int]) -> WindowLook:
    """Compare every window with what is known of it: its two times (FileState) together, of which
    at least one is another after any change; so does a folder that was `listed`, when a name comes.
    A window costs a look at its file, and little more (docs/decisions/log.md)."""
    root, stat = f"{home.root}/", os.stat
    try:
        changed = [
            path
            for path, before in known.items()
            if (at := stat(root + path)).st_mtime_ns + at.st_ctime_ns != before
        ]
        gone = []
    except (FileNotFoundError, NotADirectoryError):
        times = {path: _times_or_none(root + path) for path in known}
        changed = [path for path, at in times.items() if at not in (None, known[path])]
        gone = [path for path, at in times.items() if at is None]
    folders = {}
    for context in home.list_contexts():
        folder = f"logs/{context}"
        try:
            at = stat(root + folder)
        except FileNotFoundError:  # gone meanwhile
            continue
        folders[folder] = at.st_mtime_ns + at.st_ctime_ns
        if folders[folder] != listed.get(folder):
            names = home.list_windows(context)
            changed += [path for name in names if (path := f"{folder}/{name}") not in known]
            everything = home.list_windows(context, every=True)
            if not file_states.is_settled(at.st_ctime_ns) or len(names) < len(everything):
                folders[folder] = 0  # a link may lead to a window later
    started = lambda path: (window_sort_key(os.path.basename(path)), path)
    return WindowLook(sorted(changed, key=started), gone, folders)


def journal_position(home: Home) -> dict[str, Any]:
    """How far the journal of window heads goes; JSON."""
    inode, _, _, size = _state_or_zeros(home.window_heads)
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


def is_away(home: Home) -> bool:
    """Whether a disk with files of the home is not there: nobody removed them."""
    folders = (home.logs, home.path("knowledge"), home.path("raw"))
    return any(os.path.islink(folder) and not os.path.isdir(folder) for folder in folders)


def pins_state(home: Home) -> list[int]:
    """What tells that the pins changed; JSON."""
    return _state_or_zeros(home.pins)


def _times_or_none(path: str) -> int | None:
    try:
        at = os.stat(path)
        return at.st_mtime_ns + at.st_ctime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None


def _state_or_zeros(path: str) -> list[int]:
    try:
        return list(file_states.state_of(os.stat(path)))
    except FileNotFoundError:
        return [0, 0, 0, 0]


def pins(home: Home) -> list[tuple[str, int]]:
    """(path, line) of every pinned event."""
    from ..formats.log.pins import parse

    try:
        return [(pin.path, pin.line) for pin in parse(files.read(home.pins))]
    except FileNotFoundError:
        return []


# --- pages


class PageFile(NamedTuple):
    """A page whose file looks new or changed. `data` is None when it cannot be read."""

    path: str
    state: FileState
    data: bytes | None
    digest: str


def changed_pages(
    home: Home, known: Mapping[str, Sequence[int]]
) -> tuple[list[PageFile], list[str]]:
    """(pages whose files look new or changed, pages that are gone)."""
    from ..truth.pages import page_files

    before = dict(known)
    found: list[tuple[str, FileState]] = []
    for path, entry in page_files.list_recalled(home):
        try:
            state = file_states.state_of(entry.stat())
        except FileNotFoundError:  # gone meanwhile
            before.pop(path, None)
            continue
        if state != before.pop(path, None) and page_files.is_printable(path):
            found.append((path, FileState(*state)))
    return list(_page_files(home, found)), sorted(before)


def _page_files(home: Home, found: list[tuple[str, FileState]]) -> Iterator[PageFile]:
    if not found:
        return
    import hashlib

    contents = [page_content(home, path) for path, _ in found]
    for (path, state), data in zip(found, contents, strict=True):
        digest = hashlib.sha256(data).hexdigest() if data is not None else ""
        yield PageFile(path, FileState(*file_states.settle(state)), data, digest)


def embedded_text(title: str, passage: str) -> str:
    """What is embedded of a passage: the page's title, and what it says."""
    passage = passage.strip()
    return f"{title}\n{passage}" if passage and not passage.startswith("#") else passage


def page_content(home: Home, path: str) -> bytes | None:
    """A page's bytes; None when it is gone, cannot be read, or is another program's and not text:
    then it is not recalled."""
    from ..truth.pages import page_files

    try:
        data = page_files.read_content(home, path)
    except (OSError, Failure):
        return None
    return None if page_files.is_foreign(path) and b"\0" in data else data
