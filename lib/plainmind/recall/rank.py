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

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from itertools import islice
from math import exp, inf, nextafter
from typing import NamedTuple, Protocol

from ..ground.clock import DAY

DECAY_DAYS = 14.0
FIRST_POOL = 48  # events looked at before the first widening
FIRST_BEST = 8  # of them, to find the most relevant one
FAINT = 0.1  # a relevance: what is left below it is looked for at once
AHEAD = 0.01  # of the score, by which is looked further down than must be
STEP = 0.1  # of the base, by which is looked further down while nothing is found


def recency(age_ms: int) -> float:
    """1 now, 1/e after two weeks; an event from the future counts as now."""
    return exp(-max(0, age_ms) / (DECAY_DAYS * DAY))


class Weights(NamedTuple):
    sim: float = 0.7
    recency: float = 0.2
    penalty: float = 0.1


class Limits(NamedTuple):
    """How many events, their relevance above which floor, whether pins need to exceed it (always or
    floor), and how the score weighs."""

    k: int
    floor: float
    pins: str = "always"
    weights: Weights = Weights()


class Field(Protocol):
    """Events that may be chosen, known approximately as far as they are looked for; exactly on
    request."""

    @property
    def upper(self) -> Mapping[int, float]:
        """Event -> no less than its relevance; in the order in which they became known."""

    @property
    def recency(self) -> Mapping[int, float]:
        """Of the same events, and of the pinned ones."""

    @property
    def beyond(self) -> Sequence[tuple[float, float]]:
        """Pairs of relevance and recency; each event that is not known yet and may exceed the floor
        has neither more nor a greater one of one pair."""

    def reach(self, level: Callable[[float], float]) -> None:
        """Get to know all that are at least as relevant as `level` of their recency. It never rises
        with it."""

    def may_exceed(self, event: int) -> bool:
        """Whether the relevance of an event that may be chosen may exceed the floor."""

    @property
    def pinned(self) -> Sequence[int]: ...

    def exact(self, events: Sequence[int]) -> Mapping[int, float]:
        """Relevance of these events."""

    def sim(self, relevance: float, best: float) -> float:
        """sim, in [0, 1], when the greatest relevance is `best`; it never falls with relevance."""

    def equals(self, event: int) -> Sequence[int]:
        """The events with this text, itself among them; the first that is eligible stands."""

    def repeats(self, event: int) -> int:
        """How many others have this text."""

    def pair(self, one: int, other: int) -> float:
        """Similarity of two events, in [0, 1]."""

    def order(self, event: int) -> tuple:
        """Sort key among equals: newest first, then by reference."""


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
    pool = _Pool(field, limits, first_pool or FIRST_POOL, first_pool or FIRST_BEST)
    return Picker(field, limits, pool).ranking(told)


class Picker:
    """Chooses one event after another."""

    def __init__(self, field: Field, limits: Limits, pool: "_Pool"):
        self.field, self.k, self.floor = field, limits.k, limits.floor
        self.weights, self.pool = limits.weights, pool
        self.picks: list[Pick] = []
        #: event -> its penalty, and how many of the picks that counts; it never falls
        self.penalty: dict[int, tuple[float, int]] = {}
        self.waiting: list[int] = []  # pins beyond their half of the places, by sim

    def ranking(self, told: bool) -> Ranking:
        self._take_pinned()
        if not self.picks:
            self._take_most_similar()
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
        pool.widen()
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
        winner = self._best(self._score) if pool.left else None
        bound = pool.bound
        if bound is not None and (winner is None or bound >= self._score(winner)):
            pool.widen(None if winner is None else self._score(winner) - AHEAD)
        elif winner is None:
            return False
        elif not self._penalise(self._equals_of(winner)):
            self._choose(winner, False)
        return True

    def _equals_of(self, winner: int) -> list[int]:
        score = self._score(winner)
        return [event for event in self.pool.left if self._score(event) == score]

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
            changed |= worst > before
        return changed


class _Pool:
    """The events taken so far, and a bound on all the others."""

    def __init__(self, field: Field, limits: Limits, first: int, first_best: int):
        self.field, self.floor = field, limits.floor
        self.first, self.first_best = first, first_best
        self.weights, self.k = limits.weights, limits.k
        self.always = set(field.pinned) if limits.pins == "always" else set()
        self.relevance: dict[int, float] = {}
        self.best = 0.0
        self._bases: dict[int, float] = {}
        self.left: set[int] = set()  # may be chosen
        self.below: set[int] = set()  # do not exceed the floor
        self.equal: set[int] = set()  # another one stands for them
        self.widened = -1
        self._outside: set[int] = set()  # known, and not taken
        self._known = 0  # of field.upper
        self._bound: float | None = None
        self._bound_of: tuple = ()
        self._spoken_for: set[int] = set()  # another one stands for them, and is taken
        self._look()

    def _look(self) -> None:
        """At what the field got to know."""
        upper = self.field.upper
        new = [*islice(upper, self._known, None)]
        self._known += len(new)
        self._outside.update(event for event in new if upper[event] > self.floor)
        self._outside -= self._spoken_for | self.relevance.keys()

    @property
    def bound(self) -> float | None:
        """No base outside the pool is greater; None when nothing is outside."""
        beyond = self.field.beyond
        limits = sum(limit for limit, _ in beyond)
        state = self._known, len(self._outside), len(self.relevance), len(beyond), limits
        if state != self._bound_of:
            bounds = [self._base(*pair) for pair in beyond]
            bounds += [base for base, _ in self._greatest(1)]
            self._bound, self._bound_of = max(bounds, default=None), state
        return self._bound

    def take(self, events: Sequence[int]) -> list[int]:
        """Events into the pool with their exact relevance; returns those that may be chosen."""
        new = [event for event in events if event not in self.relevance]
        if not new:
            return []
        self.relevance.update(self.field.exact(new))
        self._look()
        self._outside.difference_update(new)
        taken = []
        for event in new:
            if not self._is_eligible(event):
                self.below.add(event)
                continue
            for other in self.field.equals(event):
                if other == event:
                    self.left.add(event)
                    taken.append(event)
                    self._spoken_for.update(self.field.equals(event))
                    self._outside -= self._spoken_for
                    break
                if other not in self.relevance and self.field.may_exceed(other):
                    taken += self.take([other])
                if other in self.relevance and self._is_eligible(other):
                    self.equal.add(event)
                    break
        return taken

    def _is_eligible(self, event: int) -> bool:
        return self.relevance[event] > self.floor or event in self.always

    def base(self, event: int) -> float:
        """What the score would be without a penalty."""
        if event not in self._bases:
            self._bases[event] = self._base(self.relevance[event], self.field.recency[event])
        return self._bases[event]

    def _base(self, relevance: float, recency: float) -> float:
        return self.weights.sim * self._sim(relevance) + self.weights.recency * recency

    def _sim(self, relevance: float) -> float:
        return self.field.sim(min(relevance, self.best), self.best)

    def find_best(self) -> None:
        """Take events until no other can be the most relevant one of those that may be chosen."""
        upper = self.field.upper
        while True:
            self.best = max((self.relevance[event] for event in self.left), default=0.0)
            some = nlargest(self.first_best, ((upper[event], event) for event in self._outside))
            if some and some[0][0] >= self.best:
                self.take([event for _, event in some])
            elif self.field.beyond and max(self.field.beyond)[0] >= self.best:
                self._reach(self._next_level())
            else:
                break

    def _next_level(self) -> Callable[[float], float]:
        """Just below the best; while there is none, step by step."""
        half = min(1.0, max(self.field.beyond)[0]) / 2
        level = half if not self.left and half > FAINT else nextafter(self.best, -inf)
        return lambda recency: level

    def _reach(self, level: Callable[[float], float]) -> None:
        self.field.reach(level)
        self._look()

    def widen(self, least: float | None = None) -> list[int]:
        """Take the next events by their upper bound: as many as there are in the pool, of those
        whose base may be `least`, which is less than now by default."""
        self.widened += 1
        beyond = max((self._base(*pair) for pair in self.field.beyond), default=-inf)
        count = max(self.first, len(self.relevance))
        if least is None:
            bases = sorted(map(self.base, self.left), reverse=True)
            least = bases[self.k - 1] if len(bases) >= self.k else beyond - STEP
        if -inf < least <= beyond:
            self._reach(lambda recency: self._level(least, recency))
        order = self._greatest(count)
        some = sum(base >= least for base, _ in order)
        return self.take([event for _, event in order[: max(some, len(self.relevance) // 4, 1)]])

    def _level(self, base: float, recency: float) -> float:
        """The least relevance that has this base at this recency; none is enough: more than 1."""
        if self._base(inf, recency) < base:
            return inf
        low, high = self.floor, self.best
        if self._base(low, recency) >= base or low >= high:
            return low
        for _ in range(16):
            middle = (low + high) / 2
            if self._base(middle, recency) >= base:
                high = middle
            else:
                low = middle
        return low

    def _greatest(self, count: int) -> list[tuple[float, int]]:
        """The greatest bounds of the base outside, each with its event. Those that recency, which
        is at most 1, could not lift among them are not looked at."""
        upper, when = self.field.upper, self.field.recency
        outside = sorted(self._outside, key=upper.__getitem__, reverse=True)
        base = lambda event: (self._base(upper[event], when[event]), event)
        bases = list(map(base, outside[:count]))
        if len(bases) < len(outside):
            least, _ = min(bases)
            weigh = lambda event: -self.weights.sim * self._sim(upper[event])
            end = bisect_right(outside, self.weights.recency - least + 1e-9, count, key=weigh)
            bases += map(base, outside[count:end])
        return nlargest(count, bases)

    def take_above(self, relevance: float) -> None:
        """Take every event that could be as relevant."""
        if any(limit >= relevance for limit, _ in self.field.beyond):
            self._reach(lambda recency: relevance)
        self.take([event for event in self._outside if self.field.upper[event] >= relevance])
