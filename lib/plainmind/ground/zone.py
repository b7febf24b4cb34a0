"""The person's zone: local time to instants and back. The one place that names it.

The rules are those of IANA's tables in the tzdata package: the machine's own are never asked. A
local time that does not exist is the next valid minute; of one that exists twice, the earlier is
meant. Instants are ms since the epoch.
"""

import os
from datetime import date as Date
from datetime import datetime, timedelta, timezone
from datetime import time as Time
from functools import lru_cache

NAME = "Europe/London"

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


@lru_cache(1)
def _zone():
    from zoneinfo import ZoneInfo

    import tzdata

    assert tzdata.__file__
    folder = os.path.dirname(tzdata.__file__)
    with open(os.path.join(folder, "zoneinfo", *NAME.split("/")), "rb") as file:
        return ZoneInfo.from_file(file, key=NAME)


def to_instant(date: Date, time: Time) -> int:
    """The instant of a local time, the earlier of two.

    OverflowError after the last minute of year 9999.
    """
    moment = datetime.combine(date, time, _zone()).replace(fold=0)
    # in a gap (PEP 495)
    while moment.utcoffset() < moment.replace(fold=1).utcoffset():  # type: ignore[operator]
        moment += _MINUTE
    return (moment - _EPOCH) // _MILLISECOND


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
    """The local day of an instant."""
    return to_local(instant).date()


def start_of(day: Date) -> int:
    """The first ms of a local day."""
    return to_instant(day, Time())


def end_of(day: Date) -> int:
    """The last ms of a local day, which has 23 or 25 hours where the clock changes."""
    if day == Date.max:
        return to_instant(day, Time(23, 59, 59, 999000))
    return start_of(day + _DAY) - 1
