"""What a command may use up, and what is left of root and of modes: a bomb of a few hundred
processes at most, against a limit of some dozens."""

import os
import subprocess
import time

import pytest
from plainmind.agent.bash import LONGEST, Shell, ShellOptions
from plainmind.agent.sandbox import tasks
from plainmind.ground import files
from plainmind.truth.log.writer import EventDraft
from plainmind.truth.resident.scopes import MemoryScope
from rungs import RUNGS, SANDBOXES
from scene import NOW, ROOT

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
        made = int(shell.run(BOMB, LONGEST).text.split("\n")[-1])
        assert 10 < made <= 40 + tasks._SPARE, made
        assert shell.run("echo still there", LONGEST).text == "still there"
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
        assert shell.run(BOMB, LONGEST).text.split("\n")[-1] == "300"


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
        assert shell.run("echo hi", LONGEST).text == "hi"
        assert shell.sandbox.tasks.binds == (os.geteuid() != 0)


# --- capabilities, and modes


@pytest.mark.parametrize("rung", SANDBOXES)
def test_root_has_no_capability_left(home, unsynced, rung):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        done = shell.run(
            "/usr/bin/python3 -c 'import ctypes, os; l = ctypes.CDLL(None, use_errno=True); "
            "h, d = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(); "
            "print(l.capget(h, d), list(d), [l.prctl(23, n, 0, 0, 0) for n in range(41)])'",
            20,
        )
    assert done.text.startswith("0 [0, 0, 0, 0, 0, 0]")
    assert os.geteuid() != 0 or done.text.endswith(f"{[0] * 41}")


MEMORY = ("memory/MEMORY.md", "memory/tea.md", "memory/archive/a.md")
COMMANDS = {
    "open to all": "chmod -R 0777 $MIND_HOME; chmod 0777 $MIND_HOME",
    "closed to its owner": "chmod -R 0 $MIND_HOME/logs $MIND_HOME/knowledge",
    "read by others": "chmod 0644 $MIND_HOME/.env; chmod -R go+rX $MIND_HOME",
    "run as its owner": "chmod 6755 $MIND_HOME/config.toml",
    "resident memory": "cd $MIND_HOME/memory; chmod 777 archive; chmod 000 archive/a.md MEMORY.md; "
    "chmod 000 archive; chmod 777 .; chmod 000 tea.md",
    "resident memory, closed": "chmod 000 $MIND_HOME/memory",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("rung", SANDBOXES)
def test_modes_of_the_home_are_as_they_were(home, unsynced, log, rung, command):
    for text in ("one", "two"):
        log.append("a/b", [EventDraft(NOW, "user", text, {})], NOW)
        log.start_window("a/b", NOW)
    for name in (".env", "config.toml", "knowledge/page.md", "knowledge/deep/er/page.md", *MEMORY):
        files.replace(home.path(name), b"")
    os.chmod(home.path("knowledge/page.md"), 0o640)  # a person's wish
    files.make_folder(home.workspace)
    before = modes_of(home.root)
    scopes = (MemoryScope("global", home.root, "memory"),)
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung, memories=scopes)) as shell:
        done = shell.run(COMMANDS[command], LONGEST)
        after = modes_of(home.root)
        assert {path: after[path] for path in before} == before
        assert rung != "landlock" or "put back" in done.text
        # what somebody else closes, ends and makes meanwhile is theirs
        os.chmod(home.path("knowledge/page.md"), 0o600)
        log.start_window("a/b", NOW)
        shell.run("chmod -R 0777 $MIND_HOME/logs", LONGEST)
        assert os.stat(home.path("knowledge/page.md")).st_mode & 0o777 == 0o600
    windows = [os.path.join(home.logs, "a/b", name) for name in home.list_windows("a/b")]
    assert [os.stat(path).st_mode & 0o77 for path in windows] == [0] * 4


@pytest.mark.parametrize("rung", SANDBOXES)
def test_a_new_file_of_resident_memory_can_be_read_by_its_owner_alone(home, unsynced, rung):
    """And no link of its leads to what is changed."""
    files.replace(home.path("memory/MEMORY.md"), b"")
    files.replace(home.path("knowledge/page.md"), b"")
    os.chmod(home.path("knowledge/page.md"), 0o644)
    files.make_folder(home.workspace)
    scopes = (MemoryScope("global", home.root, "memory"),)
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung, memories=scopes)) as shell:
        shell.run("cd $MIND_HOME/memory; touch a b; chmod 0 a; chmod 666 b; "
                  "ln -s ../knowledge/page.md c; mkfifo d", 20)  # fmt: skip
    found = modes_of(home.root)
    assert [found[home.path("memory", name)] for name in "ab"] == [0o600, 0o600]
    assert found[home.path("knowledge/page.md")] == 0o644


def modes_of(root: str) -> dict[str, int]:
    found = {root: os.stat(root).st_mode & 0o7777}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "workspace"]
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            found[path] = os.lstat(path).st_mode & 0o7777
    return found
