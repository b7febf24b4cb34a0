"""What is measured as a home grows: every command, or where else it is."""

import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMANDS = set(os.listdir(os.path.join(ROOT, "bin")))


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.syspath_prepend(os.path.join(ROOT, "bench"))
    import steps

    yield steps
    for name in ("steps", "speed", "growth"):
        sys.modules.pop(name, None)


def test_every_command_has_a_step(steps):
    tables = (steps.of_turns(), steps.that_may_grow(), steps.of_pages())
    named = {os.path.basename(one.command[0]) for table in tables for one in table.values()}
    assert named | steps.NOT_HERE.keys() == COMMANDS
    assert not named & steps.NOT_HERE.keys()
