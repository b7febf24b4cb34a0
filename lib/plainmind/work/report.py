"""What is shown of sessions: rows of three columns for people, records for programs.

Refuses to know files.
"""

from typing import Any, NamedTuple

from ..formats.work import session, steps
from ..formats.work.session import State

#: of the JSON objects
SESSION_KEYS = ("sessionId", "path", "status", "phase", "agents")
STEP_KEYS = ("agent", "state", "action", "priority", "dependencies", "unmet", "by", "path")


class OutputRow(NamedTuple):
    """A line of output, and the same as a JSON object."""

    text: str
    record: dict[str, Any]


def rows_of_session(states: list[State], ready_only: bool = False) -> list[OutputRow]:
    """Its agents, then the open steps: agent, status, and what it did or is to do."""
    open_steps = [
        _row_of_step(step, states)
        for step in steps.find_open_steps(states)
        if step.state == "ready" or not ready_only
    ]
    if ready_only:
        return open_steps
    agents = [
        OutputRow(_row(state.agent, state.status, _summarize(state)), to_record(state))
        for state in states
    ]
    return agents + open_steps


def row_of_session(id: str, states: list[State]) -> OutputRow:
    """A session in one line: its name, status, and the agents with theirs."""
    status, phase = status_of(states), _phase(states)
    agents = ", ".join(f"{state.agent} {state.status}" for state in states)
    return OutputRow(
        _row(id, status, (f"phase {phase}: " if phase else "") + agents),
        {
            "sessionId": id,
            "path": f"work/{id}",
            "status": status,
            "phase": phase,
            "agents": {state.agent: state.status for state in states},
        },
    )


def row_of_change(state: State, whole: bool) -> OutputRow:
    """A state that was changed: its session's name, or the whole file."""
    return OutputRow(
        session.render(state).decode().removesuffix("\n") if whole else state.session,
        to_record(state),
    )


def status_of(states: list[State]) -> str:
    """The orchestrator's status; without one, the first of these that an agent has."""
    found = {state.status for state in states if state.agent == session.ORCHESTRATOR} or {
        state.status for state in states
    }
    return next(
        (status for status in ("in_progress", "failed", "blocked", "pending") if status in found),
        "completed",
    )


def to_record(state: State) -> dict[str, Any]:
    return {**state.fields, "path": state.path}


def _phase(states: list[State]) -> str | None:
    return next((state.fields.get("phase") for state in states if state.fields.get("phase")), None)


def _summarize(state: State) -> str:
    """`2 tasks, 1 of them failed, 3 artifacts`."""
    tasks, artifacts = state.fields.get("completedTasks") or [], state.fields.get("artifacts") or {}
    parts = [f"phase {state.fields['phase']}"] if state.fields.get("phase") else []
    parts += [f"{len(tasks)} task{'s' if len(tasks) > 1 else ''}"] if tasks else []
    for status in session.STATUSES:
        count = sum(task["status"] == status for task in tasks)
        parts += [f"{count} of them {status}"] if count and status != "completed" else []
    parts += [f"{len(artifacts)} artifact{'s' if len(artifacts) > 1 else ''}"] if artifacts else []
    return ", ".join(parts)


def _row_of_step(open_step: steps.Open, states: list[State]) -> OutputRow:
    step = open_step.step
    by_agent = {state.agent: state.status for state in states}
    unmet = [
        f"{name} ({by_agent.get(session.parse_dependency(name)[0], 'not started')})"
        for name in open_step.unmet
    ]
    text = (
        step.action
        + (f", after {', '.join(unmet)}" if unmet else "")
        + (f" [{step.priority}]" if step.priority != "required" else "")
    )
    path = next(state.path for state in states if state.agent == step.by)
    return OutputRow(
        _row(step.agent, open_step.state, text),
        {
            "agent": step.agent,
            "state": open_step.state,
            "action": step.action,
            "priority": step.priority,
            "dependencies": list(step.dependencies),
            "unmet": list(open_step.unmet),
            "by": step.by,
            "path": path,
        },
    )


def _row(*columns: str) -> str:
    return "\t".join(to_line(column) for column in columns)


def to_line(text: str) -> str:
    """Text without what ends a line, or moves a terminal's cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
