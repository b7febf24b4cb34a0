"""A moment as a person says it, `tomorrow 09:00` or `2h`, to the day and minute of a reminder.

Local UK time. Owns a small grammar, all of which the manual of remind-add tells; what it does not
know it refuses, for a moment that was guessed is a reminder that comes at the wrong time. Pure.
"""

import re
from datetime import date as Date
from datetime import datetime, timedelta
from datetime import time as Time

from ..ground import clock
from ..ground.errors import BadData, Usage
from .reminder.occurrence import to_instant, to_local

_MINUTE = 60_000
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_SHORT_DAYS = [day[:3] for day in _DAYS]
_SPAN = re.compile(
    r"\s*(\d{1,6})\s*(w|weeks?|d|days?|h|hours?|m|min|mins|minutes?)(?![a-z])\s*"
    r"|\s*(\d{1,6})([wdhm])(?=\d)",
    re.ASCII,
)
_AT = re.compile(
    r"(?:([a-z]+|\d{4}-\d\d-\d\d)(?:\s+at\s+|\s+|t(?=\d)))?(\d{1,2})(?::(\d\d))?(am|pm)?", re.ASCII
)


def from_options(
    now: int, date: str | None, time: str | None, at: str | None, span: str | None
) -> tuple[Date, Time]:
    """The day and minute that a command's options name: --date with --time, or --at, or --in."""
    if (date is not None or time is not None) + (at is not None) + (span is not None) != 1:
        raise Usage("say when", cure="give --date and --time, or --at, or --in")
    if at is not None:
        return parse(at, now)
    if span is not None:
        return parse_span(span, now)
    if date is None or time is None:
        missing = "--date" if date is None else "--time"
        raise Usage(f"{missing} is missing", cure="give both, or --at, or --in")
    return parse_day(date), parse_minute(time)


def parse_day(text: str) -> Date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return Date.fromisoformat(text)
    except ValueError:
        pass
    raise BadData(f"'{text}' is not a day", cure="write it as 2026-03-29")


def parse_minute(text: str) -> Time:
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        return Time.fromisoformat(text)
    raise BadData(f"'{text}' is not a time of day", cure="write it as 09:30")


def parse_end(text: str, now: int) -> int:
    """The instant of RFC 3339 text, of a moment as a person says it, or of a day's last minute."""
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d.+", text, re.ASCII):
        return clock.parse(text)
    words = text.strip().lower()
    if re.fullmatch(r"[a-z]+|\d{4}-\d\d-\d\d", words, re.ASCII):
        words += " 23:59"
    return to_instant(*parse(words, now))


def parse(text: str, now: int) -> tuple[Date, Time]:
    """`tomorrow 09:00`, `friday 5pm`, `18:00`; without a date the next such moment."""
    match = _AT.fullmatch(text.strip().lower())
    hour = match and _clock(match[2], match[3], match[4])
    if not match or hour is None:
        cure = "write it as 'tomorrow 09:00', 'friday 17:30', '18:00' or '2026-03-29 01:30'"
        raise BadData(f"'{text}' is not a time", cure=cure)
    try:
        return _next(match[1], hour, now)
    except OverflowError:
        raise BadData(f"'{text}' is after year 9999", cure="give an earlier one") from None


def _next(name: str | None, hour: Time, now: int) -> tuple[Date, Time]:
    today = to_local(now).date()
    if name is None:
        days = [today, today + timedelta(1)]
    elif name in _DAYS + _SHORT_DAYS:
        ahead = (_SHORT_DAYS.index(name[:3]) - today.weekday()) % 7
        days = [today + timedelta(ahead), today + timedelta(ahead + 7)]
    elif name in ("today", "tomorrow"):
        return today + timedelta(name == "tomorrow"), hour
    elif name[0].isdigit():
        return parse_day(name), hour
    else:
        raise BadData(f"'{name}' is not a day", cure="use today, tomorrow, a weekday or 2026-03-29")
    return next(d for d in days if to_instant(d, hour) > now), hour


def _clock(hour: str, minutes: str | None, half: str | None) -> Time | None:
    h, m = int(hour), int(minutes or 0)
    if half:
        return Time(h % 12 + (12 if half == "pm" else 0), m) if 1 <= h <= 12 and m < 60 else None
    return Time(h, m) if minutes and h < 24 and m < 60 else None


def parse_span(text: str, now: int) -> tuple[Date, Time]:
    """`2h`, `1h30m`, `3 days`: weeks and days by the calendar, hours and minutes by the clock on
    the wall; never early.

    A minute that exists twice names the earlier one, so what falls into the later is moved to the
    end of it.
    """
    spans: dict[str, int] = {}
    at, words = 0, text.strip().lower()
    while match := _SPAN.match(words, at):
        count, unit = match[1] or match[3], (match[2] or match[4])[0]
        if unit in spans:
            break
        spans[unit], at = int(count), match.end()
    if at < len(words) or not any(spans.values()):
        raise BadData(f"'{text}' is not a duration", cure="write it as 2h, 45m, 1h30m, 3d or 1w")
    try:
        start = to_local(now) + timedelta(weeks=spans.get("w", 0), days=spans.get("d", 0))
        moment = to_instant(start.date(), start.time()) if spans.get("w") or spans.get("d") else now
        return _expressible(moment + spans.get("h", 0) * 60 * _MINUTE + spans.get("m", 0) * _MINUTE)
    except (OverflowError, ValueError):
        raise BadData(f"'{text}' ends after year 9999", cure="give a shorter one") from None


def _expressible(moment: int) -> tuple[Date, Time]:
    moment = -(-moment // _MINUTE) * _MINUTE
    while to_instant(*_split(to_local(moment))) != moment:
        moment += _MINUTE
    return _split(to_local(moment))


def _split(moment: datetime) -> tuple[Date, Time]:
    return moment.date(), moment.time()
