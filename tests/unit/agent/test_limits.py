"""What a command may use up: processes. A bomb of a few hundred at most, against a limit of some
dozens."""

import os
import subprocess
import time

import pytest
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.sandbox import tasks
from plainmind.ground import files
from rungs import RUNGS
from scene import ROOT

#: forks 300 times at most, and says how often it could; nobody waits for anybody
BOMB = r"""/usr/bin/python3 - <<'E'
import os, signal
made = 0
for _ in range(300):
    try:
        if not os.fork():
            signal.pause()
            os._exit(0)
        made += 1
    except OSError:
        pass
print(made)
E"""


@pytest.mark.parametrize("rung", RUNGS)
def test_a_fork_bomb_is_bounded(home, unsynced, monkeypatch, rung):
    """Of a normal user by the user's limit, of root by a cgroup."""
    monkeypatch.setattr(tasks, "MOST", 40)
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        limit = shell.sandbox.tasks
        if not limit.binds:
            pytest.skip("root, and no cgroup can be made here")
        group = limit._group
        made = int(shell.run(BOMB, 60).text.split("\n")[-1])
        assert 10 < made <= 40 + tasks._SPARE, made
        assert shell.run("echo still there", 20).text == "still there"
        assert bool(group) == (os.geteuid() == 0) and (not group or os.path.isdir(group))
    assert not group or wait_gone(group)


def wait_gone(path: str) -> bool:
    end = time.monotonic() + 5
    while os.path.isdir(path) and time.monotonic() < end:
        time.sleep(0.01)
        try:
            os.rmdir(path)
        except OSError:
            continue
    return not os.path.isdir(path)


def test_without_the_limit_it_is_not(home, unsynced):
    """The control: 300 processes, which is what the bomb has."""
    with Shell(home, ROOT, None, ShellOptions(sandbox="none")) as shell:
        assert shell.run(BOMB, 60).text.split("\n")[-1] == "300"


@pytest.mark.skipif(os.geteuid() != 0, reason="of root only")
def test_the_cgroup_of_a_killed_turn_is_removed(unsynced):
    limit = tasks.TaskLimit(False)
    if not limit.binds:
        pytest.skip("no cgroup can be made here")
    dead = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True).stdout.strip()
    left = limit._group.replace(f"-{os.getpid()}-", f"-{dead}-")
    os.mkdir(left)
    other = tasks.TaskLimit(False)
    assert not os.path.isdir(left) and os.path.isdir(limit._group)
    for one in (limit, other):
        one.close()
        assert not os.path.isdir(one._group)


def test_where_no_cgroup_can_be_made_a_command_runs_all_the_same(home, unsynced, monkeypatch):
    monkeypatch.setattr(tasks, "_find_places", lambda: iter([home.path("nowhere"), "/proc"]))
    files.make_folder(home.root)
    with Shell(home, ROOT, None, ShellOptions(sandbox="none")) as shell:
        assert shell.run("echo hi", 20).text == "hi"
        assert shell.sandbox.tasks.binds == (os.geteuid() != 0)
