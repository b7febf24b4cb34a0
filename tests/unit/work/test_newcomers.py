"""A name that is most likely a typing error is remarked upon, once; any other is left alone."""

import os

import pytest
from plainmind.formats.work.schemas import SCHEMAS
from plainmind.ground import clock
from plainmind.ground.paths import Home
from plainmind.truth.work import journal
from plainmind.work import newcomers
from plainmind.work.newcomers import Newcomers

NOW = clock.parse("2026-02-07T22:15:00Z")


@pytest.fixture
def home(tmp_path):
    return Home(str(tmp_path))


def log(home, *agents, type="praise", newcomer=None):
    """What is said of events by these names, which are written first, as in work-log."""
    told = newcomer or Newcomers(home)
    more = {"task": {"description": "x"}, "pr_merged": {}, "praise": {}}[type]
    drafts = [{"type": type, "agent": agent, **more} for agent in agents]
    return [told.doubt(event) for event in journal.log(home, drafts, NOW)]


@pytest.mark.parametrize(("name", "meant"), [
    ("bakend", "backend"), ("backned", "backend"), ("back-end", "backend"), ("fronted", "frontend"),
    ("verificaton", "verification"), ("senior_reviewer", "senior-reviewer"),
    ("backend", ""), ("agent-levelup", ""), ("somebody-new", ""), ("bob", ""), ("uy", ""),
    ("backend2", ""), ("backend-3", ""),  # one more of a kind
])  # fmt: skip
@pytest.mark.parametrize("type", ["task", "pr_merged", "praise"])
def test_a_name_near_a_known_one_is_doubted(home, type, name, meant):
    [said] = log(home, name, type=type)
    assert said.startswith(f"agent '{name}' is new; did you mean '{meant}'?" if meant else said)
    assert bool(said) == bool(meant)


def test_it_is_said_once_and_the_line_is_written(home):
    one = Newcomers(home)
    first, again, other = log(home, "bakend", "bakend", "fronted", newcomer=one)
    assert first and not again and other
    assert log(home, "bakend") == [""]  # it is known now
    assert log(home, "bakend", "bakcend")[1].endswith("'backend'?")  # and not the mistake
    assert sum(row.line.type == "praise" for row in journal.read(home)) == 6


def test_who_is_known(home, monkeypatch):
    """Who is in the teams of the home, who did something, long ago too, and who is declared."""
    os.makedirs(home.path("work"))
    with open(home.path("work/teams.toml"), "w") as file:
        file.write('[[team]]\nname = "T"\nagents = [{ name = "welder" }, {name="painter"}]\n')
    assert [bool(said) for said in log(home, "weldre", "painter", "bakend")] == [True, False, False]
    log(home, "welders-boy")
    assert log(home, "welders-boi") != [""]
    monkeypatch.setattr(newcomers, "_RECENT", 0)  # all that is there was long ago
    assert log(home, "weldre") == [""]
    one = Newcomers(home)
    [declared] = journal.log(home, [{"type": "agent", "name": "weldr"}], NOW)
    assert one.doubt(declared) == "" == log(home, "weldr", newcomer=one)[0]


def test_what_is_no_file_is_no_failure(home):
    os.makedirs(home.path("work/teams.toml"))
    assert [bool(said) for said in log(home, "bakend", "backend")] == [True, False]


def test_every_type_with_an_agent_is_looked_at():
    """By the name of its field: none has it elsewhere, but that which declares one."""
    fields = {(type, field.name) for type, schema in SCHEMAS.items() for field in schema.fields
              if field.kind == "agent" and field.name != "agent"}  # fmt: skip
    assert fields == {("agent", "name")}
