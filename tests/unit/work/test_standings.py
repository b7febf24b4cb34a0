"""What work-xp shows: columns for programs, words and bars for people, records for both."""

import pytest
from plainmind.team.achievements import ACHIEVEMENTS
from plainmind.team.figures import AgentFigures, BoardRow
from plainmind.team.standing import Standing
from plainmind.work import standings

FRESH = AgentFigures("ux", "Engineering", "UX designer", *Standing().row(), {})
BUSY = FRESH._replace(
    agent="backend", role="Backend specialist", xp=1750, level=5, tasks=34, failed=2, timed=30,
    seconds=3000.0, streak=3, longest=7, last_day="2026-02-07", sessions=5, flawless=4, prs=2,
    praises=1, run=20,
    achieved={"first-steps": "2026-02-05T22:15:00.000Z", "on-a-roll": "2026-02-07T22:15:00.000Z"},
)  # fmt: skip


def test_the_records_are_the_fields_of_a_standing():
    assert AgentFigures._fields[3:-1] == Standing.FIELDS


def test_an_agent_in_one_line():
    row = standings.row_of_agent(BUSY, people=False)
    assert row.text == "backend\t5\tSpecialist\t1750\t3\t2"
    assert tuple(row.record) == standings.AGENT_KEYS
    people = standings.row_of_agent(BUSY, people=True).text
    assert people == "backend               5 Specialist      1,750 XP  ███████░░░  3 days"
    assert standings.row_of_agent(FRESH, people=True).text == (
        "ux                    1 Rookie              0 XP  ░░░░░░░░░░"
    )


def test_a_team_at_a_terminal():
    """Fits 60 columns without bars; who has no XP is counted. A program gets everybody."""
    longest = BUSY._replace(agent="a" * 20, xp=100_000, level=9, streak=100)
    found = [longest, BUSY, FRESH, FRESH]
    wide, narrow = (
        [row.text for row in standings.rows_of_agents(found, True, width)] for width in (72, 71)
    )
    assert len(narrow) == 3 and narrow[-1] == wide[-1] == "2 more without XP"
    assert max(map(len, narrow)) <= 60 < max(map(len, wide)) <= 72
    assert "█" in wide[0] and "█" not in "".join(narrow)
    fresh = [row.text for row in standings.rows_of_agents([FRESH], True, 80)]
    assert fresh == ["1 agent without XP"]
    assert len(list(standings.rows_of_agents(found, False, 20))) == 4


def test_achievements_fit_a_terminal():
    at = dict.fromkeys((one.name for one in ACHIEVEMENTS), "2026-11-29T22:15:00.000Z")
    slow = (BUSY._replace(seconds=seconds) for seconds in (1e300, 30 * 3_599_999))
    for figures in (BUSY, BUSY._replace(achieved=at), *slow):
        for row in standings.rows_of_achievements(figures, people=True):
            assert 1 + len(row.text.replace("\ufe0f", "")) <= 80, row.text  # the symbol has two


def test_an_agent_in_words():
    text = standings.describe_agent(BUSY, people=True).text
    assert text == (
        "backend, Backend specialist, Engineering\n"
        "  level         5 Specialist 💼\n"
        "  XP            1,750  ███████░░░  250 XP to Senior\n"
        "  tasks         34 completed, 2 failed: 94% success\n"
        "  mean time     1 min 40 s\n"
        "  streak        3 days, the longest 7\n"
        "  sessions      5, 4 without a failed task\n"
        "  PRs merged    2\n"
        "  praised       1 time\n"
        f"  achievements  2 of {len(ACHIEVEMENTS)}: First Steps, On a Roll"
    )


def test_an_agent_in_columns():
    lines = standings.describe_agent(BUSY, people=False).text.split("\n")
    rows = dict(line.split("\t") for line in lines)
    assert tuple(rows) == standings.AGENT_KEYS
    assert (rows["success_rate"], rows["mean_s"], rows["next_level_xp"]) == (
        "0.9444",
        "100.0",
        "2000",
    )
    fresh = standings.describe_agent(FRESH, people=False).record
    assert [fresh[key] for key in ("success_rate", "mean_s", "last_day", "streak")] == [
        None
    ] * 3 + [0]


@pytest.mark.parametrize(
    "xp, level, bar", [(0, 1, 0), (99, 1, 9), (250, 3, 0), (100_000, 12, 10), (900_000, 12, 10)]
)
def test_the_bar_is_the_way_to_the_next_level(xp, level, bar):
    text = standings.row_of_agent(FRESH._replace(xp=xp, level=level), people=True).text
    assert text.count("█") == bar and text.count("░") == 10 - bar


def test_a_leaderboard():
    rows = [
        BoardRow("success", 1, "backend", "Engineering", 34 / 36, 5, "Specialist"),
        BoardRow("tasks", 2, "ux", "Engineering", 1234.0, 1, "Rookie"),
    ]
    plain, people = (list(standings.rows_of_board(rows, people)) for people in (False, True))
    assert [row.text for row in plain] == [
        "1\tbackend\t0.944\t5\tSpecialist",
        "2\tux\t1234\t1\tRookie",
    ]
    assert [row.text for row in people] == [
        "  1 backend                  94.4%   5 Specialist",
        "  2 ux                       1,234   1 Rookie",
    ]
    assert tuple(plain[0].record) == standings.BOARD_KEYS
    assert [row.record["value"] for row in plain] == [34 / 36, 1234]


def test_achievements_of_everybody_and_of_one():
    all = list(standings.rows_of_achievements(None, people=False))
    assert all[0].text == "First Steps\tbronze\t50\t1 task"
    assert [row.record["name"] for row in all] == [one.name for one in ACHIEVEMENTS]
    rows = {row.record["name"]: row for row in standings.rows_of_achievements(BUSY, people=False)}
    assert rows["first-steps"].text == "First Steps\tbronze\t50\t1 task\t2026-02-05T22:15:00.000Z"
    assert rows["half-century"].text == "Half Century\tsilver\t150\t50 tasks\t34/50"
    assert tuple(rows["half-century"].record) == standings.ACHIEVEMENT_KEYS
    assert rows["excellence"].text.endswith("\t94.4%") and rows["speed-demon"].text.endswith(
        "\t1 min 40 s"
    )
    enough = BUSY._replace(tasks=10, failed=9, timed=5, achieved={})  # of tasks, done too badly
    shown = {r.record["name"]: r.text for r in standings.rows_of_achievements(enough, False)}
    assert shown["excellence"].endswith("\t52.6%") and shown["speed-demon"].endswith("\t10 min")
    people = next(standings.rows_of_achievements(BUSY, people=True)).text
    assert people == f"🎯 First Steps   bronze      50 XP  {'1 task':<30} 2026-02-05"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (None, "not known"),
        (0, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (7200, "2 h"),
        (3661, "1 h 1 min 1 s"),
        (1e300, "over 1,000 h"),
        (float("inf"), "over 1,000 h"),
    ],
)
def test_a_duration(seconds, text):
    assert standings._duration(seconds) == text
