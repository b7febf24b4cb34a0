"""A night of a team as its user has it: cron runs `cron/overnight.example` from evening to morning,
and in the morning the figures tell what happened."""

import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import time

import pytest
from plainmind.ground import clock
from scene import ROOT

EVENING = clock.parse("2026-02-06T22:00:00Z")  # a Friday, in London, where it is winter
EXAMPLE = os.path.join(ROOT, "cron", "overnight.example")
PLAN = """\
backend||Design the database schema of invoices
frontend|backend|Build the page of invoices
infrastructure||Update the packages with yarn
verification|frontend|Run every test against staging
"""
#: the model of the cloud; it is not there when verification first asks, however often that is tried
MODEL = """\
#!/bin/sh
asked=$(dirname "$0")/asked
if grep -q 'every test' && [ "$(grep -c . "$asked")" -lt 4 ]; then
  echo once >> "$asked"; echo 'staging is down' >&2; exit 69
fi
echo '{"text": "Done.", "usage": {"input_tokens": 1200, "output_tokens": 300, "cost": 0.02}}'
"""


def due(entry: str, instant: int) -> bool:
    """Whether cron runs an entry in this minute. Of its fields, minute and hour count here."""
    at = clock.to_text(instant)
    for field, value, span in zip(entry.split(), (int(at[14:16]), int(at[11:13])), (60, 24)):
        minutes: set[int] = set()
        for part in field.split(","):
            range_, _, step = part.partition("/")
            first, _, last = range_.replace("*", f"0-{span - 1}").partition("-")
            minutes |= set(range(int(first), int(last or first) + 1, int(step or 1)))
        if value not in minutes:
            return False
    return True


@pytest.fixture(scope="module")
def night(tmp_path_factory, forked):
    """The memory folder in the morning, how to run a command then, and what was mailed."""
    folder = tmp_path_factory.mktemp("night")
    home = folder / "home"
    os.makedirs(folder / "bin")
    os.makedirs(home / "workspace")
    for name, text in (("bin/model.sh", MODEL), ("bin/asked", ""), ("plan.txt", PLAN)):
        (folder / name).write_text(text)
    (folder / "bin/model.sh").chmod(0o755)
    shutil.copy(EXAMPLE, folder / "bin" / "overnight")
    (home / "config.toml").write_text(
        f'[turn]\nmodel = "command:{folder}/bin/model.sh"\nsandbox = "none"\n'
    )
    env = {
        "PATH": f"{folder}/bin:{forked['FORKED']}:{os.environ['PATH']}", "MIND_HOME": str(home),
        "MIND_BACKOFF": "0", "HOME": str(folder),
    }  # fmt: skip

    def run(command: str, now: int) -> str:
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=300,
            env={**env, "MIND_NOW": clock.to_text(now)}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), (command, done)
        return done.stdout

    with open(EXAMPLE, encoding="utf-8") as file:
        crontab = re.findall(r"^# +((?:\S+ +){5}overnight .*)$", file.read(), re.MULTILINE)
    assert len(crontab) == 3
    mail = ""
    for minute in range(10 * 60):
        for entry in crontab:
            if due(entry, EVENING + minute * 60_000):
                command = entry.split(None, 5)[5].replace("~/app", str(folder))
                mail += run(command, EVENING + minute * 60_000)
    morning = EVENING + 11 * 3_600_000
    run("work-log pr_merged agent=backend url=https://example.org/pr/7", morning)
    run("work-log praise agent=verification --reason 'it did not give up'", morning + 1000)
    return home, lambda command: run(command, morning + 60_000), mail


def test_who_worked_and_what_became_of_it(night):
    home, run, mail = night
    (session,) = run("work-session list").strip().split("\n")
    assert session.split("\t")[1] == "completed" and session in mail
    for agent in ("backend", "frontend", "infrastructure", "verification"):
        assert f"{agent} completed" in session
    assert run("work-session show --ready || true") == ""
    assert (mail.index("Failed") < mail.index("Never started") < mail.index("Cost")
            < mail.index(session))  # fmt: skip
    assert mail.startswith("Failed, and why:\nnone\n\nNever started:\nnone\n")
    assert re.search(r"^backend\tcommand:\S+\t1\t0.02$", mail, re.MULTILINE)
    assert sorted(os.listdir(home / "work")) == [".lock", "events.jsonl", "logs", "session-" + (
        session.split("\t")[0].removeprefix("session-"))]  # fmt: skip
    assert stat.S_IMODE(os.stat(home / "work/events.jsonl").st_mode) == 0o600


def ask(night, question: str) -> list:
    home, run, _ = night
    run("mem-index --status")  # takes in what is new
    with sqlite3.connect(f"file:{home}/index/mind.db?mode=ro", uri=True) as connection:
        return connection.execute(question).fetchall()


def test_the_tables_tell_the_story(night):
    assert ask(night, "SELECT agent, status, error IS NOT NULL FROM tasks ORDER BY at, agent") == [
        ("backend", "completed", 0), ("frontend", "completed", 0),
        ("infrastructure", "completed", 0), ("verification", "failed", 1),
        ("verification", "completed", 0),
    ]  # fmt: skip
    assert ask(night, "SELECT status, tasks, failed FROM sessions") == [("completed", 4, 1)]
    cost = "SELECT agent, route, round(sum(cost), 2) FROM llm_usage GROUP BY 1, 2 ORDER BY 1"
    assert ask(night, cost) == [
        ("backend", "cloud", 0.02), ("frontend", "cloud", 0.02), ("infrastructure", "local", 0.0),
        ("verification", "cloud", 0.02),
    ]  # fmt: skip


def test_the_questions_of_the_manual_are_answered(night):
    """Those of mind-work(7) that ask for no week before today."""
    with open(os.path.join(ROOT, "lib/plainmind/index/rows/questions.sql")) as file:
        blocks = [block.partition("\n") for block in file.read().split("\n\n")]
    questions = {head.removeprefix("-- "): sql for head, _, sql in blocks}
    ((_, status, tasks, failed, hours, _),) = ask(
        night, questions["What did last night's session do?"]
    )
    assert (status, tasks, failed, hours) == ("completed", 4, 1, 8.0)
    ((at, agent, what, error),) = ask(night, questions["Which tasks failed, and why?"])
    assert (at, agent, what) == (
        "2026-02-06T22:00:00.000Z", "verification", "Run every test against staging",
    )  # fmt: skip
    assert "ended with 69" in error
    cost = ask(night, questions["What did each model cost on each day (of UTC)?"])
    (cloud,) = (row for row in cost if row[1].startswith("command:"))
    assert cloud[2:] == (7, 3600, 900, 0.06), "three answers, and four tries that failed"
    (local,) = (row for row in cost if row[1] == "embedded")
    assert (local[2], local[5]) == (1, 0.0)


def test_what_they_earned(night):
    """One task failed, so nobody has the 75 of a session without; a retry is quick, too."""
    home, run, mail = night
    reasons = (
        "SELECT reason FROM xp_transactions WHERE agent = '{}' AND reason NOT LIKE 'achievement %'"
    )
    reasons += " AND reason NOT LIKE 'level %' ORDER BY unix_ms, amount"
    usual = ["first of the day", "task", "quick", "session"]
    for agent, more in (
        ("backend", ["pr_merged"]), ("frontend", []), ("infrastructure", []),
        ("verification", ["praise"]),
    ):  # fmt: skip
        assert [reason for (reason,) in ask(night, reasons.format(agent))] == usual + more
    sums = ask(night, "SELECT agent, sum(amount) FROM xp_transactions GROUP BY agent")
    shown = [line.split("\t") for line in run("work-xp").strip().split("\n")]
    assert {name: int(figures[2]) for name, *figures in shown if int(figures[2])} == dict(sums)
    assert shown[0][0] == "verification", "it was praised"
    assert [line.split("\t")[1] for line in mail.strip().split("\n")[-4:]] == sorted(
        ("backend", "frontend", "infrastructure", "verification")
    )


#: takes its time, says so, and fails where a task asks for that
SLOW = """\
#!/bin/sh
for task; do :; done
echo "$task" >> "$MIND_HOME/asked"
sleep 0.6
case $task in *fail*) echo 'no such port' >&2; exit 69 ;; esac
"""


@pytest.fixture
def team(tmp_path, forked):
    """Starts `overnight` with words, and a fake model; plan.txt is beside it."""
    os.makedirs(tmp_path / "bin")
    shutil.copy(EXAMPLE, tmp_path / "bin/overnight")
    (tmp_path / "bin/agent-turn").write_text(SLOW)
    (tmp_path / "bin/agent-turn").chmod(0o755)
    path = f"{tmp_path}/bin:{forked['FORKED']}:{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(tmp_path)}

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, cwd=tmp_path, env={**env, "MIND_HOME": str(tmp_path)}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def run(*words: str) -> tuple[int, str, str]:
        process = start(*words)
        out, complaints = process.communicate(timeout=60)
        return process.returncode, out, complaints

    return tmp_path, start, run


def test_rounds_that_overlap_do_each_task_once_and_a_failed_one_twice(team):
    folder, start, run = team
    plan = "a||first\na||second\n# not a task\n\nb|a|fail\nc|b|never | at all\nd|a|-last"
    (folder / "plan.txt").write_text(plan)
    assert run("overnight", "begin", ".", "plan.txt") == (0, "", "")
    for _ in range(3):
        rounds = [start("overnight", "work") for _ in range(3)]
        assert [round.communicate(timeout=60) for round in rounds] == [("", "")] * 3
    assert sorted((folder / "asked").read_text().split("\n")[:-1]) == sorted(
        ["first", "second", "fail", "fail", "-last"]
    )
    assert run("overnight", "begin", ".", "plan.txt")[0] == 75
    code, mail, complaints = run("overnight", "end")
    assert (code, complaints) == (0, "")
    assert mail.startswith(
        "Failed, and why:\nb\tfail\tno such port\n\n"
        "Never started:\nc\twaiting\tnever | at all, after b-completed (failed)\n\n"
    )
    assert run("overnight", "end")[0] == 66


def test_a_round_that_was_killed_stops_no_other(team):
    folder, start, run = team
    (folder / "plan.txt").write_text("a||first\na||second\n")
    run("overnight", "begin", ".", "plan.txt")
    killed = start("overnight", "work")
    while not (folder / "asked").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert run("overnight", "work") == (0, "", "")
    assert run("work-session", "show", "--ready")[0] == 1
    assert (folder / "asked").read_text().split() == ["first", "first", "second"]
    assert run("overnight", "end")[1].startswith("Failed, and why:\nnone\n")


@pytest.mark.parametrize(
    "plan, code, complaint",
    [
        (None, 66, "overnight: no plan 'plan.txt'"),
        ("# nothing\n\n", 65, "plan.txt:2: no task"),
        ("a||b\nc: d", 65, "plan.txt:2: not AGENT|AFTER|TASK"),
        ("a||\n", 65, "plan.txt:1: not AGENT|AFTER|TASK"),
        ("A||b\n", 65, "plan.txt:1: not the name of an agent: 'A'"),
        ("orchestrator||b\n", 65, "plan.txt:1: not the name of an agent: 'orchestrator'"),
        ("a-failed||b\n", 65, "plan.txt:1: not the name of an agent: 'a-failed'"),
        ("a||b\n\nc|d|e\n", 65, "plan.txt:3: after 'd', which has no task above"),
        ("a|a|b\n", 65, "plan.txt:1: after 'a', which has no task above"),
        (
            "a||b\nc|a-failed|d\na|c|e\n", 65,
            "plan.txt:3: line 2 comes after 'a': move it below this one",
        ),
    ],
)  # fmt: skip
def test_a_wrong_plan_begins_nothing(team, plan, code, complaint):
    folder, _, run = team
    if plan is not None:
        (folder / "plan.txt").write_text(plan)
    assert run("overnight", "begin", ".", "plan.txt") == (code, "", complaint + "\n")
    assert not (folder / "work").exists()
