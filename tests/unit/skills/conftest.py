"""The scripts of skills, run as processes: forked, but through links and from elsewhere."""

import os
import subprocess
from typing import NamedTuple

import forks
import pytest
from scene import TIME
from skill_files import SKILLS


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def script(home):
    """Run a skill's script (or another program) to its end, in a bare environment."""

    def run(
        name: str, *arguments: str, cwd: str | None = None, stdin: bytes = b"", **env: str
    ) -> Ended:
        path = name if os.path.isabs(name) or name.startswith(".") else os.path.join(SKILLS, name)
        bare = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME, "LC_ALL": "C"}
        if path.startswith(SKILLS):
            forked = forks.run([path, *arguments], {**bare, **env}, stdin, cwd or ".")
            ended = subprocess.CompletedProcess([path], *forked)
        else:
            ended = subprocess.run(
                [path, *arguments],
                input=stdin,
                capture_output=True,
                cwd=cwd,
                env={**bare, **env},
                timeout=60,
            )
        said = ended.stderr.decode("utf-8", "replace")
        assert "Traceback" not in said and "internal error" not in said, said
        return Ended(ended.returncode, ended.stdout.decode("utf-8", "replace"), said)

    return run
