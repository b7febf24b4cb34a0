"""A command that is forked (tests/bats/forked.py) is to a shell what the command is."""

import os
import subprocess

import pytest
from scene import ROOT, TIME


@pytest.mark.parametrize(
    "line",
    [
        "mem-show nonsense",
        "mem-show --nope",
        "printf 'caf\\351' | mem-append --context a/b --role user --author \"$(printf '\\351')\"",
        "mem-show --json $(printf x | mem-append --context a/b --role user) >&-",
        "TZ=Asia/Tokyo remind-add --dry-run --in 1h x | cut -d ' ' -f 4-5",
        "agent-turn --model \"command:sh -c 'kill -9 \\$PPID'\" x",
    ],
)
def test_a_forked_command_is_the_command(line, forked, tmp_path):
    ended = []
    for front in ("", f"{forked['FORKED']}:"):
        room = tmp_path / str(len(ended))
        room.mkdir()
        path = f"{front}{ROOT}/bin:{os.environ['PATH']}"
        env = {"PATH": path, "MIND_HOME": f"{room}/home", "MIND_NOW": TIME}
        done = subprocess.run(["sh", "-c", line], cwd=room, env=env, capture_output=True)
        files = [p.read_bytes() for p in sorted(room.rglob("*.md"))]
        said = done.stderr.replace(str(room).encode(), b"ROOM")
        ended.append((done.returncode, done.stdout, said, files))
    assert ended[0] == ended[1]
    assert any(ended[0][:3]), "nothing is compared"


def test_it_is_forked(forked, tmp_path):
    """The model's parent is the page, or the nursery's."""
    model = tmp_path / "model"
    model.write_text("""#!/bin/sh\nprintf '{"text":"%s"}' "$(ps -o args= -p $PPID)"\n""")
    model.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "MIND_HOME": str(tmp_path / "home")}
    for folder, parent in (
        (f"{ROOT}/bin", f"{ROOT}/bin/agent-turn"),
        (forked["FORKED"], "forks.py"),
    ):
        line = [f"{folder}/agent-turn", "--model", f"command:{model}", "hello"]
        assert parent in subprocess.run(line, env=env, capture_output=True, text=True).stdout
