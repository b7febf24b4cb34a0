"""The agent's turn and sudden death: of the turn, of its sandbox, and by Ctrl-C.

One message, one answer, and no command runs again after its result was logged. What was struck
between running and being logged runs twice at most, and nothing that a turn started outlives it.
"""

import os
import signal
import time
from itertools import pairwise
from random import Random

import kill
import pytest
import turns
from plainmind.agent.sandbox import rungs
from rungs import RUNGS
from scene import PATIENCE
from traced import needs_strace

pytestmark = needs_strace

BEST = rungs.choose("auto").rung
GRID = list(dict.fromkeys(["none", BEST]))


@pytest.fixture
def folder(tmp_path) -> str:
    turns.template(str(tmp_path))
    return str(tmp_path)


@pytest.mark.parametrize("rung", GRID)
def test_a_turn_that_dies_wherever_it_changes_something(folder, rung):
    """On a second rung only where a command starts, runs or is told of: the disk knows no
    sandbox."""
    deaths = turns.telling(os.path.join(folder, "whole", "home"), turns.points(folder, rung))
    if rung != GRID[0]:
        deaths = [death for death in deaths if death.name in ("write", "close", *turns.STARTS)]
    assert len(deaths) > 15, "there was nothing to kill"
    assert turns.struck(folder, rung, [[death] for death in kill.sample(deaths)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("rung", GRID)
def test_a_turn_that_dies_at_any_call(folder, rung):
    deaths = turns.points(folder, rung)
    assert len(deaths) > 500
    assert turns.struck(folder, rung, [[death] for death in deaths]) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_turn_that_dies_and_whose_next_dies_too(folder, seed):
    """Somewhere, and then somewhere in what was left of it."""
    draw, whole = Random(seed), os.path.join(folder, "whole", "home")
    first = draw.choice(turns.telling(whole, turns.points(folder, BEST))[:-4])
    second = draw.choice(turns.telling(whole, turns.points(folder, BEST, [first])))
    assert turns.struck(folder, BEST, [[first, second]]) == []


@pytest.mark.parametrize(
    "sabotage, again, said",
    [
        ("unlogged", "", "the model was shown what is not logged"),
        ("", "anew", "ran again after its result was logged"),
    ],
)
def test_a_broken_promise_is_noticed(folder, sabotage, again, said):
    """The controls: results that are logged late, and a turn that begins again. They die when the
    third command is to start."""
    third = [call for call in turns.points(folder, "none") if call.name in turns.STARTS][-1]
    wrong = turns.struck(folder, "none", [[third]], sabotage, again)
    assert len(wrong) == 1 and said in wrong[0], wrong


@pytest.mark.parametrize("rung", RUNGS)
def test_death_right_after_a_command_was_started(folder, rung):
    """Its sandbox is not set up yet, and must see by itself that nobody waits for it."""
    calls = turns.points(folder, rung)
    second = [call for before, call in pairwise(calls) if before.name in turns.STARTS][-2]
    with turns.world(
        os.path.join(folder, "template"), os.path.join(folder, "place"), rung, turns.WAITING
    ) as world:
        run = world.run(second, "steadily")
        assert [call.name for call in run.calls[-2:]][0] in turns.STARTS, "it died elsewhere"
        world.wait_no_more()
        world.run()


@pytest.mark.parametrize("rung", RUNGS)
def test_death_in_the_middle_of_a_command(folder, rung):
    with turns.world(
        os.path.join(folder, "template"), os.path.join(folder, "place"), rung, turns.WAITING
    ) as world:
        process = world.start()
        world.until_waiting(process)
        assert turns.living(world.place), "the test finds no process"
        process.kill()
        process.communicate()
        begun = time.monotonic()
        world.check(ended=False)
        assert time.monotonic() - begun < PATIENCE
        world.run()
        assert world.ran == {"c1": 1, "c2": 2, "c3": 1}, "it had run, and nobody knew"


@pytest.mark.parametrize("rung", RUNGS)
def test_death_of_the_sandbox(folder, rung, command):
    """The command is over, with all it started; the turn is not."""
    with turns.world(
        os.path.join(folder, "template"), os.path.join(folder, "place"), rung, turns.WAITING
    ) as world:
        process = world.start()
        world.until_waiting(process)
        os.kill(turns.launcher(process.pid), signal.SIGKILL)
        out, err = process.communicate(timeout=30)
        world.check(ended=True)
        assert (process.returncode, out.decode(), err) == (0, f"{world.answer()}\n", b"")
        assert world.ran == {"c1": 1, "c2": 1, "c3": 1}
        exits = [event.meta["exit"] for event in world.events() if event.role == "tool"]
        assert exits[0] == exits[2] == 0 and exits[1] in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert command("mem-lint", "--logs", home=world.home) == b""


@pytest.mark.parametrize("rung", RUNGS)
def test_ctrl_c_in_the_middle_of_a_command(folder, rung, command):
    """What it did stays done and is logged, and the same message goes on from there."""
    with turns.world(
        os.path.join(folder, "template"), os.path.join(folder, "place"), rung, turns.WAITING
    ) as world:
        process = world.start()
        world.until_waiting(process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (130, b"", b"\n"), (
            "the terminal shows ^C, and goes on in a new line"
        )
        world.check(ended=False)
        tool, notice = world.events()[-2:]
        assert (tool.role, tool.meta["call"], tool.meta["exit"]) == (
            "tool",
            "c2",
            None,
        ) and "interrupted" in tool.content
        assert (notice.role, notice.content) == ("system", "the user interrupted the turn")
        world.run()
        assert world.ran == {"c1": 1, "c2": 1, "c3": 1}
    assert command("mem-lint", "--logs", home=world.home) == b""
