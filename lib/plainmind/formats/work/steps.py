"""Who can run now: the `nextSteps` of a session's states, and which of them are still open.

A step is open until its agent has started after the step was added and after all its dependencies
were met. So a step opens again when something it depends on is done again, as in make. An open step
is one of

    ready     its dependencies are met
    waiting   some of them are not
    queued    its agent is running; the step is for the next run

`backend-completed` is met while backend's status is completed and no required step has asked it to
run again since it started; `backend-in_progress` as soon as it has started; any other
`agent-status` while that is the agent's status. A step without an addedTime, from another program,
counts as added when the agent that names it started.

Owns which steps are open, from the states alone. Refuses to know files.
"""

from collections.abc import Iterable
from typing import NamedTuple

from .session import PRIORITIES, State, parse_dependency, read_instant


class Step(NamedTuple):
    """What an agent is asked to do. `added` in ms since the epoch."""

    by: str
    agent: str
    action: str
    priority: str
    dependencies: tuple[str, ...]
    added: int


class Open(NamedTuple):
    step: Step
    state: str
    unmet: tuple[str, ...]


def collect_steps(states: Iterable[State]) -> list[Step]:
    """Every step of a session, as its states name them."""
    found = []
    for state in states:
        for step in state.fields.get("nextSteps") or ():
            added = read_instant(step, "addedTime") or state.started
            after = tuple(step.get("dependencies") or ())
            priority = step.get("priority") or PRIORITIES[0]
            asked = step["agent"], step["action"], priority
            found.append(Step(state.agent, *asked, after, added))
    return found


def find_open_steps(states: Iterable[State]) -> list[Open]:
    """The open steps: those that are ready first, by priority; else in the order of the states."""
    by_agent = {state.agent: state for state in states}
    all_steps = collect_steps(by_agent.values())
    found = [looked_at for step in all_steps if (looked_at := _look(step, by_agent, all_steps))]
    return sorted(found, key=lambda each: (_STATES.index(each.state), _rank(each.step.priority)))


_STATES = ("ready", "waiting", "queued")


def _rank(priority: str) -> int:
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)


def _look(step: Step, states: dict[str, State], all_steps: list[Step]) -> Open | None:
    """The step as it is open, None when it is not."""
    met = {name: _met(name, step, states, all_steps) for name in step.dependencies}
    unmet = tuple(name for name, since in met.items() if since is None)
    agent = states.get(step.agent)
    due = max([step.added, *(since or 0 for since in met.values())])
    if agent is not None and agent.status != "pending" and not unmet and agent.started >= due:
        return None
    if agent is not None and agent.status == "in_progress":
        return Open(step, "queued", unmet)
    return Open(step, "waiting" if unmet else "ready", unmet)


def _met(name: str, step: Step, states: dict[str, State], all_steps: list[Step]) -> int | None:
    """Since when a dependency is met, ms since the epoch; None when it is not."""
    agent, status = parse_dependency(name)
    state = states.get(agent)
    if state is None:
        return None
    if status == "in_progress":
        return state.started if state.status != "pending" else None
    if state.status != status:
        return None
    later = (s for s in all_steps if s.agent == agent != step.agent and s.added > state.started)
    if status == "completed" and any(s.priority == "required" for s in later):
        return None
    return 0 if status == "pending" else state.ended
