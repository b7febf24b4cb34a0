"""Which reminders are to have been sent by now, found at little cost among thousands that are not.

Refuses to know what was sent (journal), but for the last time of what recurs, which it is told.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta

from ..formats.reminder import occurrence
from ..formats.reminder.reminder import Reminder
from ..ground import clock, zone
from .journal import Occurrence, make_key


def find_overdue(
    reminders: Iterable[Reminder], now: int, find_since: Callable[[Reminder], int]
) -> Iterator[Occurrence]:
    """What fires once, and the latest of what recurs, if it was due later than `find_since` says:
    that is when the last one that was sent was due, or from when on the reminder is known."""
    tomorrow = zone.to_local(now).date()
    tomorrow = tomorrow if tomorrow == date.max else tomorrow + timedelta(1)
    for r in reminders:
        if r.date > tomorrow:
            continue
        if r.recur == "none":
            found = find_single(r)
            if found and found.due <= now:
                yield found
        else:
            latest = occurrence.find_latest(r, now)
            if latest and latest[0] > find_since(r):
                yield Occurrence(make_key(r.id, latest[0]), r.id, latest[0], False, r.msg)


def find_baseline(reminder: Reminder, now: int, grace: int, sent: int | None) -> int:
    """From when on a reminder that recurs can be missed: one that was not known until now, or only
    with another day or time. `sent`: when the last that was sent was due.

    Its latest time is still to come if that is within `grace`, or its first: the person has just
    written it, or nobody scanned. An earlier one, of somebody's birthday say, nobody missed.
    """
    latest = occurrence.find_latest(reminder, now)
    fires = latest and (now - latest[0] <= grace or latest[1] == 0)
    since = latest[0] - 1 if latest and fires else now
    return since if sent is None else max(since, sent)


def to_schedule(reminder: Reminder) -> str:
    """What makes a recurring reminder's times; the zone comes last."""
    return f"{reminder.date} {reminder.time} {reminder.recur} {zone.name()}"


def count_skipped(reminder: Reminder, found: Occurrence, since: int) -> int:
    """How many occurrences nobody fired between an instant and the one that was found."""
    if found.once:
        return 0
    earlier = occurrence.find_latest(reminder, found.due, since)
    return earlier[1] if earlier else 0


def find_single(reminder: Reminder) -> Occurrence | None:
    """The one occurrence of a reminder that does not recur."""
    due = occurrence.find_nth(reminder, 0) if reminder.recur == "none" and reminder.id else None
    if due is None:
        return None
    msg = reminder.msg
    return Occurrence(make_key(reminder.id, due, msg), reminder.id, due, True, msg)


def find_earliest(reminders: list[Reminder], now: int) -> int:
    """An instant before which none of them is due, when none is now; at most a day from now.

    Each that recurs is taken for daily: too early costs a look, and knowing better costs more.
    """
    here = zone.to_local(now)
    today = here.date()
    tomorrow = today if today == date.max else today + timedelta(1)

    def next_day(r: Reminder) -> date:
        return r.date if r.date > today else today if r.time > here.time() else tomorrow

    day, time = min((r.date if r.recur == "none" else next_day(r), r.time) for r in reminders)
    return min(now + clock.DAY, zone.to_instant(day, time))
