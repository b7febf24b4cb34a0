"""Which reminders are to have been sent by now, found at little cost among thousands that are not.

Refuses to know what was sent (journal), but for the last time of what recurs, which it is told.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta

from ..formats.reminder import occurrence
from ..formats.reminder.reminder import Reminder
from ..ground import clock, zone
from .journal import Occurrence, make_key

HOUR = timedelta(hours=1)


def find_overdue(
    reminders: Iterable[Reminder], now: int, grace: int, sent_until: Callable[[str], int | None]
) -> Iterator[Occurrence]:
    """What fires once, and the latest of what recurs unless it was sent, or missed before grace."""
    since = now - grace
    # a local time may be moved, or come twice, by an hour
    first, last = _hour_before(zone.to_local(since)), _hour_after(zone.to_local(now))
    for r in reminders:
        if r.date > last.date():
            continue
        if r.recur == "none":
            found = find_single(r)
            if found and found.due <= now:
                yield found
        elif may_recur(r, first, last):
            due = _missed(r, now, since, sent_until(r.id))
            if due is not None:
                yield Occurrence(make_key(r.id, due), r.id, due, False)


def _missed(reminder: Reminder, now: int, since: int, sent: int | None) -> int | None:
    latest = occurrence.find_latest(reminder, now)
    # the order, not the time: one moved to an earlier hour after it fired today has fired today
    after = since if sent is None else max(since, sent + 1)
    return latest[0] if latest and latest[0] >= after else None


def count_skipped(reminder: Reminder, found: Occurrence, sent: int | None) -> int:
    """How many occurrences nobody fired since the last that was sent; 0 when none ever was."""
    if found.once or sent is None:
        return 0
    earlier = occurrence.find_latest(reminder, found.due, sent)
    return earlier[1] if earlier else 0


def find_single(reminder: Reminder) -> Occurrence | None:
    """The one occurrence of a reminder that does not recur."""
    due = occurrence.find_nth(reminder, 0) if reminder.recur == "none" and reminder.id else None
    if due is None:
        return None
    return Occurrence(make_key(reminder.id, due, reminder.msg), reminder.id, due)


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


def may_recur(reminder: Reminder, first: datetime, last: datetime) -> bool:
    """Whether a recurring reminder has a time between two local ones; cheap, and without zones."""
    for days in range((last.date() - first.date()).days + 1):
        day = first.date() + timedelta(days)
        there = reminder.date <= day and first <= datetime.combine(day, reminder.time) <= last
        if there and _falls_on(reminder, day):
            return True
    return False


def _falls_on(reminder: Reminder, day: date) -> bool:
    if reminder.recur in ("monthly", "yearly"):
        if reminder.recur == "yearly" and day.month != reminder.date.month:
            return False
        return day.day == reminder.date.day or (day.day < reminder.date.day and _is_last(day))
    return reminder.recur == "daily" or (day - reminder.date).days % 7 == 0


def _is_last(day: date) -> bool:
    return day == date.max or (day + timedelta(1)).day == 1


def _hour_before(moment: datetime) -> datetime:
    return moment - HOUR if moment - datetime.min >= HOUR else datetime.min


def _hour_after(moment: datetime) -> datetime:
    return moment + HOUR if datetime.max - moment >= HOUR else datetime.max
