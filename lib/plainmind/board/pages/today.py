"""Today: what needs a person, what is due, what was done. Read over coffee: short, and the most
important first."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from ...agent import failures
from ...ground import clock, zone
from ...index.engine import Index, Period, Talk
from ...memory import Memory
from ...reminders import agenda, past
from ...truth import changes
from ...truth.changes import ASKED, KeptChange
from ...truth.log import overview
from ...truth.work import sessions
from ...work import costs, experience, report
from ...work.days import list_days
from .. import checks
from ..problems import attempt
from . import reminders

EACH = 5  # concerns of a kind
DUE, TASKS, TALKS, KEPT, RUNNING = 12, 8, 6, 6, 6
RECENT = 200  # tasks that are looked through
_TODAY, _YESTERDAY = 1, 0  # of two days


class Matter(NamedTuple):
    """Something a person should know of."""

    state: str  # failed or warning
    what: str
    detail: str
    at: int | str  # when; 0 for now
    page: str  # where more is
    part: str = ""
    command: str = ""


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    problems: list[str] = []
    now = memory.now()
    days = list_days(now, 2)
    work = _read_work(memory, days, problems)
    known = reminders.list_past(memory, problems)
    waiting = [one for one in reversed(known) if one.waits]
    held = attempt(lambda: changes.list_held(memory.home, dry=True), [], problems)
    kept = [one for one in reversed(held) if one.change.instant >= days[_YESTERDAY].first]
    concerns = [
        *_cut(_tell_failed_turns(memory, work["talk"], days[_YESTERDAY].first, problems), "log"),
        *_cut(_tell_failed_tasks(memory, work["tasks"]), "sessions"),
        *_tell_asked(kept),
        *_tell_health(memory, waiting),
    ]
    due = list(_list_due(memory, waiting, problems))
    return {
        "problems": problems,
        "day": f"{zone.to_day(now):%A}, {zone.to_day(now).day} {zone.to_day(now):%B %Y}",
        "exists": os.path.isdir(memory.home.root),
        "concerns": concerns,
        "due": due[:DUE],
        "due_left": len(due[DUE:]),
        "figures": work["figures"],
        "talks": work["talks"][:TALKS],
        "running": [_describe_session(memory, row) for row in work["running"][:RUNNING]],
        "running_count": len(work["running"]),
        "ended": [_describe_session(memory, row) for row in work["ended"]],
        "done": [
            {**row, "to": _find_page(memory, row)}
            for row in work["tasks"]
            if row["status"] == "completed"
        ][:TASKS],
        "kept": [_describe_change(memory, one) for one in kept if one.state != ASKED][:KEPT],
        "streaks": work["streaks"],
    }


# --- what was done


def _read_work(memory: Memory, days: list[Period], problems: list[str]) -> dict[str, Any]:
    """What the index knows of two days."""
    found: dict[str, Any] = {
        "talk": [], "talks": [], "tasks": [], "running": [], "ended": [], "streaks": [],
        "figures": {},
    }  # fmt: skip
    attempt(lambda: _add_work(found, memory, days), None, problems)
    return found


def _add_work(found: dict[str, Any], memory: Memory, days: list[Period]) -> None:
    for index in memory.opened():
        with index:
            found |= _ask(index, days)
    if found["figures"]:
        rows = costs.read_days(memory.opened(), memory.now(), 2)
        found["figures"]["cost"] = [
            costs.add_up(row for row in rows if row["day"] == day.name).cost for day in days
        ]
        agents = experience.read_all(memory.opened(), days[_TODAY].name)
        streaks = [(one.agent, one.streak) for one in agents if one.streak > 1]
        found["streaks"] = sorted(streaks, key=lambda one: (-one[1], one[0]))[:3]


def _ask(index: Index, days: list[Period]) -> dict[str, Any]:
    since = clock.to_text(days[_YESTERDAY].first)
    talk = [index.talk(day.first, day.last) for day in days]
    tasks = _by_day(index.work_sums("tasks", days, ("status",), ()), days)
    xp = _by_day(index.work_sums("xp_transactions", days, ("agent",), ("amount",)), days)
    recent = index.work_rows("tasks", last=RECENT, by="at")[::-1]
    ended = index.work_rows("sessions", last=RUNNING, by="ended")[::-1]
    count = lambda rows, status: sum(one["count"] for one in rows if one["status"] == status)
    return {
        "talk": [one for day in talk for one in day],
        "talks": _merge(talk),
        "tasks": [row for row in recent if row["at"] >= since],
        "running": [r for r in index.work_rows("v_active_sessions") if r["status"] != "pending"],
        "ended": [row for row in ended if (row["ended"] or "") >= since],
        "figures": {
            "messages": [sum(t.events for t in day if t.role == "user") for day in talk],
            "completed": [count(rows, "completed") for rows in tasks],
            "failed": [count(rows, "failed") for rows in tasks],
            "xp": [sum(row["amount"] for row in rows) for rows in xp],
        },
    }


def _by_day(rows: list[dict[str, Any]], days: list[Period]) -> list[list[dict[str, Any]]]:
    return [[row for row in rows if row["period"] == day.name] for day in days]


def _merge(talk: list[list[Talk]]) -> list[dict[str, Any]]:
    """Contexts with how many messages and replies, who spoke last first."""
    found: dict[str, dict[str, Any]] = {}
    for one in (one for day in talk for one in day):
        row = found.setdefault(
            one.context, {"context": one.context, "user": 0, "agent": 0, "at": 0}
        )
        row["at"] = max(row["at"], one.last)
        if one.role in row:
            row[one.role] += one.events
    return sorted(found.values(), key=lambda row: -row["at"])


def _describe_session(memory: Memory, row: dict[str, Any]) -> dict[str, Any]:
    """With its tasks counted as the page of sessions does; by the journal where it has no files."""
    agents = json.loads(row["agents"]) if row["agents"] else []
    states = []
    if row["path"]:
        states = sessions.read_states(memory.home, row["id"], lambda failure: None)
    counts = report.count_tasks(states) or {"completed": row["tasks"], "failed": row["failed"]}
    outcome = report.name_outcome(row["status"], counts)
    return {**row, "agents": list(map(str, agents)), "counts": counts, "outcome": outcome}


def _find_page(memory: Memory, task: dict[str, Any]) -> tuple[str, str]:
    """(page, part) that has a task: its session's, if the files of that are there, or its
    agent's."""
    session = task["session"] or ""
    if session and os.path.isdir(memory.home.path("work", session)):
        return "sessions", session
    return "team", task["agent"]


def _describe_change(memory: Memory, one: KeptChange) -> dict[str, Any]:
    """Without its id: a model may read this, and is to know none."""
    made = one.change
    return {"at": made.instant, "kind": made.kind, "what": made.describe(memory.env.mask)}


# --- what is due


def _list_due(
    memory: Memory, waiting: list[past.PastReminder], problems: list[str]
) -> Iterator[dict[str, Any]]:
    """What waits to be sent, then what is due today and tomorrow."""
    now = memory.now()
    for one in waiting:
        yield {"at": one.due, "msg": one.msg or one.occurrence.id, "state": one.state, "words": ""}
    contents = reminders.read_contents(memory, [])
    until = zone.end_of(zone.to_day(now) + timedelta(1))
    for coming in reminders.list_coming(contents.reminders, now, until):
        words = agenda.describe_recurrence(coming.reminder)
        yield {"at": coming.instant, "msg": coming.reminder.msg, "state": "", "words": words}


# --- what needs a person


def _cut(concerns: Iterable[Matter], page: str) -> list[Matter]:
    found = list(concerns)
    if len(found) > EACH:
        more = Matter("failed", f"and {len(found) - EACH:,} more", "", 0, page)
        return [*found[:EACH], more]
    return found


def _tell_failed_turns(
    memory: Memory, talk: list[Talk], since: int, problems: list[str]
) -> Iterator[Matter]:
    """Messages without an answer, the last first."""
    found: list[failures.FailedTurn] = []
    for context in {one.context for one in talk if one.role == "system"}:
        # a window may go at this moment
        found += attempt(partial(_read_failed, memory, context, since), [], problems)
    for turn in sorted(found, key=lambda one: one.timestamp, reverse=True):
        what = f"No answer in {turn.context}"
        yield Matter("failed", what, turn.error, turn.timestamp, "log", turn.ref)


def _read_failed(memory: Memory, context: str, since: int) -> list[failures.FailedTurn]:
    wanted = lambda event: event.role in ("system", "agent")
    sizes = {
        path: size for path, size in overview.list_sizes(memory.home, context).items()
        if os.stat(memory.home.path(path)).st_mtime_ns >= since * 1_000_000
    }  # fmt: skip
    said = overview.read_latest(memory.home, sizes, None, clock.to_text(since), wanted)
    return failures.find_failed(said)


def _tell_failed_tasks(memory: Memory, tasks: list[dict[str, Any]]) -> Iterator[Matter]:
    """Of tasks, the last first, those that failed: once each, and not what its agent completed
    later. One task is one text but for case and spaces: the form in which candidates are looked for
    has no numbers, and page 2 does not heal page 1."""
    failed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    done = set()
    for row in tasks:
        task = row["agent"], " ".join(row["description"].casefold().split())
        if row["status"] == "completed":
            done.add(task)
        elif row["status"] == "failed" and task not in done:
            failed.setdefault(task, []).append(row)
    for row, *before in failed.values():
        times = f"{len(before) + 1:,} times" if before else ""
        detail = ": ".join(filter(None, (times, row["error"])))
        page, part = _find_page(memory, row)
        what = f"{row['agent']}: {row['description']}"
        yield Matter("failed", what, detail, row["at"], page, part)


def _tell_asked(kept: list[KeptChange]) -> Iterator[Matter]:
    asked = [one for one in kept if one.state == ASKED]
    if asked:
        count = f"{len(asked)} change{'s wait' if len(asked) > 1 else ' waits'} for your yes"
        names = ", ".join(one.change.name() for one in asked[:3])
        yield Matter("warning", count, names, asked[0].change.instant, "", "", "agent-changes")


def _tell_health(memory: Memory, waiting: list[past.PastReminder]) -> Iterator[Matter]:
    if not os.path.isdir(memory.home.root):
        return
    for one in checks.list_concerns(checks.look(memory, waiting)):
        yield Matter(one.state, one.subject, one.what, 0, "health", "", one.cure)
