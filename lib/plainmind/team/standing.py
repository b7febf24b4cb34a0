"""One agent's XP, level, achievements and streak, event by event. Pure.

    task completed +10; in under 2 minutes +15 more; the first of the agent's day +5 more
    session completed +25; without a failed task +75 more
    pull request merged +50; praise +100; an award what it says
    reaching a level +10 times its number; an achievement what its row says

A failed task earns nothing, and the first completed one after it is still the first of its day. A
bonus may reach the next level or achievement. Each is given once, so it ends; each has its bonus
also when several levels are reached at once. XP never falls: an event that is taken back was never
there, and the agent is made again from the others.

Earnings come in order of their time, then of their id. The day is that of the person's zone, as
YYYY-MM-DD (the caller's to know). Where a zone sets its clock back over midnight, an agent that
already worked on the new day earns no second first of the old one.
"""

from collections.abc import Iterable
from datetime import date as Date
from typing import NamedTuple

from .achievements import BY_COUNTER, QUICK, Deeds
from .levels import LEVELS, bonus_of, next_after

TASK, QUICK_TASK, FIRST_OF_DAY = 10, 15, 5
SESSION, FLAWLESS_SESSION = 25, 75
PR_MERGED, PRAISE = 50, 100


class Earning(NamedTuple):
    """Something that happened and may earn an agent XP."""

    id: str  # of the journal line
    unix_ms: int
    agent: str
    kind: str  # task (completed), failed (task), session, pr_merged, praise, award
    day: str = ""  # YYYY-MM-DD in the person's zone
    duration_s: float | None = None  # of a task
    flawless: bool = False  # a session in which no task failed
    amount: int = 0  # of an award


class Gain(NamedTuple):
    """XP, and what for: 'task', 'quick', 'level 4', 'achievement first-steps'…"""

    amount: int
    reason: str


# made once: a rebuild takes these a million times
_TASK, _QUICK = Gain(TASK, "task"), Gain(QUICK_TASK, "quick")
_FIRST_OF_DAY = Gain(FIRST_OF_DAY, "first of the day")
_SESSION, _FLAWLESS = Gain(SESSION, "session"), Gain(FLAWLESS_SESSION, "flawless session")
_PR_MERGED, _PRAISE = Gain(PR_MERGED, "pr_merged"), Gain(PRAISE, "praise")
#: kind -> the counter that goes up, and the XP
_BY_KIND = {
    "session": ("sessions", _SESSION),
    "pr_merged": ("prs", _PR_MERGED),
    "praise": ("praises", _PRAISE),
}
_NEVER = 1 << 62  # XP


class Standing(Deeds):
    """Where one agent stands: `FIELDS` and its achievements are all there is to keep."""

    FIELDS = (
        "xp", "level", "tasks", "failed", "run", "quick", "timed", "seconds", "streak", "longest",
        "last_day", "sessions", "flawless", "prs", "praises",
    )  # fmt: skip

    def __init__(self, achievements: Iterable[str] = (), **fields):
        self.xp = 0
        self.last_day = ""  # of the streak: the last day with a completed task
        self.__dict__.update(fields)
        self.achievements = set(achievements)
        self._next_xp = _xp_after(self.level)
        self._pending = {
            counter: [one for one in rows if one.name not in self.achievements]
            for counter, rows in BY_COUNTER.items()
        }

    @property
    def title(self) -> str:
        return LEVELS[self.level - 1].title

    def row(self) -> tuple[int | float | str, ...]:
        """The values of `FIELDS`."""
        return tuple([getattr(self, name) for name in self.FIELDS])

    def take(self, earning: Earning) -> list[Gain]:
        """What an event earns, bonuses included, in the order in which they are earned."""
        kind = earning.kind
        if kind == "task":
            touched, gains = self._take_task(earning)
        elif kind == "failed":
            self.failed += 1
            self.run = 0
            return []
        elif kind == "award":
            touched, gains = [], [Gain(earning.amount, "award")]
        else:
            counter, gain = _BY_KIND[kind]
            self.__dict__[counter] = getattr(self, counter) + 1
            touched, gains = [counter], [gain]
            if kind == "session" and earning.flawless:
                self.flawless += 1
                touched, gains = [counter, "flawless"], [gain, _FLAWLESS]
        for amount, _ in gains:
            self.xp += amount
        for counter in touched:
            rows = self._pending[counter]
            if rows and getattr(self, counter) >= rows[0].least:
                self._achieve(counter, gains)
        while self.xp >= self._next_xp:
            self._rise(gains)
        return gains

    def _take_task(self, earning: Earning) -> tuple[list[str], list[Gain]]:
        """The counters of a completed task that went up, and its XP without bonuses."""
        self.tasks += 1
        self.run += 1
        touched, gains = ["tasks", "run"], [_TASK]
        seconds = earning.duration_s
        if seconds is not None:
            self.timed += 1
            self.seconds += seconds
            touched.append("timed")
            if seconds < QUICK:
                self.quick += 1
                touched.append("quick")
                gains.append(_QUICK)
        if earning.day > self.last_day:
            self._start_day(earning.day)
            touched.append("streak")
            gains.append(_FIRST_OF_DAY)
        return touched, gains

    def _start_day(self, day: str) -> None:
        follows = self.last_day and Date.fromisoformat(day).toordinal() - 1 == (
            Date.fromisoformat(self.last_day).toordinal()
        )
        self.streak = self.streak + 1 if follows else 1
        self.longest = max(self.longest, self.streak)
        self.last_day = day

    def _achieve(self, counter: str, gains: list[Gain]) -> None:
        """Give what a counter's number now reaches, if what else it asks for holds."""
        count, pending = getattr(self, counter), self._pending[counter]
        won = []
        for one in pending:
            if count < one.least:
                break
            if one.also is None or one.also(self):
                won.append(one)
        for one in won:
            pending.remove(one)
            self.achievements.add(one.name)
            self.xp += one.xp
            gains.append(Gain(one.xp, f"achievement {one.name}"))

    def _rise(self, gains: list[Gain]) -> None:
        """Reach the next level."""
        self.level += 1
        self._next_xp = _xp_after(self.level)
        bonus = bonus_of(self.level)
        self.xp += bonus
        gains.append(Gain(bonus, f"level {self.level}"))
        self._achieve("level", gains)


def _xp_after(level: int) -> int:
    following = next_after(level)
    return following.xp if following else _NEVER


def streak_on(day: str, streak: int, last_day: str) -> int:
    """The streak as it stands on a day: it is over when neither that day nor the one before has a
    completed task."""
    if not last_day or Date.fromisoformat(day).toordinal() - 1 > (
        Date.fromisoformat(last_day).toordinal()
    ):
        return 0
    return streak
