"""What work-xp does: it asks an index where agents stand, and logs awards."""

import math
from collections.abc import Iterator, Set
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..formats.work.session import check_agent
from ..ground.environment import Environment
from ..ground.errors import BadData, NoInput
from ..ground.paths import Home
from ..team.figures import BOARDS, AgentFigures, BoardRow
from ..team.standing import Standing, streak_on
from .days import list_days

if TYPE_CHECKING:
    from ..index.engine import Index


def read_all(opened: "Iterator[Index]", today: str) -> list[AgentFigures]:
    """All agents as they stand on a day, YYYY-MM-DD, who has most XP first; none where there is no
    memory folder."""
    for index in opened:
        with index:
            found = _read(index, today)
            _compare(index, {one.agent for one in found})
            return sorted(found, key=lambda one: (-one.xp, one.agent))
    return []


def read_names(opened: "Iterator[Index]") -> set[str]:
    """The agents there are."""
    for index in opened:
        with index:
            return {row["name"] for row in index.work_rows("agents")}
    return set()


def read_one(opened: "Iterator[Index]", agent: str, today: str) -> AgentFigures:
    """One agent on a day. NoInput for one that nobody knows, BadData for what cannot be a name."""
    check_agent(agent)
    known: list[str] = []
    for index in opened:
        with index:
            if found := _read(index, today, agent):
                return found[0]
            known = _compare(index, set(), agent)
    import difflib

    near = difflib.get_close_matches(agent, known, 1)
    cure = f"did you mean '{near[0]}'?" if near else "'work-xp' lists those there are"
    raise NoInput(f"no agent '{agent}'", cure=cure)


def _compare(index: "Index", told: Set[str], *asked: str) -> list[str]:
    """The agents there are. LookupError, by which an index is made again, when it tells nothing of
    one of them, or of one of those asked for: a page of it is damaged."""
    known = [row["name"] for row in index.work_rows("agents")]
    if missing := sorted({*(asked or known)} & {*known} - told):
        raise LookupError(f"the index names '{missing[0]}', and tells nothing of it")
    return known


def read_board(opened: "Iterator[Index]", board: str) -> list[BoardRow]:
    """A leaderboard, by rank. BadData for another than xp, tasks and success."""
    if board not in BOARDS:
        raise BadData(f"no leaderboard '{board}'", cure=f"use one of {', '.join(BOARDS)}")
    for index in opened:
        with index:
            rows = index.work_rows("v_leaderboard", board=board)
            return [BoardRow(*(row[name] for name in BoardRow._fields)) for row in rows]
    return []


def read_performance(opened: "Iterator[Index]") -> list[dict[str, Any]]:
    """How well and how fast each agent works, and what its rewards say, by name: rows of the view
    `v_agent_performance` (mind-schema(5)) with `rewards`, their number, and `mean_reward`, from -1
    to 1, None without any."""
    for index in opened:
        with index:
            given: dict[str, list[float]] = {}
            for row in index.work_rows("rewards"):
                given.setdefault(row["agent"], []).append(row["value"])
            rows = index.work_rows("v_agent_performance")
            return [{**row, **_summarize(given.get(row["agent"], []))} for row in rows]
    return []


def _summarize(values: list[float]) -> dict[str, Any]:
    mean = math.fsum(values) / len(values) if values else None
    return {"rewards": len(values), "mean_reward": mean}


def _read(index: "Index", today: str, agent: str | None = None) -> list[AgentFigures]:
    """All agents, or one."""
    of: dict[str, Any] = {"agent": agent} if agent else {}
    levels = {row["agent"]: row for row in index.work_rows("agent_levels", **of)}
    achieved: dict[str, dict[str, str]] = {name: {} for name in levels}
    for row in sorted(index.work_rows("agent_achievements", **of), key=lambda row: row["at"]):
        achieved[row["agent"]][row["achievement"]] = row["at"]
    found = []
    for row in index.work_rows("v_agent_gamification", **of):
        name = row["agent"]
        streak = streak_on(today, row["streak"], row["last_day"])
        fields = {**row, **levels[name], "streak": streak, "longest": row["longest_streak"]}
        counts = (fields[field] for field in Standing.FIELDS)
        found.append(AgentFigures._make((name, row["team"], row["role"], *counts, achieved[name])))
    return found


def read_gains(opened: "Iterator[Index]", now: int, count: int, **of: str) -> list[dict[str, Any]]:
    """XP of the last so many days of the person's: `day`, `agent`, `xp`. With `agent`, of one."""
    for index in opened:
        with index:
            periods = list_days(now, count)
            rows = index.work_sums("xp_transactions", periods, ("agent",), ("amount",), **of)
            return [
                {"day": row["period"], "agent": row["agent"], "xp": row["amount"]} for row in rows
            ]
    return []


class History(NamedTuple):
    """The last rows of an agent's, newest first (mind-schema(5))."""

    gains: list[dict[str, Any]]  # xp_transactions, with `said`: why it was praised or awarded
    tasks: list[dict[str, Any]]
    rewards: list[dict[str, Any]]


_GIVEN = ("praise", "award")


def read_history(opened: "Iterator[Index]", agent: str, last: int) -> History:
    for index in opened:
        with index:
            rows = partial(index.work_rows, last=last, agent=agent)
            gains = rows("xp_transactions")
            given = index.work_events(row["of"] for row in gains if row["reason"] in _GIVEN)
            said = {id: fields.get("reason") or "" for id, fields in given.items()}
            gains = [
                {**row, "said": said.get(row["of"], "") if row["reason"] in _GIVEN else ""}
                for row in gains
            ]
            found = gains, rows("tasks", by="at"), rows("rewards", by="at")
            return History(*(newest[::-1] for newest in found))
    return History([], [], [])


def award(
    home: Home, agent: str, amount: int, reason: str, now: int, env: Environment, dry_run: bool
) -> dict[str, Any]:
    """Log that whoever runs this gives an agent XP; the event. NotPermitted for an agent that may
    not (`truth.work.journal.find_author`)."""
    from ..truth.work import journal  # not what looking needs

    draft = {"type": "award", "agent": agent, "amount": amount, "reason": reason}
    return journal.log(home, [draft], now, journal.find_author(env), dry_run=dry_run)[0]
