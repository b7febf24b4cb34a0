r"""Reminders: one Markdown file that a person and the suite both write.

    - [ ] date=2026-03-29 time=01:30 recur=none msg="say \"hi\"" id=rid_K5V4M2J7Q2ZP

A reminder is one line: a list marker (-, *, +, 1. or 1)), an open box `[ ]`, and fields, separated
by spaces, in any order, each once:

    date    YYYY-MM-DD, the first day
    time    HH:MM, local time (setting zone)
    recur   none, daily, weekly, monthly or yearly
    msg     what to say, in double quotes; \" and \\ are the only escapes
    id      letters, digits, _ and -; may be left out: the scheduler adds one

It may be indented, below another item, in a quote or a callout (`> - [ ] …`). After the fields
there may be what editors add: tags, dates and other marks of the plugins Tasks and Dataview, a
comment, and last a block id (`^abc123`). All of that stays as it is; the scheduler's id goes
before it.

Lines in code fences (``` or ~~~), in `%% … %%` and in `<!-- … -->` are not reminders, nor are
checked boxes (`- [x]`), `[-]` and `[>]`. Of lines with the same id the first one counts. A copy
of a line whose id is the scheduler's own (rid_ and 12 letters or digits) gets another one.

Every other line is yours and is never changed: your own checkboxes, text, and lines that are
nearly reminders. Those are lines that start with a field or name two after an open box, also in
capitals or with spaces beside `=`; lines with date, time and msg and no open box, or another sign
in it; a second line with an id that is not the scheduler's; and reminders in a fence or comment
that is never closed. `remind-list --check` explains each, and `remind-scan` says it once. A message
is one line of UTF-8 without control characters. Some editors treat a lone CR, NEL, U+2028 or U+2029
as the end of a line.

Owns where each line's bytes are, and which line stands. Refuses to know the grammar of a line
(line), files, and when a reminder is due (occurrence).
"""

import datetime
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from ...ground.errors import BadData
from .hidden import CALLOUT, HiddenPart, find_hidden
from .line import (
    KEYS,
    OPENING,
    OWN_ID,
    RECURRENCES,
    UNSAFE,
    ParsedLine,
    explain,
    is_meant,
    is_unfinished,
    parse_line,
)

__all__ = ["KEYS", "OWN_ID", "RECURRENCES"]

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOXES = tuple("- [ ] ".encode(name) for name in ("utf-16-le", "utf-16-be"))

# a line that may be a reminder; one as we write it, of ASCII and without escapes, is matched at
# once, at half the cost
_LINE = re.compile(
    rb"^(?:- \[ \] date=(\d{4}-\d\d-\d\d) time=((?:[01]\d|2[0-3]):[0-5]\d) recur="
    rb'(none|daily|weekly|monthly|yearly) msg="([ !#-\[\]-~]*+)" id=([A-Za-z0-9_-]++)(?=\r?\n|\Z)'
    rb"|[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]*+)++\[[^\n]*=[^\n]*"
    rb"|[^\n]*?\b(?i:msg)[ \t]*=[^\n]*)",
    re.M,
)


class Reminder(NamedTuple):
    """A reminder line.

    Lines count from 1; `raw` is the line without its ending, `offset` and `end` the bytes with it.
    """

    line: int
    date: datetime.date
    time: datetime.time
    recur: str
    msg: str
    id: str  # '' when the person gave none, and for a copy
    raw: bytes
    offset: int
    end: int
    opening: bytes = OPENING  # of the line, before the fields,
    rest: bytes = b""  # and after them
    copy_of: str = ""  # the id on it, which an earlier line has


class ReminderProblem(NamedTuple):
    """A line that was meant to be a reminder, and is not one; `unfinished` is one that may become
    one by what is still to be typed."""

    line: int
    reason: str
    text: str
    unfinished: bool = False


class Contents(NamedTuple):
    reminders: list[Reminder]
    problems: list[ReminderProblem]
    hidden: int = 0  # reminders in fences and comments


def make(date: datetime.date, time: datetime.time, recur: str, msg: str, id: str) -> Reminder:
    """A reminder that stands in no file yet. BadData for a message the grammar cannot say."""
    return Reminder(0, date, time, recur, check_message(msg), id, b"", 0, 0)


def check_message(msg: str) -> str:
    if not msg.strip():
        raise BadData("the message is empty", cure="say what to be reminded of")
    if found := UNSAFE.search(msg):
        what = f"the character U+{ord(found[0]):04X}" if found[0] != "\n" else "a line break"
        raise BadData(f"the message has {what}", cure="write it on one line, of visible characters")
    return msg


def parse(data: bytes) -> Contents:
    """The reminders of a file, in order, and what is wrong with the lines that are nearly some."""
    reminders, problems, hidden = _parse(data)
    return Contents(list(reminders), list(problems), hidden)


@lru_cache(1)  # a page and a scan look at the same file several times
def _parse(data: bytes) -> Contents:
    reminders: list[Reminder] = []
    problems: list[ReminderProblem] = []
    if is_utf16(data):
        problems.append(ReminderProblem(1, "the file is UTF-16; save it as UTF-8", ""))
    seen: dict[str, int] = {}
    start = _text_start(data)
    body = data[start:] if start else data
    parts, count = find_hidden(body)[::-1], 0
    line, at = 1, 0
    for match in _LINE.finditer(body):
        offset = match.start()
        line, at = line + body.count(b"\n", at, offset), offset
        reminder, raw = _read(match, line, start)
        while parts and parts[-1].end <= offset:
            parts.pop()
        if parts and parts[-1].start <= offset:
            if reminder and (said := _hidden_by(parts[-1])):
                unfinished = not parts[-1].closed
                problems.append(ReminderProblem(line, said, _show(raw), unfinished))
            count += reminder is not None
        elif reminder is None:
            if is_meant(raw):
                text = _show(raw)
                problems.append(ReminderProblem(line, explain(raw), text, is_unfinished(text)))
        elif not reminder.id or seen.setdefault(reminder.id, line) == line:
            reminders.append(reminder)
        elif OWN_ID.fullmatch(reminder.id):
            reminders.append(reminder._replace(id="", copy_of=reminder.id))
        else:
            what = f"id={reminder.id} is on line {seen[reminder.id]} already, which stands"
            problems.append(ReminderProblem(line, f"{what}; change or remove it", _show(raw)))
    return Contents(reminders, problems, count)


def _hidden_by(part: HiddenPart) -> str:
    """What is said of a reminder in a hidden part; nothing where a person meant it to be hidden."""
    where = f"it is in {part.what} that begins on line {part.line}"
    if not part.closed:
        return f"{where} and is never closed; close it"
    return f"{where}; write that as a callout (> [!info])" if part.what == CALLOUT else ""


def _read(match: re.Match[bytes], line: int, start: int) -> tuple[Reminder | None, bytes]:
    """The reminder of a line, and the line without its ending. `start`: of the text in its file."""
    raw, end, size = match[0], match.end(), len(match.string)
    parsed: ParsedLine | None
    if match[1]:
        parsed = ParsedLine([group.decode() for group in match.groups()], OPENING, b"")
        end += match.string.startswith(b"\r", end)
    else:
        raw = raw.removesuffix(b"\r") if end < size else raw
        parsed = parse_line(raw)
    end += end < size
    if parsed is None:
        return None, raw
    date, time, recur, msg, id = parsed.values
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:  # not a day of the calendar
        return None, raw
    if not msg.strip():
        return None, raw
    msg = re.sub(r"\\(.)", r"\1", msg) if "\\" in msg else msg
    at, more = match.start() + start, (parsed.opening, parsed.rest)
    return Reminder(line, day, _time(time), recur, msg, id, raw, at, end + start, *more), raw


def _show(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def is_utf16(data: bytes) -> bool:
    """Whether a file is in UTF-16, as it says or as an open box in it tells."""
    return data.startswith(_UTF16) or any(box in data for box in _BOXES)


_time = lru_cache(1440)(datetime.time.fromisoformat)


def render(reminder: Reminder) -> str:
    """The line as a writer of ours writes it: all fields, in order; what is around them stays."""
    msg = reminder.msg.replace("\\", "\\\\").replace('"', '\\"')
    when = f"date={reminder.date.isoformat()} time={reminder.time:%H:%M}"
    fields = f'{when} recur={reminder.recur} msg="{msg}" id={reminder.id}'
    return f"{reminder.opening.decode()}{fields}{reminder.rest.decode()}"


def add_id(reminder: Reminder, id: str) -> bytes:
    """The line of a reminder that has no id, or another's, with one; nothing else on it changes."""
    end = len(reminder.raw) - len(reminder.rest)
    fields = reminder.raw[len(reminder.opening) : end]
    given = b"id=" + id.encode()
    if reminder.copy_of:
        fields = _ID.sub(lambda found: found[1] or given, fields)
    else:
        fields += b" " + given
    return reminder.opening + fields + reminder.rest


_ID = re.compile(rb'(msg="(?:[^"\\]|\\.)*")|(?<![^ ])id=[A-Za-z0-9_-]+')


def draw_id(draw: Callable[[int], bytes]) -> str:
    """`rid_` and 60 random bits; `draw(n)` gives n random bytes."""
    import base64

    return "rid_" + base64.b32encode(draw(10))[:12].decode()


def append(data: bytes, reminder: Reminder) -> bytes:
    """`data` with one more line, ended as the file's lines are: the last one, or where a fence or
    comment that is never closed would hide that, the one before it. BadData for UTF-16."""
    if is_utf16(data):
        raise BadData("the reminders file is UTF-16", cure="save it as UTF-8")
    ending = b"\r\n" if data[: data.rfind(b"\n") + 1].endswith(b"\r\n") else b"\n"
    gap = ending if data and not data.endswith(b"\n") and data != _BOM else b""
    line, start = render(reminder).encode() + ending, _text_start(data)
    at = len(data + gap) - start
    for part in find_hidden((data + gap + line)[start:]):
        if part.start <= at < part.end:
            at = max(start, data.rfind(b"\n", 0, start + part.start - 1) + 1)
            return data[:at] + line + data[at:]
    return data + gap + line


def _text_start(data: bytes) -> int:
    return len(_BOM) if data.startswith(_BOM) else 0


def replace(data: bytes, changes: Iterable[tuple[Reminder, bytes]]) -> bytes:
    """`data` with other lines for some of its reminders; line endings stay."""
    return _spliced(data, [(r.offset, r.offset + len(r.raw), line) for r, line in changes])


def remove(data: bytes, gone: Iterable[Reminder]) -> bytes:
    """`data` less some of its reminders, with their line endings."""
    return _spliced(data, [(r.offset, r.end, b"") for r in gone])


def _spliced(data: bytes, cuts: Iterable[tuple[int, int, bytes]]) -> bytes:
    """`data` with other bytes from one place to another; all in one go, there may be thousands."""
    parts, at = [], 0
    for start, end, other in sorted(cuts):
        parts += [data[at:start], other]
        at = end
    return b"".join([*parts, data[at:]])
