"""A time as a person writes it, read in one place: the same text means the same in every command.

    2026-01-30                       a day
    8 May 2026, 25.12.2026           a day, where no other can be meant
    today, yesterday, tomorrow       a day
    last tuesday                     a day, the latest Tuesday before today
    2026-01-30 14:23                 a day with a time: 14:23, 14:23:55, 9am, 5:30pm, noon
    yesterday at 9am
    2026-01-30T14:23:55Z             RFC 3339, with Z or an offset
    2h ago, 3 days ago, in 1h30m     so long from now; weeks, days and longer by the calendar
    now
    last month, this week, in 2026,  the whole of it; only as a bound, such as --since
    2026-01, May 2026, in May

Times without a zone are local. A time that a clock change skips is the next valid minute; of one
that comes twice, the earlier is meant. As a lower bound (--since), a day or more means from its
start; as an upper bound (--until), to its end, which belongs to it. Where one instant is needed, a
day means its start. Where a day is needed, a time means its day.

A weekday or a time of day alone may be the last or the next one: where only the future can be
meant (reminders) it is the next; elsewhere it is refused. A month or a month and a day alone are
the latest that have begun, and are refused for reminders.

Owns this grammar. What is not in it is refused: a time that was guessed is one that never was.
"""

import calendar
import re
from datetime import date as Date
from datetime import time as Time
from datetime import timedelta
from typing import NamedTuple

from . import clock
from .day import NAMED, find_month, guess, list_readings, make_day
from .errors import BadData
from .zone import end_of, start_of, to_day, to_instant, to_local

FORMS = (
    "write it as 2026-01-30, '2026-01-30 14:23', 2026-01-30T14:23:55Z, yesterday, 'last tuesday' "
    "or '2h ago'"
)
_FORMS_AHEAD = "write it as '2026-01-30 14:23', 'tomorrow 09:00', 'friday 18:00', 18:00 or 'in 2h'"
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_COUNTS = "zero one two three four five six seven eight nine ten eleven twelve".split()

# --- texts

_UNIT = (
    r"(w|weeks?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|mo|months?|y|yrs?|years?)"
)
_SPAN = re.compile(
    rf"\s*(?:and )?(\d{{1,6}}|an?|{'|'.join(_COUNTS[1:])})\s*{_UNIT}(?![a-z])\s*"
    r"|\s*(\d{1,6})([wdhms])(?=\d)",
    re.ASCII,
)
_ZONED = re.compile(
    r"(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?) ?(z|utc|gmt|[+-]\d\d(?::?\d\d)?)"
    r"|\d{8}t\d{6}z",
    re.ASCII,
)
_DAY_AND_TIME = re.compile(
    r"(?:(.*\S)(?: |(?<=\d)t(?=\d)))?"
    r"(\d{1,2}(?::\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?: ?[ap]m)?|noon|midnight)",
    re.ASCII,
)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(?: ?(am|pm))?", re.ASCII)
_WHOLE = re.compile(
    r"(last|this) (week|month|year)|(\d{4})-(\d\d)|in (\d{4})|(?:in )?([a-z]{3,9})(?:,? (\d{4}))?",
    re.ASCII,
)


# --- what commands read


class Interval(NamedTuple):
    """From one instant to another, both included; the same one for a moment."""

    start: int
    end: int


class _Local(NamedTuple):
    """A local day, and a time of it if one was said."""

    day: Date
    time: Time | None

    def interval(self) -> Interval:
        if self.time is None:
            return Interval(start_of(self.day), end_of(self.day))
        at = to_instant(self.day, self.time)
        return Interval(at, at)


def read(text: str, now: int, *, ahead: bool = False) -> Interval:
    """What a text means as a bound. `ahead`: only the future can be meant. BadData."""
    found = _understand(text, now, ahead)
    try:
        return found.interval() if isinstance(found, _Local) else found
    except (OverflowError, ValueError):
        raise _out_of_range(text) from None


def read_instant(text: str, now: int) -> int:
    """The instant that a text means: of a day, its start. BadData."""
    try:
        return clock.parse(text)  # what programs write, and most often is given
    except BadData:
        pass
    found = _understand(text, now, ahead=False)
    if isinstance(found, _Local):
        return read(text, now).start
    if found.start != found.end:
        raise BadData(f"'{text}' is more than a day", cure=FORMS)
    return found.start


def read_day(text: str, now: int, *, ahead: bool = False) -> Date:
    """The local day that a text means: of a time, its day. BadData."""
    try:
        found = _understand(text, now, ahead)
        if isinstance(found, _Local):
            return found.day
    except BadData as error:
        forms = f"write it as 2026-01-30 or {'tomorrow' if ahead else 'yesterday'}"
        cure = forms if error.cure in (FORMS, _FORMS_AHEAD) else error.cure
        raise BadData(error.what.replace("is not a time", "is not a day"), cure=cure) from None
    if found.start != found.end:
        raise BadData(f"'{text}' is more than a day", cure="write it as 2026-01-30")
    return to_day(found.start)


def read_local(text: str, now: int) -> tuple[Date, Time] | int:
    """Something to come: its local day and time, as written, even if a clock change skips it; or
    its instant, where the text says that. BadData, also for a day without a time."""
    found = _understand(text, now, ahead=True)
    if isinstance(found, _Local):
        if found.time is None:
            cure = f"write it as '{text.strip()} 09:00'"
            raise BadData(f"'{text}' has no time of day", cure=cure)
        return found.day, found.time
    if found.start != found.end:
        raise BadData(f"'{text}' is more than a day", cure="write it as 'tomorrow 09:00'")
    return found.start


def read_clock(text: str) -> Time:
    """`09:30`, `9am`, `5:30pm`, `noon`. BadData."""
    found = _parse_clock(text.strip().lower())
    if found is None:
        raise BadData(f"'{text}' is not a time of day", cure="write it as 09:30")
    return found


def read_span(text: str, now: int) -> int:
    """The instant that is so long from now: `2h`, `1h30m`, `3 days`. BadData."""
    try:
        found = _add(" ".join(text.lower().split()), now, 1)
    except (OverflowError, ValueError):
        raise BadData(f"'{text}' ends after year 9999", cure="give a shorter one") from None
    if found is None:
        raise BadData(f"'{text}' is not a duration", cure="write it as 2h, 45m, 1h30m, 3d or 1w")
    return found


# --- how


def _understand(text: str, now: int, ahead: bool) -> _Local | Interval:
    words = " ".join(text.lower().split()).removeprefix("on ")
    try:
        found = _instant(words, now) or _local(words, now, ahead) or _whole(words, now, ahead)
        if found is None:
            raise _not_a("time", text)
    except BadData as error:
        if ahead and error.cure == FORMS:
            raise BadData(error.what, cure=_FORMS_AHEAD) from None
        raise
    except (OverflowError, ValueError):
        raise _out_of_range(text) from None
    return found


def _not_a(what: str, text: str) -> BadData:
    if two := " or ".join(map(str, list_readings(text))):
        return BadData(f"'{text}' may mean {two}", cure="write the one that is meant")
    return BadData(f"'{text}' is not a {what}", cure=FORMS)


def _out_of_range(text: str) -> BadData:
    return BadData(f"'{text}' is out of range", cure="use a year from 1 to 9999")


def _instant(words: str, now: int) -> Interval | None:
    """`now`, RFC 3339, and so long from now."""
    if words == "now":
        return Interval(now, now)
    at: int | None = None
    if match := _ZONED.fullmatch(words):
        day, time, offset = match.groups()
        if day:
            _check_day(day)
        offset = "Z" if offset in ("z", "utc", "gmt") else offset
        at = clock.parse(f"{day}T{time}{offset}" if day else words.upper())
    elif words.endswith(" ago"):
        at = _add(words.removesuffix(" ago"), now, -1)
    elif words.startswith("in "):
        at = _add(words.removeprefix("in "), now, 1)
    return None if at is None else Interval(at, at)


def _add(words: str, now: int, sign: int) -> int | None:
    """`now` and a sum of spans: from months to days by the calendar, shorter ones by the clock."""
    spans: dict[str, int] = {}
    at = 0
    while at < len(words):
        match = _SPAN.match(words, at)
        if not match:
            return None
        name = match[2] or match[4]
        unit = "mo" if name.startswith("mo") else name[0]
        if unit in spans:
            return None
        spans[unit], at = _count(match[1] or match[3]), match.end()
    if not any(spans.values()):
        return None
    of = {unit: sign * spans.get(unit, 0) for unit in ("y", "mo", "w", "d", "h", "m", "s")}
    if any(of[unit] for unit in ("y", "mo", "w", "d")):
        local = to_local(now)
        years, month = divmod(local.year * 12 + local.month - 1 + of["y"] * 12 + of["mo"], 12)
        day = min(local.day, calendar.monthrange(years, month + 1)[1])
        moved = Date(years, month + 1, day) + timedelta(weeks=of["w"], days=of["d"])
        now = to_instant(moved, local.time())
    return _within_range(now + (of["h"] * 3600 + of["m"] * 60 + of["s"]) * clock.SECOND)


def _count(word: str) -> int:
    if word.isdigit():
        return int(word)
    return 1 if word in ("a", "an") else _COUNTS.index(word)


def _within_range(instant: int) -> int:
    to_local(instant)
    if instant < start_of(Date.min):
        raise OverflowError
    return instant


def _local(words: str, now: int, ahead: bool) -> _Local | None:
    """A day, with or without a time; a time of day alone where only the next can be meant."""
    if day := _day(words, now, ahead):
        return _Local(day, None)
    match = _DAY_AND_TIME.fullmatch(words)
    time = match and _parse_clock(match[2])
    if not match or time is None:
        return None
    if match[1] is None:
        if not ahead:
            raise _either(words, f"today {words}")
        day = to_day(now)
        return _Local(day if to_instant(day, time) > now else day + timedelta(1), time)
    name = match[1].removesuffix(" at").rstrip(",")
    named = _day(name, now, ahead)
    if named is None:
        raise _not_a("day", name)
    if name in _WEEKDAYS and to_instant(named, time) <= now:
        named += timedelta(7)
    return _Local(named, time)


def _either(words: str, cure: str) -> BadData:
    return BadData(f"'{words}' may be the last or the next one", cure=f"write a date, or '{cure}'")


def _parse_clock(text: str) -> Time | None:
    if text in ("noon", "midnight"):
        return Time(12 if text == "noon" else 0)
    match = _CLOCK.fullmatch(text)
    if not match or not (match[2] or match[5]):
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[5] == "pm" else 0)
    fraction = int(((match[4] or "") + "000")[:3]) * 1000
    return Time(hour, minute, second, fraction) if hour < 24 and minute < 60 > second else None


_WEEKDAYS = {name: day for day, full in enumerate(DAYS) for name in (full, full[:3])}
_WEEKDAYS |= {"tues": 1, "thur": 3, "thurs": 3}


def _day(words: str, now: int, ahead: bool) -> Date | None:
    today = to_day(now)
    if words in ("yesterday", "today", "tomorrow"):
        return today + timedelta(("yesterday", "today", "tomorrow").index(words) - 1)
    if words.startswith("last ") and (weekday := _WEEKDAYS.get(words[5:])) is not None:
        return today - timedelta((today.weekday() - weekday - 1) % 7 + 1)
    if words in _WEEKDAYS:
        if not ahead:
            raise _either(words, f"last {words}")
        return today + timedelta((_WEEKDAYS[words] - today.weekday()) % 7)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", words, re.ASCII):
        return _check_day(words)
    return None if ":" in words else guess(words) or _day_of_a_month(words, today, ahead)


def _check_day(text: str) -> Date:
    try:
        return Date.fromisoformat(text)
    except ValueError:
        raise BadData(f"'{text}' is not a day", cure=FORMS) from None


def _day_of_a_month(words: str, today: Date, ahead: bool) -> Date | None:
    """`March 18`, the latest that has begun."""
    match = NAMED.match(words)
    if not match or match["y"] or ahead:
        return None
    month, day = find_month(match["m1"] or match["m2"]), int(match["d1"] or match["d2"])
    days = (make_day(today.year - back, month, day) for back in range(9))
    return next((found for found in days if found and found <= today), None)


def _whole(words: str, now: int, ahead: bool) -> Interval | None:
    """A week, a month or a year."""
    match = _WHOLE.fullmatch(words)
    if not match:
        return None
    which, unit, year, number, alone, name, of = match.groups()
    today = to_day(now)
    back = which == "last"
    if unit == "week":
        first = today - timedelta(today.weekday() + 7 * back)
        return Interval(start_of(first), end_of(first + timedelta(6)))
    if unit == "year" or alone:
        return _months(int(alone) if alone else today.year - back, 1, 12)
    if unit == "month":
        return _months(today.year, today.month - back, 1)
    month = int(number) if number else find_month(name)
    if not 1 <= month <= 12 or ahead and not (year or of):
        return None
    return _months(int(year or of or today.year - (month > today.month)), month, 1)


def _months(year: int, month: int, count: int) -> Interval:
    year, month = (year, month) if month else (year - 1, 12)
    last = month + count - 1
    end = Date(year, last, calendar.monthrange(year, last)[1])
    return Interval(start_of(Date(year, month, 1)), end_of(end))
