"""What is shown of sessions: rows of columns for people, records for programs. Knows no files."""

from collections.abc import Collection
from typing import Any, NamedTuple

from ..formats.work import session, steps, summary
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
    opened = steps.find_open_steps(states)
    if ready_only:
        return [_row_of_step(step, states) for step in opened if step.state == "ready"]
    rows = [(_row(state.agent, state.status, _summarize(state)), state) for state in states]
    agents = [OutputRow(row, to_record(state)) for row, state in rows]
    return agents + [_row_of_step(step, states) for step in opened]


def row_of_session(id: str, states: list[State]) -> OutputRow:
    """A session in one line: its name, status, and the agents with theirs."""
    status, phases = summary.status_of(states), (state.fields.get("phase") for state in states)
    phase = next(filter(None, phases), None)
    agents = {state.agent: state.status for state in states}
    listed = ", ".join(map(" ".join, agents.items()))
    text = _row(id, status, (f"phase {phase}: " if phase else "") + listed)
    return OutputRow(text, dict(zip(SESSION_KEYS, (id, f"work/{id}", status, phase, agents))))


def row_of_change(state: State, whole: bool) -> OutputRow:
    """A state that was changed: its session's name, or the whole file."""
    text = session.render(state).decode().removesuffix("\n") if whole else state.session
    return OutputRow(text, to_record(state))


def to_record(state: State) -> dict[str, Any]:
    return {**state.fields, "path": state.path}


def _summarize(state: State) -> str:
    """`2 tasks, 1 of them failed, 3 artifacts`."""
    tasks, artifacts = state.fields.get("completedTasks") or [], state.fields.get("artifacts") or {}
    parts = [f"phase {state.fields['phase']}"] if state.fields.get("phase") else []
    parts += _count(tasks, "task")
    for status in session.STATUSES:
        count = sum(task["status"] == status for task in tasks)
        parts += [f"{count} of them {status}"] if count and status != "completed" else []
    return ", ".join(parts + _count(artifacts, "artifact"))


def _count(things: Collection[Any], noun: str) -> list[str]:
    return [f"{len(things)} {noun}{'s' if len(things) > 1 else ''}"] if things else []


def _row_of_step(open_step: steps.Open, states: list[State]) -> OutputRow:
    step = open_step.step
    by_agent = {state.agent: state.status for state in states}
    agents = [(name, session.parse_dependency(name)[0]) for name in open_step.unmet]
    unmet = [f"{name} ({by_agent.get(agent, 'not started')})" for name, agent in agents]
    after = f", after {', '.join(unmet)}" if unmet else ""
    priority = f" [{step.priority}]" if step.priority != "required" else ""
    path = next(state.path for state in states if state.agent == step.by)
    values = (step.agent, open_step.state, step.action, step.priority, list(step.dependencies))
    record = dict(zip(STEP_KEYS, (*values, list(open_step.unmet), step.by, path)))
    return OutputRow(_row(step.agent, open_step.state, step.action + after + priority), record)


def _row(*columns: str) -> str:
    """Columns without what ends a line, or moves a terminal's cursor."""
    texts = ("".join(c if c.isprintable() else " " for c in column) for column in columns)
    return "\t".join(" ".join(text.split()) for text in texts)
