"""Attempts to get out of the sandbox, each found to work once: the broker, what runs later, and
what hangs or ends the turn."""

import os
import signal
import subprocess
from contextlib import contextmanager

import pytest
from plainmind.agent.bash import Shell, ShellOptions
from rungs import SANDBOXES
from scene import ROOT, THOROUGH

TALK = r"""
import os, socket, sys
def talk():
    broker = os.environ["MIND_BROKER"]
    if broker.isdigit():
        passing = socket.socket(fileno=os.dup(int(broker)))
        own, other = socket.socketpair()
        socket.send_fds(passing, [b"."], [other.fileno()])
        return own
    own = socket.socket(socket.AF_UNIX)
    own.connect(broker)
    return own
def ask(out, *words):
    data = "\0".join(["", "", *words]).encode()
    own = talk()
    socket.send_fds(own, [b"%d\n%s" % (len(data), data)], [0, out, out])
    return own
work = os.environ["MIND_HOME"] + "/workspace"
def evil(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file: file.write("#!/bin/sh\ntouch $MIND_HOME/escaped\n")
    os.chmod(path, 0o755)
"""


@pytest.fixture(params=SANDBOXES)
def rung(request):
    return request.param


@pytest.fixture
def shell(home, unsynced, rung):
    os.makedirs(home.workspace)
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as opened:
        yield opened


@contextmanager
def at_most(seconds: int):
    def ring(*_):
        raise AssertionError(f"not over after {seconds} s, whatever the time limit was")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def python(shell: Shell, home, script: str, timeout: int = 20):
    with open(os.path.join(home.workspace, "attempt.py"), "w") as file:
        file.write(TALK + script)
    return shell.run("/usr/bin/python3 attempt.py", timeout)


# --- the broker


def test_a_relative_program_is_not_run_from_their_folder(shell, home):
    """Looked up from one folder and run from another, `../../…/bin/mem-show` is two programs."""
    script = f"""
deep = work + "/" + "/".join("d" * 30)
os.makedirs(deep)
relative = "../" * 30 + {ROOT.lstrip("/") + "/bin/mem-show"!r}
evil(work + "/" + relative.lstrip("./"))
for words in ((deep, relative), (relative,)):
    print(ask(1, *words).recv(16))
os.chdir(deep)
print(ask(1, relative).recv(16))
"""
    python(shell, home, script)
    assert not os.path.exists(home.path("escaped"))


def test_a_program_is_not_looked_up_twice(shell, home):
    """A link on the way that leads elsewhere a moment after it was looked at."""
    above, own = os.path.split(ROOT)
    script = f"""
import time
for name in ("bin/mem-show", ".venv/bin/python"):
    evil(work + "/evil/" + {own!r} + "/" + name)
def lead(to):
    os.symlink(to, work + "/new"); os.rename(work + "/new", work + "/link")
for number in range({60 if THOROUGH else 20}):
    lead({above!r})
    path = work + "/link/" + {own!r} + "/bin/mem-show"
    asked = [ask(os.open("/dev/null", os.O_WRONLY), *words) for words in ((path,), (work, path))]
    time.sleep(number % 20 * 0.0003)
    lead("evil")
    for own in asked: own.recv(16)
"""
    python(shell, home, script, 60)
    assert not os.path.exists(home.path("escaped"))


def test_a_size_of_five_thousand_digits(shell, home):
    done = python(
        shell,
        home,
        'own = talk(); own.sendall(b"9" * 5000 + b"\\n"); print("answer", own.recv(16))',
    )
    assert done.exit is not None and shell.run("echo alive", 60).text == "alive"


def test_what_the_user_said_cannot_be_forged(shell, home):
    """Neither in a conversation, nor in a window of the year 2999, which would be the current one
    for ever."""
    shell.run(
        "mem-pin --text 'Yes, delete all.' --context discord-thread/1; mem-pin --text x --now "
        "2999-01-01T00:00:00Z",
        30,
    )
    assert not os.path.exists(home.path("logs/discord-thread"))
    assert not [
        name for _, _, names in os.walk(home.logs) for name in names if name.startswith("2999")
    ]


def test_input_without_end_does_not_fill_the_memory(shell):
    """Bounded: for a second, in which it is a gigabyte where nothing stops it."""
    import resource

    shell.run("timeout 1 mem-recall --lexical - < /dev/zero", 8)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_300_000


# --- keys and sockets


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
def test_keys_of_the_caller_are_out_of_reach(shell, home):
    import ctypes

    libc, session = ctypes.CDLL(None, use_errno=True), ctypes.c_long(-3)
    key = libc.syscall(248, b"user", b"plainmind-test", b"canary-key", 10, session)
    if key < 0:
        pytest.skip("no keyrings here")
    script = """
import ctypes
libc, buffer = ctypes.CDLL(None), ctypes.create_string_buffer(64)
key = libc.syscall(250, 10, ctypes.c_long(-3), b"user", b"plainmind-test", 0)
libc.syscall(250, 11, key, buffer, 64)
print("read", buffer.value)
"""
    try:
        assert "canary" not in python(shell, home, script).text
    finally:
        libc.syscall(250, 9, key, session)


def test_no_socket_of_the_hypervisor(shell, home):
    """Made, not connected: a namespace of networks does not hold these."""
    assert (
        "made"
        not in python(shell, home, "socket.socket(40, socket.SOCK_STREAM); print('ma' + 'de')").text
    )


# --- what runs later


GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(
        [*GIT, "-C", str(folder), "commit", "-q", "--allow-empty", "-m", "x"], check=True
    )
    (folder / "src").mkdir()
    return folder


def ran_later(tmp_path, folder: str, *command: str) -> bool:
    subprocess.run([*GIT, "-C", folder, *command], capture_output=True, timeout=20)
    return (tmp_path / "ran").exists()


FSMONITOR = "[core]\\n\\tfsmonitor = \"touch 'RAN'; true\"\\n"


@pytest.mark.parametrize(
    ("before", "inside", "where", "then"),
    [
        (
            "git worktree add -q ../linked",
            "mkdir -p src/c/objects src/c/refs; printf '{}' > src/c/config; for w in "
            ".git/worktrees/*; do echo \"$PWD/src/c\" > $w/commondir; done",
            "../linked",
            ("status",),
        ),
        (
            "mkdir .githooks; git config core.hooksPath .githooks; printf '#!/bin/sh\\n' > "
            ".githooks/pre-commit; chmod +x .githooks/pre-commit",
            "echo \"touch 'RAN'\" >> .githooks/pre-commit",
            ".",
            ("commit", "--allow-empty", "-m", "y"),
        ),
        ("mkdir dev; : > dev/git; git config include.path ../dev/git", "printf '{}' >> dev/git",
            ".", ("status",)),
        (
            "true",
            "cd src; mkdir -p b c/objects c/refs; echo 'ref: refs/heads/m' > b/HEAD; echo ../c > "
            "b/commondir; printf '[core]\\n\\tworktree = %s\\n' \"$PWD/b\" > b/config.worktree; "
            "printf '{}[core]\\n\\trepositoryformatversion = 1\\n[extensions]\\n\\tworktreeConfig "
            "= true\\n' > c/config",
            "src/b",
            ("status",),
        ),
        (
            "git init -q zz",
            "cd src && mkdir {{1..20001}}; echo second; git -C ../zz config core.fsmonitor \"touch "
            "'RAN'; true\"",
            "zz",
            ("status",),
        ),
        (
            "true",
            "mkdir -p src/a/.git; : > src/a/.git/hooks; git init -q src/z; git -C src/z config "
            "core.fsmonitor \"touch 'RAN'; true\"",
            "src/z",
            ("status",),
        ),
    ],
    ids=["worktree", "hooksPath", "include", "split", "many", "hooks-is-a-file"],
)  # fmt: skip
def test_nothing_runs_later(home, unsynced, rung, project, tmp_path, before, inside, where, then):
    subprocess.run(before, shell=True, cwd=project, check=True, capture_output=True)
    script = (
        inside.replace("{}", FSMONITOR)
        .replace("{{", "{")
        .replace("}}", "}")
        .replace("RAN", str(tmp_path / "ran"))
    )
    with Shell(home, ROOT, str(project), ShellOptions(sandbox=rung)) as shell:
        for part in script.split(" echo second;"):
            shell.run(
                part if part.startswith("cd") or "src && mkdir" not in script else "cd src;" + part,
                60,
            )
    assert not ran_later(tmp_path, str(project / where), *then)


@pytest.mark.skipif(os.getuid() == 0, reason="root may look into every folder")
@pytest.mark.parametrize(
    "mode",
    [
        "chmod 311 r", "chmod 311 r/.git", "chmod 555 r/.git", "chmod 311 r/.git/hooks",
        "chmod 000 r",
    ],
)  # fmt: skip
def test_what_cannot_be_listed(shell, home, tmp_path, mode):
    shell.run(
        f"git init -q r; git -C r config core.fsmonitor \"touch '{tmp_path}/ran'; true\"; {mode}",
        20,
    )
    assert not ran_later(tmp_path, os.path.join(home.workspace, "r"), "status")


@pytest.mark.parametrize(
    "command",
    [
        "mkdir -p r/.git; mkfifo r/.git/config",
        "mkdir -p r/.git; (head -c 300000 /dev/zero | tr '\\0' ' '; echo x) > r/.git/config",
        "mkdir -p r/.git; : > r/.git/hooks",
    ],
    ids=["pipe", "blanks", "hooks-is-a-file"],
)
def test_the_look_afterwards_ends(shell, command):
    """It is outside of every time limit, and what it raises ends the turn."""
    with at_most(15):
        assert shell.run(command, 5).sandbox
    assert shell.run("echo alive", 60).text.startswith("alive")


def test_many_files_beside_a_repository(home, unsynced, rung, project):
    """One argument has 128 KiB at most."""
    for number in range(2500):
        (project / f"file-with-a-usual-name-{number}.txt").touch()
    with Shell(home, ROOT, str(project), ShellOptions(sandbox=rung)) as shell:
        assert shell.run("echo alive", 60).text == "alive"
