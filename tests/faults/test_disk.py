"""Real disks: one that is full, one without inodes, one that cannot be written, one where a file
may not grow.

Root mounts small ones in a mount namespace of this process; they are gone when it is.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
from contextlib import suppress

import pytest
from plainmind.ground import files
from plainmind.ground.paths import Home
from plainmind.truth.log import reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT, STAMP, TIME

CONTEXT = "test/disk"
WINDOW = f"logs/{CONTEXT}/{STAMP}.md"
CLONE_NEWNS = 0x00020000


@pytest.fixture(scope="module")
def mounts() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or not hasattr(libc, "unshare") or libc.unshare(CLONE_NEWNS) != 0:
        pytest.skip("mounting needs root on Linux, with CAP_SYS_ADMIN")
    if subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode != 0:
        pytest.skip("mounts cannot be made private here")


@pytest.fixture
def disk(mounts, tmp_path):
    """Mount a small file system with these options, and put a home with one event on it."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mounted(options: str) -> Home:
        if (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True
            ).returncode
            != 0
        ):
            pytest.skip("no tmpfs can be mounted here")
        home = Home(str(folder / "home"))
        Log(home).append(CONTEXT, [EventDraft(NOW, "user", "before", {})], NOW)
        return home

    yield mounted
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def run(home: Home, *argv: str, stdin: bytes = b"", limit: int = 0, **env: str):
    """A command's exit code, output and complaints; `limit` is the greatest size of a file, in
    bytes."""

    def limited() -> None:
        if limit:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ended = subprocess.run(
        [os.path.join(ROOT, "bin", argv[0]), *argv[1:]],
        input=stdin,
        capture_output=True,
        preexec_fn=limited,
        env={"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME, **env},
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def snapshot(home: Home) -> dict[str, bytes]:
    """Every file that holds something, with its bytes."""
    found = {}
    for folder, _, names in os.walk(home.root):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, home.root)] = files.read(path)
    return {path: data for path, data in found.items() if data}


def contents(home: Home) -> list[str]:
    opened = reader.read_window(home, WINDOW)
    return [opened.event(block).content for block in opened.blocks()]


APPEND = ("mem-append", "--context", CONTEXT, "--role", "user")


def test_a_full_disk(disk):
    """With ever less room left: all or nothing, and as it was when nothing."""
    home = disk("size=256k")
    filler = home.path("filler")
    outcomes = set()
    for left in range(48, -1, -2):
        with open(filler, "wb") as file:
            try:
                file.write(b"x" * 1_000_000)
                file.flush()
            except OSError:
                pass
        os.truncate(filler, max(0, os.path.getsize(filler) - left * 1024))
        before = snapshot(home)
        code, printed, said = run(home, *APPEND, stdin=b"0123456789\n" * 900)
        outcomes.add(code)
        if code == 0:
            assert contents(home)[-1] == "0123456789\n" * 900 and printed.startswith(WINDOW)
        else:
            assert (
                (code, printed) == (74, "")
                and "no space left on device" in said
                and said.count("\n") == 1
            )
            assert snapshot(home) == before
        os.unlink(filler)
        assert list(verify.verify_windows(home, [])) == []
        assert contents(home)[0] == "before"
    assert outcomes == {0, 74}, "the disk was never full, or always"
    assert run(home, *APPEND, stdin=b"after")[0] == 0


def test_a_full_disk_for_a_new_context_a_window_and_a_pin(disk):
    home = disk("size=64k")
    with open(home.path("filler"), "wb") as file, pytest.raises(OSError):
        file.write(b"x" * 100_000)
        file.flush()
    before = snapshot(home)
    for argv in (
        ["mem-append", "--context", "test/new", "--role", "user"],
        ["mem-new", CONTEXT],
        ["mem-pin", f"{WINDOW}:3"],
        ["mem-pin", "--text", "x"],
        ["work-session", "start", "--agent", "backend"],
        ["work-log", "task", "agent=backend", "description=-"],
        ["agent-route", "-"],
    ):
        code, printed, said = run(home, *argv, stdin=b"x" * 5000)
        assert (code, printed) == (74, "") and "no space left on device" in said, argv
        assert snapshot(home) == before, argv
    assert run(home, "mem-show", f"{WINDOW}:3")[0] == 0
    assert run(home, "mem-lint", "--logs") == (0, "", "")


def test_a_full_disk_for_hooks_of_another_agent(disk):
    """The client goes on, and its configuration is what it was, whenever the disk is full."""
    home = disk("size=128k")
    place = home.path("client")
    os.mkdir(place)
    configuration, before = os.path.join(place, "settings.json"), b'{ "model": "x" }'
    env = {"CLAUDE_CONFIG_DIR": place, "MIND_HOOK_TIMEOUT": "60", "HOME": place}
    about = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "cwd": "/x/app"}
    told = json.dumps({**about, "prompt_id": "p", "prompt": "x " * 5000}).encode()
    outcomes = set()
    for left in range(0, 33, 16):
        with open(configuration, "wb") as file:
            file.write(before)
        with open(home.path("filler"), "wb") as file, suppress(OSError):
            file.write(b"x" * 1_000_000)
            file.flush()
        os.truncate(home.path("filler"), os.path.getsize(home.path("filler")) - left * 1024)
        for mode in ("--install", "--uninstall"):
            stood = files.read(configuration)
            code, _, said = run(home, "mem-hook", "claude-code", mode, **env)
            outcomes.add((mode, code))
            assert code == 0 or (code == 74 and said.endswith("no space left on device\n")), said
            assert code == 0 or files.read(configuration) == stood
            assert os.listdir(place) == ["settings.json"]
        code, printed, said = run(home, "mem-hook", "claude-code", stdin=told, **env)
        assert (code, printed) == (0, "")
        assert "no space left on device" in said or "disk is full" in said, said
        os.unlink(home.path("filler"))
        assert run(home, "mem-hook", "claude-code", "--uninstall", **env)[0] == 0
        assert files.read(configuration) == before
    assert {("--install", 74), ("--install", 0)} <= outcomes
    assert list(verify.verify_windows(home, [])) == []
    assert run(home, "mem-hook", "claude-code", stdin=told, **env)[0] == 0


def test_no_inodes(disk):
    """No new file can be made; the current window still takes events."""
    home = disk("nr_inodes=16")
    number = 0
    while True:
        try:
            open(home.path(f"filler{number}"), "w").close()
            number += 1
        except OSError:
            break
    before = snapshot(home)
    code, printed, said = run(home, "mem-new", CONTEXT)
    assert (code, printed) == (74, "") and "no space left on device" in said
    code, printed, said = run(
        home, "mem-append", "--context", "test/new", "--role", "user", stdin=b"x"
    )
    assert (code, printed) == (74, "") and "no space left on device" in said
    assert snapshot(home) == before
    assert run(home, *APPEND, stdin=b"after")[0] == 0
    assert contents(home) == ["before", "after"]


def test_a_disk_that_can_only_be_read(disk):
    home = disk("size=1m")
    assert run(home, "mem-pin", f"{WINDOW}:3")[0] == 0
    assert run(home, "work-session", "start", "--agent", "backend")[0] == 0
    assert (
        subprocess.run(
            ["mount", "-o", "remount,ro", os.path.dirname(home.root)], capture_output=True
        ).returncode
        == 0
    )
    before = snapshot(home)
    for argv in (
        [*APPEND],
        ["mem-append", "--jsonl", "--context", CONTEXT],
        ["mem-new", CONTEXT],
        ["mem-pin", "--text", "x"],
        ["mem-pin", "--remove", f"{WINDOW}:3"],
        ["work-session", "start", "--agent", "backend"],
        ["work-session", "end", "--agent", "backend", "--session", "session-1769783035"],
        ["work-log", "lesson", "lesson=x"],
        ["agent-route", "Fix the typos in the README"],
    ):
        code, printed, said = run(home, *argv, stdin=b'{"role":"user","content":"x"}')
        assert (code, printed) == (74, "") and said.endswith(": read-only file system\n"), (
            argv,
            code,
            said,
        )
    assert snapshot(home) == before
    assert run(home, "mem-show", f"{WINDOW}:3")[0] == 0
    assert run(home, "mem-pin", "--list")[0] == 0
    assert run(home, "work-session", "show") == (0, "backend\tin_progress\n", "")
    assert run(home, "mem-lint", "--logs") == (0, "", "")
    # there is no index, and none can be made there
    assert run(home, "mem-recall", "before") == (0, f"{WINDOW}:3: before\n", "")
    assert run(home, "mem-graph") == (1, "", "")


@pytest.mark.parametrize("room", [1, 40, 200, 3000])
def test_a_journal_that_may_not_grow(tmp_path, room):
    """A quota: the batch is cut back whole, and the ones before it stay and are told of."""
    home = Home(str(tmp_path / "home"))
    assert run(home, "work-log", "lesson", "lesson=before", "id=e0")[0] == 0
    before = snapshot(home)["work/events.jsonl"]
    line = b'{"type":"lesson","lesson":"%s","id":"e%d"}\n'
    many = b"".join(line % (b"x" * 1000, n) for n in range(1, 9))
    code, printed, said = run(home, "work-log", "-", stdin=many, limit=len(before) + room)
    assert (code, printed) == (74, "") and said.count("\n") == 1, said
    assert snapshot(home)["work/events.jsonl"] == before
    assert run(home, "work-log", "-", stdin=many)[0] == 0
    assert snapshot(home)["work/events.jsonl"].count(b"\n") == 9


@pytest.mark.parametrize("room", [1, 40, 200])
def test_a_file_that_may_not_grow(tmp_path, room):
    """A quota: the write is short, in the middle of the event, and what was written of it is taken
    back."""
    home = Home(str(tmp_path / "home"))
    Log(home).append(CONTEXT, [EventDraft(NOW, "user", "before" * 100, {})], NOW)
    before = snapshot(home)
    code, printed, said = run(home, *APPEND, stdin=b"x" * 1000, limit=len(before[WINDOW]) + room)
    assert (code, printed) == (74, "") and said.count("\n") == 1, said
    assert snapshot(home) == before
    assert run(home, *APPEND, stdin=b"after")[0] == 0
    assert contents(home) == ["before" * 100, "after"]
