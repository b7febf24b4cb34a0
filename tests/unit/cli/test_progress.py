"""Long work shows how far it is, on a terminal and nowhere else."""

import os
import pty
import subprocess
import sys

import pytest
from plainmind.ground import files
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory, care, embedding
from plainmind.truth.log import verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT

SCRIPT = f"""
import sys
sys.path.insert(0, {ROOT + "/lib"!r})
sys.argv[0] = "mem-try"
import click
from plainmind import cli
from plainmind.ground import clock, stream

@cli.command("NAME\\n  mem-try - try\\n\\nFILES\\n  x   y\\n")
def main(session):
    times = iter([0.0, 0.5, 1.5, 1.6, 1.7])
    clock.monotonic = lambda: next(times)
    step = session.progress("counting")
    for done in (1, 2, 3):
        step(done, 4)
        stream.write(f"<{{done}}>", at_once=True)
    session.say("half way")
    END
cli.run(main)
"""


def on_a_terminal(home, end, *arguments, err=None):
    """What a command prints on a terminal, or on standard error elsewhere."""
    ours, theirs = pty.openpty()
    ended = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("END", end), *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs if err is None else err,
        env={"PATH": os.environ["PATH"], "MIND_HOME": str(home), "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how Linux ends a terminal
        pass
    os.close(ours)
    ended.wait()
    return shown.decode()


def test_a_bar_after_a_second_and_the_end_of_its_line_before_anything_else(tmp_path):
    shown = on_a_terminal(tmp_path, "step(4, 4)")
    first, rest = shown.split("<1>")
    assert first == "" and "counting" in rest.partition("<2>")[2] + rest.partition("<2>")[0]
    assert "2/4" in shown and "3/4" in shown
    bar, said = rest.split("mem-try: half way")
    assert bar.replace("\x1b[?25h", "").endswith("\n")
    for end in ("pass", "raise click.Abort"):
        assert on_a_terminal(tmp_path, end).replace("\x1b[?25h", "").endswith("\n")


def test_nothing_elsewhere(tmp_path):
    assert "counting" not in on_a_terminal(tmp_path, "pass", "--quiet")
    with open(tmp_path / "err", "w+b") as err:
        assert "counting" not in on_a_terminal(tmp_path, "pass", err=err)
        err.seek(0)
        assert err.read() == b"mem-try: half way\n"


@pytest.fixture
def memory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "sync", lambda fd: None)
    home = Home(str(tmp_path))
    for number in range(3):
        Log(home).append(f"a/{number}", [EventDraft(NOW, "user", f"tea {number}", {})], NOW)
    told = []
    progress = lambda label: lambda done, of: told.append((label, done, of))
    settings = Settings("", "", {"MIND_EMBED_MODEL": "embedded"}.get)
    made = Memory(home, Environment(), settings, lambda: NOW, print, progress=progress)
    return made, told


#: work -> what it is called; the last of them is done
WORKS = {
    "taking in": care.state,
    "rebuilding": care.rebuild,
    "verifying": care.verify,
    "embedding": lambda m: embedding.embed(m, embedding.EmbedOptions(), None),
}


@pytest.mark.parametrize("label", WORKS)
def test_what_takes_long_tells_how_far_it_is(memory, label):
    made, told = memory
    WORKS[label](made)
    assert [done for name, done, of in told if name == label][-1:] == [3]
    assert {of for name, done, of in told if name == label} == {3}


def test_verifying_the_logs_does(memory):
    made, told = memory
    list(verify.verify_windows(made.home, [], b"", made.progress("verifying")))
    assert told == [("verifying", done, 3) for done in (1, 2, 3)]
