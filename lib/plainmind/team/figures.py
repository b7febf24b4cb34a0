"""What an index answers of agents' standings: records, and what is computed of them. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from .achievements import ACHIEVEMENTS, Deeds
from .levels import LEVELS, Level, next_after

BOARDS = ("xp", "tasks", "success")


class AgentFigures(NamedTuple):
    """Where an agent stands: who it is, then `Standing.FIELDS`, then what it achieved."""

    agent: str
    team: str | None
    role: str | None
    xp: int
    level: int
    tasks: int
    failed: int
    run: int
    quick: int
    timed: int
    seconds: float
    streak: int  # that ends with `last_day`, or on the day that is asked for
    longest: int
    last_day: str
    sessions: int
    flawless: int
    prs: int
    praises: int
    achieved: dict[str, str]  # achievement -> when, in the order of time

    @property
    def deeds(self) -> Deeds:
        deeds = Deeds()
        deeds.__dict__.update(self._asdict())
        return deeds

    @property
    def reached(self) -> Level:
        return LEVELS[self.level - 1]

    @property
    def following(self) -> Level | None:
        """The next level; None at the last."""
        return next_after(self.level)

    @property
    def share(self) -> float:
        """Of the way from this level to the next, 0 to 1."""
        if self.following is None:
            return 1.0
        start = self.reached.xp
        return min(1.0, (self.xp - start) / (self.following.xp - start))

    @property
    def missing(self) -> int:
        """XP to the next level; 0 at the last."""
        return self.following.xp - self.xp if self.following else 0

    @property
    def titles(self) -> list[str]:
        """Of what it achieved, in the order of the table."""
        return [f"{one.symbol} {one.title}" for one in ACHIEVEMENTS if one.name in self.achieved]


class TeamFigures(NamedTuple):
    """The agents of a team, and what they did together. `team` is None of those in none."""

    team: str | None
    agents: list[AgentFigures]
    xp: int
    tasks: int
    failed: int

    @property
    def success(self) -> float | None:
        some = self.tasks + self.failed
        return self.tasks / some if some else None

    @property
    def working(self) -> list[AgentFigures]:
        """Those with XP."""
        return [one for one in self.agents if one.xp]


def add_up(team: str | None, agents: list[AgentFigures]) -> TeamFigures:
    sums = (sum(getattr(one, name) for one in agents) for name in TeamFigures._fields[2:])
    return TeamFigures(team, agents, *sums)


def group_by_team(found: Iterable[AgentFigures]) -> list[TeamFigures]:
    """The teams, the one with most XP first; those in none last."""
    teams: dict[str | None, list[AgentFigures]] = {}
    for one in found:
        teams.setdefault(one.team, []).append(one)
    sums = [add_up(team, agents) for team, agents in teams.items()]
    return sorted(sums, key=lambda one: (one.team is None, -one.xp, one.team or ""))


class BoardRow(NamedTuple):
    """A line of a leaderboard. `value`: XP, tasks completed, or the success from 0 to 1."""

    board: str
    rank: int  # from 1; equals share one
    agent: str
    team: str | None
    value: float
    level: int
    title: str
