"""The team: levels, streaks, achievements, leaderboards, and what it learned."""

from collections.abc import Iterable, Mapping
from typing import Any

from ...ground import zone
from ...memory import Memory
from ...team.achievements import ACHIEVEMENTS
from ...team.figures import BOARDS, AgentFigures, add_up, group_by_team
from ...work import experience, learning, standings
from ...work.days import list_days
from .. import pivot

DAYS = 56  # of the chart: eight weeks
LAST = 20  # rows of what there is more of
LEADERS = 10


def read(memory: Memory, part: str, query: Mapping[str, str]) -> dict[str, Any]:
    today = zone.to_day(memory.now()).isoformat()
    if part:
        return _read_agent(memory, experience.read_one(memory.opened(), part, today))
    found = experience.read_all(memory.opened(), today)
    gains = experience.read_gains(memory.opened(), memory.now(), DAYS)
    boards = {board: experience.read_board(memory.opened(), board) for board in BOARDS}
    return {
        "one": None,
        "teams": group_by_team(found),
        "all": add_up(None, found),
        "streak": max((one.streak for one in found), default=0),
        "gains": _chart(memory, _add_teams(gains, found), "team"),
        "boards": [{"name": name, "rows": rows[:LEADERS]} for name, rows in boards.items()],
        "achievements": [_tell_holders(one, found) for one in ACHIEVEMENTS],
        "learned": learning.read(memory.opened(), LAST),
    }


def list_parts(memory: Memory) -> Iterable[str]:
    today = zone.to_day(memory.now()).isoformat()
    return [one.agent for one in experience.read_all(memory.opened(), today)]


def _read_agent(memory: Memory, one: AgentFigures) -> dict[str, Any]:
    gains = experience.read_gains(memory.opened(), memory.now(), DAYS, agent=one.agent)
    rows = [row.record for row in standings.rows_of_achievements(one, people=False)]
    told = [
        {**row, "symbol": each.symbol, "progress": standings.tell_progress(each, one.deeds)}
        for row, each in zip(rows, ACHIEVEMENTS)
    ]
    history = experience.read_history(memory.opened(), one.agent, LAST)
    return {
        "one": one,
        "record": standings.row_of_agent(one, people=False).record,
        "gains": _chart(memory, gains, "agent"),
        "reached": sorted((row for row in told if row["at"]), key=lambda row: row["at"])[::-1],
        "open": [row for row in told if not row["at"]],
        "gained": [{**row, "what": standings.tell_gain(row["reason"])} for row in history.gains],
        "history": history,
    }


def _chart(memory: Memory, gains: list[dict[str, Any]], column: str) -> pivot.Pivot:
    days = [day.name for day in list_days(memory.now(), DAYS)]
    return pivot.by_day(gains, days, column, "xp")


def _add_teams(gains: list[dict[str, Any]], found: list[AgentFigures]) -> list[dict[str, Any]]:
    teams = {one.agent: one.team or "in no team" for one in found}
    return [{**row, "team": teams.get(row["agent"], "in no team")} for row in gains]


def _tell_holders(one: Any, found: list[AgentFigures]) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in ("symbol", "title", "tier", "xp", "description")}
    return {**fields, "holders": [each.agent for each in found if one.name in each.achieved]}
