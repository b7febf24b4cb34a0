"""The questions of mind-work(7), asked of a week's journal, and what is answered."""

import os
import shutil
import sqlite3
import subprocess

import pytest
from plainmind.ground import clock
from plainmind.ground.paths import Home
from plainmind.index.rows import work
from unit.index import stores
from unit.index.sqlite.test_work_tables import line, write

NOW = clock.system_now()
TODAY = clock.to_text(NOW)[:10]
MINUTE = 60_000


def event(id: str, type: str, ago: int, **fields) -> bytes:
    """An event so many minutes ago."""
    return line(id, type, **fields).replace(
        clock.to_text(1_770_000_000_000).encode(), clock.to_text(NOW - ago * MINUTE).encode()
    )


def a_week() -> list[bytes]:
    task = lambda id, ago, agent, status="completed", **more: event(
        id, "task", ago, agent=agent, status=status, description="Write the tests", kind="test",
        **more,
    )  # fmt: skip
    session = {"session": "session-1770000000"}
    times = {"started": "2026-02-07T22:00:00.000Z", "ended": "2026-02-08T05:30:00.000Z"}
    lines = [task(f"b{n}", 9, "backend", duration_s=100 + n, **session) for n in range(3)]
    lines += [
        task("f1", 8, "frontend"), task("old", 20 * 24 * 60, "frontend"),
        task("old2", 20 * 24 * 60, "frontend"),
        task("f2", 7, "frontend", "failed", error="a timeout"),
        event("s", "session", 1, status="completed", pr_url="https://x/1", **session, **times),
        event("l1", "llm_usage", 0, model="a", input_tokens=5, output_tokens=2, cost=0.25),
        event("l2", "llm_usage", 0, model="a", input_tokens=6, output_tokens=3, cost=0.5),
        event("l3", "llm_usage", 0, model="b"),
        event("e1", "experiment", 5, name="red", baseline=10),
        event("e2", "experiment", 5, name="blue", baseline=10),
        event("r1", "reward", 3, agent="backend", value=1, kind="test", route="local"),
        event("r2", "reward", 3, agent="backend", value=0.5, kind="test", route="local"),
        event("w1", "route", 3, task="x", decision="cloud", rule="unsure", score=0.5),
        event("w2", "route", 2, task="y", decision="cloud", rule="unsure", score=0.25),
        event("k", "lesson", 2, lesson="Read first", category="habits"),
    ]  # fmt: skip
    for n in range(10):
        lines.append(event(f"m{n}", "metric", 4, name="m", value=8, experiment="red"))
        lines.append(event(f"n{n}", "metric", 4, name="m", value=13, experiment="blue"))
    for n, command in enumerate(["Deploy v1", "deploy v2", "deploy v3!", "other"]):
        lines.append(event(f"u{n}", "user_command", 0, command=command))
    return lines


def read_questions() -> dict[str, str]:
    path = os.path.join(os.path.dirname(work.__file__), "questions.sql")
    with open(path, encoding="utf-8") as file:
        parts = file.read().strip().split("\n\n")
    return {part.partition("\n")[0].removeprefix("-- "): part for part in parts}


QUESTIONS = read_questions()
ANSWERS = {
    "completed most": [("backend", 3), ("frontend", 1)],
    "each kind of task": [
        ("backend", "test", 3, 100.0, 101.0), ("frontend", "test", 4, 75.0, None),
    ],
    "each model cost": [(TODAY, "a", 2, 11, 5, 0.75), (TODAY, "b", 1, None, None, None)],
    "commands are given": [("deploy <n>", "Deploy v1", 3, TODAY)],
    "experiments": [
        ("double_down", "blue", 10.0, 13.0, 30.0, 10), ("kill", "red", 10.0, 8.0, -20.0, 10),
    ],
    "tasks failed": [(clock.to_text(NOW - 7 * MINUTE), "frontend", "Write the tests", "a timeout")],
    "last night": [("session-1770000000", "completed", 3, 0, 7.5, "https://x/1")],
    "local model": [("test", "local", 2, 0.75)],
    "agent-route": [("cloud", "unsure", 2, 0.38)],
    "Who leads": None,
    "did an agent get XP": None,
    "was learned": [(clock.to_text(NOW - 2 * MINUTE)[:10], "habits", "Read first")],
}  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    home = Home(str(tmp_path_factory.mktemp("week")))
    write(home, a_week())
    for index in stores.attempts(home, lambda text: pytest.fail(text)):
        with index:
            index.work_rows("sessions")
    return os.path.join(home.index, "mind.db")


@pytest.mark.parametrize("words", ANSWERS)
def test_a_question_is_answered(path, words):
    (question,) = [text for title, text in QUESTIONS.items() if words in title]
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = db.execute(question).fetchall()
    db.close()
    if words == "Who leads":
        # 3 tasks and 3 more XP as they are quick, a day, a session without failure, and what is won
        assert [row[0] for row in rows[:2]] == ["backend", "frontend"] and len(rows) == 10
        assert rows[0][3] > rows[1][3] > 0 and rows[0][4] > 0
    elif words == "did an agent get XP":
        day = clock.to_text(NOW - 9 * MINUTE)[:10]
        assert (day, "task", 30) in rows and (day, "quick", 45) in rows
        assert ("session", 25) in [row[1:] for row in rows]
    else:
        assert rows == ANSWERS[words]


def test_every_question_has_an_answer_here():
    assert len(QUESTIONS) == len(ANSWERS)


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="sqlite3 is not installed")
def test_sqlite3_opens_it(path):
    query = QUESTIONS["What was learned?"]
    command = ["sqlite3", "-readonly", path]
    done = subprocess.run(command, input=query, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "habits|Read first" in done.stdout
