"""Pinned first, then maximal marginal relevance over every stored event. Pure.

score = 0.7 sim + 0.2 recency - 0.1 max over the chosen of pair similarity; recency = exp(-age in
days / 14). The weights are those of recall.weights; sim is made of an event's relevance and of the
greatest relevance of any event that may be chosen (recall.relevance), and the floor is one of
relevance.

Events with equal texts count once: one of them stands, and has the number of the others. A pin is
eligible whatever its relevance, unless `pins` is 'floor'. Pins have at most half of the places
while others want them; of an odd number, the middle one is a pin's that exceeds the floor and whose
relevance no other event exceeds: what lifts a pin over the floor may be its neighbours alone.

The result equals scoring all events in every step. First events are taken by an upper bound of
their relevance, until no other can have the greatest. An event's score never exceeds its base, 0.7
sim + 0.2 recency, so then they are taken by an upper bound of the base, best first, and the pool is
widened until no event left out could still win or tie. A field gets to know events as far down as
that takes. Whether an event stands for its equals is
known as soon as it is taken: those that would stand before it are taken with it, and the others
never are.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from math import exp
from typing import NamedTuple

from ..ground.clock import DAY
from .pool import Field, Pool
from .pool import Limits as Limits
from .pool import Weights as Weights

DECAY_DAYS = 14.0
FIRST_POOL = 48  # events looked at before the first widening
FIRST_BEST = 8  # of them, to find the most relevant one
AHEAD = 0.02  # of the score, by which is looked further down than must be


def recency(age_ms: int) -> float:
    """1 now, 1/e after two weeks; an event from the future counts as now."""
    return exp(-max(0, age_ms) / (DECAY_DAYS * DAY))


class Pick(NamedTuple):
    event: int
    score: float
    sim: float
    recency: float
    penalty: float
    pinned: bool
    repeats: int
    relevance: float


class Ranking(NamedTuple):
    picks: list[Pick]
    #: the greatest relevance of an event that may be chosen
    best: float
    #: events of the pool that were not chosen, best first, with their last penalty, and why
    dropped: list[tuple[Pick, str]]
    pool: int
    widened: int


def rank(field: Field, limits: Limits, first_pool: int = 0, *, told: bool = True) -> Ranking:
    """The k best eligible events, in order; those that were not chosen only when `told`."""
    pool = Pool(field, limits, first_pool or FIRST_POOL, first_pool or FIRST_BEST)
    return Picker(field, limits, pool).ranking(told)


class Picker:
    """Chooses one event after another."""

    def __init__(self, field: Field, limits: Limits, pool: Pool):
        self.field, self.k, self.floor = field, limits.k, limits.floor
        self.weights, self.pool = limits.weights, pool
        self.picks: list[Pick] = []
        #: event -> its penalty, and how many of the picks that counts; it never falls
        self.penalty: dict[int, tuple[float, int]] = {}
        self.waiting: list[int] = []  # pins beyond their half of the places, by sim
        #: what may be chosen, greatest score first; some with the score that they had before
        self._queue: list[tuple[float, int]] = []

    def ranking(self, told: bool) -> Ranking:
        self._take_pinned()
        if not self.picks:
            self._take_most_similar()
        if self.picks:
            self.pool.discount(self.picks[0].event)
        self.pool.widen()
        while len(self.picks) < self.k and self._take_next():
            pass
        for event in self.waiting[: self.k - len(self.picks)]:
            self._choose(event, True)
        pool = self.pool
        reasons = dict.fromkeys(pool.below, "floor") | dict.fromkeys(pool.equal, "duplicate")
        left = set(pool.relevance) - {pick.event for pick in self.picks} if told else set()
        self._penalise(event for event in left if event not in reasons)
        others = sorted(left, key=lambda event: (-self._score(event), event))
        dropped = [(self._pick(event, False), reasons.get(event, "beyond k")) for event in others]
        return Ranking(self.picks, pool.best, dropped, len(pool.relevance), pool.widened)

    def _take_pinned(self) -> None:
        pool, order = self.pool, self.field.order
        pool.take(self.field.pinned)
        pinned = [event for event in self.field.pinned if event in pool.left]
        pool.find_best()
        for place, event in enumerate(sorted(pinned, key=lambda e: (-pool.relevance[e], order(e)))):
            if place < self.k // 2 or place == self.k // 2 < self.k / 2 and self._leads(event):
                self._choose(event, True)
            else:
                pool.left.discard(event)
                self.waiting.append(event)

    def _leads(self, pin: int) -> bool:
        """Whether a pin exceeds the floor, and no event that is none is more relevant."""
        pool, pins, relevance = self.pool, set(self.field.pinned), self.pool.relevance[pin]
        others = lambda: any(pool.relevance[event] > relevance for event in pool.left - pins)
        if relevance <= self.floor or others():
            return False
        pool.take_above(relevance)
        return not others()

    def _take_most_similar(self) -> None:
        pool = self.pool
        while not pool.left and pool.bound is not None:
            pool.widen()  # what was taken so far does not exceed the floor after all
        if pool.left:
            pool.take_above(max(pool.relevance[event] for event in pool.left))
            self._choose(self._best(pool.relevance.__getitem__), False)

    def _take_next(self) -> bool:
        """Choose the event with the greatest score, or widen the pool, or look closer at an event
        whose penalty may be greater by now; False when none is left."""
        pool = self.pool
        equals = self._leaders()
        winner = min(equals, key=self.field.order) if len(equals) > 1 else next(iter(equals), None)
        bound = pool.bound
        if bound is not None and (winner is None or bound >= self._score(winner)):
            pool.widen(None if winner is None else self._score(winner) - AHEAD)
        elif winner is None:
            return False
        elif not self._penalise(equals):
            self._choose(winner, False)
        return True

    def _leaders(self) -> list[int]:
        """The events with the greatest score."""
        left, queue = self.pool.left, self._queue
        for event in self.pool.fresh:
            heappush(queue, (-self._score(event), event))
        self.pool.fresh.clear()
        best, equals = 0.0, list[int]()
        while queue and (not equals or queue[0][0] == best):
            score, event = heappop(queue)
            is_current = event in left and score == -self._score(event)
            if is_current and event not in equals:
                equals.append(event)
                best = score
        for event in equals:
            heappush(queue, (best, event))
        return equals

    def _best(self, value: Callable[[int], float]) -> int:
        values = {event: value(event) for event in self.pool.left}
        most = max(values.values())
        equals = [event for event, value in values.items() if value == most]
        return equals[0] if len(equals) == 1 else min(equals, key=self.field.order)

    def _score(self, event: int) -> float:
        penalty, _ = self.penalty.get(event, (0.0, 0))
        return self.pool.base(event) - self.weights.penalty * penalty

    def _pick(self, event: int, pinned: bool) -> Pick:
        relevance, (penalty, _) = self.pool.relevance[event], self.penalty.get(event, (0.0, 0))
        sim = self.field.sim(relevance, self.pool.best)
        numbers = self._score(event), sim, self.field.recency[event], penalty
        return Pick(event, *numbers, pinned, self.field.repeats(event), relevance)

    def _choose(self, event: int, pinned: bool) -> None:
        self._penalise([event])
        self.picks.append(self._pick(event, pinned))
        self.pool.left.discard(event)

    def _penalise(self, events: Iterable[int]) -> bool:
        """What events have in common with the chosen ones counts against them; whether that changed
        the penalty of one. Only those that may win are compared: pairs are what takes time."""
        changed = False
        for event in events:
            before, counted = self.penalty.get(event, (0.0, 0))
            worst = before
            for pick in self.picks[counted:]:
                worst = max(worst, self.field.pair(event, pick.event))
            self.penalty[event] = worst, len(self.picks)
            if worst > before:
                changed = True
                if event in self.pool.left:
                    heappush(self._queue, (-self._score(event), event))
        return changed
