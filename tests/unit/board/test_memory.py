"""The page Memory: the figures of mem-index, mem-embed, mem-audit, mem-resident and mem-pin."""

import json
import os

import board_home
import pytest
from hypothesis import example
from hypothesis import given as examples
from hypothesis import strategies as st
from plainmind.board.pages import memory as page
from plainmind.ground import clock, zone
from plainmind.ground.paths import Home
from plainmind.memory import care
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.pages import given
from scene import NOW, TIME

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def memory(home):
    return board_home.fill(home)


def show(memory) -> str:
    return board_home.show_page(memory, "memory")


@pytest.fixture
def printed(memory, command):
    """What a command prints with --json."""

    def run(name: str, *arguments: str) -> list[dict]:
        out = command(name, *arguments, "--json", "--now", TIME, home=memory.home)
        return board_home.read_records(out)

    return run


# --- what the commands say


def test_every_figure_is_that_of_its_command(memory, printed):
    found = page.read(memory, "", {})
    assert found["counts"] == printed("mem-index", "--status")[0]
    status = printed("mem-embed", "--status")[0]
    assert found["vectors"] == {**status, "model": status["serving"]}  # no embedder is opened
    pins = printed("mem-pin", "--list")
    assert [(pin["ref"], pin["note"]) for pin in found["pins"]] == [
        (pin["ref"], pin["note"]) for pin in pins
    ]
    resident = found["resident"]
    keys = ("scope", "path", "state", "bytes", "injected", "capped")
    shown = [{key: file[key] for key in keys} for file in resident["files"]]
    assert shown == printed("mem-resident", "show")
    assert resident["block"] == printed("mem-resident")[0]["block"]
    assert resident["fault_count"] == len(printed("mem-resident", "faults")) == 1


def test_growth_is_that_of_mem_index_days(memory, printed):
    found = page.read(memory, "", {})
    days = printed("mem-index", "--days")
    for name, key in (("fresh_events", "events"), ("fresh_pages", "pages")):
        rows = {day: count for day, count in found[name] if count}
        assert rows == {day["day"]: day[key] for day in days if day[key]}
    for name, key in (("all_events", "all_events"), ("all_pages", "all_pages")):
        rows = dict(found[name])
        assert {day["day"]: rows[day["day"]] for day in days} == {
            day["day"]: day[key] for day in days
        }
    assert found["all_events"][-1][1] == found["counts"]["turns"] == days[-1]["all_events"]
    assert found["all_pages"][-1][1] == found["counts"]["knowledge pages"]
    recalls = {day: tuple(counts) for day, *counts in found["recalls"] if any(counts)}
    assert recalls == {
        day["day"]: (day["given_events"], day["given_pages"]) for day in days if day["turns"]
    }
    assert found["recalled"]["turns"] == sum(day["turns"] for day in days) == 1


def test_what_turns_were_given_is_that_of_mem_audit_with_its_words(memory, printed):
    found = page.read(memory, "", {})
    keys = ("ref", "score", "relevance", "recency", "penalty", "pinned")
    shown = [
        row
        for turn in found["turns"]
        for row in (
            *(
                [turn["time"], turn["message"], *(one[key] for key in keys)]
                for one in turn["events"]
            ),
            *([turn["time"], turn["message"], ref, *[None] * 5] for ref in turn["pages"]),
        )
    ]
    assert shown == [
        [row["time"], row["message"], *(row[key] for key in keys)]
        for row in printed("mem-audit", "--given")
    ]
    (turn,) = found["turns"]
    assert turn["said"]["text"] == board_home.TALK[8][3]
    assert [one["said"]["text"] for one in turn["events"]] == [
        board_home.TALK[6][3], board_home.TALK[0][3]
    ]  # fmt: skip
    html = show(memory)
    path, _, line = turn["events"][0]["ref"].removeprefix("logs/").rpartition(":")
    assert f'href="/log/{path}?at={line}#L{line}"' in html


def test_days_are_local_and_no_time_is_too_far_away(home):
    """A day is one of the setting `zone`; what was imported may be of any year."""
    zone.use(lambda: "Pacific/Auckland")
    try:
        midnight = clock.parse("2026-01-29T11:00:00Z")  # 00:00 on 30 January there
        first, last = clock.parse("0001-01-01T00:00:00Z"), clock.parse("9999-12-31T23:59:59.999Z")
        times = [first, midnight - 1, midnight, midnight + 1, last]
        Log(home).append("cli/a", [EventDraft(at, "user", "x", {}) for at in times], NOW)
        days = care.list_days(board_home.open_memory(home), {})
        told = [(day.day, day.events, day.all_events) for day in days]
        assert told[1:3] == [("2026-01-29", 1, 2), ("2026-01-30", 2, 4)]
        assert [told[0][1:], told[3][1:]] == [(1, 1), (1, 5)] and len(told) == 4
    finally:
        zone.use(lambda: zone.DEFAULT)


def test_what_was_given_once_was_not_given_most_often(memory):
    assert not page.read(memory, "", {})["often_events"] and "most often" not in show(memory)
    (turn,) = given.read_last(memory.home, 9)
    given.record(memory.home, NOW, ["knowledge/move.md"], turn.events[:1], turn.message)
    found = page.read(memory, "", {})
    assert [(one["ref"], one["count"]) for one in found["often_events"]] == [
        (turn.events[0].ref, 2)
    ]
    assert [one["count"] for one in found["often_pages"]] == [2]


# --- what is taken back, and who looks


def test_text_that_its_log_no_longer_holds_is_not_shown(memory):
    said = board_home.TALK[6][3]
    assert said in show(memory)
    (window,) = memory.home.list_windows("discord-thread/100")
    path = memory.home.path("logs/discord-thread/100", window)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(said, "x" * len(said)))
    found = page.read(memory, "", {})
    said_now = [
        one["said"]["text"] for turn in found["turns"] for one in turn["events"] if one["said"]
    ]
    assert said not in said_now
    os.unlink(path)
    found = page.read(memory, "", {})
    assert [one["said"] for turn in found["turns"] for one in turn["events"]] == [None, None]
    assert "no longer there" in show(memory)


def test_looking_writes_nothing_but_the_index(memory):
    # pages are chosen, which keeps a trace when a prompt is made of them
    board_home._put(memory.home, "memory/config.json", '{"pageTableInjection": true}')

    before = board_home.digest_truth(memory.home)
    found = page.read(memory, "", {})
    show(memory)
    assert board_home.digest_truth(memory.home) == before
    assert found["resident"]["chosen"][0]["used"] > 0


def test_whatever_people_and_records_say_stays_text(home):
    memory = board_home.fill(home, hostile=True)
    bad = board_home.HOSTILE
    now = clock.to_text(NOW)
    lines = [
        {"time": now, "pages": [bad], "message": bad, "events": [[bad, 1, 1, 1, 1, bad]]},
        {"time": bad, "pages": ["x"]}, {"time": 3, "pages": 4}, {"pages": []}, [], None, 7,
        {"time": "9999-12-31T23:59:59.999Z", "events": {"a": 1}},
        {"time": now, "events": [1, [], ["a", "b", 0, 0, 0, 0], ["a", 1e99, 0, 0, 0, 0]]},
    ]  # fmt: skip
    with open(home.path("raw/maintenance-log/recalled-2026-01.jsonl"), "a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines) + "torn{\n")
    faults = [{"at": bad, "type": bad, "what": [bad, 1, None]}, {"at": 1, "what": {bad: bad}}, {}]
    with open(home.path("resident/faults.jsonl"), "a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in faults))
    with open(home.pins, "a") as file:
        file.write(
            f"- logs/x/../../../etc/passwd.md:1 {bad}\n- logs/{'a' * 300}.md:999999999999 x\n"
        )
    html = show(memory)
    assert "planted" in html and "&lt;script" in html, "it is shown"
    assert board_home.find_harm(html) == []


def test_an_empty_memory_says_what_would_be_there(home):
    memory = board_home.open_memory(home)
    assert "mem-append" in show(memory) and not os.path.exists(home.root)
    os.makedirs(home.root)
    html = show(memory)
    for command in ("agent-turn", "mem-resident remember", "mem-pin"):
        assert command in html


# --- the records of what was given

TURN = st.tuples(st.integers(0, 50), st.lists(st.sampled_from("abc"), max_size=3))
HALVES = {"half": f'{{"time":"{clock.to_text(NOW)}",', "rest": '"pages":["x"]}\n'}


STEP = st.one_of(TURN, st.sampled_from(["half", "half, rest", "rest", "age out"]))


@example(steps=[("half, rest", False), ("half", True), ("rest", True)])
@examples(steps=st.lists(st.tuples(STEP, st.booleans()), max_size=8))
def test_counts_go_on_where_they_were(tmp_path_factory, steps):
    """Whatever is added, half written, or ages out: as if all were counted again."""
    home = Home(str(tmp_path_factory.mktemp("given")))
    folder = home.path("raw", "maintenance-log")
    counting = given.Counting()
    for step, looks in steps:
        if step in ("half", "half, rest", "rest"):
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "recalled-2026-01.jsonl"), "a") as file:
                file.write("".join(HALVES[half] for half in step.split(", ")))
        elif step == "age out":
            for name in os.listdir(folder)[:1] if os.path.isdir(folder) else ():
                os.unlink(os.path.join(folder, name))
        else:
            days, names = step
            events = [given.GivenEvent(name, 0.5, 0.5, 0.5, 0.0, False) for name in names]
            given.record(home, NOW + days * clock.DAY, names[:1], events, "m")
        if looks:
            assert counting.count(home) == given.Counting().count(home)
    assert counting.count(home) == given.Counting().count(home)


def test_the_last_turns_are_read_from_the_end(home):
    os.makedirs(home.root)
    for number in range(30):
        given.record(home, NOW + number * clock.DAY, [f"knowledge/{number}.md"])
    assert [turn.pages for turn in given.read_last(home, 3)] == [
        ["knowledge/29.md"], ["knowledge/28.md"], ["knowledge/27.md"]
    ]  # fmt: skip
    assert len(given.read_last(home, 99)) == 30, "of all months"
