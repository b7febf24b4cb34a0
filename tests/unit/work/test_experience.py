"""What work-xp asks of an index that is made of a journal and of teams.toml."""

import json
import os

import pytest
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, NoInput, NotPermitted
from plainmind.index import engine_in_use
from plainmind.work import experience
from scene import NOW

TODAY = "2026-01-30"


def opened(home, said=None):
    return engine_in_use().opened(home, (said if said is not None else []).append)


def write(home, path, *lines):
    os.makedirs(home.path("work"), exist_ok=True)
    with open(home.path("work", path), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def event(id, type, day="2026-01-30", **fields):
    return json.dumps({"id": id, "at": f"{day}T10:00:00.000Z", "type": type, **fields})


def done(id, agent, day="2026-01-30", status="completed"):
    return event(id, "task", day, agent=agent, description="x", status=status)


def test_all_agents_who_has_most_first_then_by_name(home):
    write(home, "events.jsonl", done("1", "ux"), done("2", "seo"), done("3", "seo"))
    found = experience.read_all(opened(home), TODAY)
    assert len(found) == 20
    assert [one.agent for one in found[:3]] == ["seo", "ux", "agent-levelup"]
    assert (found[0].xp, found[0].tasks, list(found[0].achieved)) == (75, 2, ["first-steps"])


def test_one_agent_is_as_of_a_day(home):
    write(home, "events.jsonl", done("1", "ux", "2026-01-28"), done("2", "ux", "2026-01-29"))
    read = lambda day: experience.read_one(opened(home), "ux", day)
    assert [read(f"2026-01-{day}").streak for day in (29, 30, 31)] == [2, 2, 0]
    assert (read(TODAY).longest, read(TODAY).last_day) == (2, "2026-01-29")


def test_rows_are_asked_for_by_a_column_called_name(home):
    os.makedirs(home.root)
    for index in opened(home):
        with index:
            assert [row["team"] for row in index.work_rows("agents", name="seo")] == ["Marketing"]


READS = {
    "one": lambda opened: experience.read_one(opened, "ux", TODAY),
    "all": lambda opened: experience.read_all(opened, TODAY),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("table", ["agent_streaks", "agent_levels", "level_thresholds"])
def test_an_index_that_names_an_agent_and_tells_nothing_of_it_is_made_again(home, table, read):
    """As one has it a page of which has become zeros: there is such an agent."""
    write(home, "events.jsonl", done("1", "ux"))
    right = READS[read](opened(home))
    for index in opened(home):
        with index, index.writing() as db:
            db.execute(f"DELETE FROM {table}")
    said = []
    assert READS[read](opened(home, said)) == right
    assert len(said) == 1 and "rebuilt" in said[0]


def test_achievements_come_in_the_order_of_time(home):
    days = [done(str(n), "ux", f"2026-01-{n}") for n in range(10, 20)]
    write(home, "events.jsonl", *days)
    achieved = experience.read_one(opened(home), "ux", TODAY).achieved
    assert list(achieved.values()) == sorted(achieved.values())
    assert achieved["on-a-roll"] == "2026-01-12T10:00:00.000Z"
    assert achieved["flawless"] == "2026-01-19T10:00:00.000Z"


def test_whoever_did_something_is_an_agent_in_no_team(home):
    write(home, "events.jsonl", done("1", "stranger"))
    one = experience.read_one(opened(home), "stranger", TODAY)
    assert (one.team, one.role, one.xp) == (None, None, 65)


@pytest.mark.parametrize("text", ["", "# nobody"])
def test_teams_of_nobody(home, text):
    write(home, "teams.toml", text)
    assert experience.read_all(opened(home), TODAY) == []
    write(home, "events.jsonl", done("1", "ux"))
    assert [one.agent for one in experience.read_all(opened(home), TODAY)] == ["ux"]


def test_a_broken_file_of_teams_is_told_and_changes_nothing(home):
    write(home, "teams.toml", "[[team]]", "name = ")
    said = []
    assert len(experience.read_all(opened(home, said), TODAY)) == 20
    assert len(said) == 1 and "teams.toml:2" in said[0]


@pytest.mark.parametrize(
    "agent, failure, cure",
    [
        ("bakend", NoInput, "did you mean 'backend'?"),
        ("zzz", NoInput, "'work-xp' lists those there are"),
        ("../x", BadData, "use lower-case letters"),
        ("x' OR 1=1", BadData, "use lower-case letters"),
    ],
)
def test_an_agent_nobody_knows(home, agent, failure, cure):
    with pytest.raises(failure) as raised:
        experience.read_one(opened(home), agent, TODAY)
    assert raised.value.cure.startswith(cure)


def test_a_leaderboard(home):
    write(
        home, "events.jsonl", done("1", "ux"), done("2", "seo"), done("3", "seo", status="failed")
    )
    rows = experience.read_board(opened(home), "success")
    assert [(row.rank, row.agent, row.value) for row in rows] == [(1, "ux", 1.0), (2, "seo", 0.5)]
    assert [row.rank for row in experience.read_board(opened(home), "xp")] == [1, 1]


def test_an_award_is_an_event_and_none_in_a_dry_run(home, monkeypatch):
    def give(agent: str = "", turn: str = "", dry_run: bool = False) -> dict:
        monkeypatch.setenv("MIND_AGENT", agent)
        monkeypatch.setenv("MIND_TURN", turn)
        return experience.award(home, "ux", 7, "for this", NOW, Environment(), dry_run)

    assert give(dry_run=True)["amount"] == 7
    assert not os.path.exists(home.path("work"))
    give()
    assert experience.read_one(opened(home), "ux", TODAY).xp == 7
    for author in (("ux",), ("backend",), ("orchestrator", "ab12 7"), ("", "ab12 7")):
        with pytest.raises(NotPermitted):
            give(*author)
    give("orchestrator")
    assert experience.read_one(opened(home), "ux", TODAY).xp == 14
