"""The bash tool, on every rung of the sandbox: time, output, environment, no process left over."""

import fcntl
import json
import os
import re
import time

import pytest
from plainmind.agent import bash
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.ground import files
from rungs import RUNGS
from scene import PATIENCE, ROOT
from scripted import call, calls

# a process that lives as long as it holds this lock; its number would tell nothing, it may be that
# of another world
HOLD = "exec 9> child; flock 9; echo > ready; exec sleep 60"
READY = "while [ ! -s ready ]; do :; done"


@pytest.fixture(params=RUNGS)
def rung(request):
    return request.param


@pytest.fixture
def shell(home, unsynced, rung):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as opened:
        yield opened


@pytest.fixture
def limit(home, expire):
    """Seconds that are over once a command has made the file `limit`, however slow the machine
    is."""
    path = os.path.join(home.workspace, "limit")
    return expire(lambda: os.path.exists(path))


LIMIT = "echo > limit; sleep 600"


def alive(home) -> bool:
    """Whether the process that held the lock still does; its end takes a moment."""
    with open(os.path.join(home.workspace, "child")) as file:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                time.sleep(0.005)
    return True


SAID_BY_BASH = "bash: -c: line 2: syntax error: unexpected end of file", "Terminated"


@pytest.mark.parametrize(
    ("command", "text", "exit"),
    [
        ("echo hi", "hi", 0),
        ("true", "", 0),
        ("false", "", 1),
        ("exit 42", "", 42),
        ("nosuchcommand_x", "bash: line 1: nosuchcommand_x: command not found", 127),
        ("if", SAID_BY_BASH[0], 2),
        ("echo out; echo err >&2; echo out", "out\nerr\nout", 0),
        ("printf 'a\\n\\n'", "a\n", 0),
        ("cat; echo end", "end", 0),
        ("read x || echo nothing", "nothing", 0),
        ("kill -9 $$", "", 137),
        ("(kill -TERM $BASHPID) 2>/dev/null; exit $?", SAID_BY_BASH[1], 143),
        ("printf 'a\\0b\\377\\303'", "a\0b��", 0),
        ("printf 'ünï\\r\\033[1m'", "ünï\r\x1b[1m", 0),
        ("[ -t 0 ] || [ -t 1 ] || echo no terminal", "no terminal", 0),
        ("echo 'for a' | grep -q nope; echo ${PIPESTATUS[*]}", "0 1", 0),
    ],
)
def test_output_and_exit(shell, command, text, exit):
    done = shell.run(command, 20)
    if text in SAID_BY_BASH:  # bash 5.3 says which command it was
        assert done.text.startswith(text)
    else:
        assert done.text == text
    assert (done.exit, done.full) == (exit, "")


def test_the_model_is_told_how_it_ended(shell):
    assert shell.run("echo hi; exit 3", 20).for_model == "hi\n(exit 3)"
    assert shell.run("false", 20).for_model == "(exit 1)"
    assert shell.run("true", 20).for_model == ""
    assert "exit" not in shell.run("sleep 9", 0.3).for_model


def test_where_it_runs(shell, home, tmp_path, rung):
    assert shell.run("pwd", 20).text == home.workspace
    assert os.stat(home.workspace).st_mode & 0o777 == 0o700
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    with Shell(home, ROOT, str(elsewhere), ShellOptions(sandbox=rung)) as other:
        assert other.run("pwd; echo hi > file; cat file", 20).text == f"{elsewhere}\nhi"
    assert (elsewhere / "file").read_text() == "hi\n"


def test_the_rung_is_recorded(shell, rung):
    assert shell.run("true", 20).meta()["sandbox"] == rung


def test_the_time_limit(shell):
    done = shell.run("sleep 600", 0.3)
    assert done.exit is None and re.fullmatch(r"\(ended after \d+ s: the time limit\)", done.text)
    assert 0.3 <= done.seconds < PATIENCE


def test_output_is_read_however_late_we_look(shell, monkeypatch, look_away):
    monkeypatch.setattr(bash, "GRACE", 0.0)
    look_away(bash)
    done = shell.run("echo said", 500)
    assert (done.text, done.exit) == ("said", 0)


def test_the_time_limit_ends_the_whole_group(shell, home, limit):
    done = shell.run(f"({HOLD}) & {READY}; echo before; {LIMIT}; echo after", limit)
    assert done.exit is None and re.match(r"before\n\(ended after 1\d\d\d s", done.text)
    assert not alive(home)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("({hold}) &", id="background"),
        pytest.param("timeout 60 bash -c '{hold}' &", id="timeout"),
        pytest.param("set -m; bash -c '{hold}' &", id="job control"),
        pytest.param("nohup bash -c 'trap \"\" TERM HUP; {hold}' &", id="nohup"),
        pytest.param("setsid bash -c '{hold}' &", id="session"),
        pytest.param("setsid -f bash -c 'trap \"\" TERM HUP; {hold}';", id="daemon"),
        pytest.param("(setsid bash -c '({hold}) & exit' &);", id="twice forked"),
        pytest.param(
            "setsid bash -c 'exec > /dev/null 2>&1 < /dev/null; ({hold}) &';", id="silent daemon"
        ),
    ],
)
@pytest.mark.parametrize("way", ["by itself", "at the time limit"])
def test_nothing_is_left_behind(shell, home, limit, start, way):
    """Nor is a background process that holds the pipe waited for."""
    by_itself, started = way == "by itself", time.monotonic()
    command = f"{start.format(hold=HOLD)} {READY}; echo done"
    done = shell.run(command if by_itself else f"{command}; {LIMIT}", limit)
    assert done.text.startswith("done") and done.exit == (0 if by_itself else None)
    assert time.monotonic() - started < PATIENCE and not alive(home)


def test_timeout_in_the_foreground(shell, home, limit):
    """timeout(1) makes a group of its own."""
    holding = HOLD.replace("exec sleep", "echo > limit; exec sleep")
    done = shell.run(f"timeout 60 bash -c '{holding}'; true", limit)
    assert done.exit is None and not alive(home)


def test_a_command_that_closes_its_output(shell):
    """There is nothing more to read, but the limit still holds."""
    assert shell.run("exec >&- 2>&-; sleep 30", 0.3).exit is None
    assert shell.run("exec >&- 2>&-; sleep 0.1; exit 5", 20).exit == 5


def test_the_limit_has_a_limit(shell, monkeypatch):
    monkeypatch.setattr(bash, "LONGEST", 0.3)
    assert shell.run("sleep 30", 600).exit is None
    assert shell.run("sleep 30", -5).exit is None


def test_long_output(shell, home):
    done = shell.run("seq 1 20000", 20)
    whole = "".join(f"{n}\n" for n in range(1, 20001))
    assert len(done.text) < 2 * bash.SHOWN + 200
    head, middle, tail = (
        done.text[: bash.SHOWN],
        done.text[bash.SHOWN : -bash.SHOWN],
        done.text[-bash.SHOWN :],
    )
    assert whole.startswith(head) and whole.endswith(tail)
    assert f"{len(whole) - 2 * bash.SHOWN} bytes left out" in middle and done.full in middle
    assert done.full.startswith("work/logs/") and files.read(home.path(done.full)) == whole.encode()
    assert os.stat(home.path(done.full)).st_mode & 0o777 == 0o600
    assert done.meta()["full"] == done.full


def test_output_at_the_limit(shell, home):
    assert shell.run(f"head -c {2 * bash.SHOWN} /dev/zero | tr '\\0' x", 20).full == ""
    assert shell.run(f"head -c {2 * bash.SHOWN + 1} /dev/zero | tr '\\0' x", 20).full != ""
    done = shell.run("for i in $(seq 9000); do printf 'ä€'; done", 20)
    assert "�" not in done.text, "cut between characters"


def test_huge_output_is_bounded(shell, home, monkeypatch):
    monkeypatch.setattr(bash, "KEPT", 1024 * 1024)
    done = shell.run("yes abcdefg | head -c 3000000; echo the end", 20)
    assert done.exit == 0
    assert os.path.getsize(home.path(done.full)) <= bash.KEPT + 2 * bash.SHOWN
    assert done.text.startswith("abcdefg\n") and done.text.endswith("the end\n"), (
        "the tail is the real one"
    )
    assert "the whole is" not in done.text
    assert f"the first {bash.KEPT} bytes are in {done.full}" in done.text


def test_endless_output_ends_at_the_limit(shell, home, monkeypatch):
    monkeypatch.setattr(bash, "KEPT", 1024 * 1024)
    done = shell.run("yes", 0.5)
    assert done.exit is None and done.seconds < 10
    assert os.path.getsize(home.path(done.full)) <= bash.KEPT + 2 * bash.SHOWN


def test_the_environment_is_an_allow_list(world, model):
    os.makedirs(world.home.root)
    with open(world.home.path(".env"), "w") as file:
        file.write("CANARY_FILE=canary1\nGEMINI_API_KEY=canary2\n")
    model.then(calls(call("env; echo; set")), "Seen.")
    world.turn(
        "go", OPENAI_API_KEY="canary3", MIND_KEY="canary4", DISCORD_TOKEN="canary5",
        CANARY_PLAIN="canary6", BASH_ENV="/canary7", LD_LIBRARY_PATH="/canary8", PYTHONPATH="",
        TZ="Europe/Berlin", LANG="C.UTF-8",
    )  # fmt: skip
    seen = world.events()[1].content.split("\n\n")[0]
    assert "canary" not in world.events()[1].content
    names = {line.split("=")[0] for line in seen.split("\n")}
    own = "GIT_CONFIG_SYSTEM MIND_BROKER PATH MIND_HOME TERM PWD SHLVL _ OLDPWD".split()
    assert names <= {*bash.PASSED_ON, *own}
    assert {f"MIND_HOME={world.home.root}", "TZ=Europe/Berlin", "TERM=dumb"} <= {*seen.split("\n")}
    assert "canary" not in json.dumps(model.requests)


def test_the_suites_own_commands_work_inside(world, model):
    world.append("user", "The garage code is 1234.", context="discord-thread/9")
    model.then(calls(call("mem-recall --lexical garage code", id="a")), "1234.")
    world.turn("garage?")
    event = world.events()[1]
    assert "The garage code is 1234." in event.content and event.meta["exit"] == 0


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /", "rm -fr / ", "sudo rm -rf /*", "rm -r -f ~", "rm -rf ~/*; ls",
        "rm -Rf --no-preserve-root /", "rm -rf $HOME", 'cd /tmp && rm -rf "$HOME"', "rm -rf -- /",
        ":(){ :|:& };:", ": ( ) { : | : & } ; :", "mkfs.ext4 /dev/sda1", "mkfs /dev/x",
        "dd if=/dev/zero of=/dev/sda bs=1M", "cat x > /dev/nvme0n1",
    ],
)  # fmt: skip
def test_accidents_are_refused(shell, home, command):
    done = shell.run(command, 20)
    assert done.exit == 126 and done.text.startswith("refused: this ")
    assert not os.path.exists(home.workspace)


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf ./build", "rm -rf /tmp/x", "rm -rf ~/old", "rm file", "rm -f /x", "echo rm; ls /",
        "rm -r a b", "ls -r /", "dd if=/dev/zero of=disk.img", "echo mkfs", "cat x > /dev/null",
        "f(){ :; }; f", "rm -rf $HOME/x", "grep -r / .",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_not(command):
    assert bash.find_denial(command) == ""
