"""Three machines, one remote, and whatever people, agents, clocks and kill -9 do."""

import pytest
from scene import THOROUGH
from walking import Walk


@pytest.mark.parametrize("seed", range(4 if THOROUGH else 1))
def test_a_random_walk_ends_with_the_same_memory_everywhere(machines, seed):
    walk = Walk([machines(name) for name in ("alpha", "beta", "gamma")], seed)
    walk.go(500 if THOROUGH else 60)
    walk.settle()
    walk.check()
    walk.settle()  # nothing is left to say
    walk.check()
