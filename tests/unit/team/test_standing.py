"""What work earns, as the seed's tables have it."""

import pytest
from plainmind.team.standing import Earning, Standing, streak_on


def task(day="2026-02-07", seconds=None):
    return Earning("x", 0, "backend", "task", day, seconds)


WORKED = {"level": 12, "last_day": "2026-02-07"}  # no level ahead, not the first of its day
REWARDS = [
    ("Task completed", [task(seconds=120)], 10),
    ("Quick completion (<2m)", [task(seconds=119.9)], 10 + 15),
    ("First task of day", [task("2026-02-08")], 10 + 5),
    ("Session completed", [Earning("x", 0, "a", "session")], 25),
    ("Perfect session (0 fails)", [Earning("x", 0, "a", "session", flawless=True)], 25 + 75),
    ("PR merged", [Earning("x", 0, "a", "pr_merged")], 50),
    ("User praise", [Earning("x", 0, "a", "praise")], 100),
    ("Award", [Earning("x", 0, "a", "award", amount=7)], 7),
    ("A failed task", [Earning("x", 0, "a", "failed", "2026-02-08")], 0),
]


def base(gains):
    """The XP that is not of an achievement."""
    return sum(gain.amount for gain in gains if not gain.reason.startswith("achievement"))


@pytest.mark.parametrize("what, earnings, xp", REWARDS, ids=[row[0] for row in REWARDS])
def test_xp_rewards(what, earnings, xp):
    standing = Standing(**WORKED)
    gains = [gain for earning in earnings for gain in standing.take(earning)]
    assert base(gains) == xp
    assert standing.xp == sum(gain.amount for gain in gains)
    assert streak_on("2026-02-09", 1, "2026-02-07") == 0
