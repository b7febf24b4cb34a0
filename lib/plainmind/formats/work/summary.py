"""What stays of a run: the events of the journal that sum up the states of a session.

When an agent's run ends, each task that it completed, that failed or is blocked, is an event; when
the session ends, so is that. An id is a digest of what the event is of, so a run that is summed up
again, by whoever, gives the events that are there already. Pure.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from ...ground import clock
from ...ground.errors import BadData
from . import session
from .session import Fields, State

ENDED = ("completed", "failed", "blocked")
LONGEST_TEXT, LONGEST_LINE, LONGEST_NAME = 16_000, 2000, 200  # characters that are kept
_PULL_REQUEST = ("prurl", "pr", "pullrequest", "pullrequesturl")  # artifacts that name one
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HALVES = re.compile("[\ud800-\udfff]")

#: ids of tasks sort before those of sessions: at one instant, a task is before its session's end
_TASK, _SESSION = "run-", "session-"


def status_of(states: list[State]) -> str:
    """A session's status: the orchestrator's; without one, the first of these that an agent has."""
    leading = [state for state in states if state.agent == session.ORCHESTRATOR]
    return combine_statuses(state.status for state in leading or states)


def combine_statuses(statuses: Iterable[str]) -> str:
    """The status of agents together: the first of these that one has, else completed."""
    found, order = {*statuses}, ("in_progress", "failed", "blocked", "pending")
    return next((status for status in order if status in found), "completed")


def has_ended(states: list[State]) -> bool:
    """Whether a session has: the orchestrator, or without one all of its agents."""
    leading = [state for state in states if state.agent == session.ORCHESTRATOR]
    return bool(states) and all(state.status in ENDED for state in leading or states)


def find_span(states: list[State]) -> tuple[int, int]:
    """When the first run of a session started, and when the session ended, ms since the epoch; 0
    where that is not known, or not yet so."""
    leading = [state for state in states if state.agent == session.ORCHESTRATOR]
    started = min((state.started for state in states if state.started), default=0)
    ended = max(state.ended for state in leading or states) if has_ended(states) else 0
    return started, ended


def list_tasks(state: State, now: int) -> list[Fields]:
    """The events of what an agent's run did; what has no time of its own happened by `now`."""
    events = []
    for task in state.fields.get("completedTasks") or ():
        if task["status"] in ENDED:
            events.append(_make_task(state, task, now))
    return events


def find_task_span(task: Fields, now: int) -> tuple[int, int]:
    """When a task was begun and when it ended, ms since the epoch; 0 where nobody says so."""
    started, ended = _instant(task.get("startTime")), _instant(task.get("endTime"))
    if ended and (ended > now or started > ended):
        return 0, 0  # times that cannot be tell nothing
    return started, ended


def _make_task(state: State, task: Fields, now: int) -> Fields:
    started, ended = find_task_span(task, now)
    file, texts = task.get("file") or "", ("kind", "model", "error")
    identity = (state.session, state.agent, state.started, task["description"], file)
    more = {key: task[key] for key in texts if isinstance(task.get(key), str)}
    if task["status"] == "completed":  # an earlier attempt's
        more.pop("error", None)
    event = {
        "type": "task", "id": _TASK + _digest(*identity, task["status"], ended),
        "at": clock.to_text(ended or now), "agent": state.agent, "session": state.session,
        "description": fit_text(task["description"]), "status": task["status"],
        "file": fit_line(file), "kind": fit_line(more.get("kind", ""), LONGEST_NAME),
        "model": fit_line(more.get("model", ""), LONGEST_NAME),
        "error": fit_text(more.get("error", "")),
    }  # fmt: skip
    if started and ended:
        event |= {"started": clock.to_text(started), "ended": clock.to_text(ended)}
    return {key: value for key, value in event.items() if value}


def make_session(states: list[State], now: int) -> Fields:
    """The event of a session as its states have it; its end is `now` if it has ended."""
    status = status_of(states)
    leading = [state for state in states if state.agent == session.ORCHESTRATOR]
    runs = sorted((state.agent, state.started) for state in leading or states)
    started, _ = find_span(states)
    repositories = (state.fields.get("targetRepo") for state in (*leading, *states))
    requests = (_find_pull_request(state) for state in (*leading, *states))
    event = {
        "type": "session", "id": f"{states[0].session}-{_digest(runs, status)[:16]}",
        "at": clock.to_text(now), "session": states[0].session, "status": status,
        "agents": sorted({state.agent for state in states})[:1000],
        "repository": fit_line(next(filter(None, repositories), "")),
        "started": clock.to_text(started) if started else "",
        "ended": clock.to_text(now) if has_ended(states) else "",
        "pr_url": fit_line(next(filter(None, requests), "")),
    }  # fmt: skip
    return {key: value for key, value in event.items() if value}


def leave_out(events: Iterable[Fields], known: Iterable[Fields]) -> list[Fields]:
    """Those of `events` that tell something new. `known`: the journal's events of this session. A
    task that its agent has logged in its own words, or in an earlier run, is known."""
    tasks: dict[tuple[Any, ...], Fields] = {}
    ids = set()
    for event in sorted(known, key=lambda event: (event["at"], event["id"])):
        ids.add(event["id"])
        if event["type"] == "task":
            tasks[_place(event)] = event
    return [event for event in events if event["id"] not in ids and not _is_told(event, tasks)]


def _is_told(event: Fields, tasks: dict[tuple[Any, ...], Fields]) -> bool:
    last = tasks.get(_place(event)) if event["type"] == "task" else None
    if last is None or last["status"] != event["status"]:
        return False
    return event.get("ended", last.get("ended")) == last.get("ended") or "ended" not in last


def _place(event: Fields) -> tuple[Any, ...]:
    return event.get("session"), event["agent"], event["description"], event.get("file", "")


def _find_pull_request(state: State) -> str:
    for key, value in (state.fields.get("artifacts") or {}).items():
        name = key.replace("_", "").replace("-", "").lower()
        if name in _PULL_REQUEST and isinstance(value, str) and value.startswith("http"):
            return value
    return ""


def _instant(value: Any) -> int:
    """A time that another program wrote; 0 when it is none."""
    try:
        return clock.parse(value) if isinstance(value, str) else 0
    except BadData:
        return 0


def _digest(*parts: Any) -> str:
    data = json.dumps(parts, separators=(",", ":")).encode()
    return hashlib.sha256(data).hexdigest()[:24]


def fit_text(text: str, most: int = LONGEST_TEXT) -> str:
    """A text as an event holds it: what is longer is cut, and says so."""
    text = _HALVES.sub("\ufffd", text).strip()
    return text if len(text) <= most else f"{text[: most - 40]}… ({len(text)} characters)"


def fit_line(text: str, most: int = LONGEST_LINE) -> str:
    """The same on one line, with nothing in it that a terminal obeys."""
    return fit_text(_UNPRINTABLE.sub("\ufffd", " ".join(text.split())), most)
