"""What is to come: occurrences of all reminders in order, and how they are told. Pure."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from ..formats.reminder.occurrence import find_between, find_grace, find_latest, find_next, find_nth
from ..formats.reminder.reminder import Reminder
from ..ground import clock
from ..ground.zone import END, last_instant, to_local


class Upcoming(NamedTuple):
    instant: int
    reminder: Reminder


def list_upcoming(
    reminders: Iterable[Reminder], now: int, count: int | None = None, until: int | None = None
) -> Iterator[Upcoming]:
    """Occurrences in order: the first `count`, those up to `until`; with neither, each one's next.

    What fires once and still stands in the file is to come, however late.
    """
    if count is None and until is None:
        yield from sorted(
            Upcoming(first, r) for r in reminders if (first := find_upcoming(r, now)) is not None
        )
        return
    end = last_instant() if until is None else until
    # no more than there are minutes: islice counts no further than the machine does
    most = count if count is None else min(count, END)
    yield from islice(heapq.merge(*(_occurrences(r, now, end) for r in reminders)), most)


def find_upcoming(reminder: Reminder, now: int) -> int | None:
    """A reminder's next occurrence; None when it has none before the end of time."""
    return find_nth(reminder, 0) if reminder.recur == "none" else find_next(reminder, now - 1)


def _occurrences(reminder: Reminder, now: int, end: int) -> Iterator[Upcoming]:
    if reminder.recur == "none":
        first = find_nth(reminder, 0)
        times: Iterable[int] = [first] if first is not None and first <= end else []
    else:
        times = find_between(reminder, now - 1, end)
    for instant in times:
        yield Upcoming(instant, reminder)


def remark_on(reminder: Reminder, now: int, grace: float) -> str:
    """What may surprise whoever has just set a reminder, '' for nothing. `grace` in hours."""
    time, first = f"{reminder.time:%H:%M}", find_upcoming(reminder, now)
    if reminder.recur == "none":
        missed = first if first is not None and first < now else None
    else:
        hours = find_grace(reminder.recur, int(grace * 3600 * clock.SECOND))
        latest = find_latest(reminder, now, now - hours)
        missed = latest[0] if latest else None
    if missed is not None:
        return f"{_local(missed)} is past; it fires at the next scan"
    if first is None:
        return ""
    local = to_local(first)
    if reminder.recur != "none" and local.date() > reminder.date:
        return f"{reminder.date} {time} is past; it first fires at {_local(first)}"
    if local.time() != reminder.time:
        return f"a clock change leaves out {time}; it fires at {local:%H:%M}"
    return ""


def _local(instant: int) -> str:
    return f"{to_local(instant):%Y-%m-%d %H:%M}"


#: of the JSON object of a reminder, in every command
KEYS = ("id", "date", "time", "recur", "msg", "line", "next", "next_utc")
#: and of one that was due (past)
PAST_KEYS = ("id", "msg", "recur", "due", "due_utc", "state", "at", "waits")


def to_record(reminder: Reminder, instant: int | None) -> dict[str, Any]:
    """The JSON object of a reminder with an occurrence, the same in every command."""
    local, utc = (None, None) if instant is None else tell_instant(instant)
    return {
        "id": reminder.id,
        "date": reminder.date.isoformat(),
        "time": f"{reminder.time:%H:%M}",
        "recur": reminder.recur,
        "msg": reminder.msg,
        "line": reminder.line,
        "next": local,
        "next_utc": utc,
    }


def to_row(coming: Upcoming) -> str:
    """`2026-03-29T02:00`, `2026-03-29T01:00Z`, recurrence, id, message, with tabs between."""
    record = to_record(coming.reminder, coming.instant)
    record |= {"id": record["id"] or "-", "msg": record["msg"].replace("\t", " ")}
    return "\t".join(record[name] for name in ("next", "next_utc", "recur", "id", "msg"))


def tell_instant(instant: int) -> tuple[str, str]:
    """An instant to the minute, local and in UTC."""
    return to_local(instant).isoformat(timespec="minutes"), clock.to_text(instant)[:16] + "Z"


def describe_recurrence(reminder: Reminder) -> str:
    """How often, in words: `every day`, `every Monday`, `every month on the 31st or the last day`,
    `every year on 29 February, else on the 28th`; '' for once."""
    date = reminder.date
    if reminder.recur == "none":
        return ""
    if reminder.recur == "daily":
        return "every day"
    if reminder.recur == "weekly":
        return f"every {date:%A}"
    if reminder.recur == "monthly":
        last = " or the last day" if date.day > 28 else ""
        return f"every month on the {date.day}{_ending(date.day)}{last}"
    other = ", else on the 28th" if (date.month, date.day) == (2, 29) else ""
    return f"every year on {date.day} {date:%B}{other}"


def _ending(day: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th") if day not in (11, 12, 13) else "th"
