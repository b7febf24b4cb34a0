"""Where events of a relevance may be: looked for among a query's words and near its vector, as far
down as the ranking asks. Pure.

An event in an episode without any of the words has no lex, so its x is what its mean cosine makes
of it; and a mean exceeds nothing that one of its parts does not. So all events whose x exceeds a
threshold are in episodes whose bound of lex allows it, or in those of vectors near enough to the
query's. Both are taken from the best down, and thresholds are kept apart by age: an event of today
may be chosen with less than one of last year. Whoever looks into an episode says what is left in
it: a bound that is not as loose.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush, nsmallest
from itertools import chain
from math import hypot, inf
from typing import Any, NamedTuple

from ..formats.evidence import Evidence
from ..ground.clock import DAY
from .rank import Weights, recency
from .relevance import (
    DENSE,
    LEXICAL,
    NAMED,
    PERSON,
    TIMED,
    Lexical,
    Query,
    cosine_of,
    dense,
    least_x,
    means,
    pending,
)

#: days after which an event is of the next age; the last has no end
AGES = [0, 1, 2, 4, 7, 10, 14, 20, 28, 40, 60]
LONGEST = 30 * 3600 * 1000  # ms that an episode lasts at most
FIRST = 16  # episodes with the best words, and with the best vectors, to begin with
SOME = 0.5  # of its bound, that is looked for in these
TOPS = 192  # events whose cosines bound those of others at first
MARGIN = 0.05  # of the way from the baseline to 1


class Measure(NamedTuple):
    """What tells which events are relevant by their vectors: a number of each, which times `scale`
    is `error` from its relevance at most; all that have at least one, and those of a stretch."""

    near: Callable[[float], list[tuple[float, int]]]
    of_events: Callable[[int, int], list[float | None]]
    scale: float
    error: float


class Candidates:
    """The episodes that are still to be looked into, and how relevant what is in them may be.

    Of a `base`, which is x without any factor, or in `cosine` mode the cosine: `look` gets to know
    all of an episode that reach one, and returns a bound of the others.
    """

    def __init__(
        self,
        query: Query,
        evidence: Evidence,
        lexical: Lexical | None,
        floor: float,
        open: Callable[[Sequence[int]], None],
        look: Callable[[int, float], float],
        *,
        named: bool,
        more: float,
    ):
        """`open` reads episodes that are looked into next. `more`: what is added to x of events of
        the times that the query names."""
        self._query, self._evidence, self._floor = query, evidence, floor
        self._open, self._look = open, look
        self._hybrid = query.by_words
        self._named = NAMED if named else 1.0
        self._factor = self._named * PERSON * (TIMED if query.times else 1.0)
        self._more = more
        recent = evidence.recent(query.now - AGES[-1] * DAY)
        self._recent = [(one.id, one.id + one.events) for one in recent]
        self._ages = {one.id: self._age_of(one.newest) for one in recent}
        #: of each age: nothing that is not known yet is more relevant
        self._limits = [inf] * len(AGES)
        self._reached = [inf] * len(AGES)  # the least cosine whose events were taken
        self._nearest: list[tuple[float, int]] = []
        self._near_from = inf  # the least of these
        self._margin = MARGIN * (1 - query.baseline)
        self._measure = self._plain = Measure(evidence.near, lambda *span: [], 1.0, evidence.error)
        self._new: list[tuple[float, int]] = []  # all of the last weeks
        self._values: dict[int, float] | None = None  # event -> its relevance less the discount
        self._tops: dict[int, float] = {}  # episode -> its greatest cosine
        self._rest = -inf  # of all others
        #: the dens of these; -inf where nothing has a vector
        self._top_dens, self._rest_den = dict[int, float](), -inf
        #: episode -> what the den of none of its events exceeds, and whether one is that of no
        #: vector, as far as its cosines were asked for
        self._dens: dict[int, tuple[float, bool]] = {}
        self._by_words = lexical.bounds if lexical else {}
        #: of each age, episodes in which something is left, by its bound, which is negated
        self._left: list[list[tuple[float, int]]] = [[] for _ in AGES]
        self._seen = set(self._by_words)  # that are, or were, among these
        if query.vector is not None:
            self._look_near()
        for id, lex in self._by_words.items():
            self._left[self._age(id)].append((-self.bound_of(id, lex), id))
        for of in self._left:
            heapify(of)

    def _age_of(self, time: int) -> int:
        return bisect_right(AGES, max(0, self._query.now - time) / DAY) - 1

    def _age_at(self, event: int) -> int:
        """The age of the episode of an event."""
        place = bisect_right(self._recent, (event, inf)) - 1
        if place < 0 or event >= self._recent[place][1]:
            return len(AGES) - 1
        return self._ages[self._recent[place][0]]

    @property
    def beyond(self) -> list[tuple[float, float]]:
        """(relevance, recency) that no event that is not known yet exceeds, by age; without those
        ages that have nothing left over the floor."""
        found = zip(self._limits, AGES, strict=True)
        return [(limit, recency(days * DAY)) for limit, days in found if limit > self._floor]

    def begin(self) -> None:
        """Look into those that promise most."""
        best = nsmallest(FIRST, chain(*self._left))
        near = [id for id in self._tops if id not in self._seen][:FIRST]
        self._open([*(id for _, id in best), *near])
        for left, id in best:
            self._left[self._age(id)].remove((left, id))
        for of in self._left:
            heapify(of)
        for left, id in best:
            self._look_into(id, SOME * -left)  # bounds are loose
        for id in near:
            self._look_into(id, self.least_of_all)

    def reach(self, level: Callable[[float], float]) -> None:
        """Look wherever an event may be more relevant than `level` of its recency, or as
        relevant."""
        levels = [level(recency(days * DAY)) for days in AGES]
        # what has nothing in common with the query is nowhere near it, and all the rest
        levels = [max(self._floor, one) if one > 0 else self._floor for one in levels]
        if self._values is not None and min(levels) <= self._floor:
            # what exceeds the floor may have less than it without the discount
            self._measure_by(self._plain)
            self._values = None
        wanted = [min(new, limit) for new, limit in zip(levels, self._limits, strict=True)]
        some = list[tuple[int, float]]()
        for age, new in enumerate(wanted):
            some += self._take_from(age, self._least_base(new))
        others = self._near(wanted)
        if self._floor < 0 and min(wanted) <= self._floor:
            others += self._evidence.all_episodes()
        if self._more and self._limits[0] == inf:
            for time in self._query.times:
                others += [one.id for one in self._evidence.recent(time.start, time.end + LONGEST)]
        others = [id for id in dict.fromkeys(others) if id not in self._seen]
        some += [(id, self._least_base(wanted[self._age(id)])) for id in others]
        self._look_into_some(some)
        self._limits = wanted

    def _take_from(self, age: int, least: float) -> Iterator[tuple[int, float]]:
        """The episodes of an age in which something may have this base, each with it."""
        of = self._left[age]
        while of and -of[0][0] >= least:
            yield heappop(of)[1], least

    def _look_into_some(self, some: list[tuple[int, float]]) -> None:
        """Into these episodes, each down to a base; one whose own cosines are known not to allow it
        stays closed."""
        if self._hybrid and self._query.vector is not None:
            self._ask_cosines([id for id, _ in some])
            open = []
            for id, least in some:
                bound = self.bound_of(id, self._by_words.get(id, 0.0))
                if bound >= least:
                    open.append((id, least))
                else:
                    self._put_back(id, bound)
            some = open
        self._open([id for id, _ in some])
        for id, least in some:
            self._look_into(id, least)

    def _ask_cosines(self, ids: Sequence[int]) -> None:
        if not (new := [id for id in ids if id not in self._dens]):
            return
        error, baseline = self._evidence.error, self._query.baseline
        for id, cosines in zip(new, self._evidence.cosines_of(new)):
            found: Any = means(cosines)
            if is_pending := None in found:
                found = [one for one in found if one is not None]
            most = max(found, default=-inf)
            self._dens[id] = dense(most + error, baseline), is_pending

    def _look_into(self, id: int, least: float) -> None:
        self._put_back(id, self._look(id, least))

    def _put_back(self, id: int, left: float) -> None:
        """This is a bound of what is left in an episode."""
        self._seen.add(id)
        if left >= self.least_of_all:
            heappush(self._left[self._age(id)], (-left, id))

    def _age(self, episode: int) -> int:
        return self._ages.get(episode, len(AGES) - 1)

    def discount(self, chosen: Sequence[float] | None, weights: Weights) -> bool:
        """This is the vector of the one that was chosen first. In `cosine` mode a relevance is,
        from now on, what it is less the penalty for that, over `weights.sim`: both are cosines, so
        one scan tells their difference. Below 0 there is no penalty, and no relevance."""
        asked = self._query.vector
        if self._hybrid or not asked or not chosen or self._floor < 0 or weights.sim <= 0:
            return False
        pairs = zip(asked, chosen, strict=True)
        way = [weights.sim * one - weights.penalty * other for one, other in pairs]
        length = hypot(*way) or 1.0
        if near := self._evidence.along([value / length for value in way]):
            scale = length / weights.sim
            error = scale * near.error + 1e-6
            self._measure_by(Measure(near.near, near.of_events, scale, error))
            self._values = {}
        return self._values is not None

    def _measure_by(self, measure: "Measure") -> None:
        self._measure, self._near_from, self._nearest, self._new = measure, inf, [], []
        self._reached = [inf] * len(AGES)

    def ceiling(self, event: int) -> float:
        """No less than the relevance of an event, less the discount."""
        if self._values is None:
            return inf
        value = self._values.get(event, self._near_from)
        return self._measure.scale * value + self._measure.error

    def may_hold(self, event: int, episode: int) -> bool:
        """Whether the event may exceed the floor, as far as is known with its episode closed."""
        least = self.least_of_all
        if (
            self._more
            or self._floor < 0
            or self.bound_of(episode, self._by_words.get(episode, 0.0)) >= least
        ):
            return True
        return self._query.vector is not None and self._cosine_of(least) <= self._rest_of(episode)

    @cached_property
    def least_of_all(self) -> float:
        """The base that everything over the floor has."""
        return self._least_base(self._floor)

    def _rest_of(self, episode: int) -> float:
        return self._tops.get(episode, self._rest)

    def _least_base(self, level: float) -> float:
        """What x has to be without any factor, for a relevance of this level over the floor."""
        if not self._hybrid:
            return level
        over = (least_x(level) - self._more) / self._factor
        return max(over, (least_x(self._floor) - self._more) / self._named) - 1e-9

    def _cosine_of(self, base: float) -> float:
        """The least approximate cosine that an event needs without words; inf: none is enough."""
        if not self._hybrid:
            return base - self._evidence.error - 1e-9
        den = max(0.0, base) / DENSE
        if den > 1:
            return inf
        return cosine_of(den, self._query.baseline) - self._evidence.error - 1e-9

    def _value_of(self, base: float) -> float:
        """The least number of the measure that an event needs without words."""
        if self._values is None:
            return self._cosine_of(base)
        return (base - self._measure.error) / self._measure.scale - 1e-9

    def _near(self, levels: Sequence[float]) -> list[int]:
        """Episodes of vectors that are near enough."""
        if self._query.vector is None:
            return []
        wanted = [self._value_of(self._least_base(level)) for level in levels]
        new = [one < reached for one, reached in zip(wanted, self._reached, strict=True)]
        if not any(new):
            return []
        ages = self._by_age(min(one for one, is_new in zip(wanted, new) if is_new), wanted[-1])
        events: list[int] = []
        for of, least, reached in zip(ages, wanted, self._reached, strict=True):
            events += [event for value, event in of if least <= value < reached]
        self._reached = list(map(min, wanted, self._reached))
        return list(dict.fromkeys(self._evidence.episode_ids(sorted(events))))

    def _by_age(self, least: float, old: float) -> list[list[tuple[float, int]]]:
        """(number, event) by age: all that have the least that is asked for, or, where a discount
        lets old events of that number be very many, all new ones, and old ones as is asked."""
        ages: list[list[tuple[float, int]]] = [[] for _ in AGES]
        if self._values is not None:
            if not self._new:
                for id, end in self._recent:
                    found = enumerate(self._measure.of_events(id, end - id), id)
                    self._new += [(value, event) for event, value in found if value is not None]
                self._values = {event: value for value, event in self._new}
            if old < self._near_from:
                self._near_from, self._nearest = old, self._measure.near(old)
                self._values |= {event: value for value, event in self._nearest}
        elif least < self._near_from:
            # somewhat more than is asked for now: it may be next
            most = self._cosine_of(self.least_of_all)
            self._near_from = max(min(most, least), least - self._margin)
            self._nearest = self._measure.near(self._near_from)
        for value, event in dict.fromkeys([*self._new, *self._nearest]):
            ages[self._age_at(event)].append((value, event))
        return ages

    def _look_near(self) -> None:
        near, self._rest = self._evidence.nearest(TOPS)
        events = sorted((event, cosine) for cosine, event in near)
        found = self._evidence.episode_ids([event for event, _ in events])
        of = {event: id for (event, _), id in zip(events, found, strict=True)}
        self._tops = {}
        for cosine, event in near:
            self._tops.setdefault(of[event], cosine)
        den = lambda cosine: dense(cosine + self._evidence.error, self._query.baseline)
        self._top_dens = {id: den(cosine) for id, cosine in self._tops.items()}
        self._rest_den = den(self._rest) if self._rest > -inf else -inf

    def bound_of(self, episode: int, lex: float) -> float:
        """Of its events whose lex is no more than this."""
        if (known := self._dens.get(episode)) is not None:
            den, is_pending = known
            return LEXICAL * lex + DENSE * (max(den, pending(lex)) if is_pending else den)
        den = self._top_dens.get(episode, self._rest_den)
        return LEXICAL * lex + DENSE * max(den, pending(lex))
