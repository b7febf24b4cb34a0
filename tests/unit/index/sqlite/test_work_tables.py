"""The tables of work say what the files say, however they came to say it."""

import json
import os
import random
import shutil
import sqlite3
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.work import journal
from plainmind.formats.work.kinds import WORDS
from plainmind.formats.work.schemas import SCHEMAS
from plainmind.ground import clock, zone
from plainmind.ground.paths import Home
from plainmind.index.rows import work, work_fold, work_intake
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.work import journal as journal_file
from unit.index import stores

START = 1_770_000_000_000
AGENTS = ["backend", "frontend", "somebody-new"]
SESSIONS = ["session-1770000000", "session-1770000001"]
NAMES = ["one", "two"]


# --- journals


def an_event(rnd: random.Random, number: int) -> dict:
    """An event of any type, of few names, so that they meet."""
    type = rnd.choice([*SCHEMAS, "task", "task", "task", "session", "metric"])
    fields = {"id": f"{number:04x}", "at": a_time(rnd), "type": type}
    for field in SCHEMAS[type].fields:
        if field.required or rnd.random() < 0.5:
            fields[field.name] = a_value(rnd, field, number)
    if rnd.random() < 0.1:
        fields |= {"source": "detected", "count": 7, "done": "x", "same": 1, "verdict": "keep"}
    return fields


def a_time(rnd: random.Random) -> str:
    """Few of them, so that events are at one time; some around midnight."""
    return clock.to_text(START + rnd.randrange(40) * 1_800_000 + rnd.choice([0, 0, 1]))


def a_value(rnd: random.Random, field, number: int):
    values = {
        "agent": AGENTS, "agents": [AGENTS[:1], AGENTS], "session": SESSIONS,
        "id": [f"{rnd.randrange(number + 5):04x}"], "time": [a_time(rnd)], "flag": [True, False],
        "number": [0.1, 1.5, 7], "whole": [1, 30], "object": [{"a": 1}],
        "text": ["fix the tests", "Fix the tests!", "deploy to 10.0.0.7", "x'; DROP TABLE tasks"],
    }  # fmt: skip
    found = {**values, **WORDS}.get(field.kind, NAMES)
    if field.name == "duration_s":
        found = [0, 60, 119.9, 120, 3600]
    if field.name == "value" and field.least == -1:
        found = [-1, 0.25, 1]
    return rnd.choice(found)


def a_journal(rnd: random.Random, count: int) -> list[bytes]:
    """Lines in any order: some twice, some of one id with another time, some that cannot be."""
    events = [an_event(rnd, number) for number in range(count)]
    for event in rnd.choices(events, k=count // 8):
        events.append({**event, "at": a_time(rnd)} if rnd.random() < 0.5 else event)
    lines = [json.dumps(event).encode() + b"\n" for event in events]
    lines += rnd.choices([b"not JSON\n", b'{"type":"nothing"}\n', b"\n", b"\xff\n"], k=count // 20)
    if rnd.random() < 0.7:
        rnd.shuffle(lines)
    return lines


def write(home: Home, lines: list[bytes], mode: str = "wb") -> None:
    os.makedirs(home.path("work"), exist_ok=True)
    with open(home.path("work/events.jsonl"), mode) as file:
        file.writelines(lines)


def everything(home: Home, said: list[str] | None = None) -> dict[str, Counter]:
    """Every row of every table and view, as it is told."""
    found = {}
    for index in stores.attempts(home, (said if said is not None else []).append):
        with index:
            index.counts()
            tables = [*work.TABLES, *work.VIEWS]
            found = {name: Counter(index.db.execute(f"SELECT * FROM {name}")) for name in tables}
            for name, query in work.comparable().items():
                found[f"all of {name}"] = Counter(index.db.execute(query))
    return found


def again(home: Home) -> dict[str, Counter]:
    shutil.rmtree(home.index)
    return everything(home)


def difference(one: dict[str, Counter], other: dict[str, Counter]) -> dict:
    return {name: (one[name] - other[name], other[name] - one[name])
            for name in one if one[name] != other[name]}  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Chunks and checkpoints so small that small journals have many."""
    monkeypatch.setattr(work_intake, "CHUNK", 7)
    monkeypatch.setattr(work_fold, "STEP", 3)


# --- the heart


@given(st.integers(0, 1 << 32))
@settings(max_examples=30)
def test_rows_are_those_of_a_rebuild(tmp_path_factory, small, seed):
    rnd = random.Random(seed)
    home = Home(str(tmp_path_factory.mktemp("home")))
    lines = a_journal(rnd, rnd.choice([3, 20, 60]))
    cuts = sorted(rnd.choices(range(len(lines) + 1), k=rnd.choice([1, 2, 5, len(lines)])))
    for first, last in zip([0, *cuts], [*cuts, len(lines)]):
        write(home, lines[first:last], "ab")
        came = everything(home)
    assert difference(came, again(home)) == {}


@given(st.integers(0, 1 << 32))
@settings(max_examples=15)
def test_the_order_of_arrival_changes_no_figure(tmp_path_factory, small, seed):
    rnd = random.Random(seed)
    home = Home(str(tmp_path_factory.mktemp("home")))
    lines = a_journal(rnd, 40)
    write(home, lines)
    one = everything(home)
    rnd.shuffle(lines)
    write(home, lines)  # the file is another one: all is read again
    other = everything(home)
    for found in (one, other):
        found.pop("all of work_lines")  # has places
    assert difference(one, other) == {}


# --- what models cost, by the logs


def test_what_a_turn_cost_stands_as_long_as_its_answer_does(tmp_path):
    home = Home(str(tmp_path))
    used = {"input_tokens": 900, "output_tokens": 80, "cost": 0.002, "seconds": 1.5}
    wrong = {"input_tokens": -1, "output_tokens": "x", "cost": 1e300, "seconds": None}
    metas = [
        {"model": "google:one", "usage": used, "agent": "backend", "route": "cloud"},
        {"model": "embedded", "usage": wrong, "session": 7},
        {"model": "embedded", "usage": []},
    ]
    drafts = [EventDraft(START, "agent", f"answer {n}", meta) for n, meta in enumerate(metas)]
    refs = [written.ref for written in Log(home).append("note/a", drafts, START)]
    of = lambda: [tuple(row.values()) for row in told(home, "llm_usage")]
    at = "2026-02-02T02:40:00.000Z"
    columns = told(home, "llm_usage")[0]
    assert columns | {"event": 0} == {
        "id": refs[0], "at": at, "source": "turn", "event": 0, "agent": "backend",
        "session": None, "task": None, "model": "google:one", "route": "cloud", "calls": 1,
        "failed": 0, **used,
    }  # fmt: skip
    assert [row[0] for row in of()] == refs[:2] and of()[1][-4:] == (None,) * 4
    os.unlink(home.path(refs[0].rpartition(":")[0]))
    stores.engine_in_use().rebuild(home)
    assert of() == []


def told(home: Home, name: str, **equal) -> list[dict]:
    for index in stores.attempts(home, lambda text: None):
        with index:
            index.model()
            return index.work_rows(name, **equal)
    raise AssertionError


# --- one by one


def line(id: str, type: str, at: int = 0, **fields) -> bytes:
    """An event so many minutes after the start."""
    when = clock.to_text(START + at * 60_000)
    return json.dumps({"id": id, "at": when, "type": type, **fields}).encode() + b"\n"


def a_task(
    id: str, at: int = 0, agent: str = "backend", status: str = "completed", **more
) -> bytes:
    return line(id, "task", at, agent=agent, description="x", status=status, **more)


def void(id: str, of: str, at: int = 9) -> bytes:
    return line(id, "void", at, of=of, reason="a mistake")


S = SESSIONS[0]
#: lines -> what a query says
CASES = [
    ([a_task("a"), a_task("a")], "SELECT count(*) FROM tasks", 1),
    # first steps, and the first of the day
    ([a_task("a")], "SELECT xp FROM agent_levels WHERE agent = 'backend'", 10 + 5 + 50),
    ([a_task("a"), void("v", "a")], "SELECT sum(xp) FROM agent_levels", 0),
    ([void("v", "a"), a_task("a")], "SELECT count(*) FROM tasks", 0),
    ([a_task("a"), void("v", "a", 1), void("w", "v", 2)], "SELECT count(*) FROM tasks", 1),
    # a void is taken back by a later one alone: this one is earlier
    ([a_task("a"), void("v", "a", 2), void("w", "v", 1)], "SELECT count(*) FROM tasks", 0),
    ([void("v", "w", 1), void("w", "v", 2), a_task("a")], "SELECT count(*) FROM tasks", 1),
    # of one id the earliest counts
    ([a_task("a", 5, kind="late"), a_task("a", 1, kind="early")],
     "SELECT kind FROM tasks", "early"),
    ([void("v", "a"), a_task("a"), void("v", "b", 1)], "SELECT count(*) FROM tasks", 1),
    # a task with a name is one, and earns once
    ([a_task("a", 0, status="failed", task="t"), a_task("b", 1, task="t"),
      a_task("c", 2, task="t")],
     "SELECT tasks || ' ' || failed FROM agent_levels WHERE agent = 'backend'", "1 1"),
    ([a_task("a", task="t", started="2026-02-02T00:00:00.000Z"),
      a_task("b", 1, task="t", ended="2026-02-02T00:01:30.000Z")],
     "SELECT duration_s FROM tasks", 90),
    ([a_task("a", 0, task="t", started="2026-02-02T01:00:00Z", ended="2026-02-02T00:00:00Z")],
     "SELECT duration_s FROM tasks", None),
    ([a_task("a", 0, started="2026-02-02T01:00:00Z", ended="2026-02-02T00:00:00Z")],
     "SELECT sum(amount) FROM xp_transactions WHERE reason = 'quick'", None),
    # a session earns those who completed a task in it before its end
    ([a_task("a", session=S), a_task("b", agent="frontend", session=S, status="failed"),
      line("s", "session", 2, session=S, status="completed"), a_task("c", 3, "ux", session=S)],
     "SELECT group_concat(agent || ' ' || reason) FROM xp_transactions "
     "WHERE reason LIKE '%session'", "backend session"),
    ([a_task("a", session=S), line("s", "session", 2, session=S, status="completed")],
     "SELECT sum(amount) FROM xp_transactions WHERE reason LIKE '%session'", 100),
    ([line(f"m{n}", "metric", name="rate", value=0.5, experiment="e") for n in range(10)]
     + [line("n", "metric", name="other", value=9, experiment="e"),
        line("e", "experiment", name="e", baseline=0.4, metric="rate")],
     "SELECT status || ' ' || samples FROM experiments", "double_down 10"),
    ([line("e", "experiment", name="e", status="kill")], "SELECT decided FROM experiments",
     "person"),
    ([line(f"u{n}", "user_command", n, command=c) for n, c in
      enumerate(["Fix a.py!", "fix b.py", "fix c.py", "deploy"])],
     "SELECT normal || ' ' || count || ' ' || example FROM automation_candidates",
     "fix <path> 3 Fix a.py!"),
    ([a_task(f"a{n}", n, kind="docs") for n in range(5)],
     "SELECT kind || ' ' || subject || ' ' || count FROM patterns WHERE agent = 'backend'",
     "success docs 5"),
    ([], "SELECT count(*) FROM agents", 20), ([], "SELECT count(*) FROM teams", 2),
    ([], "SELECT sum(level) FROM agent_levels", 20),
    ([], "SELECT count(*) FROM level_thresholds", 12),
    ([line("g", "agent", name="backend", role="Chief", active=False)],
     "SELECT team || ' ' || role || ' ' || active FROM agents WHERE name = 'backend'",
     "Engineering Chief 0"),
]  # fmt: skip


@pytest.mark.parametrize("lines, query, answer", CASES)
def test_a_line_is_what_its_type_says(tmp_path, lines, query, answer):
    home = Home(str(tmp_path))
    write(home, lines)
    assert ask(home, query) == answer


def ask(home: Home, query: str, said: list[str] | None = None):
    for index in stores.attempts(home, (said if said is not None else []).append):
        with index:
            index.work_rows("sessions")
            return index.db.execute(query).fetchone()[0]
    raise AssertionError


# --- files that anybody may change


def test_rows_follow_a_journal_that_was_edited(tmp_path):
    home = Home(str(tmp_path))
    count = "SELECT count(*) || ' ' || coalesce(max(kind), '') FROM tasks"
    lines = [a_task("a", kind="one"), a_task("b"), a_task("c")]
    write(home, lines)
    assert ask(home, count) == "3 one"
    write(home, [lines[0].replace(b'"one"', b'"two"'), *lines[1:]])  # as long as it was
    assert ask(home, count) == "3 two"
    write(home, lines[:2])
    assert ask(home, count) == "2 one"
    write(home, [b'{"id":"d","at"'], "ab")  # a line that has not ended
    assert ask(home, count) == "2 one"
    with open(home.path("work/new"), "wb") as file:
        file.writelines([lines[2], lines[0]])
    os.replace(home.path("work/new"), home.path("work/events.jsonl"))
    assert ask(home, count) == "2 one"
    os.unlink(home.path("work/events.jsonl"))
    assert ask(home, count) == "0 "


def test_only_what_came_is_read(tmp_path, monkeypatch):
    home, read = Home(str(tmp_path)), []
    parse, scan = journal.parse, journal.scan
    monkeypatch.setattr(journal, "parse", lambda data: read.append(data) or parse(data))
    monkeypatch.setattr(
        journal, "scan", lambda data, *more: read.extend(data.splitlines(True)) or scan(data, *more)
    )
    write(home, [a_task("a"), a_task("b", 1)])
    ask(home, "SELECT 1")
    for lines in ([], [a_task("c", 2)], [a_task("d", 1)], []):
        write(home, lines, "ab")
        read.clear()
        ask(home, "SELECT 1")
        assert read == lines
    os.utime(home.path("work/events.jsonl"))  # its bytes are what they were
    ask(home, "SELECT 1")
    assert read == []


@pytest.mark.parametrize("make, what", [
    (lambda path, other: os.mkfifo(path), "not a file"),
    (lambda path, other: os.symlink(other, path), "symbolic links"),
    (lambda path, other: os.mkdir(path), "directory"),
    (lambda path, other: os.symlink("nowhere", path), "symbolic links"),
])  # fmt: skip
def test_what_is_not_a_journal_is_told_of_and_makes_no_rows(tmp_path, make, what):
    home, said = Home(str(tmp_path / "home")), []
    other = str(tmp_path / "other")
    with open(other, "wb") as file:
        file.write(a_task("a"))
    write(home, [a_task("a"), a_task("b")])
    assert ask(home, "SELECT count(*) FROM tasks") == 2
    os.unlink(home.path("work/events.jsonl"))
    make(home.path("work/events.jsonl"), other)
    assert ask(home, "SELECT count(*) FROM tasks", said) == 0
    assert len(said) == 1 and what in said[0] and "events.jsonl" in said[0]


@pytest.mark.parametrize("damage", [
    "UPDATE work_lines SET offset = offset + 3", "UPDATE work_lines SET bytes = 'x'",
    "DELETE FROM work_lines", "UPDATE settings SET value = '[1]' WHERE name = 'work'",
    "UPDATE tasks SET id = 'b'",
    "DROP TABLE xp_transactions",
])  # fmt: skip
def test_damaged_rows_are_made_again_with_one_warning(tmp_path, damage):
    home, said = Home(str(tmp_path)), []
    write(home, [a_task("a")])
    ask(home, "SELECT 1")
    db = sqlite3.connect(os.path.join(home.index, "mind.db"))
    db.execute(damage)
    db.commit()
    db.close()
    write(home, [a_task("b"), void("v", "a"), a_task("a")], "ab")
    assert ask(home, "SELECT count(*) || ' ' || min(id) FROM tasks", said) == "1 b"
    assert ask(home, "SELECT tasks FROM agent_levels WHERE agent = 'backend'") == 1
    assert len(said) == 1 and "set aside" in said[0]


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York"])
def test_the_end_of_year_9999_is_a_time_as_well(tmp_path, name):
    home, said = Home(str(tmp_path)), []
    zone.use(lambda: name)
    try:
        write(home, [a_task("a", (zone.END - START) // 60_000)])
        assert ask(home, "SELECT tasks FROM agent_levels WHERE agent = 'backend'", said) == 1
    finally:
        zone.use(lambda: zone.DEFAULT)
    assert said == []


def test_lines_that_cannot_be_are_told_of_once(tmp_path):
    home, said = Home(str(tmp_path)), []
    write(home, [b"{}\n", a_task("a"), b"\xff\n", b"x" * 70_000 + b"\n", a_task("b")])
    assert ask(home, "SELECT count(*) FROM tasks", said) == 2
    assert len(said) == 1 and "events.jsonl:1: type: missing" in said[0] and "3 lines" in said[0]
    assert ask(home, "SELECT count(*) FROM tasks", said) == 2 and len(said) == 1
    write(home, [b"[]\n"], "ab")
    ask(home, "SELECT 1", said)
    assert len(said) == 2 and "events.jsonl:6" in said[1]


def test_lines_that_cannot_be_take_no_memory(tmp_path):
    home, said = Home(str(tmp_path)), []
    write(home, [b"x" * 60_000 + b"\n"] * 300 + [a_task("a")])
    ask(Home(str(tmp_path / "other")), "SELECT 1")  # imports
    tracemalloc.start()
    try:
        assert ask(home, "SELECT count(*) FROM tasks", said) == 1 and "300 lines" in said[0]
        assert tracemalloc.get_traced_memory()[1] < 9 * journal_file.PIECE
    finally:
        tracemalloc.stop()


def test_sessions_follow_their_state_files(tmp_path):
    home = Home(str(tmp_path))
    path = home.path("work", S, "backend.json")
    row = "SELECT status || ' ' || tasks || ' ' || coalesce(phase, '') FROM sessions"
    state = {"agentName": "backend", "status": "in_progress", "sessionId": S, "phase": "tests",
             "completedTasks": [{"description": "x", "status": "completed"}]}  # fmt: skip
    put_state(path, state)
    assert ask(home, row) == "in_progress 1 tests"
    write(home, [line("s", "session", 1, session=S, status="completed", goal="g")])
    assert ask(home, row) == "in_progress 1 tests"
    put_state(path, {**state, "status": "completed"})
    assert ask(home, row + " WHERE goal = 'g'") == "completed 0 tests"
    with open(path, "w") as file:
        file.write("not a state")
    assert ask(home, row) == "completed 0 "
    os.unlink(home.path("work/events.jsonl"))
    assert ask(home, "SELECT count(*) FROM sessions") == 0
    put_state(path, state)
    assert ask(home, row) == "in_progress 1 tests"
    shutil.rmtree(home.path("work", S))
    assert ask(home, "SELECT count(*) FROM sessions") == 0


def put_state(path: str, state: dict) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(state, file)


def test_teams_are_those_of_the_persons_file(tmp_path):
    home, said = Home(str(tmp_path)), []
    write(home, [a_task("a", agent="alien")])
    names = "SELECT group_concat(name) FROM agents"
    assert ask(home, "SELECT count(*) FROM agents") == 21
    path = home.path("work/teams.toml")
    with open(path, "w") as file:
        file.write('[[team]]\nname = "Band"\nagents = [{ name = "drums", role = "Drummer" }]\n')
    assert ask(home, names) == "alien,drums"
    assert ask(home, "SELECT team FROM v_agent_gamification WHERE agent = 'drums'") == "Band"
    with open(path, "w") as file:
        file.write("[[team]]\nname = 7\n")
    assert ask(home, "SELECT count(*) FROM agents", said) == 21 and "teams.toml" in said[0]
    os.unlink(path)
    assert ask(home, "SELECT count(*) FROM agents") == 21


def test_another_zone_has_other_days(tmp_path):
    home = Home(str(tmp_path))
    write(home, [a_task("a", 0), a_task("b", 60 * 10)])  # 02:40 and 12:40 in London
    days = "SELECT count(*) FROM xp_transactions WHERE reason = 'first of the day'"
    try:
        for name, count in (("Europe/London", 1), ("Pacific/Auckland", 2), ("Europe/London", 1)):
            zone.use(lambda name=name: name)
            assert ask(home, days) == count
            assert difference(everything(home), again(home)) == {}
    finally:
        zone.use(lambda: zone.DEFAULT)


#: tables that a journal makes long
LONG = (
    "work_lines work_earnings work_sessions tasks sessions xp_transactions metrics user_commands "
    "llm_usage rewards patterns automation_candidates experiments"
).split()


@pytest.mark.parametrize("type", [*SCHEMAS, "named task"])
def test_a_new_event_has_no_long_table_read_from_end_to_end(tmp_path, type):
    home, rnd, queries = Home(str(tmp_path)), random.Random(3), []
    write(home, [line("v", "void", of="0001", reason="x"), a_task("0001", task="t")])
    ask(home, "SELECT 1")
    fields = {"id": "zz", "at": clock.to_text(START + 999 * 60_000), "type": type.split()[-1]}
    for field in SCHEMAS[type.split()[-1]].fields:
        if type != "task" or field.name != "task":
            fields[field.name] = a_value(rnd, field, 1)
    write(home, [json.dumps(fields).encode() + b"\n"], "ab")
    for index in stores.attempts(home, pytest.fail):
        with index:
            index.db.set_trace_callback(queries.append)
            index.work_rows("teams")
            index.db.set_trace_callback(None)
            plans = [
                (query, step)
                for query in queries
                if query.split()[0] in ("SELECT", "DELETE", "UPDATE", "INSERT", "WITH")
                for *_, step in index.db.execute(f"EXPLAIN QUERY PLAN {query}")
            ]
    assert len(plans) > 8
    scans = [f"SCAN {table}" for table in LONG]
    slow = lambda step: (
        " ".join(step.split()[:2]) in scans
        or (
            "tasks " in step and step.endswith("(agent=?)")  # all tasks of an agent
        )
    )
    assert [query for query, step in plans if slow(step)] == []
