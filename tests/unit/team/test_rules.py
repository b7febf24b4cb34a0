"""Experiments, patterns, and the teams' file."""

import pytest
from plainmind.ground.errors import BadData
from plainmind.team import experiments, patterns, teams

EXPERIMENTS = [
    # samples, mean, baseline, better: status, change
    (9, 200, 100, "higher", "running", 1.0),
    (0, None, 100, "higher", "running", None),
    (10, 120, 100, "higher", "double_down", 0.2),
    (10, 119.9, 100, "higher", "keep", 0.199),
    (10, 100, 100, "higher", "keep", 0.0),
    (10, 95.1, 100, "higher", "keep", -0.049),
    (10, 95, 100, "higher", "kill", -0.05),
    (10, 80, 100, "lower", "double_down", 0.2),
    (10, 80.1, 100, "lower", "keep", 0.199),
    (10, 105, 100, "lower", "kill", -0.05),
    (10, 0.12, 0.1, "higher", "double_down", 0.2),
    (10, 0.665, 0.7, "higher", "kill", -0.05),
    (10, -8, -10, "higher", "double_down", 0.2),
    (10, -10.5, -10, "higher", "kill", -0.05),
    (10, 0, 0, "higher", "keep", None),
    (10, 0.1, 0, "higher", "double_down", None),
    (10, 0.1, 0, "lower", "kill", None),
    (10, 5, None, "higher", "keep", None),
]


@pytest.mark.parametrize("samples, mean, baseline, better, status, change", EXPERIMENTS)
def test_experiments(samples, mean, baseline, better, status, change):
    verdict = experiments.judge(samples, mean, baseline, better)
    assert verdict.status == status
    assert verdict.change == (change if change is None else pytest.approx(change))


def test_what_a_person_decided_stands():
    for written in experiments.VERDICTS:
        assert experiments.judge(3, 500, 100, written=written).status == written
    assert experiments.judge(10, 500, 100, written="running").status == "double_down"


PATTERNS = [
    # completed, failed: pattern
    (4, 0, None),
    (5, 0, "success"),
    (9, 1, "success"),
    (8, 1, None),
    (89, 11, None),
    (3, 2, None),
    (3, 3, "failure"),
    (2, 3, "failure"),
    (0, 5, "failure"),
    (0, 4, None),
]


@pytest.mark.parametrize("completed, failed, pattern", PATTERNS)
def test_patterns(completed, failed, pattern):
    assert patterns.detect(completed, failed) == pattern


def test_the_two_teams_of_a_fresh_memory_folder():
    both = teams.parse(teams.read_shipped(), "teams.toml")
    assert [(team.name, len(team.agents)) for team in both] == [
        ("Engineering", 10),
        ("Marketing", 10),
    ]
    named = {agent.name for agent in both[0].agents}
    assert {"orchestrator", "backend", "frontend", "infrastructure", "verification"} <= named
    assert all(team.description for team in both)
    assert all(
        agent.role and agent.description and agent.active for t in both for agent in t.agents
    )


def test_a_file_of_ones_own():
    text = b"""
    [[team]]
    name = "Ops"
    agents = [{ name = "night-watch", model = "haiku", active = false }, { name = "day" }]
    """
    night, day = teams.Member("night-watch", model="haiku", active=False), teams.Member("day")
    assert teams.parse(text, "x") == [teams.Team("Ops", "", (night, day))]
    assert teams.parse(b"", "x") == []
    assert teams.parse(b"\xef\xbb\xbf" + text, "x") == teams.parse(text, "x"), "a BOM"


WRONG = [
    ("[[team]]\nname = ", "x:2", "not valid TOML"),
    ("\xff", "x:1", "not valid TOML"),
    ("a = " + "[" * 5000, "x:1", "not valid TOML"),
    ("[[team]]\n", "x", "a team has no name"),
    ("[[team]]\nname = 3", "x", "'name' of a team is not a text of one line"),
    ('[[team]]\nname = "a\\nb"', "x", "'name' of a team is not a text of one line"),
    ('team = "a"', "x", "'team' is not a list of tables"),
    ('[[teams]]\nname = "a"', "x", "unknown key 'teams' of the file"),
    ('[[team]]\nname = "a"\nagents = ["b"]', "x", "'agents' is not a list of tables"),
    ('[[team]]\nname = "a"\nagents = [{}]', "x", "an agent has no name"),
    ('[[team]]\nname = "a"\nagents = [{ name = "../b" }]', "x", "invalid agent '../b'"),
    ('[[team]]\nname = "a"\nagents = [{ name = "b", roles = "" }]', "x", "unknown key 'roles'"),
    ('[[team]]\nname = "a"\nagents = [{ name = "b", active = 1 }]', "x", "'active' of agent 'b'"),
    ('[[team]]\nname = "a"\n[[team]]\nname = "a"', "x", "two teams are named 'a'"),
    ('[[team]]\nname = "a"\nagents = [{ name = "b" }, { name = "b" }]', "x", "two agents are"),
    ("#" * 1024 * 1025, "x", "more than 1 MiB"),
]


@pytest.mark.parametrize("text, place, what", WRONG, ids=[row[2] for row in WRONG])
def test_what_is_no_file_of_teams(text, place, what):
    with pytest.raises(BadData) as failure:
        teams.parse(text.encode("latin-1"), "x")
    assert failure.value.place == place and what in failure.value.what
