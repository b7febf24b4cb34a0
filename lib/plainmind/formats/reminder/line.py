"""One line of the reminders file: its fields, or why it has none though it was meant to.

Owns the grammar of a line. Refuses to know other lines (reminder), and what hides one (hidden).
"""

import datetime
import re
from collections.abc import Sequence
from typing import NamedTuple

RECURRENCES = ("none", "daily", "weekly", "monthly", "yearly")
KEYS = ("date", "time", "recur", "msg", "id")
OPENING = b"- [ ] "
OWN_ID = re.compile("rid_[A-Z2-7]{12}")

UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# possessive: half the time, over 10,000 lines
_FIELDS = (
    r"date=(\d{4}-\d\d-\d\d)|time=((?:[01]\d|2[0-3]):[0-5]\d)"
    rf"|recur=({'|'.join(RECURRENCES)})"
    r'|msg="((?:[^"\\\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]++|\\["\\])*+)"'
)
_MARKER = r"(?:[-*+]|\d{1,9}[.)])"
_BOX = rf"(?:[ \t>]*+{_MARKER}[ \t]++)++\[ \]"
# so many fields and every group filled: each field stands there once
_WITH_ID = re.compile(
    rf"({_BOX} +)(?:(?:{_FIELDS}|id=([A-Za-z0-9_-]+))(?: +|(?=\t|\Z))){{5}}", re.ASCII
)
_WITHOUT_ID = re.compile(rf"({_BOX} +)(?:(?:{_FIELDS})(?: +|(?=\t|\Z))){{4}}", re.ASCII)

# what may follow: what Obsidian and its plugins Tasks and Dataview write, and comments
_DATE = r"[ \t]*\d{4}-\d\d-\d\d"
_MORE = (
    r"#[^\s#]+"
    r"|%%.*?%%|<!--.*?-->"
    r"|\[[^\[\]]*::[^\[\]]*\]|\([^()]*::[^()]*\)"
    rf"|[📅📆🗓⏳⌛🛫➕✅❌]\ufe0f?{_DATE}|[🔺⏫🔼🔽⏬]\ufe0f?"
    r"|🔁\ufe0f?(?:[ \t]*[A-Za-z0-9]+,?)+|[🏁🆔⛔]\ufe0f?[ \t]*[A-Za-z0-9_,-]+"
)
# (no possessive group around a choice: Python 3.11.0 to 3.11.4 match another text with it)
_TAIL = re.compile(rf"(?=((?:[ \t]*+(?:{_MORE})(?=[ \t]|\Z))*))\1(?:[ \t]*+\^[A-Za-z0-9-]+)?[ \t]*")


class ParsedLine(NamedTuple):
    """The values of the keys, in the order of KEYS, and the bytes before and after the fields."""

    values: Sequence[str]
    opening: bytes
    rest: bytes


def parse_line(raw: bytes) -> ParsedLine | None:
    """The parts of a reminder's line; None for another one."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    match = _WITH_ID.match(text) or _WITHOUT_ID.match(text)
    if not match:
        return None
    opening, *values = match.groups()
    values += [""] * (5 - len(values))
    fields = match[0].rstrip(" ")
    end = match.end()
    if None in values or not _TAIL.fullmatch(text, end) or UNSAFE.search(text, end):
        return None
    if _wrong_value("date", values[0]) or not values[3].strip():
        return None
    return ParsedLine(values, opening.encode(), text[len(fields) :].encode())


# --- what was meant to be one

_KEY = rb"(?i:date|time|recur|msg|id)="
_LOOSE = _KEY.replace(b"=", rb"[ \t]*=")
# a person's own checkbox may name one of the keys; a line that starts with one, or names two, was
# meant
_OPEN = re.compile(rb"[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]*+)++\[[ \t]?\]")
_MEANT = re.compile(rb"[ \t]*" + _KEY + rb"|.*[ \t]" + _LOOSE + rb".*[ \t]" + _LOOSE)
# without an open box, one that starts with a key and has these
_STARTS = re.compile(
    rb"\W{0,16}?(?:\d{1,9}[.)])?\W{0,8}?(?:\[.[^\]]{0,3}\]\W{0,4}?)?(?=" + _LOOSE + rb")"
)
_DONE = re.compile(rb"\[[xX>-]\]")  # done, cancelled, moved elsewhere
_ASIDE = re.compile(rb"~~|`|%%|<!--")  # struck out, code, a comment


def is_meant(raw: bytes) -> bool:
    """Whether a line that is not a reminder was meant to be one."""
    if found := _OPEN.match(raw):
        return bool(_MEANT.match(raw, found.end()))
    start = _STARTS.match(raw)
    if not start or _DONE.search(start[0]) or _ASIDE.search(start[0]):
        return False
    keys = rb"date", rb"time", rb"msg"
    return all(re.search(rb"(?i)(?<![^ \t\]])" + key + rb"[ \t]*=", raw) for key in keys)


def is_unfinished(text: str) -> bool:
    """Whether it may become a reminder by what is still to be typed at its end."""
    opening = re.match(rf"{_BOX} +", text)
    words = list(_WORD.finditer(text, opening.end())) if opening else []
    known = {w[1] for w in words[:-1] if w[1] in KEYS and not _wrong_value(w[1], w[2])}
    return bool(words) and len(known) == len(words) - 1 and not known.issuperset(KEYS[:-1])


_WORD = re.compile(r'([^ \t="]*)=("(?:[^"\\]|\\.)*"?[^ \t]*|[^ \t]*)|[^ \t]+')
_APART = re.compile(r"(?<![^ \t])((?i:date|time|recur|msg|id))(?:[ \t]+=|=[ \t]+(?=[^ \t]))")
_SPACE = re.compile("[\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff]")


def explain(raw: bytes) -> str:
    """Why a line that was meant to be a reminder is not one, and the cure."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "not valid UTF-8; save the file as UTF-8"
    if found := UNSAFE.search(text):
        return f"the character U+{ord(found[0]):04X} is on it; remove it"
    outside = re.sub(r'((?i:msg)[ \t]*=[ \t]*)"(?:[^"\\]|\\.)*"', r"\1x", text)
    if found := _SPACE.search(outside):
        return f"an unusual space (U+{ord(found[0]):04X}) is on it; type a plain one instead"
    if found := _APART.search(outside):
        key = found[1].lower()
        return f"a space is beside the '=' of '{found[1]}'; write {_SHAPES[key]}"
    opening = re.match(rf"{_BOX} +", text)
    if opening:
        return _wrong_fields(text[opening.end() :])
    if found := re.match(rf"[ \t>]*(?:{_MARKER}[ \t]+)+\[([^ \t\]]+)\] ", text):
        return f"its box has '{found[1]}' in it; a reminder's is empty: '- [ ] '"
    return "it does not start with '- [ ] '; begin it with a list marker, an open box and a space"


def _wrong_fields(rest: str) -> str:
    seen: set[str] = set()
    outside = rest
    for match in _WORD.finditer(rest):
        key, value = match.groups("")
        outside = outside[: match.start()] + "x" * len(match[0]) + outside[match.end() :]
        if key not in KEYS:
            return _wrong_word(match[0], seen)
        if key in seen:
            return f"'{key}' appears twice; keep one"
        seen.add(key)
        if said := _wrong_value(key, value):
            return said
    if "\t" in outside:
        return "a tab is between fields; use spaces"
    missing = [key for key in KEYS[:-1] if key not in seen]
    return f"'{missing[0]}' is missing; add {_SHAPES[missing[0]]}"


def _wrong_word(word: str, seen: set[str]) -> str:
    if seen.issuperset(KEYS[:-1]):
        return f"'{word}' is after the fields, where only tags and a block id may be; remove it"
    if word[0] in "#^":
        return f"'{word}' is before '{next(k for k in KEYS if k not in seen)}='; move it to the end"
    return f"'{word}' is not a field; use date, time, recur, msg and id"


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
    "recur": re.compile("|".join(RECURRENCES)),
    "msg": re.compile(r'"(?:[^"\\]|\\["\\])*"'),
    "id": re.compile(r"[A-Za-z0-9_-]+"),
}


def _wrong_value(key: str, value: str) -> str:
    if not _VALUES[key].fullmatch(value):
        if key != "msg":
            return f"{key}={value} is wrong; write {_SHAPES[key]}"
        if value[:1] in ("“", "”", "„", "‘", "’", "«"):
            return 'msg is in curly quotes; use straight ones: msg="…"'
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
