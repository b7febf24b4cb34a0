"""The day and minute of a reminder, from what a command's options say (ground.when). Pure."""

from datetime import date as Date
from datetime import time as Time

from ...ground import when
from ...ground.errors import BadData, Usage
from ...ground.zone import to_instant, to_local

_MINUTE = 60_000


def from_options(
    now: int, date: str | None, time: str | None, at: str | None, span: str | None
) -> tuple[Date, Time]:
    """The day and minute that a command's options name: --date with --time, or --at, or --in."""
    if (date is not None or time is not None) + (at is not None) + (span is not None) != 1:
        raise Usage("say when", cure="give --date and --time, or --at, or --in")
    if at is not None:
        return parse(at, now)
    if span is not None:
        return _expressible(span, when.read_span(span, now))
    if date is None or time is None:
        missing = "--date" if date is None else "--time"
        raise Usage(f"{missing} is missing", cure="give both, or --at, or --in")
    return parse_day(date, now), parse_minute(time)


def parse(text: str, now: int) -> tuple[Date, Time]:
    """The minute that a text means, never an earlier one."""
    found = when.read_local(text, now)
    if isinstance(found, int):
        return _expressible(text, found)
    day, time = found
    if time.second or time.microsecond:
        return _expressible(text, to_instant(day, time))
    return day, time


def parse_day(text: str, now: int) -> Date:
    """The day that a text without a time of day means."""
    if ":" in text:
        raise BadData(f"'{text}' has a time of day", cure="use --at for both")
    return when.read_day(text, now, ahead=True)


def parse_minute(text: str) -> Time:
    time = when.read_clock(text)
    if time.second or time.microsecond:
        raise BadData(f"'{text}' has seconds", cure="write it as 09:30")
    return time


def _expressible(text: str, moment: int) -> tuple[Date, Time]:
    """The first minute from an instant on that a local time names.

    A minute that exists twice names the earlier one, so what falls into the later is moved to the
    end of it.
    """
    try:
        moment = -(-moment // _MINUTE) * _MINUTE
        while to_instant(*_split(moment)) != moment:
            moment += _MINUTE
        return _split(moment)
    except (OverflowError, ValueError):
        raise BadData(f"'{text}' ends after year 9999", cure="give a shorter one") from None


def _split(instant: int) -> tuple[Date, Time]:
    moment = to_local(instant)
    return moment.date(), moment.time()
