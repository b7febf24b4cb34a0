"""The times that a question names, as intervals in which what it asks for was probably said. Pure,
in the person's zone (ground.zone).

    yesterday, today, last night, this morning       the day
    on Tuesday, last Tuesday                         the latest one before today
    2026-05-08, 25.12.2026, 8 May, May 8th 2026      the day; without a year the latest that has
    the eighth of May                                begun
    three days ago, a couple of weeks ago            the day; three days around it; the whole month
    two months ago, a year ago                       or year
    last week, this month, last year, last weekend   the whole of it; the seven days until now
    the past week
    in May, during May 2025, in 2025, May 2025       the whole of it

What happened is often told a little later: three days after it count as well. It is a preference,
never a filter (recall.relevance). English, and days in figures. A text that names more than four
times is not about one of them, and names none.
"""

import re
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from ..formats import words
from ..ground.clock import DAY

AFTER = 3 * DAY
MOST = 4

_MONTHS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
).split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_COUNTS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_TENTHS = "first second third fourth fifth sixth seventh eighth ninth".split()
_ORDINALS = [*_TENTHS, *"tenth eleventh twelfth thirteenth fourteenth fifteenth".split()]
_ORDINALS += "sixteenth seventeenth eighteenth nineteenth twentieth".split()
_ORDINALS += [f"twenty-{name}" for name in _TENTHS] + ["thirtieth", "thirty-first"]
_DAY_OF = {"tonight": "today", "this": "today", "last": "yesterday"}  # last night, this morning

#: a text that has none of these, nor a year, names no time, and that costs nothing
_SIGNS = frozenset(
    [*_MONTHS, *_DAYS, *"yesterday today tonight night morning afternoon evening".split()]
    + "ago week month year weekend".split()
)
_YEAR = re.compile(r"(?:19|20)\d\d")


class NamedTime(NamedTuple):
    """What a question says, from when to when that is, and until when what was then was probably
    told. Instants in ms."""

    text: str
    start: int
    end: int

    @property
    def until(self) -> int:
        return self.end + AFTER


def find(text: str, now: int) -> list[NamedTime]:
    """The times that a text names, in order, each once."""
    if not _YEAR.search(text) and _SIGNS.isdisjoint(words.tokens(text)):
        return []
    found: dict[tuple[int, int], NamedTime] = {}
    for match in _grammar().finditer(text):
        said = " ".join(match[0].split())
        if interval := _read(match.lastgroup or "", said.lower(), now):
            found.setdefault(interval, NamedTime(said, *interval))
    return [*found.values()] if len(found) <= MOST else []


@lru_cache(1)
def _grammar() -> re.Pattern[str]:
    """Every form is a group, tried in order; its name says how it is read."""
    one_of = lambda names: f"(?:{'|'.join(sorted(names, key=len, reverse=True))})"
    month, year = one_of(_MONTHS), r"(?:19|20)\d\d"
    surely = one_of({*_MONTHS} - {"may", "march", "mar"})  # these are other words, too
    nth = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?|{one_of(_ORDINALS)})"
    count = rf"(?:\d{{1,3}}|an?|a couple of|a few|{one_of(_COUNTS[1:])})"
    forms = {
        "date": rf"{year}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]{year}",
        "day": rf"{nth}(?: of)? {month}(?:,? {year})?|{month} {nth}(?!\d)(?:,? {year})?",
        "month": rf"{month},? {year}",
        "ago": rf"{count} (?:day|week|month|year)s? ago",
        "near": r"yesterday|today|tonight|last night|this (?:morning|afternoon|evening)",
        "whole": r"(?:last|this) (?:week|month|year)",
        "past": r"last weekend|past (?:week|month|year)",
        "weekday": rf"(?:last|on) {one_of(_DAYS)}",
        "of": rf"(?:in|during|of|since|until|by|last|this|early|late|mid) {month}(?!,? {year})"
        rf"|{surely}|(?:in|during|of|since|until|by|for|year) {year}",
    }
    parts = (f"(?P<{name}>{form})".replace(" ", r"\s+") for name, form in forms.items())
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(parts)})(?![\w-])", re.I | re.ASCII)


def _read(form: str, said: str, now: int) -> tuple[int, int] | None:
    """From when to when a time is; None where the calendar has none."""
    from ..ground import when
    from ..ground.errors import BadData

    *_, last = said.split()
    try:
        if form == "ago":
            return _ago(said, now)
        if form == "past":
            return _past(last, now)
        if form == "day":
            said = " ".join(_figure(word) for word in said.split())
        elif form == "near" and last != "yesterday":
            said = _DAY_OF.get(said.split()[0], "today")
        elif form == "weekday":
            said = f"last {last}"
        elif form == "of":
            said = f"in {last}"
        return tuple(when.read(said, now))  # type: ignore[return-value]
    except (BadData, OverflowError, ValueError):
        return None


def _figure(word: str) -> str:
    return str(_ORDINALS.index(word) + 1) if word in _ORDINALS else word


def _ago(said: str, now: int) -> tuple[int, int]:
    """So long ago, as roughly as it is said."""
    from ..ground import when, zone

    *count, unit, _ = said.split()
    few = {"of": "2", "few": "3"}.get(count[-1], count[0])
    at = when.read(f"{few} {unit} ago", now).start
    day = zone.to_day(at)
    if unit.startswith(("day", "week")):
        about = timedelta(3 if unit.startswith("week") else 0)
        return zone.start_of(day - about), zone.end_of(day + about)
    whole = f"{day:%Y-%m}" if unit.startswith("month") else f"in {day:%Y}"
    return tuple(when.read(whole, now))  # type: ignore[return-value]


def _past(unit: str, now: int) -> tuple[int, int]:
    from ..ground import when, zone

    if unit == "weekend":
        saturday = when.read_day("last sunday", now) - timedelta(1)
        return zone.start_of(saturday), zone.end_of(saturday + timedelta(1))
    return when.read(f"1 {unit} ago", now).start, now
