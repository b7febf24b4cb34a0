"""What work earns, as the seed's tables have it; and whatever happened, in whatever order."""

import os
from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground import zone
from plainmind.team.achievements import ACHIEVEMENTS, BY_NAME, TIERS, Deeds
from plainmind.team.levels import LEVELS, bonus_of, level_of, next_after
from plainmind.team.standing import Earning, Standing, streak_on
from scene import ROOT


def earning(kind, day="2026-02-07", seconds=None, flawless=False, amount=0):
    return Earning("x", 0, "backend", kind, day, seconds, flawless, amount)


def stand(*earnings, standing=None):
    """A standing after these, and all gains."""
    standing = standing or Standing()
    return standing, [gain for each in earnings for gain in standing.take(each)]


def reasons(gains):
    return [gain.reason for gain in gains]


# --- XP Rewards

REWARDS = [
    ("Task completed", earning("task", seconds=120), 10),
    ("Quick completion (<2m)", earning("task", seconds=119.9), 10 + 15),
    ("Task without a known duration", earning("task"), 10),
    ("First task of day", earning("task", "2026-02-08"), 10 + 5),
    ("Session completed", earning("session"), 25),
    ("Perfect session (0 fails)", earning("session", flawless=True), 25 + 75),
    ("PR merged", earning("pr_merged"), 50),
    ("User praise", earning("praise"), 100),
    ("Award of 7", earning("award", amount=7), 7),
    ("Failed task", earning("failed", "2026-02-08"), 0),
]


@pytest.mark.parametrize("what, event, xp", REWARDS, ids=[row[0] for row in REWARDS])
def test_xp_rewards(what, event, xp):
    # there is no level ahead, nothing to achieve, and a task of that day
    worked = Standing([one.name for one in ACHIEVEMENTS], level=12, last_day="2026-02-07")
    standing, gains = stand(event, standing=worked)
    assert standing.xp == sum(gain.amount for gain in gains) == xp


def test_a_failed_task_is_not_the_first_of_its_day():
    _, gains = stand(earning("failed"), earning("task"), earning("task"))
    assert reasons(gains) == ["task", "first of the day", "achievement first-steps", "task"]


# --- Level System

LEVEL_SYSTEM = """
Level 1:  Rookie        🌱 (0 XP)
Level 2:  Apprentice    📚 (100 XP)
Level 3:  Junior        👶 (250 XP)
Level 4:  Associate     🎓 (500 XP)
Level 5:  Specialist    💼 (1,000 XP)
Level 6:  Senior        🎯 (2,000 XP)
Level 7:  Expert        ⭐ (4,000 XP)
Level 8:  Master        🏆 (8,000 XP)
Level 9:  Grandmaster   👑 (16,000 XP)
Level 10: Legend        🔮 (32,000 XP)
Level 11: Mythic        🌟 (64,000 XP)
Level 12: Divine        ✨ (100,000 XP)
"""


def test_the_level_system():
    rows = [f"Level {f'{n}:':3} {title:13} {symbol} ({xp:,} XP)" for n, title, symbol, xp in LEVELS]
    assert rows == LEVEL_SYSTEM.strip().split("\n")


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.title)
def test_a_level_begins_at_its_xp(level):
    assert level_of(level.xp) == level
    assert level_of(level.xp - 1 if level.xp else 0).number == max(1, level.number - 1)
    following = next_after(level.number)
    assert following is None or following.number == level.number + 1


@pytest.mark.parametrize("number, bonus", [(1, 0), (2, 20), (3, 30), (7, 70), (12, 120)])
def test_level_up_is_level_times_ten(number, bonus):
    assert bonus_of(number) == bonus


def test_levels_that_are_jumped_each_give_their_bonus_once():
    standing, gains = stand(earning("award", amount=1000))
    assert reasons(gains) == ["award", *map("level {}".format, (2, 3, 4, 5)), "achievement made-it"]
    assert standing.xp == 1000 + 20 + 30 + 40 + 50 + 200
    assert standing.take(earning("award", amount=1))[1:] == []


def test_a_bonus_can_reach_the_next_level():
    # 235 + 20 is 255
    _, gains = stand(earning("award", amount=140), standing=Standing(xp=95))
    assert reasons(gains) == ["award", "level 2", "level 3"]


# --- Achievements

SAMPLES = """
🎯 First Steps (Complete 1 task) - 50 XP
⭐ Excellence (90%+ success rate) - 300 XP
🔥 On a Roll (3-day streak) - 50 XP
🏆 Flawless (100% success, 10+ tasks) - 1000 XP
⚡ Speed Demon (5 tasks <2 min avg) - 400 XP
"""


def test_the_sample_achievements():
    for row in SAMPLES.strip().split("\n"):
        symbol, rest = row.split(" ", 1)
        title, xp = rest.split(" (")[0], int(rest.split(" - ")[1].split()[0])
        assert [(one.symbol, one.xp) for one in ACHIEVEMENTS if one.title == title] == [
            (symbol, xp)
        ]


def test_the_table_of_achievements():
    assert len(ACHIEVEMENTS) >= 15
    assert {one.tier for one in ACHIEVEMENTS} == set(TIERS)
    for field in ("name", "title", "symbol"):
        assert len({getattr(one, field) for one in ACHIEVEMENTS}) == len(ACHIEVEMENTS)
    for one in ACHIEVEMENTS:
        assert 50 <= one.xp <= 1000 and one.least > 0 and hasattr(Deeds, one.counter), one
        number = f"{one.least:,}" if one.least > 1 or one.counter != "praises" else "once"
        assert number in one.description or one.name == "speed-demon" and "5" in one.description
    dearest = {tier: max(one.xp for one in ACHIEVEMENTS if one.tier == tier) for tier in TIERS}
    assert sorted(dearest.values()) == list(dearest.values())


def tasks(count, **more):
    return [earning("task", **more)] * count


def days(count, first="2026-02-07"):
    start = date.fromisoformat(first)
    return [earning("task", (start + timedelta(n)).isoformat()) for n in range(count)]


ACHIEVED = [
    ("first-steps", tasks(1), True),
    ("first-steps", [earning("failed")], False),
    ("warmed-up", tasks(10), True),
    ("thousand", tasks(1000), True),
    ("on-a-roll", days(3), True),
    ("on-a-roll", days(2), False),
    ("on-a-roll", [*days(2), *days(1, "2026-02-10")], False),
    ("full-month", days(30), True),
    ("excellence", [earning("failed"), *tasks(9)], False),
    ("excellence", [earning("failed"), *tasks(10)], True),
    ("excellence", [*tasks(9), earning("failed"), *tasks(1)], True),
    ("excellence", [earning("failed"), earning("failed"), *tasks(17)], False),
    ("excellence", [earning("failed"), earning("failed"), *tasks(18)], True),
    ("flawless", tasks(9), False),
    ("flawless", tasks(10), True),
    ("flawless", [earning("failed"), *tasks(30)], False),
    ("speed-demon", tasks(5, seconds=119), True),
    ("speed-demon", tasks(5, seconds=120), False),
    ("speed-demon", [*tasks(4, seconds=60), *tasks(1, seconds=359)], True),
    ("speed-demon", [*tasks(4, seconds=60), *tasks(1, seconds=360)], False),
    ("speed-demon", [*tasks(4, seconds=60), *tasks(9)], False),
    ("steady-hand", tasks(25), True),
    ("steady-hand", [*tasks(24), earning("failed"), *tasks(24)], False),
    ("quick-hands", tasks(10, seconds=5), True),
    ("team-player", [earning("session")], True),
    ("clean-sweep", [earning("session", flawless=True)] * 10, True),
    ("clean-sweep", [earning("session")] * 10, False),
    ("release-train", [earning("pr_merged")] * 50, True),
    ("favourite", [earning("praise")] * 9, False),
    ("favourite", [earning("praise")] * 10, True),
    ("hall-of-fame", [earning("award", amount=1000)] * 32, True),
]


@pytest.mark.parametrize("name, history, achieved", ACHIEVED)
def test_achievements(name, history, achieved):
    standing, gains = stand(*history)
    assert (name in standing.achievements) == achieved
    assert reasons(gains).count(f"achievement {name}") == achieved
    assert sum(gain.amount for gain in gains) == standing.xp


# --- whatever happened

A_DAY = st.integers(0, 3).map(lambda step: timedelta(step))
EVENTS = st.tuples(
    st.sampled_from("task task task failed session pr_merged praise award".split()),
    A_DAY,
    st.none() | st.floats(0, 500),
    st.booleans(),
    st.integers(1, 1000) | st.just(1000),
    st.integers(1, 60),  # times
)


@st.composite
def histories(draw):
    day, history = date(2026, 2, 7), []
    for kind, step, seconds, flawless, amount, times in draw(st.lists(EVENTS, max_size=40)):
        day += step
        history += [earning(kind, day.isoformat(), seconds, flawless, amount)] * times
    return history


@given(histories())
def test_bonuses_end_each_is_given_once_and_xp_never_falls(history):
    standing, all = Standing(), []
    for event in history:
        before = standing.xp
        gains = standing.take(event)
        assert standing.xp - before == sum(gain.amount for gain in gains) >= 0
        assert bool(gains) == (event.kind != "failed")
        all += gains
    bonuses = Counter(r for r in reasons(all) if r.startswith(("level", "achievement")))
    assert set(bonuses.values()) <= {1}
    levels = [int(reason[6:]) for reason in reasons(all) if reason.startswith("level")]
    assert levels == list(range(2, standing.level + 1))
    assert level_of(standing.xp).number == standing.level
    assert {f"achievement {name}" for name in standing.achievements} <= set(bonuses)
    for one in ACHIEVEMENTS:  # what holds now was given, in whatever order it came about
        holds = getattr(standing, one.counter) >= one.least and (not one.also or one.also(standing))
        assert not holds or one.name in standing.achievements, one


@given(histories(), st.integers(0, 2000))
def test_a_standing_that_was_kept_goes_on_as_if_it_had_not_been(history, cut):
    whole, gains = stand(*history)
    first, before = stand(*history[:cut])
    kept = Standing(list(first.achievements), **dict(zip(Standing.FIELDS, first.row())))
    kept, after = stand(*history[cut:], standing=kept)
    assert (kept.row(), kept.achievements) == (whole.row(), whole.achievements)
    assert before + after == gains


# --- streaks

LONDON = [
    # the clock goes forward on 29 March 2026 at 01:00, back on 25 October at 02:00
    ("an hour of the night is missing", "2026-03-28 23:30", "2026-03-29 02:30", 2),
    ("a day of 23 hours", "2026-03-29 00:00", "2026-03-30 00:00", 2),
    ("a day of 23 hours is skipped", "2026-03-28 23:59", "2026-03-30 00:00", 1),
    ("23:59 and 00:00", "2026-03-30 23:59", "2026-03-31 00:00", 2),
    ("a day of 25 hours", "2026-10-25 00:00", "2026-10-25 23:59", 1),
    ("the end of it, and the next day", "2026-10-25 23:59", "2026-10-26 00:00", 2),
    ("its start, and the end of the next", "2026-10-25 00:00", "2026-10-26 23:59", 2),
    ("leap day", "2028-02-28 12:00", "2028-02-29 12:00", 2),
    ("over New Year", "2026-12-31 23:59", "2027-01-01 00:00", 2),
]


def at(text):
    moment = datetime.fromisoformat(text)
    return zone.to_instant(moment.date(), moment.time())


@pytest.mark.parametrize("what, first, second, streak", LONDON, ids=[row[0] for row in LONDON])
def test_a_streak_is_of_days_in_london(what, first, second, streak):
    days = [zone.to_day(at(text)).isoformat() for text in (first, second)]
    standing, _ = stand(*(earning("task", day) for day in days))
    assert (standing.streak, standing.longest) == (streak, streak)


def test_summer_midnight_is_londons_not_utcs():
    instants = [datetime(2026, 7, 1, hour, tzinfo=timezone.utc) for hour in (22, 23)]
    days = [zone.to_day(int(moment.timestamp() * 1000)).isoformat() for moment in instants]
    assert days == ["2026-07-01", "2026-07-02"]
    assert stand(*(earning("task", day) for day in days))[0].streak == 2


def test_a_clock_set_back_over_midnight_gives_no_second_first():
    standing, gains = stand(*(earning("task", day) for day in ("2026-02-07", "2026-02-08")))
    assert reasons(stand(earning("task", "2026-02-07"), standing=standing)[1]) == ["task"]
    assert (standing.streak, standing.last_day) == (2, "2026-02-08")


def test_only_completed_tasks_make_a_streak():
    others = "failed session pr_merged praise award".split()
    standing, _ = stand(earning("task"), *(earning(kind, "2026-02-08") for kind in others))
    assert (standing.streak, standing.last_day) == (1, "2026-02-07")


def test_a_streak_that_ended_is_still_the_longest():
    standing, _ = stand(*days(5), *days(2, "2026-03-01"))
    assert (standing.streak, standing.longest, standing.last_day) == (2, 5, "2026-03-02")


@pytest.mark.parametrize(
    "today, streak",
    [("2026-02-07", 4), ("2026-02-08", 4), ("2026-02-09", 0), ("2026-02-06", 4), ("2027-02-07", 0)],
)
def test_a_streak_is_shown_as_of_today(today, streak):
    assert streak_on(today, 4, "2026-02-07") == streak
    assert streak_on(today, 0, "") == 0


def test_the_means_of_a_standing():
    standing, _ = stand(*tasks(3, seconds=60), earning("failed"), *tasks(1))
    assert (standing.success, standing.mean_seconds, standing.title) == (0.8, 60.0, "Apprentice")
    assert (Deeds().success, Deeds().mean_seconds) == (0.0, None)
    assert set(BY_NAME) >= standing.achievements


def test_the_document_shows_the_tables():
    with open(os.path.join(ROOT, "docs", "work.md"), encoding="utf-8") as file:
        lines = file.read().split("\n")
    rows = [f"| {n} | {symbol} {title} | {xp:,} |" for n, title, symbol, xp in LEVELS]
    rows += [
        f"| {one.symbol} {one.title} | {one.tier} | {one.xp} | {one.description} |"
        for one in ACHIEVEMENTS
    ]
    assert [row for row in rows if row not in lines] == []
    told = lines[lines.index("| level | title | from XP |") : lines.index("## Teams")]
    assert sum(line.startswith("| ") for line in told) == len(rows) + 2  # with the two heads
