"""Pinned first, then maximal marginal relevance over every stored turn. Pure.

score = 0.7 sim + 0.2 recency - 0.1 max over the chosen of pair similarity; recency = exp(-age in days / 14).

The result equals scoring all turns in every step. A turn's score never exceeds its base, 0.7 sim +
0.2 recency, so turns are taken by an upper bound of the base, best first, and the pool is widened until no
turn left out could still win or tie.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from math import exp
from typing import NamedTuple, Protocol

from ..ground.clock import DAY

SIM, RECENCY, PENALTY = 0.7, 0.2, 0.1
DECAY_DAYS = 14.0
FIRST_POOL = 48  # turns looked at before the first widening


def recency(age_ms: int) -> float:
    """1 now, 1/e after two weeks; a turn from the future counts as now."""
    return exp(-max(0, age_ms) / (DECAY_DAYS * DAY))


class Field(Protocol):
    """Every turn that may be chosen, known approximately; exactly on request."""

    @property
    def upper(self) -> Mapping[int, float]:
        """Turn -> no less than its sim."""
        ...

    @property
    def recency(self) -> Mapping[int, float]: ...

    @property
    def pinned(self) -> Sequence[int]: ...

    def exact(self, turns: Sequence[int]) -> Mapping[int, float]:
        """sim of these turns."""
        ...

    def pair(self, one: int, other: int) -> float:
        """Similarity of two turns, in [0, 1]."""
        ...

    def order(self, turn: int) -> tuple:
        """Sort key among equals: newest first, then by reference."""
        ...


class Pick(NamedTuple):
    turn: int
    score: float
    sim: float
    recency: float
    penalty: float
    pinned: bool


class Ranking(NamedTuple):
    picks: list[Pick]
    considered: list[
        Pick
    ]  # turns of the pool that were not chosen, best first, with their last penalty
    pool: int
    widened: int


def rank(field: Field, k: int, floor: float, first_pool: int = 0) -> Ranking:
    """The k best turns whose sim exceeds the floor, in order."""
    pool = _Pool(field, floor, first_pool or FIRST_POOL)
    picks: list[Pick] = []
    penalty: dict[int, float] = {}

    def penalise(turns: Sequence[int], chosen: Sequence[int]) -> None:
        for turn in turns:
            worst = penalty.get(turn, 0.0)
            for other in chosen:
                worst = max(worst, field.pair(turn, other))
            penalty[turn] = worst

    def choose(turn: int, score: float, pinned: bool) -> None:
        picks.append(
            Pick(turn, score, pool.sim[turn], field.recency[turn], penalty.get(turn, 0.0), pinned)
        )
        pool.left.discard(turn)
        penalise(list(pool.left), [turn])

    def best(of: Iterable[int], value: Callable[[int], float]) -> int:
        values = {turn: value(turn) for turn in of}
        most = max(values.values())
        equals = [turn for turn, value in values.items() if value == most]
        return equals[0] if len(equals) == 1 else min(equals, key=field.order)

    def score(turn: int) -> float:
        return (
            SIM * pool.sim[turn] + RECENCY * field.recency[turn] - PENALTY * penalty.get(turn, 0.0)
        )

    pool.take(field.pinned)
    pins = [turn for turn in field.pinned if turn in pool.left]
    pool.widen()
    for turn in sorted(pins, key=lambda t: (-pool.sim[t], field.order(t)))[:k]:
        penalise([turn], [pick.turn for pick in picks])
        choose(turn, score(turn), True)
    while not picks and not pool.left and pool.bound is not None:
        pool.widen()  # what was taken so far does not exceed the floor after all
    if not picks and pool.left:
        pool.complete_sim()
        first = best(pool.left, pool.sim.__getitem__)
        choose(first, score(first), False)
    while len(picks) < k:
        winner = best(pool.left, score) if pool.left else None
        if pool.bound is not None and (winner is None or pool.bound >= score(winner)):
            penalise(pool.widen(), [pick.turn for pick in picks])
            continue
        if winner is None:
            break
        choose(winner, score(winner), False)
    rest = [
        Pick(turn, score(turn), pool.sim[turn], field.recency[turn], penalty.get(turn, 0.0), False)
        for turn in sorted(pool.left | pool.below, key=lambda t: (-score(t), t))
    ]
    return Ranking(picks, rest, len(pool.sim), pool.widened)


class _Pool:
    """The turns taken so far, and a bound on all the others."""

    def __init__(self, field: Field, floor: float, first: int):
        self.field, self.floor, self.first = field, floor, first
        self.sim: dict[int, float] = {}
        self.left: set[int] = set()  # may be chosen
        self.below: set[int] = set()  # do not exceed the floor
        self.bound: float | None = (
            None  # no base outside the pool is greater; None when nothing is outside
        )
        self.widened = -1
        self._outside = {turn for turn, upper in field.upper.items() if upper > floor}

    def take(self, turns: Sequence[int]) -> list[int]:
        """Turns into the pool with their exact sim; returns those that may be chosen."""
        new = [turn for turn in turns if turn not in self.sim]
        exact = self.field.exact(new)
        taken = []
        for turn in new:
            self.sim[turn] = exact[turn]
            self._outside.discard(turn)
            if exact[turn] > self.floor:
                self.left.add(turn)
                taken.append(turn)
            else:
                self.below.add(turn)
        return taken

    def widen(self) -> list[int]:
        """Take the next turns by their upper bound: as many as there are in the pool."""
        self.widened += 1
        count = max(self.first, len(self.sim))
        upper, recency = self.field.upper, self.field.recency
        order = nlargest(
            count + 1, ((SIM * upper[t] + RECENCY * recency[t], t) for t in self._outside)
        )
        taken = self.take([turn for _, turn in order[:count]])
        self.bound = order[count][0] if len(order) > count else None
        return taken

    def complete_sim(self) -> None:
        """Take every turn that could have the greatest sim of all."""
        top = max(self.sim[turn] for turn in self.left)
        self.take([turn for turn in self._outside if self.field.upper[turn] >= top])
