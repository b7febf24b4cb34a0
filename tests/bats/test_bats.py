"""What a shell sees: each file of bats is run to its end."""

import glob
import os
import shlex
import subprocess

import forks
import pytest
from scene import ROOT

HERE = os.path.dirname(__file__)
FILES = sorted(glob.glob(os.path.join(HERE, "*.bats")))


@pytest.fixture(scope="session")
def forked(tmp_path_factory):
    """A folder for the PATH of a test, in which each command is forked."""
    folder, nursery = tmp_path_factory.mktemp("forked"), forks.nursery()
    words = shlex.join([forks.PYTHON, "-IS", os.path.join(HERE, "forked.py"), nursery.place])
    page = folder / "page"
    page.write_text(f'#!/bin/sh\nexec {words} "$0" "$@"\n')
    page.chmod(0o755)
    for name in os.listdir(os.path.join(ROOT, "bin")):
        (folder / name).symlink_to(page)
    return str(folder)


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_all_of(path, forked):
    ended = subprocess.run(
        [os.path.join(ROOT, ".venv", "bin", "bats"), "--tap", path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "NURSERY": forks.nursery().place, "FORKED": forked},
    )
    lines = ended.stdout.split("\n")
    assert ended.returncode == 0, "\n".join(line for line in lines if line[:3] != "ok ")
