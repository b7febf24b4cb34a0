"""What an index answers of agents' standings: records, and what is computed of them. Pure."""

from typing import NamedTuple

from .achievements import Deeds
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


class BoardRow(NamedTuple):
    """A line of a leaderboard. `value`: XP, tasks completed, or the success from 0 to 1."""

    board: str
    rank: int  # from 1; equals share one
    agent: str
    team: str | None
    value: float
    level: int
    title: str
