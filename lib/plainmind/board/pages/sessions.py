"""Sessions of a team: who does what, who can run next."""

from collections.abc import Iterable, Mapping
from typing import Any

from ...formats.work import summary
from ...formats.work.session import State
from ...ground.errors import Failure, NoInput
from ...memory import Memory
from ...truth.work import sessions
from ...work import log_tail, report

SHOWN = 50  # sessions on one page
LINES = 20  # of an agent's log


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    problems: list[Failure] = []
    home = memory.home
    if part:
        id = sessions.resolve_session(home, part)
        found = _describe(id, sessions.read_states(home, id, problems.append))
        return {"one": found, "log": _read_log(memory, id), "problems": list(map(str, problems))}
    ids = sessions.list_sessions(home)
    described = []
    for id in ids[:SHOWN]:
        if states := sessions.read_states(home, id, problems.append):
            described.append(_describe(id, states))
    return {
        "one": None, "count": len(ids), "sessions": described,
        "problems": list(map(str, problems)),
    }  # fmt: skip


def list_parts(memory: Memory) -> Iterable[str]:
    return sessions.list_sessions(memory.home)[:SHOWN]


def _read_log(memory: Memory, id: str) -> list[dict[str, Any]]:
    """The last lines of its agents' logs; none as long as nobody writes one."""
    try:
        rows = log_tail.read_rows(memory.home, id, None, LINES, memory.env.mask, None)
        return [row.record for row in rows]
    except NoInput:
        return []


def _describe(id: str, states: list[State]) -> dict[str, Any]:
    """A session: its record, the seconds it took, its agents with their tasks, its open steps."""
    rows = [row.record for row in report.rows_of_session(states)]
    started, ended = summary.find_span(states)
    return {
        **report.row_of_session(id, states).record,
        "seconds": (ended - started) / 1000 if 0 < started <= ended else None,
        "agents": rows[: len(states)],
        "steps": rows[len(states) :],
    }
