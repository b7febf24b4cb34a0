"""`make demo` is the first thing that somebody runs: it ends well, and its answers are right.

The embedded models are the real ones, so it takes most of a minute.
"""

import os
import subprocess

import pytest
from scene import ROOT


@pytest.mark.slow
def test_demo(tmp_path):
    run = os.path.join(ROOT, "bench", "demo", "run.sh")
    home = str(tmp_path / "a home")
    done = subprocess.run(
        ["sh", run], env={**os.environ, "DEMO_HOME": home}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # what each command printed, by the command
    printed = [part.partition("\n") for part in done.stdout.split("\n$ ")]
    answers = [said for command, _, said in printed if command.startswith("agent-turn")]
    assert "60 days" in answers[0]
    assert "fern" in answers[2]
    recalled = [said.split("\n")[0] for command, _, said in printed if "contraption" in command]
    assert len(recalled) == 2  # before the index is made again, and after
    assert recalled[0] == recalled[1]
    assert "a mailbox" in recalled[0]
    assert "the logs are what was written" in done.stdout
    assert "the pages are as they should be" in done.stdout
