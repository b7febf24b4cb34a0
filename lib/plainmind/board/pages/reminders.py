"""Reminders: a month of them, what comes next, what was sent, what is wrong with the file."""

import calendar
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from ...formats.reminder import reminder as grammar
from ...formats.reminder.reminder import Contents, Reminder, ReminderProblem
from ...ground import zone
from ...ground.errors import BadData
from ...memory import Memory
from ...reminders import agenda, file, past
from ..problems import attempt

MOST = 500  # occurrences of a month
ON_A_DAY = 4  # that are open; more are a click away
COMING, PAST = 100, 30  # on one page
FIRST_YEAR = 1970
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    problems: list[str] = []
    now, today = memory.now(), zone.to_day(memory.now())
    first = parse_month(query.get("month", ""), today)
    contents = read_contents(memory, problems)
    done = list_past(memory, problems)
    # what is late waits, or was sent: it stands below
    coming = [one for one in agenda.list_upcoming(contents.reminders, now) if one.instant >= now]
    path = file.locate(memory.home, memory.env)
    weeks = list_weeks(first, today)
    by_day, cut = _sort_into_days(first, weeks[-1], contents.reminders, done, now)
    waiting = [one for one in done if one.waits]
    lately = [*waiting[:COMING], *[one for one in done if not one.waits][:PAST]]
    return {
        "problems": problems,
        "findings": [
            (f"{path}:{one.line}", _tell_reason(one, memory.env.mask)) for one in contents.problems
        ],
        "hidden": contents.hidden,
        "path": path,
        "month": f"{first:%B %Y}",
        "this_month": (first.year, first.month) == (today.year, today.month),
        "earlier": _name_month(first - timedelta(1)) if first > date(FIRST_YEAR, 1, 1) else "",
        "later": _name_month(first + timedelta(31)) if first < date(9999, 12, 1) else "",
        "weeks": [[_draw_day(day, first, today, by_day) for day in week] for week in weeks],
        "cut": cut,
        "most": MOST,
        "count": len(contents.reminders),
        "coming": [describe(one, today) for one in coming[:COMING]],
        "coming_count": len(coming),
        "past": [describe_past(one) for one in lately],
        "waiting_left": len(waiting[COMING:]),
    }


def parse_month(text: str, today: date) -> date:
    """The first day of a month, YYYY-MM; of this one for ''."""
    if not text:
        return today.replace(day=1)
    match = _MONTH.fullmatch(text)
    if not match or not 1 <= int(match[2]) <= 12 or int(match[1]) < FIRST_YEAR:
        raise BadData(f"'{text}' is not a month", cure="write one such as 2026-02")
    return date(int(match[1]), int(match[2]), 1)


def read_contents(memory: Memory, problems: list[str]) -> Contents:
    """The reminders file. Where it cannot be read, a problem, and no reminders."""
    path = file.locate(memory.home, memory.env)
    if not memory.env.get("REMINDERS_FILE") and not os.path.lexists(path):
        return Contents([], [])  # nobody waits for an editor's save
    parse = lambda: grammar.parse(file.read(memory.home, path))
    return attempt(parse, Contents([], []), problems)


def _tell_reason(problem: ReminderProblem, mask: Callable[[str], str]) -> str:
    """A reason has words of its line, and half a secret is not known."""
    if mask(problem.text) == problem.text:
        return problem.reason
    return "it holds a secret, and is not a reminder; remind-list --check says why"


def list_past(memory: Memory, problems: list[str]) -> list[past.PastReminder]:
    """As `remind-list --past`."""
    if not os.path.isdir(memory.home.path("remind")) and not memory.env.get("REMINDERS_FILE") \
            and not os.path.lexists(file.locate(memory.home, memory.env)):  # fmt: skip
        return []
    grace, now = memory.settings["remind.grace"], memory.now()
    said: list[str] = []
    complain = lambda failure: said.append(str(failure))
    read = lambda: past.list_past(memory.home, memory.env, grace, now, complain)
    found = attempt(read, list[past.PastReminder](), said)
    problems += [text for text in said if text not in problems]
    return found


def list_coming(reminders: Iterable[Reminder], since: int, until: int) -> Iterator[agenda.Upcoming]:
    """Occurrences from one instant to another, one more than are shown at most."""
    if since > until:
        return
    # what fires once and is late comes first in the agenda, whichever instant is asked for
    ahead = [r for r in reminders
             if r.recur != "none" or (agenda.find_upcoming(r, since) or -1) >= since]  # fmt: skip
    yield from agenda.list_upcoming(ahead, since, MOST + 1, until)


def describe(coming: agenda.Upcoming, today: date) -> dict[str, Any]:
    """An occurrence, as its command's record, with words."""
    words = agenda.describe_recurrence(coming.reminder)
    record = agenda.to_record(coming.reminder, coming.instant)
    days = (zone.to_day(coming.instant) - today).days
    return {**record, "at": coming.instant, "words": words, "days": days}


def describe_past(one: past.PastReminder) -> dict[str, Any]:
    return {**past.to_record(one), "instant": one.due, "lingers": one.lingers}


def _name_month(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


Days = dict[date, list[dict[str, Any]]]
Week = list[date | None]


def list_weeks(first: date, today: date) -> list[Week]:
    """Those of a month, from Monday on. The last goes on with days of the next month; when it is
    this week and has none, another follows, so that tomorrow is there. None: a day before it."""
    days = [
        date(*day) if (first.year, first.month) <= day < (date.max.year + 1,) else None
        for day in calendar.Calendar().itermonthdays3(first.year, first.month)
    ]
    weeks: list[Week] = [days[n : n + 7] for n in range(0, len(days), 7)]
    last = weeks[-1][-1]
    if today in weeks[-1] and last and last.month == first.month:
        weeks.append([last + timedelta(n) for n in range(1, 8)])
    return weeks


def _sort_into_days(
    first: date, last: Week, reminders: Iterable[Reminder], done: list[past.PastReminder], now: int
) -> tuple[Days, bool]:
    """Day -> what was due then, and what is to come, to the end of the last week; whether there is
    more."""
    start, end = zone.start_of(first), zone.end_of(max(filter(None, last)))
    since = max(now, start)
    found: Days = {}

    def add(instant: int, msg: str, state: str, words: str) -> None:
        local = zone.to_local(instant)
        entry = {"time": f"{local:%H:%M}", "msg": msg, "state": state, "words": words}
        found.setdefault(local.date(), []).append(entry)

    for one in reversed(done):
        if start <= one.due <= end:
            add(one.due, one.msg, one.state, "")
    count = 0
    for coming in list_coming(reminders, since, end):
        count += 1
        if count <= MOST:
            words = agenda.describe_recurrence(coming.reminder)
            add(coming.instant, coming.reminder.msg, "", words)
    return found, count > MOST


def _draw_day(day: date | None, first: date, today: date, by_day: Days) -> dict[str, Any] | None:
    if day is None:
        return None
    entries = by_day.get(day, [])
    return {
        "day": day.day, "date": day.isoformat(), "name": f"{day:%A}, {day.day} {day:%B}",
        "is_today": day == today, "is_past": day < today, "is_next": day.month != first.month,
        "entries": entries[:ON_A_DAY], "more": entries[ON_A_DAY:],
    }  # fmt: skip
