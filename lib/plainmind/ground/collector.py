"""Python's collector of circular garbage, where much is made and nothing refers to itself."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: objects that are made before it looks at the young ones, instead of 700: a command makes as many
#: for its modules, and none of them is garbage
YOUNG = 50_000


def relax() -> None:
    """Have it look seldom: at what a hook had loaded, it looked for 4 ms."""
    gc.set_threshold(YOUNG)


@contextmanager
def paused() -> Iterator[None]:
    """To look at everything again and again would take a twentieth to a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
