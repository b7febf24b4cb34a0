"""What a ranking chooses from: the events that it has looked at exactly, and a bound on all the
others. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush, nlargest
from itertools import islice
from math import inf, nextafter
from typing import NamedTuple, Protocol

FAINT = 0.1  # a relevance: what is left below it is looked for at once
STEP = 0.1  # of the base, by which is looked further down while nothing is found
COMPARED = 32  # events that are compared with the first chosen one at a time


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

    def discount(self, event: int, weights: Weights) -> bool:
        """This one was chosen first. If true, from now on what `beyond`, `reach` and `ceiling` tell
        is relevance less what an event's penalty for it takes from its score, over
        `weights.sim`."""

    def ceiling(self, event: int) -> float:
        """No less than that, of an event that is known."""

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

    def likeness(self, events: Sequence[int], chosen: int) -> Sequence[float]:
        """Of each of these events: `pair` with one, or less where that takes longer to know than
        the event's relevance."""

    def order(self, event: int) -> tuple:
        """Sort key among equals: newest first, then by reference."""


class Pool:
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
        self.fresh: list[int] = []  # of these, the last that came
        self.below: set[int] = set()  # do not exceed the floor
        self.equal: set[int] = set()  # another one stands for them
        self.widened = -1
        self._is_discounted = False
        self._outside: set[int] = set()  # known, and not taken
        #: (bound of the base, event), both negated, of all outside and of some that no longer are
        self._queue: list[tuple[float, int]] = []
        self._queued_for = -1.0  # the best that these bounds are of
        self._chosen: int | None = None  # the first
        #: the same of those that were not compared with it
        self._uncompared: list[tuple[float, int]] = []
        self._penalty: dict[int, float] = {}  # of the others, for being like it
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
        gone = self._spoken_for, self.relevance
        new = [one for one in new if upper[one] > self.floor and not any(one in of for of in gone)]
        self._outside.update(new)
        if self._queued_for == self.best:
            for event in new:
                queue = self._queue if self._chosen is None else self._uncompared
                heappush(queue, self._bounded(event))

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

    def discount(self, event: int) -> None:
        """The one that was chosen first counts against what is outside, too."""
        self._is_discounted = self.field.discount(event, self.weights)
        self._chosen, self._queued_for, self._bound_of = event, -1.0, ()

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
                    self.fresh.append(event)
                    taken.append(event)
                    self._spoken_for.update(self.field.equals(event))
                    self._outside.difference_update(self.field.equals(event))
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
        """Take the next events by their upper bound: of as many as there are in the pool those
        whose base may be `least`, which is less than now by default; one at the least."""
        self.widened += 1
        beyond = max((self._base(*pair) for pair in self.field.beyond), default=-inf)
        count = max(self.first, len(self.relevance))
        if least is None:
            bases = sorted(map(self.base, self.left), reverse=True)
            # of what is known when it is discounted, few are among the best
            is_far = self._is_discounted or len(bases) < self.k
            least = beyond - STEP if is_far else bases[self.k - 1]
        if -inf < least <= beyond:
            self._reach(lambda recency: self._level(least, recency))
        order = self._greatest(count, least)
        some = sum(base >= least for base, _ in order)
        return self.take([event for _, event in order[: max(some, 1)]])

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

    def _greatest(self, count: int, least: float = -inf) -> list[tuple[float, int]]:
        """The greatest bounds of the base outside, each with its event, at most one of them below
        `least`: less the penalty for the first chosen one, which much of what is near is like."""
        if self._is_discounted:
            return self._greatest_discounted(count)
        if self._queued_for != self.best:
            bounds, self._queued_for = [*map(self._bounded, self._outside)], self.best
            heapify(bounds)
            self._queue, self._uncompared = [], bounds
            if self._chosen is None:
                self._queue, self._uncompared = bounds, []
        found: list[tuple[float, int]] = []
        while len(found) < count and not (found and -found[-1][0] < least):
            while self._uncompared and (not self._queue or self._uncompared[0] < self._queue[0]):
                self._compare()
            if not self._queue:
                break
            bound, event = heappop(self._queue)
            if -event in self._outside:
                found.append((bound, event))
        for one in found:
            heappush(self._queue, one)
        return [(-bound, -event) for bound, event in found]

    def _compare(self) -> None:
        """Those with the greatest bounds with the first chosen one."""
        assert self._chosen is not None
        count = min(COMPARED, len(self._uncompared))
        some = [-heappop(self._uncompared)[1] for _ in range(count)]
        some = [event for event in some if event in self._outside]
        for event, pair in zip(some, self.field.likeness(some, self._chosen), strict=True):
            self._penalty[event] = self.weights.penalty * pair
            heappush(self._queue, self._bounded(event))

    def _bounded(self, event: int) -> tuple[float, int]:
        base = self._base(self.field.upper[event], self.field.recency[event])
        return self._penalty.get(event, 0.0) - base, -event

    def _greatest_discounted(self, count: int) -> list[tuple[float, int]]:
        """The same of ceilings, which change. Those that recency, which is at most 1, could not
        lift among them are not looked at."""
        when = self.field.recency
        upper = {event: self.field.ceiling(event) for event in self._outside}
        outside = sorted(upper, key=upper.__getitem__, reverse=True)
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
