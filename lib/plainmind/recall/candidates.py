"""Where events of a relevance may be: looked for among a query's words and near its vector, as far
down as the ranking asks. Pure.

An event in an episode without any of the words has no lex, so its x is what its mean cosine makes
of it; and a mean exceeds nothing that one of its parts does not. So all events whose x exceeds a
threshold are in episodes whose bound of lex allows it, or in those of vectors near enough to the
query's. Both are taken from the best down, an episode as a whole, and thresholds are kept apart by
age: an event of today may be chosen with less than one of last year.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import inf

from ..formats.evidence import Evidence
from ..ground.clock import DAY
from .rank import recency
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
    pending,
)

#: days after which an event is of the next age; the last has no end
AGES = [0, 1, 2, 4, 7, 10, 14, 20, 28, 40, 60]
LONGEST = 30 * 3600 * 1000  # ms that an episode lasts at most
FIRST = 12  # episodes with the best words, and events with the best vectors, to begin with
TOPS = 64, 2048  # events whose cosines bound those of others, at first, and when many are left
MARGIN = 0.05  # of the way from the baseline to 1
MANY = 100  # episodes at once


class Candidates:
    """The episodes that are still to be opened, and how relevant what is in them may be."""

    def __init__(
        self,
        query: Query,
        evidence: Evidence,
        lexical: Lexical | None,
        floor: float,
        *,
        named: bool,
        more: float,
    ):
        """`more`: what is added to x of events of the times that the query names."""
        self._query, self._evidence, self._floor = query, evidence, floor
        self._hybrid = query.by_words
        self._named = NAMED if named else 1.0
        self._factor = self._named * PERSON * (TIMED if query.times else 1.0)
        self._more = more
        recent = evidence.recent(query.now - AGES[-1] * DAY)
        self._recent = [(one.id, one.id + one.events) for one in recent]
        self._ages = {one.id: self._age_of(one.newest) for one in recent}
        #: of each age: nothing in unopened episodes is more relevant
        self._limits = [inf] * len(AGES)
        self._reached = [inf] * len(AGES)  # the least cosine whose events were taken
        self._nearest: list[tuple[float, int]] = []
        self._near_from = inf  # the least of these
        self._margin = MARGIN * (1 - query.baseline)
        self._tops: dict[int, float] = {}  # episode -> its greatest cosine
        self._rest = inf  # of all others
        self._by_words = lexical.bounds if lexical else {}
        self._left: list[list[tuple[float, int]]] = []
        self._is_loose = query.vector is not None and self._hybrid
        if query.vector is not None:
            self._look_near(TOPS[0])
        else:
            self._rest = -inf
        self._order()

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
        """(relevance, recency) that no event in an unopened episode exceeds, by age; without those
        ages that have nothing left over the floor."""
        found = zip(self._limits, AGES, strict=True)
        return [(limit, recency(days * DAY)) for limit, days in found if limit > self._floor]

    def first(self) -> list[int]:
        """The episodes to begin with."""
        best = sorted((of[-1] for of in self._left if of), reverse=True)[:1]
        least = best[0][0] if best else 0.0
        found = [id for of in self._left for bound, id in of[-FIRST:] if bound >= 0.5 * least]
        return list(dict.fromkeys([*found[: 2 * FIRST], *list(self._tops)[:FIRST]]))

    def reach(self, level: Callable[[float], float]) -> list[int]:
        """The episodes that may hold events more relevant than `level` of their recency, or as
        relevant."""
        levels = [max(self._floor, level(recency(days * DAY))) for days in AGES]
        wanted = [min(new, limit) for new, limit in zip(levels, self._limits, strict=True)]
        if self._is_loose and self._count_by_words(wanted) > MANY:
            self._is_loose = False
            self._look_near(TOPS[1])
            self._order()
        found: list[int] = []
        if self._floor < 0 and min(wanted) <= self._floor:
            found += self._evidence.all_episodes()
        for age, new in enumerate(wanted):
            least, of = self._least_base(new), self._left[age]
            while of and of[-1][0] >= least:
                found.append(of.pop()[1])
        found += self._near(wanted)
        if self._more and self._limits[0] == inf:
            for time in self._query.times:
                found += [one.id for one in self._evidence.recent(time.start, time.end + LONGEST)]
        self._limits = wanted
        return found

    def may_hold(self, event: int, episode: int) -> bool:
        """Whether the event may exceed the floor, as far as is known with its episode closed."""
        least = self._least_base(self._floor)
        if self._more or self._floor < 0 or self._bound(episode) >= least:
            return True
        return self._query.vector is not None and self._cosine_of(least) <= self._rest_of(episode)

    def _rest_of(self, episode: int) -> float:
        return self._tops.get(episode, self._rest)

    def _count_by_words(self, levels: Sequence[float]) -> int:
        count = 0
        for of, level in zip(self._left, levels, strict=True):
            count += len(of) - bisect_right(of, (self._least_base(level), -1))
        return count

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

    def _near(self, levels: Sequence[float]) -> list[int]:
        """Episodes of vectors that are near enough."""
        if self._query.vector is None:
            return []
        wanted = [self._cosine_of(self._least_base(level)) for level in levels]
        new = [one < reached for one, reached in zip(wanted, self._reached, strict=True)]
        if not any(new):
            return []
        least = min(one for one, is_new in zip(wanted, new) if is_new)
        if least < self._near_from:
            # somewhat more than is asked for now: it may be next
            most = self._cosine_of(self._least_base(self._floor))
            self._near_from = max(min(most, least), least - self._margin)
            self._nearest = self._evidence.near(self._near_from)
        events = []
        for cosine, event in self._nearest:
            age = self._age_at(event)
            if wanted[age] <= cosine < self._reached[age]:
                events.append(event)
        self._reached = list(map(min, wanted, self._reached))
        return list(dict.fromkeys(self._evidence.episode_ids(sorted(events))))

    def _look_near(self, count: int) -> None:
        near, self._rest = self._evidence.nearest(count)
        events = sorted((event, cosine) for cosine, event in near)
        found = self._evidence.episode_ids([event for event, _ in events])
        of = {event: id for (event, _), id in zip(events, found, strict=True)}
        self._tops = {}
        for cosine, event in near:
            self._tops.setdefault(of[event], cosine)

    def _bound(self, episode: int) -> float:
        """Of the x of its events without any factor; 0 for one without words."""
        lex = self._by_words.get(episode)
        if lex is None:
            return 0.0
        den = pending(lex)
        cosine = self._rest_of(episode)
        if cosine > -inf:
            cosine += self._evidence.error
            den = max(den, dense(cosine, self._query.baseline) if cosine < inf else 1.0)
        return LEXICAL * lex + DENSE * den

    def _order(self) -> None:
        """Episodes with words that are still to be opened, by age, the best last."""
        opened = {id for of in self._left for _, id in of} if self._left else self._by_words
        ids: Iterable[int] = opened
        self._left = [[] for _ in AGES]
        for id in ids:
            self._left[self._ages.get(id, len(AGES) - 1)].append((self._bound(id), id))
        for of in self._left:
            of.sort()
