"""What is shown of sessions: rows of columns for people, records for programs. Knows no files."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..formats.work import session, steps, summary
from ..formats.work.session import State
from ..ground import clock, zone

#: of the JSON objects
SESSION_KEYS = ("sessionId", "path", "status", "phase", "agents", "startTime", "endTime")
STEP_KEYS = ("agent", "state", "action", "priority", "dependencies", "unmet", "by", "path")

#: characters of all columns but the last, for people
_SESSION_WIDTHS, _AGENT_WIDTHS = (18, 11, 16, 15), (20, 11)


class OutputRow(NamedTuple):
    """A line of output, and the same as a JSON object."""

    text: str
    record: dict[str, Any]


def rows_of_session(
    states: list[State], ready_only: bool = False, people: bool = False
) -> list[OutputRow]:
    """Its agents, then the open steps: agent, status, and what it did or is to do."""
    widths = _AGENT_WIDTHS if people else ()
    opened = steps.find_open_steps(states)
    if ready_only:
        return [_row_of_step(step, states, widths) for step in opened if step.state == "ready"]
    agents = [
        OutputRow(
            _row(state.agent, state.status, _summarize(state), widths=widths), to_record(state)
        )
        for state in states
    ]
    return agents + [_row_of_step(step, states, widths) for step in opened]


def row_of_session(id: str, states: list[State], people: bool = False) -> OutputRow:
    """A session in one line: its name, status, and the agents with theirs; for people also when it
    started, in the setting `zone`, and how long it took."""
    status, phases = summary.status_of(states), (state.fields.get("phase") for state in states)
    phase = next(filter(None, phases), None)
    agents = {state.agent: state.status for state in states}
    listed = ", ".join(map(" ".join, agents.items()))
    listed = (f"phase {phase}: " if phase and status != "completed" else "") + listed
    started, ended = summary.find_span(states)
    text = _row(id, status, listed)
    if people:
        last = zone.last_instant()
        start = f"{zone.to_local(min(started, last)):%Y-%m-%d %H:%M}" if started else ""
        took = tell_duration((ended - started) / 1000) if 0 < started <= ended else ""
        text = _row(id, status, start, took, listed, widths=_SESSION_WIDTHS)
    times = (clock.to_text(instant) if instant else None for instant in (started, ended))
    values = (id, f"work/{id}", status, phase, agents, *times)
    return OutputRow(text, dict(zip(SESSION_KEYS, values)))


def count_tasks(states: list[State]) -> dict[str, int]:
    """Status -> how many tasks of these agents have it; of none, nothing."""
    tasks = [task["status"] for each in states for task in each.fields.get("completedTasks") or ()]
    order = ("completed", "failed", "blocked", "in_progress", "pending")
    return {status: tasks.count(status) for status in order if status in tasks}


def name_outcome(status: str, counts: Mapping[str, int]) -> str:
    """A status as people are told it: who ends a run seldom says how, so what is completed, with a
    task that failed or is blocked, has only ended."""
    went_wrong = counts.get("failed") or counts.get("blocked")
    return "ended" if status == "completed" and went_wrong else status


def tell_duration(seconds: float) -> str:
    """`1 h 5 min 12 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0)
    return " ".join(parts + [f"{rest} s"] * (rest > 0 or not parts))


def row_of_change(state: State, whole: bool) -> OutputRow:
    """A state that was changed: its session's name, or the whole file."""
    text = session.render(state).decode().removesuffix("\n") if whole else state.session
    return OutputRow(text, to_record(state))


def to_record(state: State) -> dict[str, Any]:
    return {**state.fields, "path": state.path}


def _summarize(state: State) -> str:
    """`2 tasks, 1 of them failed, 3 artifacts`."""
    tasks, artifacts = state.fields.get("completedTasks") or [], state.fields.get("artifacts") or {}
    is_in_phase = state.fields.get("phase") and state.status != "completed"
    parts = [f"phase {state.fields['phase']}"] if is_in_phase else []
    parts += _count(tasks, "task")
    for status in session.STATUSES:
        count = sum(task["status"] == status for task in tasks)
        parts += [f"{count} of them {status}"] if count and status != "completed" else []
    return ", ".join(parts + _count(artifacts, "artifact"))


def _count(things: Collection[Any], noun: str) -> list[str]:
    return [f"{len(things)} {noun}{'s' if len(things) > 1 else ''}"] if things else []


def _row_of_step(open_step: steps.Open, states: list[State], widths: tuple[int, ...]) -> OutputRow:
    step = open_step.step
    by_agent = {state.agent: state.status for state in states}
    agents = [(name, session.parse_dependency(name)[0]) for name in open_step.unmet]
    unmet = [f"{name} ({by_agent.get(agent, 'not started')})" for name, agent in agents]
    after = f", after {', '.join(unmet)}" if unmet else ""
    priority = f" [{step.priority}]" if step.priority != "required" else ""
    path = next(state.path for state in states if state.agent == step.by)
    values = (step.agent, open_step.state, step.action, step.priority, list(step.dependencies))
    record = dict(zip(STEP_KEYS, (*values, list(open_step.unmet), step.by, path)))
    text = step.action + after + priority
    return OutputRow(_row(step.agent, open_step.state, text, widths=widths), record)


def _row(*columns: str, widths: tuple[int, ...] = ()) -> str:
    """Columns without what ends a line, or moves a terminal's cursor: separated by tabs, or as
    wide as `widths`."""
    texts = ("".join(c if c.isprintable() else " " for c in column) for column in columns)
    cleaned = [" ".join(text.split()) for text in texts]
    if not widths:
        return "\t".join(cleaned).rstrip("\t")
    return " ".join(f"{text:<{width}}" for text, width in zip(cleaned, (*widths, 0))).rstrip()
