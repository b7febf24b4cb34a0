"""What is shown of sessions: rows of three columns for people, records for programs. Refuses to know files."""

from typing import Any, NamedTuple

from ..formats.work import session, steps
from ..formats.work.session import State


class Row(NamedTuple):
    """A line of output, and the same as a JSON object."""

    text: str
    record: dict[str, Any]


def of_session(states: list[State], ready_only: bool = False) -> list[Row]:
    """Its agents, then the open steps: agent, status, and what it did or is to do."""
    opened = [
        _step(each, states)
        for each in steps.find_open_steps(states)
        if each.state == "ready" or not ready_only
    ]
    return (
        opened
        if ready_only
        else [Row(_row(state.agent, state.status, _sum(state)), record(state)) for state in states]
        + opened
    )


def overview(id: str, states: list[State]) -> Row:
    """A session in one line: its name, status, and the agents with theirs."""
    status, phase = status_of(states), _phase(states)
    told = ", ".join(f"{state.agent} {state.status}" for state in states)
    return Row(
        _row(id, status, (f"phase {phase}: " if phase else "") + told),
        {
            "sessionId": id,
            "path": f"work/{id}",
            "status": status,
            "phase": phase,
            "agents": {state.agent: state.status for state in states},
        },
    )


def of_change(state: State, whole: bool) -> Row:
    """A state that was changed: its session's name, or the whole file."""
    return Row(
        session.render(state).decode().removesuffix("\n") if whole else state.session, record(state)
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


def record(state: State) -> dict[str, Any]:
    return {**state.fields, "path": state.path}


def _phase(states: list[State]) -> str | None:
    return next((state.fields.get("phase") for state in states if state.fields.get("phase")), None)


def _sum(state: State) -> str:
    """`2 tasks, 1 of them failed, 3 artifacts`."""
    tasks, artifacts = state.fields.get("completedTasks") or [], state.fields.get("artifacts") or {}
    parts = [f"phase {state.fields['phase']}"] if state.fields.get("phase") else []
    parts += [f"{len(tasks)} task{'s' if len(tasks) > 1 else ''}"] if tasks else []
    for status in session.STATUSES:
        count = sum(task["status"] == status for task in tasks)
        parts += [f"{count} of them {status}"] if count and status != "completed" else []
    parts += [f"{len(artifacts)} artifact{'s' if len(artifacts) > 1 else ''}"] if artifacts else []
    return ", ".join(parts)


def _step(each: steps.Open, states: list[State]) -> Row:
    step = each.step
    by_agent = {state.agent: state.status for state in states}
    unmet = [
        f"{name} ({by_agent.get(session.parse_dependency(name)[0], 'not started')})"
        for name in each.unmet
    ]
    told = (
        step.action
        + (f", after {', '.join(unmet)}" if unmet else "")
        + (f" [{step.priority}]" if step.priority != "required" else "")
    )
    path = next(state.path for state in states if state.agent == step.by)
    return Row(
        _row(step.agent, each.state, told),
        {
            "agent": step.agent,
            "state": each.state,
            "action": step.action,
            "priority": step.priority,
            "dependencies": list(step.dependencies),
            "unmet": list(each.unmet),
            "by": step.by,
            "path": path,
        },
    )


def _row(*columns: str) -> str:
    return "\t".join(one_line(column) for column in columns)


def one_line(text: str) -> str:
    """Text without what ends a line, or moves a terminal's cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
