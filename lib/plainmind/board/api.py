"""The board's answers to programs: the records of the commands, as their `--json` has them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..formats.work.session import tell
from ..ground import zone
from ..ground.errors import BadData
from ..memory import Memory
from ..truth.work import sessions
from ..work import experience, report, standings
from . import changes

Query = Mapping[str, str]


def list_sessions(memory: Memory, part: str, query: Query) -> list[dict[str, Any]]:
    """As `work-session list`."""
    home = memory.home
    before, known = _known.get(home.root, {}), {}
    for id in sessions.list_sessions(home):
        files = changes.list_states(home.path("work", id))
        if id in before and before[id].files == files:
            known[id] = before[id]
        else:
            states = sessions.read_states(home, id, lambda failure: None)
            record = report.row_of_session(id, states).record if states else None
            known[id] = _KnownSession(files, record)
    _known[home.root] = known
    return [one.record for one in known.values() if one.record]


class _KnownSession(NamedTuple):
    """A session as it was when its files were so: of hundreds, few change."""

    files: list[tuple]
    record: dict[str, Any] | None


_known: dict[str, dict[str, _KnownSession]] = {}  # by home


def list_agents(memory: Memory, part: str, query: Query) -> list[dict[str, Any]]:
    """As `work-xp`."""
    found = experience.read_all(memory.opened(), _today(memory))
    return [standings.row_of_agent(figures, people=False).record for figures in found]


def list_performance(memory: Memory, part: str, query: Query) -> list[dict[str, Any]]:
    """As `work-xp --performance`."""
    found = experience.read_performance(memory.opened())
    return [row.record for row in standings.rows_of_performance(found, people=False)]


def list_leaders(memory: Memory, part: str, query: Query) -> list[dict[str, Any]]:
    """As `work-xp --leaderboard BOARD`: of `?board=`, else of XP."""
    found = experience.read_board(memory.opened(), query.get("board") or "xp")
    return [row.record for row in standings.rows_of_board(found, people=False)]


def describe_agent(memory: Memory, part: str, query: Query) -> dict[str, Any]:
    """As `work-xp AGENT`."""
    figures = experience.read_one(memory.opened(), part, _today(memory))
    return standings.describe_agent(figures, people=False).record


def list_achievements(memory: Memory, part: str, query: Query) -> list[dict[str, Any]]:
    """As `work-xp --achievements`; `?agent=` says how far one is."""
    agent = query.get("agent")
    one = experience.read_one(memory.opened(), agent, _today(memory)) if agent else None
    return [row.record for row in standings.rows_of_achievements(one, people=False)]


_AWARD = ("agent", "amount", "reason")


def award(memory: Memory, given: Any) -> dict[str, Any]:
    """As `work-xp --award`: `{"agent": …, "amount": …, "reason": …}` becomes a line of the
    journal."""
    if not isinstance(given, dict):
        raise BadData("not an object", cure='send {"agent": …, "amount": …, "reason": …}')
    for key in given:
        if key not in _AWARD:
            what = f"{tell(key)} is not a field of an award"
            raise BadData(what, cure=f"it has {', '.join(_AWARD)}")
    values: list[Any] = [given.get(key) for key in _AWARD]
    agent, amount, reason = values  # the journal's schema refuses what the last two must not be
    if not isinstance(agent, str):
        raise BadData("'agent' is not a text", cure="name an agent")
    experience.read_one(memory.opened(made=True), agent, _today(memory))
    event = experience.award(memory.home, agent, amount, reason, memory.now(), memory.env, False)
    return standings.row_of_award(event).record


def _today(memory: Memory) -> str:
    return zone.to_day(memory.now()).isoformat()


#: GET /api/…: {part} is handed over, and what stands after the question mark
ANSWERS: dict[str, Callable[[Memory, str, Query], Any]] = {
    "sessions": list_sessions,
    "agents": list_agents,
    "rl/agent-performance": list_performance,
    "gamification/leaderboard": list_leaders,
    "gamification/agent/{part}": describe_agent,
    "gamification/achievements": list_achievements,
}
#: topics of `changes` that make them new
WATCHES = ("work",)
ASKS = ("board", "agent")  # of the query
#: POST /api/…: what was sent, as JSON, is handed over
DEEDS: dict[str, Callable[[Memory, Any], Any]] = {"gamification/award-xp": award}
