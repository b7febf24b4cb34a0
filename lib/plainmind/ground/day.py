"""A day's text: ISO 8601 read strictly, and other ways of writing one where they can mean one day
only. What else a person may write for a day is in ground.when. Pure.

A page's `date` may have a time; only its day counts, as it is written, in whatever zone.
"""

import re
from datetime import date as Date
from datetime import datetime

MONTHS = (
    "january february march april may june july august september october november december".split()
)

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
    r"(?: ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?\Z",
    re.ASCII,
)
NAMED = re.compile(
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? +)?"
    r"(?:(?P<d1>\d{1,2})(?:st|nd|rd|th)?(?: +of)? +(?P<m1>[a-z]{3,9})\.?|"
    r"(?P<m2>[a-z]{3,9})\.? +(?P<d2>\d{1,2})(?:st|nd|rd|th)?)(?:,? +(?P<y>\d{4}))?\Z",
    re.I | re.ASCII,
)
# and nothing after it: it could be a span
_TIME = (
    r"(?:[T ]\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?"
    r"(?: ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?"
)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}\Z", re.I | re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})\Z", re.ASCII)
_BARE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T\d{4}(?:\d\d)?(?:Z|[+-]\d{4})?)?\Z", re.ASCII)


def parse_iso(text: str) -> Date | None:
    """The day of `2026-05-08`, with or without a time, as it is written, in whatever zone; None for
    anything else."""
    match = _ISO.match(text)
    if not match:
        return None
    plain = text.replace(",", ".").replace(" Z", "Z").replace(" +", "+").replace(" -", "-")
    try:
        datetime.fromisoformat(plain)
    except ValueError:
        return None
    return Date.fromisoformat(match[1])


def guess(text: str) -> Date | None:
    """The one day that `text` can mean, written some other way: `8 May 2026`, `May 8th, 2026`,
    `2026/5/8`, `25.12.2026`.

    None where it could be two days (`03/04/2026`), or none. A number that can only be a day decides
    which is the month.
    """
    text = " ".join(text.split())
    if match := _YEAR_FIRST.match(text):
        return make_day(match[1], match[3], match[4])
    if match := _BARE.match(text):
        return make_day(match[1], match[2], match[3])
    if match := _YEAR_LAST.match(text):
        first, second = int(match[1]), int(match[3])
        if first == second or first > 12 >= second:
            return make_day(match[4], second, match[1])
        return make_day(match[4], first, match[3]) if second > 12 >= first else None
    if (match := NAMED.match(text)) and match["y"]:
        return make_day(
            match["y"], find_month(match["m1"] or match["m2"]), match["d1"] or match["d2"]
        )
    return None


def list_readings(text: str) -> list[Date]:
    """The two days that `03/04/2026` may mean; none where there are not two."""
    match = _YEAR_LAST.match(" ".join(text.split()))
    if not match or guess(text):
        return []
    year, one, other = match[4], match[1], match[3]
    return [day for day in (make_day(year, one, other), make_day(year, other, one)) if day]


def find_month(name: str) -> int:
    """The number of a month, from its first three letters on; 0 for another word."""
    name = name.lower()
    return next((i for i, full in enumerate(MONTHS, 1) if full.startswith(name)), 0)


def make_day(year: str | int, month: str | int, day: str | int) -> Date | None:
    """The day, or None where the calendar has none."""
    try:
        return Date(int(year), int(month), int(day))
    except ValueError:
        return None
