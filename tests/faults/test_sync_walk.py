"""Three machines, one remote, and whatever people, agents, clocks and kill -9 do.

`make faults` walks 2,000 steps, `make test` a few."""

import shutil
import subprocess

import pytest
from scene import THOROUGH
from sharing import make_machines
from sync_walk import Walk

pytestmark = pytest.mark.usefixtures("unsynced")


STEPS = 2000 if THOROUGH else 40


@pytest.mark.parametrize("seed", range(2 if THOROUGH else 1))
def test_a_random_walk_ends_with_the_same_memory_everywhere(tmp_path, seed, monkeypatch):
    monkeypatch.setenv("MIND_BACKOFF", "0")
    remote = str(tmp_path / "remote.git")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", remote], check=True)
    make = make_machines(str(tmp_path), remote)
    walk = Walk([make(name) for name in ("alpha", "beta", "gamma")], seed)
    walk.go(STEPS)
    walk.settle()
    walk.check()
    walk.settle()  # nothing is left to say
    walk.check()
    if THOROUGH:  # the walk was one: its deaths hit, its pages met
        assert walk.died > 40 and walk.forgotten and walk.conflicts > 20


def test_a_merge_that_drops_a_line_is_noticed(tmp_path, monkeypatch):
    """The check can fail."""
    from plainmind.formats.merging import Merged, lines

    monkeypatch.setenv("MIND_BACKOFF", "0")
    remote = str(tmp_path / "remote.git")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", remote], check=True)
    make = make_machines(str(tmp_path), remote)
    walk = Walk([make(name) for name in ("alpha", "beta")], 1)
    monkeypatch.setattr(lines, "merge_text", lambda base, ours, theirs, **_: Merged(theirs))
    for one in walk.machines:
        walk.remind(one)
    walk.settle()
    with pytest.raises(AssertionError):
        walk.check()
    shutil.rmtree(tmp_path / "alpha")
