"""The person's zone: local time to instants and back. The one place that knows which it is.

The zone is the setting `zone`; the rules are those of IANA's tables in the tzdata package: the
machine's own are never asked. A local time that does not exist is the next valid minute; of one
that exists twice, the earlier is meant. Instants are ms since the epoch.
"""

import os
from collections.abc import Callable
from datetime import date as Date
from datetime import datetime, timedelta, timezone
from datetime import time as Time
from functools import lru_cache

DEFAULT = "Europe/London"

END = 253_402_300_799_999  # ms, the end of year 9999 in UTC

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


_ask: Callable[[], str] = lambda: DEFAULT


def use(ask: Callable[[], str]) -> None:
    """Take the zone whose name `ask` gives, when a local time is first needed."""
    global _ask
    _ask = ask
    name.cache_clear()
    _zone.cache_clear()
    to_local.cache_clear()


@lru_cache(1)
def name() -> str:
    return _ask()


def find_cure(name: str) -> str:
    """What to write instead of a name that IANA's tables do not have; '' for one that they have."""
    import difflib

    with open(os.path.join(_tables(), "zones"), encoding="ascii") as file:
        known = file.read().split()
    if name in known:
        return ""
    plain = {each.lower(): each for each in known}
    plain |= {each.rpartition("/")[2].lower(): each for each in known}
    near = difflib.get_close_matches(name.lower().replace(" ", "_"), plain, 1)
    return f"did you mean '{plain[near[0]]}'?" if near else "write one such as America/New_York"


def find_machines(variable: str, link: str = "/etc/localtime") -> str:
    """The name of this machine's zone, by the variable TZ or the link that systems have; '' where
    neither tells. Only to compare."""
    name = variable.lstrip(":") or os.path.realpath(link).partition("zoneinfo/")[2]
    return name if name and not find_cure(name) else ""


def is_like(other: str, now: int) -> bool:
    """Whether clocks of another zone show the same as those here, for a year from now."""
    here, there = _zone(), _load(other)
    now = min(now, END - 366 * 86_400_000)
    times = (_EPOCH + now * _MILLISECOND + days * _DAY for days in range(0, 366, 14))
    return all(at.astimezone(here).utcoffset() == at.astimezone(there).utcoffset() for at in times)


def _tables() -> str:
    import tzdata

    assert tzdata.__file__
    return os.path.dirname(tzdata.__file__)


@lru_cache(1)
def _zone():
    return _load(name())


def _load(name: str):
    from zoneinfo import ZoneInfo

    with open(os.path.join(_tables(), "zoneinfo", *name.split("/")), "rb") as file:
        return ZoneInfo.from_file(file, key=name)


def move(instant: int, before: str) -> int:
    """The instant at which clocks here show what those of another zone showed at an instant; the
    same one where there is no such zone."""
    if find_cure(before):
        return instant
    there = (_EPOCH + timedelta(milliseconds=instant)).astimezone(_load(before))
    moved = to_instant(there.date(), there.time().replace(microsecond=0))
    return moved + there.microsecond // 1000


def to_instant(date: Date, time: Time) -> int:
    """The instant of a local time, the earlier of two.

    OverflowError after the last minute of year 9999, here or in UTC.
    """
    moment = datetime.combine(date, time, _zone()).replace(fold=0)
    # in a gap (PEP 495)
    while moment.utcoffset() < moment.replace(fold=1).utcoffset():  # type: ignore[operator]
        moment += _MINUTE
    instant = (moment - _EPOCH) // _MILLISECOND
    if instant > END:
        raise OverflowError
    return instant


@lru_cache(16)
def to_local(instant: int) -> datetime:
    """The local time of an instant, without a zone; before year 1 the first there is.

    OverflowError after year 9999.
    """
    try:
        moment = (_EPOCH + timedelta(milliseconds=instant)).astimezone(_zone())
        return moment.replace(tzinfo=None, fold=0)
    except OverflowError:
        if instant > 0:
            raise
        return datetime.min


def to_day(instant: int) -> Date:
    """The local day of an instant; after year 9999 the last there is: a file may have any."""
    try:
        return to_local(instant).date()
    except OverflowError:
        return Date.max


def start_of(day: Date) -> int:
    """The first ms of a local day."""
    return to_instant(day, Time())


def end_of(day: Date) -> int:
    """The last ms of a local day, which has 23 or 25 hours where the clock changes."""
    if day == Date.max:
        return last_instant()
    return start_of(day + _DAY) - 1


def last_instant() -> int:
    """The last ms that has a local time and one in UTC."""
    last = datetime.max.replace(tzinfo=_zone())
    return min(END, (last - _EPOCH) // _MILLISECOND)
