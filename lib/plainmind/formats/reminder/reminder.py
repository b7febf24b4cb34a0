r"""Reminders: one Markdown file that a person and the suite both write.

    - [ ] date=2026-03-29 time=01:30 recur=none msg="say \"hi\"" id=rid_K5V4M2J7Q2ZP

A reminder is one line that starts with `- [ ] ` in the first column, followed by fields, separated
by spaces, in any order, each once:

    date    YYYY-MM-DD, the first day
    time    HH:MM, local time (setting zone)
    recur   none, daily, weekly, monthly or yearly
    msg     what to say, in double quotes; \" and \\ are the only escapes
    id      letters, digits, _ and -; may be left out: the scheduler adds one

A checked box (`- [x]`) is not a reminder. When two lines have the same id, the first one counts.
Every other line is yours and is never changed: your own checkboxes, text, and lines that are almost
reminders, which `remind-list --check` explains. A message is one line of UTF-8 without control
characters. Some editors treat a lone CR, NEL, U+2028 or U+2029 as the end of a line.

Owns the grammar, and where each line's bytes are. Refuses to know files, and when a reminder is due
(occurrence).
"""

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from ...ground.errors import BadData

RECURRENCES = ("none", "daily", "weekly", "monthly", "yearly")
KEYS = ("date", "time", "recur", "msg", "id")

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOXES = tuple("- [ ] ".encode(name) for name in ("utf-16-le", "utf-16-be"))

# any line with an open box; one as we write it, of ASCII and without escapes, is matched at once,
# at half the cost
_LINE = re.compile(
    rb"^- \[ \] date=(\d{4}-\d\d-\d\d) time=((?:[01]\d|2[0-3]):[0-5]\d) recur="
    rb'(none|daily|weekly|monthly|yearly) msg="([ !#-\[\]-~]*+)" id=([A-Za-z0-9_-]++)(?=\r?\n|\Z)'
    rb"|^[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]*\[[ \t]?\][^\n]*",
    re.M,
)
# possessive: half the time, over 10,000 lines
_FIELDS = (
    r"date=(\d{4}-\d\d-\d\d)|time=((?:[01]\d|2[0-3]):[0-5]\d)"
    r"|recur=(none|daily|weekly|monthly|yearly)"
    r'|msg="((?:[^"\\\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]++|\\["\\])*+)"'
)
# so many fields and every group filled: each field stands there once
_WITH_ID = re.compile(r"- \[ \](?: +(?:" + _FIELDS + r"|id=([A-Za-z0-9_-]+))){5} *", re.ASCII)
_WITHOUT_ID = re.compile(r"- \[ \](?: +(?:" + _FIELDS + r")){4} *", re.ASCII)
# a person's own checkbox may name one of the keys; a line that starts with one, or names two, was
# meant
_KEY = rb"(?:date|time|recur|msg|id)="
_MEANT = re.compile(rb"[^\]]*\](?:[ \t]*" + _KEY + rb"|.*[ \t]" + _KEY + rb".*[ \t]" + _KEY + rb")")
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Reminder(NamedTuple):
    """A reminder line.

    Lines count from 1; `raw` is the line without its ending, `offset` and `end` the bytes with it.
    """

    line: int
    date: datetime.date
    time: datetime.time
    recur: str
    msg: str
    id: str  # '' when the person gave none
    raw: bytes
    offset: int
    end: int


class ReminderProblem(NamedTuple):
    """A line that was meant to be a reminder, and is none."""

    line: int
    reason: str


class Contents(NamedTuple):
    reminders: list[Reminder]
    problems: list[ReminderProblem]


def make(date: datetime.date, time: datetime.time, recur: str, msg: str, id: str) -> Reminder:
    """A reminder that stands in no file yet. BadData for a message the grammar cannot say."""
    return Reminder(0, date, time, recur, check_message(msg), id, b"", 0, 0)


def check_message(msg: str) -> str:
    if not msg.strip():
        raise BadData("the message is empty", cure="say what to be reminded of")
    if found := _UNSAFE.search(msg):
        what = f"the character U+{ord(found[0]):04X}" if found[0] != "\n" else "a line break"
        raise BadData(f"the message has {what}", cure="write it on one line, of visible characters")
    return msg


def parse(data: bytes) -> Contents:
    """The reminders of a file, in order, and what is wrong with the lines that are none."""
    reminders: list[Reminder] = []
    problems: list[ReminderProblem] = []
    if is_utf16(data):
        problems.append(ReminderProblem(1, "the file is UTF-16; save it as UTF-8"))
    seen: dict[str, int] = {}
    start = len(_BOM) if data.startswith(_BOM) else 0
    line, at = 1, start
    for match in _LINE.finditer(data[start:] if start else data):
        offset, end = match.start() + start, match.end() + start
        line, at = line + data.count(b"\n", at, offset), offset
        raw = match[0]
        if match[1]:
            fields: Sequence[str] | None = [group.decode() for group in match.groups()]
            end += data.startswith(b"\r", end)
        else:
            fields = _fields_of(raw := raw.removesuffix(b"\r") if end < len(data) else raw)
        end += end < len(data)
        reminder = _reminder(line, fields, raw, offset, end) if fields else None
        if reminder is None:
            if _MEANT.match(raw):
                problems.append(ReminderProblem(line, _wrong(raw)))
        elif reminder.id and seen.setdefault(reminder.id, line) != line:
            what = f"id={reminder.id} is on line {seen[reminder.id]} already, which stands"
            problems.append(ReminderProblem(line, f"{what}; change or remove it"))
        else:
            reminders.append(reminder)
    return Contents(reminders, problems)


def is_utf16(data: bytes) -> bool:
    """Whether a file is in UTF-16, as it says or as an open box in it tells."""
    return data.startswith(_UTF16) or any(box in data for box in _BOXES)


def _fields_of(raw: bytes) -> Sequence[str] | None:
    """Values of the keys, in the order of KEYS; None for a line that is not a reminder."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if match := _WITH_ID.fullmatch(text):
        found = match.groups()
    elif match := _WITHOUT_ID.fullmatch(text):
        found = (*match.groups(), "")
    else:
        return None
    return None if None in found else found


def _reminder(
    line: int, fields: Sequence[str], raw: bytes, offset: int, end: int
) -> Reminder | None:
    date, time, recur, msg, id = fields
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:  # no day of the calendar
        return None
    if not msg.strip():
        return None
    msg = re.sub(r"\\(.)", r"\1", msg) if "\\" in msg else msg
    return Reminder(line, day, _time(time), recur, msg, id, raw, offset, end)


_time = lru_cache(1440)(datetime.time.fromisoformat)


def render(reminder: Reminder) -> str:
    """The line as a writer of ours writes it: all fields, in order."""
    msg = reminder.msg.replace("\\", "\\\\").replace('"', '\\"')
    when = f"date={reminder.date.isoformat()} time={reminder.time:%H:%M}"
    return f'- [ ] {when} recur={reminder.recur} msg="{msg}" id={reminder.id}'


def add_id(raw: bytes, id: str) -> bytes:
    """A line that has no id, with one; nothing else on it changes."""
    return raw + b" id=" + id.encode()


def draw_id(draw: Callable[[int], bytes]) -> str:
    """`rid_` and 60 random bits; `draw(n)` gives n random bytes."""
    import base64

    return "rid_" + base64.b32encode(draw(10))[:12].decode()


def append(data: bytes, reminder: Reminder) -> bytes:
    """`data` with one more line, ended as the file's lines are. BadData for a file in UTF-16."""
    if is_utf16(data):
        raise BadData("the reminders file is UTF-16", cure="save it as UTF-8")
    ending = b"\r\n" if data[: data.rfind(b"\n") + 1].endswith(b"\r\n") else b"\n"
    gap = ending if data and not data.endswith(b"\n") and data != _BOM else b""
    return data + gap + render(reminder).encode() + ending


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


_WORD = re.compile(rb'([^ \t="]*)=("(?:[^"\\]|\\.)*"?[^ \t]*|[^ \t]*)|[^ \t]+')


def _wrong(raw: bytes) -> str:
    """Why a line that was meant to be a reminder is none, and the cure."""
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        return "not valid UTF-8; save the file as UTF-8"
    if found := _UNSAFE.search(line):
        return f"the character U+{ord(found[0]):04X} is on it; remove it"
    if not line.startswith("- [ ] "):
        return "a reminder starts with '- [ ] ' in the first column"
    return _wrong_fields(raw[6:])


def _wrong_fields(rest: bytes) -> str:
    seen: set[str] = set()
    outside = bytearray(rest)
    for match in _WORD.finditer(rest):
        key, value = (part.decode("utf-8", "replace") for part in match.groups(b""))
        outside[match.start() : match.end()] = b"x" * len(match[0])
        if key not in KEYS:
            word = match[0].decode("utf-8", "replace")
            return f"'{word}' is not a field; use date, time, recur, msg and id"
        if key in seen:
            return f"'{key}' appears twice; keep one"
        seen.add(key)
        if said := _wrong_value(key, value):
            return said
    if b"\t" in outside:
        return "a tab is between fields; use spaces"
    missing = [key for key in KEYS[:-1] if key not in seen]
    return f"'{missing[0]}' is missing; add {_SHAPES[missing[0]]}"


_SHAPES = {
    "date": "date=YYYY-MM-DD",
    "time": "time=HH:MM",
    "recur": "recur=none, daily, weekly, monthly or yearly",
    "msg": 'msg="…"',
    "id": "id= and letters, digits, '_' or '-', or leave it out",
}
_VALUES = {
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "time": re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII),
    "recur": re.compile("none|daily|weekly|monthly|yearly"),
    "msg": re.compile(r'"(?:[^"\\]|\\["\\])*"'),
    "id": re.compile(r"[A-Za-z0-9_-]+"),
}


def _wrong_value(key: str, value: str) -> str:
    if not _VALUES[key].fullmatch(value):
        if key != "msg":
            return f"{key}={value} is wrong; write {_SHAPES[key]}"
        if not value.startswith('"'):
            return 'msg is not in quotes; write msg="…"'
        if re.fullmatch(r'"(?:[^"\\]|\\.)*\\?', value):
            return 'msg has no closing quote; a quote within it is \\"'
        if re.match(r'"(?:[^"\\]|\\["\\])*"', value):
            return 'something follows msg without a space; a quote within it is \\"'
        return 'msg has a backslash before something else; write \\\\ for one, \\" for a quote'
    if key == "date":
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            return f"{value} is not a day of the calendar; fix the date"
    if key == "msg" and not value[1:-1].strip():
        return "msg is empty; say what to be reminded of"
    return ""
