"""States of agents: what is read is written back, what is wrong is named, and a change changes
nothing else.
"""

import difflib
import json
import re

import pytest
from hostile import metas, texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import strict_json
from plainmind.formats.work import session
from plainmind.ground import clock
from plainmind.ground.errors import BadData
from scene import NOW, TIME

ID, PATH = "session-1770451234", "work/session-1770451234/backend.json"

#: what another program wrote before there was this one: the example of the seeds, as it is there
SEEN = b"""{
  "agentName": "backend",
  "status": "completed",
  "sessionId": "session-1770451234",
  "targetRepo": "/Users/bjornevers_MacPro/HomeCare/beta-appcaire",
  "startTime": "2026-02-07T22:00:00Z",
  "endTime": "2026-02-07T22:15:00Z",
  "completedTasks": [
    {
      "description": "Update Prisma schema with certifications model",
      "file": "apps/dashboard-server/src/schema.prisma",
      "status": "completed"
    },
    {
      "description": "Generate migration",
      "file": "apps/dashboard-server/prisma/migrations/20260207_add_certifications",
      "status": "completed"
    }
  ],
  "artifacts": {
    "schemaUpdated": true,
    "migrationsCreated": ["20260207_add_certifications"],
    "resolversAdded": ["getCertifications", "createCertification"]
  },
  "nextSteps": [
    {
      "agent": "frontend",
      "action": "Run codegen to generate hooks from updated schema",
      "priority": "required",
      "dependencies": ["backend-completed"]
    }
  ]
}
"""
LEAST = {"agentName": "backend", "status": "pending", "sessionId": ID}


def read(fields) -> session.State:
    return session.parse(json.dumps(fields).encode(), PATH)


def test_a_state_of_another_program_comes_back_byte_for_byte():
    state = session.parse(SEEN, PATH)
    assert (state.agent, state.session, state.status) == ("backend", ID, "completed")
    assert state.ended - state.started == 900_000
    assert session.render(state, SEEN) == SEEN
    assert session.parse(session.render(state), PATH).fields == state.fields

    after = session.add_task(session.end_state(state.fields, NOW), "Generate migration", NOW)
    after = session.add_artifacts(after, {"schemaUpdated": False})
    lines = session.render(session.State(PATH, after), b"\xef\xbb\xbf" + SEEN).decode()
    told = difflib.unified_diff(SEEN.decode().split("\n"), lines[1:].split("\n"), n=0, lineterm="")
    changed = [line for line in told if not line.startswith(("---", "+++", "@@"))]
    assert (lines[0], changed) == ("\ufeff", [
        '-  "endTime": "2026-02-07T22:15:00Z",', f'+  "endTime": "{TIME}",',
        "+    },", "+    {", '+      "description": "Generate migration",',
        '+      "status": "completed"',
        '-    "schemaUpdated": true,', '+    "schemaUpdated": false,',
    ])  # fmt: skip


def test_what_may_be_missing_or_null():
    assert read(LEAST).started == 0
    keys = "targetRepo startTime endTime completedTasks artifacts nextSteps phase"
    empty = dict.fromkeys(keys.split())
    assert read({**LEAST, **empty}).ended == 0
    assert session.parse(b"\xef\xbb\xbf" + json.dumps(LEAST).encode(), PATH).fields == LEAST


@pytest.mark.parametrize("change, said", [
    ({"agentName": "frontend"}, "agentName: 'frontend' is not the path's 'backend'"),
    ({"agentName": 7}, "agentName: 7 is not the path's 'backend'"),
    ({"sessionId": None}, "sessionId: null is not the path's 'session-1770451234'"),
    ({"status": "done"},
      "status: 'done' is not a status; use one of pending, in_progress, completed, failed, "
      "blocked"),
    ({"status": ["completed"]}, 'status: ["completed"] is not a status'),
    ({"startTime": "yesterday"}, "startTime: 'yesterday' is not a time"),
    ({"endTime": "2026-02-07T22:00:00"}, "endTime: '2026-02-07T22:00:00' names no zone"),
    ({"endTime": 1770451234}, "endTime: 1770451234 is not a time"),
    ({"targetRepo": 7}, "targetRepo: 7 is not a text"),
    ({"phase": ["one"]}, 'phase: ["one"] is not a text'),
    ({"artifacts": ["one"]}, 'artifacts: ["one"] is not an object'),
    ({"completedTasks": {}}, "completedTasks: {} is not a list"),
    ({"completedTasks": ["one"]}, "completedTasks[0]: 'one' is not an object"),
    ({"completedTasks": [{"status": "completed"}]},
      "completedTasks[0].description: null is not a text"),
    ({"completedTasks": [{"description": "x", "status": "done"}]},
      "completedTasks[0].status: 'done' is not a status"),
    ({"completedTasks": [{"description": "x", "file": 7, "status": "failed"}]},
      "completedTasks[0].file: 7 is not a text"),
    ({"nextSteps": 7}, "nextSteps: 7 is not a list"),
    ({"nextSteps": [{"agent": "frontend", "action": "x"}, {"agent": "../x", "action": "x"}]},
      "nextSteps[1].agent: invalid agent '../x'"),
    ({"nextSteps": [{"agent": None, "action": "x"}]}, "nextSteps[0].agent: null is not a text"),
    ({"nextSteps": [{"agent": "a", "action": " "}]}, "nextSteps[0].action: ' ' says nothing"),
    ({"nextSteps": [{"agent": "a", "action": "x", "priority": 1}]},
      "nextSteps[0].priority: 1 is not a text"),
    ({"nextSteps": [{"agent": "a", "action": "x", "addedTime": 1}]},
      "nextSteps[0].addedTime: 1 is not a time"),
    ({"nextSteps": [{"agent": "a", "action": "x", "dependencies": "b"}]},
      "nextSteps[0].dependencies: 'b' is not a list"),
    ({"nextSteps": [{"agent": "a", "action": "x", "dependencies": ["b", 1]}]},
      "nextSteps[0].dependencies[1]: 1 is not a text"),
    ({"phase": {"x" * 100: 1}}, 'phase: {"' + "x" * 57 + "… is not a text"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_what_is_wrong_is_named(change, said):
    with pytest.raises(BadData) as refused:
        read({**LEAST, **change})
    assert str(refused.value).startswith(f"{PATH}: {said}")


@pytest.mark.parametrize("data, said", [
    (b"", f"{PATH}:1: not valid JSON"),
    (b'{\n  "agentName": "backend",\n7: 1}', f"{PATH}:3: not valid JSON"),
    (b'{"agentName": "backend"', f"{PATH}:1: not valid JSON"),
    (b'{\n"a": "\xff"}', f"{PATH}:2: not valid UTF-8"), (b"[]", f"{PATH}: not a JSON object"),
    (b'{"a": 1, "b": 2, "a": 3}', f"{PATH}: JSON that would be lost: 'a' appears twice"),
    (b'{"a": {"b": 1, "b": 1}}', f"{PATH}: JSON that would be lost: 'b' appears twice"),
    (b'{"a": NaN}', f"{PATH}: JSON that would be lost: NaN is not a number"),
    (b'{"a": 1e999}', f"{PATH}: JSON that would be lost: 1e999 is too large"),
    (b'{"a": ' + b"9" * 5000 + b"}", f"{PATH}: JSON that would be lost: Exceeds the limit"),
    (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", f"{PATH}: nested deeper than 64"),
    (b'{"a": ' + b"[" * 100_000, f"{PATH}: nested deeper than 64"),
    (b"{}" + b" " * session.MOST, f"{PATH}: more than 4 MiB"),
], ids=lambda value: value[:30] if isinstance(value, bytes) else "")  # fmt: skip
def test_what_is_no_json(data, said):
    with pytest.raises(BadData) as refused:
        session.parse(data, PATH)
    assert str(refused.value).startswith(said)


floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), floats, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def kept(value):
    """What JSON makes of it: two surrogates that meet are one character."""
    return json.loads(json.dumps(value))


@given(value=values)
def test_json_is_read_as_it_was_written_and_harms_no_terminal(value):
    data = strict_json.render(value)
    assert strict_json.parse(data.decode()) == kept(value)
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", data.decode()
    )


def test_nesting_that_is_just_allowed_can_be_written():
    value = []
    for _ in range(strict_json.DEEPEST - 1):
        value = [value]
    assert strict_json.parse(strict_json.render(value).decode()) == value


# ---- changes


@given(
    unknown=metas.map(lambda found: {f"x-{key}": value for key, value in found.items()}),
    description=texts,
    file=texts,
)
def test_a_change_keeps_every_key_it_does_not_know(unknown, description, file):
    old = json.loads(SEEN) | unknown
    old["completedTasks"][0]["minutes"] = old["nextSteps"][0]["why"] = unknown
    after = session.add_artifacts(old, {"k": file})
    after = session.add_step(
        after, "frontend", "Run codegen to generate hooks from updated schema", NOW
    )
    after = session.set_phase(session.end_state(after, NOW, "failed"), "one")
    if description.strip():
        after = session.add_task(after, description, NOW, file or None)
        assert after["completedTasks"][-1]["description"] == description
    after = session.start_state(after, ID, "backend", NOW)
    read_back = session.parse(session.render(session.State(PATH, after)), PATH).fields
    assert {key: read_back[key] for key in unknown} == kept(unknown)
    assert read_back["completedTasks"][0] == kept(old["completedTasks"][0])
    assert read_back["nextSteps"][0]["why"] == kept(unknown) and len(read_back["nextSteps"]) == 1
    assert read_back["artifacts"]["schemaUpdated"] is True
    assert list(read_back)[: len(old)] == list(old), "the order of a person's keys"


def test_a_first_run_and_the_next():
    first = session.start_state(None, ID, "backend", NOW, "/srv/app")
    assert first == {
        "agentName": "backend", "status": "in_progress", "sessionId": ID, "targetRepo": "/srv/app",
        "startTime": TIME, "endTime": None, "completedTasks": [], "artifacts": {}, "nextSteps": [],
    }  # fmt: skip
    ended = session.end_state(first, NOW + 1000, "blocked")
    assert (ended["status"], ended["endTime"]) == ("blocked", "2026-01-30T14:23:56.120Z")
    again = session.start_state(ended, ID, "backend", NOW + 2000)
    assert again == {**first, "startTime": "2026-01-30T14:23:57.120Z"}
    ahead = session.start_state(None, ID, "backend", NOW, status="pending")
    assert (ahead["status"], ahead["startTime"]) == ("pending", None)


def test_the_same_task_gets_the_status():
    fields = session.add_task(LEAST, "migrate", NOW, status="in_progress")
    fields = session.add_task(fields, "migrate", NOW, "a.sql")
    fields = session.add_task(fields, "migrate", NOW)
    assert fields["completedTasks"] == [
        {"description": "migrate", "status": "completed", "startTime": TIME, "endTime": TIME},
        {"description": "migrate", "file": "a.sql", "status": "completed"},
    ]


def test_only_a_task_that_was_begun_has_times():
    """Each line is a status, when it is told, and the task's times then, in seconds after NOW."""
    fields = session.start_state(None, ID, "backend", NOW)
    for status, at, times in (
        ("pending", 1, None),
        ("in_progress", 2, (2, None)),
        ("in_progress", 3, (2, None)),  # told again: a command that was killed is run again
        ("failed", 5, (2, 5)),
        ("failed", 6, (2, 5)),
        ("in_progress", 7, (7, None)),  # tried again
        ("blocked", 9, (7, 9)),
        ("completed", 11, (7, 9)),  # nobody said when it went on
        ("in_progress", 12, (12, None)),
        ("a new run", 20, (12, None)),
        ("in_progress", 21, (21, None)),  # what an earlier run left
        ("completed", 25, (21, 25)),
    ):
        if status in session.STATUSES:
            fields = session.add_task(fields, "migrate", NOW + at * 1000, status=status)
        else:
            fields = session.start_state(fields, ID, "backend", NOW + at * 1000)
        (task,) = fields["completedTasks"]
        told = [task.get("startTime"), task.get("endTime")]
        assert told == [n and clock.to_text(NOW + n * 1000) for n in times or (None, None)], at


def test_the_same_step_is_asked_for_again():
    after = ("backend", "backend-completed", "infra-failed")
    fields = session.add_step(LEAST, "frontend", "go on", NOW, after=after)
    assert fields["nextSteps"][0]["dependencies"] == ["backend-completed", "infra-failed"]
    fields = session.add_step(fields, "verification", "go on", NOW)
    fields = session.add_step(fields, "frontend", "go on", NOW + 1000, "optional")
    rows = [list(step.values()) for step in fields["nextSteps"]]
    assert rows == [
        ["frontend", "go on", "optional", [], "2026-01-30T14:23:56.120Z"],
        ["verification", "go on", "required", [], TIME],
    ]
    assert list(fields["nextSteps"][0]) == "agent action priority dependencies addedTime".split()


def test_dependencies():
    assert session.parse_dependency("email-marketing-failed") == ("email-marketing", "failed")
    assert session.parse_dependency("email-marketing") == ("email-marketing", "completed")
    assert session.parse_dependency("-completed") == ("-completed", "completed")


@pytest.mark.parametrize("change", [
    lambda: session.add_task(LEAST, " \n", NOW), lambda: session.add_step(LEAST, "a", "", NOW),
    lambda: session.add_step(LEAST, "A", "x", NOW), lambda: session.set_phase(LEAST, ""),
    lambda: session.add_artifacts(LEAST, {"x": json.loads("[" * 64 + "]" * 64)}),
    lambda: session.render(session.State(PATH,
      session.add_artifacts(LEAST, {"x": "x" * session.MOST}))),
])  # fmt: skip
def test_a_change_that_could_not_be_read_back_is_refused(change):
    with pytest.raises(BadData):
        change()


# ---- names


@pytest.mark.parametrize("name", ["session-0", "session-1770451234", "session-999999999999"])
def test_sessions(name):
    assert session.check_session(name) == name


@pytest.mark.parametrize("name", [
    "", "session-", "session-1/", "session-1/../..", "../session-1", "session--1", "session-01",
    "session-1\n", "session-1\0", "Session-1", "session-١", "session-1770451234.json", "1770451234",
    "session-1e9", "session-9999999999999", "/etc", ".", "..",
])  # fmt: skip
def test_no_sessions(name):
    with pytest.raises(BadData, match="invalid session"):
        session.check_session(name)


@pytest.mark.parametrize(
    "name", ["backend", "agent-levelup", "a", "qa_2", "0", "completed", "in_progress", "a" * 64]
)
def test_agents(name):
    assert session.check_agent(name) == name and session.agent_of(f"{name}.json") == name


@pytest.mark.parametrize("name", [
    "", ".", "..", "../x", "a/b", "a\\b", "a b", "A", "-a", "_a", ".lock", "a.json", "a\n", "a\0",
    "é", "a" * 65, "--help", "x-completed", "x-y-failed",
])  # fmt: skip
def test_no_agents(name):
    with pytest.raises(BadData, match="invalid agent"):
        session.check_agent(name)
    assert session.agent_of(f"{name}.json") is None
