"""What retention deleted, what a team did and which reminders fired, from one machine to another:
by the suite's own commands."""

import os
import random

import forks
import pytest
from plainmind.truth.pages import maintenance, retention
from scene import NOW, ROOT, know
from sharing import Machine

OLD, JOURNAL = "knowledge/old.md", "raw/maintenance-log/2025-01.jsonl"
TEXT = "---\ndate: 2025-01-01\ntype: reference\ntier: L2\n---\n# Old\n"


@pytest.fixture
def pair(machines):
    a, b = machines("alpha"), machines("beta")
    a.say("one")
    return a, b


def together(a, b) -> None:
    for one in (a, b, a):
        one.sync()
    assert a.files() == b.files()


def test_what_retention_deleted_is_deleted_everywhere_and_told_there(pair):
    a, b = pair
    a.write(OLD, TEXT)
    a.write("knowledge/tea.md", "Tea is hot.\n")
    a.write(JOURNAL, '{"path": "knowledge/older.md"}\n')
    together(a, b)
    know(a.home, OLD)
    os.utime(a.home.path(JOURNAL), (10**9, 10**9))
    assert {one.path for one in retention.find_expired(a.home, NOW)} == {OLD, JOURNAL}
    with maintenance.lock(a.home):
        retention.delete_expired(a.home, NOW, lambda gone: None)
    for _ in range(2):  # nothing brings it back
        together(a, b)
        for one in pair:
            assert not os.path.exists(one.home.path(OLD))
            assert not os.path.exists(one.home.path(JOURNAL))
            assert OLD in one.read("raw/maintenance-log/2026-01.jsonl")
            assert one.read("knowledge/tea.md")


@pytest.mark.slow
def test_a_team_on_two_machines_has_one_session_and_one_table(pair, command):
    a, b = pair
    work = lambda one, *more: command("work-session", *more, home=one.home).decode().strip()
    session = work(a, "start", "--agent", "orchestrator")
    work(a, "next", "--agent", "orchestrator", "--session", session, "--", "backend", "Design it")
    together(a, b)
    mine = ("--agent", "backend", "--session", session)
    work(b, "start", *mine)
    work(b, "task", *mine, "--", "Design it")
    work(a, "phase", "--agent", "orchestrator", "--session", session, "working")
    work(b, "end", *mine)
    together(a, b)
    work(a, "end", "--agent", "orchestrator", "--session", session)
    together(a, b)
    shown = [work(one, "show", "--session", session) for one in pair]
    assert shown[0] == shown[1] and "backend\tcompleted\t1 task" in shown[0]
    ranks = [command("work-xp", "--leaderboard", "xp", home=one.home) for one in pair]
    assert ranks[0] == ranks[1] and b"backend" in ranks[0]
    for one in pair:
        assert command("mem-index", "--verify", home=one.home) == b""


def test_a_schedule_is_silent_where_nothing_is_shared_and_says_once_that_it_is_offline(
    home, pair, remote
):
    run = lambda one: forks.run(
        [os.path.join(ROOT, "bin", "mem-sync"), "--quiet", "--scheduled"],
        {"PATH": os.environ["PATH"], "MIND_HOME": one.root, "MIND_BACKOFF": "0"},
    )
    os.makedirs(home.root)
    assert run(home) == forks.Ended(0, b"", b"") and os.listdir(home.root) == []
    a, _ = pair
    os.rename(remote, f"{remote}.away")
    first, second = run(a.home), run(a.home)
    assert first.code == second.code == 69
    assert b"remote" in first.complaints and second.complaints == b""
    os.rename(f"{remote}.away", remote)
    assert run(a.home).code == 0
    os.rename(remote, f"{remote}.away")
    assert b"remote" in run(a.home).complaints  # another outage


def copy_files(machines, before: dict[str, bytes]) -> dict[str, bytes]:
    """What a file synchroniser does with the logs: the version that changed, everywhere; it cannot
    do that with a file that changed on two machines."""
    whole = dict(before)
    for path in {path for one in machines for path in one.files()}:
        versions = {one.files().get(path) for one in machines} - {before.get(path)}
        assert len(versions) < 2, f"{path} was changed on two machines"
        whole[path] = versions.pop() if versions else before[path]
    for one in machines:
        for path, data in whole.items():
            one.write(path, data.decode())
    return whole


def test_a_file_synchroniser_never_meets_a_window_that_two_have_written(tmp_path, command):
    machines = [Machine(str(tmp_path), name, "") for name in ("alpha", "beta", "gamma")]
    before: dict[str, bytes] = {}
    for number, one in enumerate(machines, 1):
        command("mem-sync", "--quiet", "init", "--number", str(number), home=one.home)
    chance = random.Random(1)
    said = 0
    for _ in range(12):
        for one in machines:
            for _ in range(chance.randrange(3)):
                one.say(f"word {said}", chance.choice(("chat/all", "cli/work")))
                said += 1
        before = copy_files(machines, before)
    for one in machines:
        assert sorted(one.texts()) == sorted(f"word {number}" for number in range(said))
        assert one.problems() == []
