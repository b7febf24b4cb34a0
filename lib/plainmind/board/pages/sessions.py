"""Sessions of a team: who does what, who can run next."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ...formats.work import session, summary
from ...formats.work.session import Fields, State
from ...ground.errors import Failure, NoInput
from ...memory import Memory
from ...truth.work import sessions
from ...work import experience, log_tail, report
from ..problems import attempt

SHOWN = 50  # sessions on one page
LAST = 4  # tasks of an agent that are shown of a session among others
TASKS = 200  # of an agent, on the page of its session
LINES = 40  # of an agent's log


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    problems: list[Failure] = []
    home = memory.home
    if part:
        id = sessions.resolve_session(home, part)
        states = sessions.read_states(home, id, problems.append)
        found = _describe(id, states, memory.now(), None if query.get("all") else TASKS)
        told = list(map(str, problems))
        logs, agents = _read_logs(memory, id, told), _list_agents(memory)
        return {"one": found, "logs": logs, "agents": agents, "problems": told}
    ids = sessions.list_sessions(home)
    before = query.get("before", "")
    if before:
        session.check_session(before)
        ids = [id for id in ids if session.second_of(id) < session.second_of(before)]
    described = []
    for id in ids[:SHOWN]:
        if states := sessions.read_states(home, id, problems.append):
            described.append(_describe(id, states, memory.now(), LAST))
    return {
        "one": None, "agents": _list_agents(memory),
        "count": len(ids), "before": before, "sessions": described,
        "older": ids[SHOWN - 1] if len(ids) > SHOWN else "",
        "problems": list(map(str, problems)),
    }  # fmt: skip


def list_parts(memory: Memory) -> Iterable[str]:
    return sessions.list_sessions(memory.home)[:SHOWN]


def _list_agents(memory: Memory) -> list[str]:
    """Those that have a page; the states are there all the same where nobody can tell."""
    return attempt(lambda: sorted(experience.read_names(memory.opened())), [], [])


def _read_logs(memory: Memory, id: str, problems: list[str]) -> list[tuple[str, list[str]]]:
    """Agent, and the last lines of its log; none as long as nobody writes one."""

    def read(agent: str) -> list[str]:
        try:
            rows = log_tail.read_rows(memory.home, id, agent, LINES, memory.env.mask)
            return [row.record["line"] for row in rows]
        except NoInput:
            return []

    agents: list[str] = attempt(lambda: log_tail.list_agents(memory.home, id), [], problems)
    found = {agent: attempt(partial(read, agent), [], problems) for agent in agents}
    return [(agent, lines) for agent, lines in found.items() if lines]


def _describe(id: str, states: list[State], now: int, most: int | None) -> dict[str, Any]:
    """A session: its record, the seconds it took, its agents with the last `most` of their tasks,
    its open steps."""
    rows = [row.record for row in report.rows_of_session(states)]
    started, ended = summary.find_span(states)
    record, counts = report.row_of_session(id, states).record, report.count_tasks(states)
    repositories = (state.fields.get("targetRepo") for state in states)
    return {
        **record,
        "outcome": report.name_outcome(record["status"], counts), "counts": counts,
        "has_ended": summary.has_ended(states),
        "repo": next(filter(None, repositories), ""),
        "seconds": (ended - started) / 1000 if 0 < started <= ended else None,
        "team": [_describe_agent(state, now, most) for state in states],
        "steps": rows[len(states) :],
    }  # fmt: skip


def _describe_agent(state: State, now: int, most: int | None) -> dict[str, Any]:
    tasks = state.fields.get("completedTasks") or []
    counts = report.count_tasks([state])
    artifacts = (state.fields.get("artifacts") or {}).items()
    return {
        "name": state.agent, "outcome": report.name_outcome(state.status, counts),
        "status": state.status, "has_ended": state.status in summary.ENDED,
        "started": state.started, "ended": state.ended,
        "count": len(tasks), "counts": counts,
        "tasks": [_describe_task(task, now) for task in tasks[-most if most else 0 :]],
        "artifacts": [(key, _tell(value)) for key, value in artifacts],
    }  # fmt: skip


def _describe_task(task: Fields, now: int) -> dict[str, Any]:
    started, ended = summary.find_task_span(task, now)
    return {
        "text": task["description"], "status": task["status"], "file": task.get("file") or "",
        "error": _tell(task.get("error") or "") if task["status"] != "completed" else "",
        "started": started, "ended": ended,
        "seconds": (ended - started) / 1000 if started and ended else None,
    }  # fmt: skip


def _tell(value: Any) -> str:
    """A value of whoever wrote the file."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
