"""Decisions in the journal: what a line records is what is printed, and all that it takes to make
the decision again."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground.environment import Environment
from plainmind.ground.errors import NoInput, Usage
from plainmind.ground.masks import Mask
from plainmind.ground.settings import Settings
from plainmind.memory import Memory
from plainmind.team import routing
from plainmind.truth.work import journal
from plainmind.work import routes
from plainmind.work.routes import Router

NOW = 1769783035120
TASKS = [
    "Bump lodash from 4.17.20 to 4.17.21",
    "Design the schema",
    "Fix the typos in the README on auth",
    "Update the README with the new name",
    "Go on",
    "READMEの誤字を直してください",
    "Summarise this log: " + "a warning of the build " * 300,
    "Add 'a\tb\x00\u2028c' to CLAUDE.md",
    "Bump lodash to 4.17.21, the token is sk-0123456789abcdef0123",
]
RATES = {"formatting": {"local": (20, 1.0), "cloud": (3, -0.333)}, "tests": {"local": (9, 1.0)}}


def router(home, now=NOW, rates=None):
    return Router(home, now, Mask(), lambda kinds: rates or {})


def decisions(home, id=""):
    return list(routes.read_decisions(home, id, pytest.fail))


def printed(made):
    return routes.to_line(made), json.dumps(routes.to_record(made))


@pytest.mark.parametrize("way", ["task", "message", "attachment"])
def test_a_replay_prints_what_was_printed_and_finds_nothing(home, unsynced, way):
    made = []
    for number, task in enumerate(TASKS):
        one = router(home, NOW + number, RATES)
        decision = (
            one.decide(task) if way == "task" else one.decide_message(task, way != "message", "m")
        )
        made.append(printed(one.log(decision)))
    again = decisions(home)
    assert [printed(fields) for fields, _ in again] == made
    assert [difference for _, difference in again] == [""] * len(TASKS)
    assert "sk-0123" not in open(home.path(journal.PATH)).read()
    last = again[-1][0]
    assert decisions(home, last["id"]) == [(last, "")]


@given(st.text(min_size=1, max_size=60), st.sampled_from(TASKS))
def test_whatever_the_task_a_line_holds_all_that_decided_it(text, task):
    one = router(None, rates=RATES)
    for given_task in (text, f"{task} {text}"):
        if given_task.strip():
            fields = json.loads(json.dumps(one.decide(given_task)))
            assert routes.find_difference(fields) == ""


def test_only_the_rewards_that_moved_a_decision_are_recorded():
    made = router(None, rates=RATES).decide("Update the README with the new name")
    assert made["decision"] == "local"
    assert made["inputs"]["rates"] == {"formatting": RATES["formatting"]}
    assert made["inputs"]["boundary"] < made["score"] < routing.BOUNDARY
    assert "rates" not in router(None, rates=RATES).decide("Design the schema")["inputs"]


def test_a_replay_does_not_ask_for_todays_rewards(home, unsynced):
    one = router(home, rates=RATES)
    one.log(one.decide("Update the README with the new name"))
    ((made, difference),) = decisions(home)  # there is no reward in this journal
    assert (made["decision"], difference) == ("local", "")


def test_other_rules_and_edited_lines_are_told(home, unsynced, monkeypatch):
    one = router(home)
    one.log(one.decide("Bump lodash to 4.17.21"))
    before = [fields for fields, _ in decisions(home)]
    monkeypatch.setattr(routing, "BOUNDARY", 0.9)
    routing.version.cache_clear()
    try:
        ((fields, difference),) = decisions(home)
        assert [fields] == before, "what was decided stands"
        told = "was 'local' by 'packages', and is 'cloud' by 'unsure' when made again"
        assert difference == f"{told}; the rules have changed"
    finally:
        monkeypatch.undo()
        routing.version.cache_clear()
    for edit in ({"decision": "cloud"}, {"score": 0.1}, {"evidence": {}}, {"task": "Go on"}):
        assert routes.find_difference({**fields, **edit}).startswith("was '"), edit
    for inputs in ({}, {"characters": "x"}, {"characters": 9, "rates": {"packages": [1]}}):
        assert routes.find_difference({**fields, "inputs": inputs}).startswith("has inputs that")


def test_a_decision_taken_back_is_not_replayed_and_a_void_can_be_too(home, unsynced):
    one = router(home)
    made = one.log(one.decide("Go on"))
    journal.log(home, [{"type": "void", "of": made["id"], "reason": "x", "id": "v1"}], NOW)
    with pytest.raises(NoInput):
        routes.read_decisions(home, made["id"], pytest.fail)
    assert decisions(home) == []
    journal.log(home, [{"type": "void", "of": "v1", "reason": "x", "id": "v0"}], NOW)
    assert decisions(home) == []  # it is not after the void that it names: as in the tables
    journal.log(home, [{"type": "void", "of": "v1", "reason": "x"}], NOW + 1)
    assert decisions(home) == [(made, "")]


def test_an_id_given_twice_is_one_decision_the_earliest(home, unsynced):
    later = router(home, NOW + 1)
    later.log(later.decide("Go on"), "a")
    first = router(home, NOW).log(later.decide("Design the schema"), "a")
    assert decisions(home) == [(first, "")]


@pytest.mark.parametrize("task", ["", " \n\t", "\n"])
def test_an_empty_task_is_refused(task):
    with pytest.raises(Usage, match="the task is empty"):
        router(None).decide(task)


def rewards(home, *given):
    made = [
        {"type": "reward", "agent": "docs", "kind": kind, "route": route, "value": value}
        for kind, route, value in given
    ]
    return journal.log(home, made, NOW)


def test_rewards_in_the_journal_decide_what_is_on_the_edge(home, unsynced):
    """As the command does it: through the index, which follows the journal."""
    settings = Settings("", "", lambda name: None)
    memory = Memory(home, Environment(home.root), settings, lambda: NOW, pytest.fail)
    one = Router.of(memory)
    task = "Update the README with the new name"
    assert one.decide(task)["decision"] == "cloud"
    assert not os.path.exists(home.index), "nothing is made where there is no journal"
    made = rewards(
        home, *[("formatting", "local", 1)] * 20, ("formatting", "", 1), ("", "local", 1)
    )
    assert one.decide(task)["inputs"]["rates"] == {"formatting": {"local": (20, 1.0)}}
    assert one.decide(task)["decision"] == "local"
    assert one.decide("Design the README of the schema")["decision"] == "cloud"
    rewards(home, *[("formatting", "local", -1)] * 40, ("formatting", "cloud", 0.5))
    assert one.decide(task)["inputs"]["rates"]["formatting"]["cloud"] == (1, 0.5)
    assert one.decide("Fix the typos in the README")["decision"] == "local"
    voids = [{"type": "void", "of": event["id"], "reason": "x"} for event in made[:20]]
    journal.log(home, voids, NOW)
    assert one.decide(task)["inputs"]["rates"]["formatting"]["local"] == (40, -1.0)
    assert one.decide("Fix the typos in the README")["decision"] == "cloud"


def test_the_last_rewards_of_a_kind_count(home, unsynced):
    rewards(home, *[("tests", "local", -1)] * 50, *[("tests", "local", 1)] * routes.RECENT)
    memory = Memory(
        home, Environment(home.root), Settings("", "", lambda name: None), lambda: NOW, pytest.fail
    )
    made = Router.of(memory).decide("Write a basic test for the slugify helper")
    assert made["inputs"]["rates"] == {"tests": {"local": (routes.RECENT, 1.0)}}


@given(st.sampled_from(TASKS), st.text(max_size=40))
def test_a_decision_on_a_message_has_none_of_its_own_words(task, text):
    one = router(None, rates=RATES)
    given_task = f"{task} in Kowalski.md {text}"
    made, plain = one.decide_message(given_task, 0, "m"), one.decide(given_task)
    assert (made["decision"], made["score"]) == (plain["decision"], plain["score"])
    told = json.dumps([made["evidence"], made["task"], made["inputs"]])
    assert "Kowalski" not in told and "4.17.21" not in told


def test_an_edited_reading_is_told():
    made = router(None, rates=RATES).decide_message("Fix the typos in the README", 0, "m")
    for needs in ([["formatting", 0.1]], [], [["x"]]):
        edited = {**made, "inputs": {**made["inputs"], "reading": {"rule": "", "needs": needs}}}
        assert routes.find_difference(edited), needs
