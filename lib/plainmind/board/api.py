"""The board's answers to programs: the records of the commands, as their `--json` has them."""

from collections.abc import Callable
from typing import Any

from ..ground import zone
from ..ground.errors import BadData
from ..memory import Memory
from ..truth.work import sessions
from ..work import experience, report, standings


def list_sessions(memory: Memory, part: str) -> list[dict[str, Any]]:
    """As `work-session list`."""
    ids = sessions.list_sessions(memory.home)
    states = ((id, sessions.read_states(memory.home, id, lambda failure: None)) for id in ids)
    return [report.row_of_session(id, found).record for id, found in states if found]


def list_agents(memory: Memory, part: str) -> list[dict[str, Any]]:
    """As `work-xp`."""
    found = experience.read_all(memory.opened(), zone.to_day(memory.now()).isoformat())
    return [standings.row_of_agent(figures, people=False).record for figures in found]


def award(memory: Memory, given: Any) -> dict[str, Any]:
    """As `work-xp --award`: `{"agent": …, "amount": …, "reason": …}` becomes a line of the
    journal."""
    if not isinstance(given, dict):
        raise BadData("not an object", cure='send {"agent": …, "amount": …, "reason": …}')
    agent, amount, reason = (given.get(key) for key in ("agent", "amount", "reason"))
    if not isinstance(agent, str) or not isinstance(reason, str) or not reason.strip():
        raise BadData("'agent' and 'reason' must be texts")
    if type(amount) is not int or not 1 <= amount <= 1000:
        raise BadData("'amount' must be a whole number from 1 to 1000")
    experience.read_one(memory.opened(made=True), agent, zone.to_day(memory.now()).isoformat())
    event = experience.award(memory.home, agent, amount, reason, memory.now(), memory.env, False)
    return standings.row_of_award(event).record


#: GET /api/…: {part} is handed over
ANSWERS: dict[str, Callable[[Memory, str], Any]] = {
    "sessions": list_sessions,
    "agents": list_agents,
}
#: POST /api/…: what was sent, as JSON, is handed over
DEEDS: dict[str, Callable[[Memory, Any], Any]] = {"gamification/award-xp": award}
