"""What an agent can achieve, once each: one table. Pure.

An achievement asks that a counter of an agent's `Deeds` reaches a number, and some ask for more of
the whole deeds.
"""

from collections.abc import Callable
from typing import NamedTuple

TIERS = ("bronze", "silver", "gold", "platinum", "legendary")
QUICK = 120.0  # seconds: a task that took less was quick


class Deeds:
    """What an agent has done so far, counted."""

    tasks = 0  # completed
    failed = 0
    run = 0  # tasks completed since the last that failed
    quick = 0  # tasks completed that are known to have taken less than QUICK
    timed = 0  # tasks completed of which the duration is known
    seconds = 0.0  # of these, all together
    streak = 0  # consecutive days, each with a completed task, up to the last of them
    longest = 0  # streak there ever was
    sessions = 0  # completed, in which it completed a task
    flawless = 0  # of these, the ones in which no task failed
    prs = 0  # merged
    praises = 0
    level = 1

    @property
    def success(self) -> float:
        """Completed tasks of all that were completed or failed, 0 to 1; 0 where there are none."""
        all = self.tasks + self.failed
        return self.tasks / all if all else 0.0

    @property
    def mean_seconds(self) -> float | None:
        """The mean duration of its tasks, in seconds; None where none is known."""
        return self.seconds / self.timed if self.timed else None


class Achievement(NamedTuple):
    name: str
    title: str
    tier: str
    xp: int
    symbol: str
    description: str
    counter: str  # of Deeds
    least: int  # that the counter must reach
    also: Callable[[Deeds], bool] | None = None  # what else must hold then


def _is_excellent(deeds: Deeds) -> bool:
    return 10 * deeds.tasks >= 9 * (deeds.tasks + deeds.failed)


def _is_flawless(deeds: Deeds) -> bool:
    return not deeds.failed


def _is_speedy(deeds: Deeds) -> bool:
    return deeds.seconds < QUICK * deeds.timed


_A = Achievement
ACHIEVEMENTS = (
    _A("first-steps", "First Steps", "bronze", 50, "🎯", "1 task", "tasks", 1),
    _A("warmed-up", "Warmed Up", "bronze", 75, "🔧", "10 tasks", "tasks", 10),
    _A("half-century", "Half Century", "silver", 150, "🏏", "50 tasks", "tasks", 50),
    _A("centurion", "Centurion", "gold", 250, "💯", "100 tasks", "tasks", 100),
    _A("workhorse", "Workhorse", "platinum", 500, "🐎", "500 tasks", "tasks", 500),
    _A("thousand", "A Thousand", "legendary", 1000, "🗻", "1,000 tasks", "tasks", 1000),
    _A("on-a-roll", "On a Roll", "bronze", 50, "🔥", "3-day streak", "streak", 3),
    _A("full-week", "Full Week", "silver", 150, "📅", "7-day streak", "streak", 7),
    _A("full-month", "Full Month", "platinum", 500, "🌕", "30-day streak", "streak", 30),
    _A("steady-hand", "Steady Hand", "silver", 200, "🧭", "25 tasks in a row", "run", 25),
    _A("excellence", "Excellence", "gold", 300, "⭐", "≥ 90 % success over ≥ 10 tasks",
       "tasks", 10, _is_excellent),
    _A("flawless", "Flawless", "legendary", 1000, "🏆", "100 % success over ≥ 10 tasks",
       "tasks", 10, _is_flawless),
    _A("quick-hands", "Quick Hands", "bronze", 100, "👐", "10 tasks in < 2 minutes", "quick", 10),
    _A("speed-demon", "Speed Demon", "gold", 400, "⚡", "5 tasks averaging < 2 minutes",
       "timed", 5, _is_speedy),
    _A("team-player", "Team Player", "bronze", 50, "🤝", "1 session", "sessions", 1),
    _A("night-shift", "Night Shift", "silver", 200, "🌙", "25 sessions", "sessions", 25),
    _A("clean-sweep", "Clean Sweep", "gold", 400, "🧹", "10 flawless sessions", "flawless", 10),
    _A("merged", "Merged", "bronze", 100, "🔀", "1 PR merged", "prs", 1),
    _A("release-train", "Release Train", "platinum", 600, "🚂", "50 PRs merged", "prs", 50),
    _A("well-done", "Well Done", "bronze", 100, "👏", "praised once", "praises", 1),
    _A("favourite", "Favourite", "platinum", 500, "💐", "praised 10 times", "praises", 10),
    _A("made-it", "Made It", "silver", 200, "🚀", "level 5", "level", 5),
    _A("hall-of-fame", "Hall of Fame", "platinum", 750, "🏰", "level 10", "level", 10),
)  # fmt: skip

BY_NAME = {achievement.name: achievement for achievement in ACHIEVEMENTS}
#: counter -> what asks for it, the least count first
BY_COUNTER: dict[str, list[Achievement]] = {}
for _one in sorted(ACHIEVEMENTS, key=lambda one: one.least):
    BY_COUNTER.setdefault(_one.counter, []).append(_one)
