"""What the last scan saw, `remind/seen.json`: it shows a clock or a file that is not what it was.

Owns the suspicions and when each is told: once. Losing this file costs nothing but one suspicion.
Written only when something changed, not every minute.
"""

import json
import os
import re
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple

from ..formats import copies
from ..formats.reminder import reminder as grammar
from ..formats.reminder.reminder import Contents
from ..ground import clock, files, regular, stream
from ..ground.errors import Busy
from ..ground.paths import Home

JUMP = 3 * 3600 * clock.SECOND
DRIFT = 10 * clock.SECOND  # what a clock is set by without anybody calling it a jump
_MARKER = re.compile(rb"^(?:<{7} |>{7} )", re.M)


class LastScan(NamedTuple):
    boot: str = ""
    offset: int = 0  # the clock less the time since boot
    jump: int | None = None  # another one, which the next scan may confirm
    reminders: bool = False  # there were some
    ended: bool = False  # the file ended with the end of a line
    unended: str = ""  # the file that did not: what it was, for the next scan to confirm
    told: str = ""  # the suspicion that was told last
    quiet: str = ""  # the file of which nothing was due or left to do,
    since: int = 0  # when that was so,
    until: int = 0  # and when it may end
    nearly: bool = False  # lines of the file were nearly reminders

    def is_quiet(self, mark: str, now: int) -> bool:
        """Whether the file is that one still. A clock that was set back is another matter."""
        in_time = self.since <= now < self.until <= self.since + clock.DAY
        return mark != "" and mark == self.quiet and in_time


def path_of(home: Home) -> str:
    return home.path("remind", "seen.json")


def load(path: str) -> LastScan:
    """What is there; nothing, where that is not what we wrote."""
    try:
        seen = LastScan(**json.loads(files.read(path)))
    except (ValueError, TypeError, RecursionError):
        return LastScan()
    except OSError:
        if os.path.isfile(path) and not os.path.islink(path):
            raise
        return LastScan()  # nothing, or a pipe, a folder, a link: `save` makes way
    good = all(_is_like(value, usual) for value, usual in zip(seen, LastScan(), strict=True))
    return seen if good else LastScan()


def _is_like(value: Any, usual: Any) -> bool:
    return type(value) is type(usual) or (usual is None and type(value) is int)


def save(path: str, before: LastScan, now: LastScan) -> None:
    if now != before:
        if os.path.isdir(path) and not os.path.islink(path):
            regular.set_aside(path)
        files.replace(path, stream.json_record(now._asdict()))


def expect_none(home: Home) -> None:
    """A change of ours has taken the last reminder out of the file, which is not suspicious.

    When a scan is at work for long, or nothing can be written, the next one wonders, once.
    """
    path = path_of(home)
    if os.path.exists(path):
        with suppress(Busy, OSError), hold_lock(home, wait=1.0):
            before = load(path)
            save(path, before, before._replace(reminders=False))


def hold_lock(home: Home, wait: float = 0) -> AbstractContextManager[None]:
    """The lock of a scan, which no other scan waits for."""
    return files.lock(home.path("remind", "lock"), wait=wait, bounded=True)


def judge_clock(seen: LastScan, boot: str, offset: int) -> tuple[LastScan, bool]:
    """What to remember of the clock, and whether it may be trusted.

    One that jumped by more than 3 hours since the last scan, while the machine was up, waits for a
    second scan that agrees. A machine that slept has no such jump: time since boot goes on.
    """
    far = bool(boot) and boot == seen.boot and abs(offset - seen.offset) > JUMP
    agreed = seen.jump is not None and abs(offset - seen.jump) <= JUMP
    if far and not agreed:
        return seen._replace(jump=offset), False
    moved = boot != seen.boot or abs(offset - seen.offset) > DRIFT
    return seen._replace(boot=boot, offset=offset if moved else seen.offset, jump=None), True


def find_suspicion(
    path: str, data: bytes | None, contents: Contents, seen: LastScan, identity: str
) -> str:
    """Why this file (None: none) is not to be acted upon, '' when it is."""
    if copies.is_copy(os.path.basename(path)):
        return "it is a synchroniser's conflict copy"
    if data is None or not data.strip(b"\xef\xbb\xbf \t\r\n"):
        how = "missing" if data is None else "empty"
        return f"it is {how}, and there were reminders in it" if seen.reminders else ""
    if grammar.is_utf16(data):
        return "it is UTF-16; save it as UTF-8"
    if b"\0" in data:
        return "it has NUL bytes, as a file that is half synchronised"
    if _MARKER.search(data):
        return "it has conflict markers"
    last = data.count(b"\n") + 1
    if _cut(data, seen, identity) and contents.problems and contents.problems[-1].line == last:
        return "its last line is cut off, as of a file that is half synchronised"
    return ""


def find_unfinished_line(data: bytes, contents: Contents, seen: LastScan, identity: str) -> bytes:
    """The last line while it may be half of one, b'' when it is whole: a cut id is another id.

    A person's file may well end without a line's end: the next scan that finds the same takes it.
    """
    if not _cut(data, seen, identity):
        return b""
    last = contents.reminders[-1] if contents.reminders else None
    whole = last and last.end == len(data) and grammar.OWN_ID.fullmatch(last.id)
    return b"" if whole else data[data.rfind(b"\n") + 1 :]


def _cut(data: bytes, seen: LastScan, identity: str) -> bool:
    return seen.ended and not data.endswith(b"\n") and seen.unended != identity


def remember_file(seen: LastScan, data: bytes, contents: Contents, identity: str) -> LastScan:
    """What to remember of a file that was found good."""
    ended = data.endswith(b"\n")
    return seen._replace(
        reminders=bool(contents.reminders),
        nearly=bool(contents.problems),
        ended=ended or (seen.ended and seen.unended != identity),
        unended="" if ended else identity,
    )
