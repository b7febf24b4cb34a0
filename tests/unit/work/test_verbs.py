"""What each verb takes, and what it makes of it."""

import json
import os
import re
import subprocess

import pytest
from hostile import texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import skill
from plainmind.formats.work import session
from plainmind.ground import files
from plainmind.ground.environment import TurnRights
from plainmind.ground.errors import BadData, Failure, NoInput, NotPermitted, Usage
from plainmind.truth.work import sessions
from plainmind.work import report, verbs
from scene import NOW, ROOT, TIME

ID = "session-1769783035"

pytestmark = pytest.mark.usefixtures("unsynced")


def do(home, verb, *words, stdin=b"", agent="backend", id=ID, now=NOW, **options) -> session.State:
    given = verbs.parse(verb, words, options)
    return verbs.carry_out(home, given, id, verbs.agent_of(given, agent), now, lambda: stdin, False)


@pytest.fixture
def started(home):
    do(home, "start")
    return home


@pytest.mark.parametrize(
    "turn, agent, may",
    [
        ("backend", "backend", True),
        ("backend", "frontend", False),
        ("backend", "orchestrator", False),
        ("orchestrator", "frontend", True),
        ("", "frontend", True),  # a turn of no team
        (None, "frontend", True),  # a person
    ],
)
@pytest.mark.parametrize("verb", ["start", "task", "end"])
def test_the_turn_of_an_agent_changes_its_own_state_alone(monkeypatch, turn, agent, may, verb):
    if turn is not None:
        rights = TurnRights("1234", os.getpid(), "", frozenset(), turn)
        for name, value in rights.to_variables().items():
            monkeypatch.setenv(name, value)
    call = verbs.parse(verb, ("done",) * (verb == "task"), {})
    if may:
        assert verbs.agent_of(call, agent) == agent
    else:
        with pytest.raises(NotPermitted):
            verbs.agent_of(call, agent)


def test_each_verb_that_writes(started):
    do(started, "task", "add", "the", "model", file="a.py")
    do(started, "task", "-", stdin=b"two\nlines\n", status="failed")
    do(started, "artifact", "a=b=c", "n:=1", "t=-", stdin=b"piped\n")
    do(started, "artifact", "o:=-", stdin=b'{"x": [true]}\n')
    do(
        started,
        "next",
        "frontend",
        "run",
        "codegen",
        after=("backend", "infra-failed"),
        priority="optional",
    )
    do(started, "next", "infra", "-", stdin=b"deploy\n")
    fields = do(started, "end", now=NOW + 1000, status="blocked").fields
    assert fields == {
        "agentName": "backend", "status": "blocked", "sessionId": ID, "targetRepo": None,
        "startTime": TIME,
        "endTime": "2026-01-30T14:23:56.120Z",
        "completedTasks": [
            {"description": "add the model", "file": "a.py", "status": "completed"},
            {"description": "two\nlines", "status": "failed"},
        ],
        "artifacts": {"a": "b=c", "n": 1, "t": "piped", "o": {"x": [True]}},
        "nextSteps": [
            {"agent": "frontend", "action": "run codegen", "priority": "optional",
                "dependencies": ["backend-completed", "infra-failed"],
             "addedTime": TIME},
            {"agent": "infra", "action": "deploy", "priority": "required", "dependencies": [],
                "addedTime": TIME},
        ],
    }  # fmt: skip
    assert do(started, "start", now=NOW + 2000).fields["endTime"] is None


def test_the_phase_is_the_orchestrator_s(started):
    with pytest.raises(Usage, match="the phase is the orchestrator's, not of 'backend'"):
        do(started, "phase", "x")
    with pytest.raises(NoInput, match="'orchestrator' has not started"):
        do(started, "phase", "x", agent="")
    do(started, "start", agent="orchestrator")
    assert do(started, "phase", "all", "at", "once", agent="").fields["phase"] == "all at once"


def test_start_makes_the_folder_of_the_logs_and_knows_the_repository(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert do(home, "start", repo=".").fields["targetRepo"] == str(tmp_path)
    assert (
        do(home, "start", repo="https://example.org/x.git").fields["targetRepo"]
        == "https://example.org/x.git"
    )
    assert do(home, "start").fields["targetRepo"] == "https://example.org/x.git"
    assert os.listdir(home.path("work", "logs")) == [ID]
    assert do(home, "start", id=None).session == "session-1769783036"


@pytest.mark.parametrize("verb, words, options, said", [
    ("start", ("x",), {}, "expected 'start'"),
    ("task", (), {}, "expected 'task DESCRIPTION...|-'"),
    ("next", ("frontend",), {}, "expected 'next AGENT ACTION...|-'"),
    ("artifact", (), {}, "expected 'artifact KEY=TEXT|KEY:=JSON...'"),
    ("phase", (), {}, "expected 'phase NAME...|-'"),
    ("tail", ("a", "b"), {}, "expected 'tail [AGENT]'"),
    ("end", (), {"file": "x"}, "--file does not go with 'end'; it goes with task"),
    ("show", (), {"agent": "x"},
        "--agent does not go with 'show'; it goes with start, task, artifact, next, phase, end"),
    ("show", (), {"lines": 0}, "-n does not go with 'show'; it goes with list, tail"),
    ("list", (), {"session": ID}, "--session does not go with 'list'"),
    ("end", (), {"status": "pending"},
        "'end' takes no status 'pending'; use one of completed, failed, blocked"),
    ("start", (), {"status": "completed"},
        "'start' takes no status 'completed'; use one of in_progress, pending"),
])  # fmt: skip
def test_what_does_not_fit_a_verb(verb, words, options, said):
    with pytest.raises(Usage) as refused:
        verbs.parse(verb, words, options)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("verb, words, options, kind, said", [
    ("task", (" ",), {}, BadData, "description: ' ' says nothing"),
    ("next", ("../x", "y"), {}, BadData, "invalid agent '../x'"),
    ("next", ("frontend", "y"), {"after": ("../x",)}, BadData, "invalid agent '../x'"),
    ("next", ("frontend", "y"), {"after": ("a-completed-failed",)}, BadData,
        "invalid agent 'a-completed'"),
    ("artifact", ("x",), {}, Usage, "'x' is not an artifact; write KEY=TEXT, or KEY:=JSON"),
    ("artifact", ("=x",), {}, Usage, "'=x' is not an artifact"),
    ("artifact", (":=1",), {}, Usage, "':=1' is not an artifact"),
    ("artifact", ("a=-", "b:=-"), {}, Usage,
        "only one artifact can be standard input; give one of a=-, b:=-"),
    ("artifact", ("a:=yes",), {}, BadData, "'a': not valid JSON"),
    ("artifact", ("a:=NaN",), {}, BadData, "'a': JSON that would be lost: NaN is not a number"),
    ("artifact", ('a:={"b":1,"b":2}',), {}, BadData,
        "'a': JSON that would be lost: 'b' appears twice"),
    ("artifact", ("a:=" + "[" * 64 + "]" * 64,), {}, BadData, "nested deeper than 64"),
    ("artifact", ("a=" + "x" * session.MOST,), {}, BadData,
        f"work/{ID}/backend.json: the state would have 41"),
])  # fmt: skip
def test_values_that_cannot_be(started, verb, words, options, kind, said):
    before = files.read(started.path("work", ID, "backend.json"))
    with pytest.raises(kind) as refused:
        do(started, verb, *words, **options)
    assert str(refused.value).startswith(said)
    assert files.read(started.path("work", ID, "backend.json")) == before


@pytest.mark.parametrize("steps, said", [
    (["task x"], ""),
    (["end"], ""),
    (["task x", "end"], ""),
    (["end", "task x"], "backend's run has ended; start or end it again to have this in the jour"),
    (["end", "start", "task x"], ""),
    (["task x --status in_progress", "task y --status pending", "end"],
        "left in progress, so not in the journal: 'x'"),
    ([*(f"task {n} --status in_progress" for n in "abcde"), "end"],
        "left in progress, so not in the journal: 'a', 'b', 'c' and 2 more"),
])  # fmt: skip
def test_what_the_journal_will_not_tell_is_said(started, steps, said):
    for step in steps:
        words, _, status = step.partition(" --status ")
        verb, *description = words.split()
        call = verbs.parse(verb, tuple(description), {"status": status or None})
        state = verbs.carry_out(started, call, ID, "backend", NOW, bytes, False)
    remark = verbs.find_remark(call, state)
    assert remark.startswith(said) and bool(remark) == bool(said)


def test_people_see_columns_and_times(home):
    """A completed session is in no phase; what is not over took no time yet."""

    def show() -> list[str]:
        states = sessions.read_states(home, ID, lambda failure: pytest.fail(str(failure)))
        listed = report.row_of_session(ID, states, people=True)
        times.append((listed.record["startTime"], listed.record["endTime"]))
        return [row.text for row in (listed, *report.rows_of_session(states, people=True))]

    times: list[tuple[str, str]] = []
    do(home, "start", agent="orchestrator")
    do(home, "phase", "working", agent="")
    do(home, "next", "backend", "mend", "it", agent="orchestrator")
    assert show() == [
        f"{ID} in_progress 2026-01-30 14:23 {'':15} phase working: orchestrator in_progress",
        "orchestrator         in_progress phase working",
        "backend              ready       mend it",
    ]
    do(home, "start", now=NOW + 1000)
    do(home, "end", agent="orchestrator", now=NOW + 754_000)
    assert show() == [
        f"{ID} completed   2026-01-30 14:23 12 min 34 s     "
        "orchestrator completed, backend in_progress",
        "orchestrator         completed",
        "backend              in_progress",
    ]
    assert times == [(TIME, None), (TIME, "2026-01-30T14:36:29.120Z")]
    do(home, "start", agent="orchestrator", status="pending", id="session-1")
    states = sessions.read_states(home, "session-1", pytest.fail)
    row = report.row_of_session("session-1", states, people=True)
    assert row.text == f"{'session-1':<18} {'pending':<44} orchestrator pending"
    assert row.record["startTime"] is row.record["endTime"] is None


@pytest.mark.parametrize("verb, option, variable, id", [
    ("end", ID, "/etc", ID),
    ("end", "", ID, ID),
    ("end", None, "", None),
    ("list", None, "/etc", None),
    ("show", None, "/etc", BadData),
])  # fmt: skip
def test_a_session_is_named_by_option_or_variable(verb, option, variable, id):
    call = verbs.parse(verb, (), {"session": option})
    if id is not BadData:
        assert verbs.session_of(call, variable) == id
        return
    with pytest.raises(BadData, match="^MIND_SESSION: invalid session '/etc'; use"):
        verbs.session_of(call, variable)


def test_nobody_and_nowhere(home):
    with pytest.raises(Usage, match="no agent; give --agent, or set MIND_AGENT"):
        do(home, "end", agent="")
    with pytest.raises(Usage, match="no session; give --session, or set MIND_SESSION$"):
        do(home, "end", id=None)
    do(home, "start")
    with pytest.raises(
        Usage, match=f"no session; give --session, or set MIND_SESSION; the newest is {ID}"
    ):
        do(home, "end", id=None)
    with pytest.raises(
        NoInput,
        match=f"'frontend' has not started in {ID}; work-session start --session {ID} --agent "
        f"frontend",
    ):
        do(home, "end", agent="frontend")


@given(text=texts, key=texts, steps=st.lists(texts, max_size=3))
def test_hostile_text_is_one_row_and_comes_back(tmp_path_factory, text, key, steps):
    from plainmind.ground.paths import Home

    home = Home(str(tmp_path_factory.mktemp("home")))
    do(home, "start")
    try:
        for step in (text, *steps):
            do(home, "next", "frontend", step)
        do(home, "task", text, file=key or None)
        if key.partition("=")[0] == key and key.strip(":"):
            do(home, "artifact", f"{key}={text}x")
    except Failure as failure:
        assert failure.code in (2, 65), failure
    states = sessions.read_states(home, ID, lambda failure: pytest.fail(str(failure)))
    for row in report.rows_of_session(states) + [report.row_of_session(ID, states)]:
        assert row.text.count("\t") <= 2 and "\n" not in row.text and row.text[-1] != "\t"
        assert row.text.replace("\t", "").isprintable()
    asked = {each["action"] for each in states[0].fields["nextSteps"]}
    assert {json.loads(json.dumps(each)) for each in (text, *steps) if each.strip()} >= asked


# ---- the skill and the manual


def examples() -> list[str]:
    """Every line of the skill's and of the manual's examples that calls the command, in order."""
    with open(os.path.join(ROOT, "skills", "work-tracking", "SKILL.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^ *```bash\n(.*?)^ *```", file.read(), re.M | re.S)
    with open(os.path.join(ROOT, "bin", "work-session"), encoding="utf-8") as file:
        blocks.append(file.read().partition("\nEXAMPLES\n")[2].partition("\nSEE ALSO\n")[0])
    return [
        line.strip() for block in blocks for line in block.split("\n") if "work-session" in line
    ]


@pytest.mark.parametrize("line", examples())
def test_every_example_works(home, line):
    """In a session of a lead and a backend, where nobody can run yet."""
    for agent in ("orchestrator", "backend"):
        do(home, "start", agent=agent, id="session-1770451234")
    files.replace(home.path("work/logs/session-1770451234/backend.log"), b"one\n")
    agent = "orchestrator" if "phase" in line else "backend"
    env = {"MIND_HOME": home.root, "MIND_SESSION": "session-1770451234", "MIND_AGENT": agent}
    env["PATH"] = os.path.join(ROOT, "bin") + os.pathsep + os.environ["PATH"]
    line = line.replace("... |", "echo |")
    ended = subprocess.run(
        ["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, env=env, cwd=home.root
    )
    assert ended.stderr == b""
    assert ended.returncode == (1 if "show --ready " in line and "|" not in line else 0)


def test_the_examples_are_found():
    assert len(examples()) >= 20


def test_the_skill_is_one():
    """The frontmatter of Agent Skills: the folder's name, and a description that says when."""
    path = os.path.join(ROOT, "skills", "work-tracking", "SKILL.md")
    made = skill.parse(files.read(path), path)
    assert made.name == "work-tracking" and len(made.description) > 50
    assert "Use it when" in made.description
