"""Two at one file in one process, in an order that is chosen, not waited for.

Ours is an ordinary call. Before each step in which it asks the system something of a file, the
other takes as many steps of its own as the order says. Owns the steps, and the walk through all
orders. Refuses to know what the two do."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from plainmind.ground import clock, exchange

#: functions that only look at folders, which no one changes here
PATHS = {"isdir", "_joinrealpath", "open_below", "open_lock", "sync_path"}
STEPS = {"open", "read", "stat", "rename", "link", "unlink", "listdir"}

#: how many steps the other takes now, of those it has left
Order = Callable[[int], int]


class Other:
    """Whoever works beside us: `steps` yields True from where it has read the file or opened it to
    where it has saved."""

    def __init__(self, steps: Iterator[bool], count: int):
        self.steps, self.left, self.holds = steps, count, False

    def go_on(self, count: int) -> None:
        look = sys.getprofile()
        sys.setprofile(None)  # its own steps are not broken up
        for _ in range(count):
            self.left -= 1
            self.holds = next(self.steps)
        sys.setprofile(look)

    def settle(self, seconds: float) -> None:
        """What a program that has read a file has time for: it saves."""
        while seconds >= exchange.SETTLING and self.holds:
            self.go_on(1)


def run(ours: Callable[[], object], other: Other, order: Order, monkeypatch) -> None:
    """Ours with the other beside it, then what the other has left."""
    with monkeypatch.context() as patch, _before_each_step(lambda: other.go_on(order(other.left))):
        patch.setattr(clock, "sleep", other.settle)
        ours()
    other.go_on(other.left)


@contextmanager
def _before_each_step(act: Callable[[], None]) -> Iterator[None]:
    def look(frame, event: str, given) -> None:
        function = frame.f_code
        # what ctypes calls is seen only by who calls it
        if event == "call" and function is exchange.swap.__code__ or event == "c_call" and (
            given.__name__ in STEPS and function.co_name not in PATHS
        ):  # fmt: skip
            act()

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


def every_order() -> Iterator[Order]:
    """All orders, each once: what is not decided yet is decided as
    "ours goes on", and the last decision that could be another is the next to be changed. The
    caller runs each order before it asks for the next."""
    decided: list[tuple[int, int]] = []  # what was chosen, of how many
    while True:
        at = 0

        def order(left: int) -> int:
            nonlocal at
            if at == len(decided):
                decided.append((0, left))
            chosen = decided[at][0]
            at += 1
            return chosen

        yield order
        del decided[at:]
        while decided and decided[-1][0] == decided[-1][1]:
            decided.pop()
        if not decided:
            return
        decided[-1] = (decided[-1][0] + 1, decided[-1][1])


def drawn(places: list[int]) -> Order:
    """The order in which the other takes its n-th step before our `places[n]`-th."""
    count = -1

    def order(left: int) -> int:
        nonlocal count
        count += 1
        return min(left, places.count(count))

    return order
