"""Windows to records: what was appended to one since it was read. Knows no engine."""

import os
import re
import zlib
from stat import S_ISREG
from typing import Any, NamedTuple

from ..formats.log import event as log_event
from ..formats.log import forgotten, injected_blocks
from ..ground import clock, file_states, files
from ..ground.digests import digest_63
from ..ground.paths import Home
from .reading import EventPlace, utf8

EPISODE_GAP = 3600 * 1000  # ms without a word that end a stretch of conversation
EPISODE_EVENTS = 30  # and its greatest length

#: without one of these an answer holds no thoughts, tokens or calls; answers are logged stripped
_MARKS = ("<", "◁", "[THINK]", "[INST]", "[/INST]", "[TOOL_CALLS]")
_OPENINGS = ("a", "c", "{", "[", "`")  # of JSON, harmony

#: what a terminal takes for a command, and would stick to the next word
_LINE = re.compile(r"[1-9]\d{0,11}\Z", re.ASCII)
_COLOUR = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]")


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
