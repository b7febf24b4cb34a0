"""What a shell sees: each file of bats is run to its end."""

import glob
import os
import subprocess

import pytest
from scene import ROOT

FILES = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "*.bats")))


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_all_of(path, forked):
    ended = subprocess.run(
        [os.path.join(ROOT, ".venv", "bin", "bats"), "--tap", path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **forked},
    )
    lines = ended.stdout.split("\n")
    assert ended.returncode == 0, "\n".join(line for line in lines if line[:3] != "ok ")
