"""When reminders are due: the occurrences of a recurrence.

Occurrence k of a reminder is counted from its first day (k days, weeks, months or years on, in
local time), so that a month without the day, which takes its last day, does not move those after
it. Each question costs the same however long ago that first day was.

Pure: instants are ms since the epoch, as everywhere.
"""

import calendar
from collections.abc import Iterator
from datetime import date as Date
from datetime import timedelta

from ...ground import clock
from ...ground.zone import to_day, to_instant
from .reminder import Reminder

#: ms for which a missed occurrence still fires; a week where nothing is said
_GRACE = {"daily": clock.DAY // 2, "weekly": 3 * clock.DAY}


def find_grace(recur: str, setting: int) -> int:
    """For how long, in ms, what was missed of a recurrence still fires. 0 is by its period."""
    return setting or _GRACE.get(recur, 7 * clock.DAY)


def find_nth(reminder: Reminder, k: int) -> int | None:
    """The instant of occurrence k, counted from 0; None where there is none."""
    if k < 0 or k and reminder.recur == "none":
        return None
    try:
        return to_instant(_day(reminder.date, reminder.recur, k), reminder.time)
    except (OverflowError, ValueError):  # after year 9999
        return None


def _day(first: Date, recur: str, k: int) -> Date:
    if recur in ("daily", "weekly"):
        return first + timedelta(days=k * (7 if recur == "weekly" else 1))
    years, month = divmod(first.month - 1 + k * (12 if recur == "yearly" else 1), 12)
    year, month = first.year + years, month + 1
    return Date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


def count_until(reminder: Reminder, instant: int) -> int:
    """How many occurrences are at or before an instant: the number of the first one after it."""
    today = to_day(instant)
    first = reminder.date
    if today < first:  # an occurrence may be moved to a later minute, never to an earlier day
        return 0
    if reminder.recur == "none":
        k = 0
    elif reminder.recur == "monthly":
        k = (today.year - first.year) * 12 + today.month - first.month
    elif reminder.recur == "yearly":
        k = today.year - first.year
    else:
        k = (today - first).days // (7 if reminder.recur == "weekly" else 1)
    due = find_nth(reminder, k)
    return k + 1 if due is not None and due <= instant else k


def find_between(reminder: Reminder, after: int, until: int) -> Iterator[int]:
    """The occurrences after one instant, up to and with another, in order."""
    for k in range(count_until(reminder, after), count_until(reminder, until)):
        if (found := find_nth(reminder, k)) is not None:
            yield found


def find_next(reminder: Reminder, instant: int) -> int | None:
    """The first occurrence after an instant."""
    return find_nth(reminder, count_until(reminder, instant))


def find_latest(
    reminder: Reminder, instant: int, after: int | None = None
) -> tuple[int, int] | None:
    """The last occurrence up to an instant, and how many are before it (later than `after`)."""
    count = count_until(reminder, instant)
    first = 0 if after is None else count_until(reminder, after)
    latest = find_nth(reminder, count - 1)
    return None if latest is None or count <= first else (latest, count - 1 - first)
