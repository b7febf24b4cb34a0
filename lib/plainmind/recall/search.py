"""The moments to recall: the field of a query's events, ranked. Pure.

Makes no vectors: it is given the query's, or none, and then goes by words alone. What is needed
exactly of a few events is asked of a source.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nlargest
from typing import NamedTuple

from ..formats.evidence import IndexedEvent, Scope
from ..ground.zone import to_day
from . import rank
from .field import EventField, EventSource
from .rank import Limits
from .relevance import Query
from .times import NamedTime

NEAR = 20  # events out of scope that an explanation shows


class Hit(NamedTuple):
    """A recalled event."""

    path: str
    line: int
    timestamp: str
    role: str
    author: str
    context: str
    content: str
    pick: rank.Pick

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"


class Moments(NamedTuple):
    hits: list[Hit]
    dropped: list[tuple[Hit, str]]  # looked at and left out, with the reason
    #: reason -> how many that may exceed the floor were not looked at, as they are out of scope
    excluded: Mapping[str, int]
    terms: list[str]  # of the query, as the index has them
    events: int  # that may exceed the floor
    pool: int
    widened: int
    postings: int
    times: Sequence[str] = ()  # that the query names, each with its days
    approximate: bool = False  # some vectors that are near may have been missed


NOTHING = Moments([], [], {}, [], 0, 0, 0, 0)


def search(
    query: Query, source: EventSource, scope: Scope, limits: Limits, *, told: bool = False
) -> Moments:
    """The events to recall, best first, and what was looked at besides; `told`, also what is out of
    scope."""
    return ranked(EventField(query, source, scope, limits.floor, told=told), limits)


def ranked(field: EventField, limits: Limits) -> Moments:
    """The same for a field that is made already."""
    ranking = rank.rank(field, limits, told=field.told)
    near = _near(field, limits, ranking.best)
    ranking = ranking._replace(dropped=[*ranking.dropped, *near])
    field.know(pick.event for pick in [*ranking.picks, *(pick for pick, _ in ranking.dropped)])
    excluded = Counter(reason for reason, _ in field.excluded.values())
    excluded.subtract(reason for _, reason in near)
    counts = len(field.upper), field.postings, +excluded
    found = assemble(ranking, field.rows, field.terms, *counts, [*map(describe, field.times)])
    return found._replace(approximate=field.evidence.approximate)


def describe(time: NamedTime) -> str:
    """A time that a query names, and the days that it prefers."""
    return f"{time.text} ({to_day(time.start)} to {to_day(time.until)})"


def assemble(
    ranking: rank.Ranking,
    rows: Mapping[int, IndexedEvent],
    terms: list[str],
    events: int,
    postings: int,
    excluded: Mapping[str, int],
    times: Sequence[str],
) -> Moments:
    """Moments from a ranking: the same whether it was just made or is replayed."""
    chosen = [Hit(*rows[pick.event], pick) for pick in ranking.picks]
    dropped = [(Hit(*rows[pick.event], pick), reason) for pick, reason in ranking.dropped]
    counts = ranking.pool, ranking.widened, postings
    return Moments(chosen, dropped, excluded, terms, events, *counts, times)


def _near(field: EventField, limits: Limits, best: float) -> list[tuple[rank.Pick, str]]:
    """The best events out of scope, as far as they exceed the floor."""
    pick = lambda event, relevance: untaken(field, event, relevance, best, limits)
    bounds = (pick(event, upper) for event, (_, upper) in field.excluded.items())
    nearest = nlargest(NEAR, bounds, key=lambda pick: (pick.score, pick.event))
    exact = field.exact([one.event for one in nearest])
    picks = [pick(event, value) for event, value in exact.items() if value > limits.floor]
    picks.sort(key=lambda pick: (-pick.score, field.order(pick.event)))
    return [(pick, field.excluded[pick.event][0]) for pick in picks]


def untaken(
    field: rank.Field, event: int, relevance: float, best: float, limits: Limits
) -> rank.Pick:
    """A pick of an event that is out of scope."""
    sim, recency, weights = field.sim(relevance, best), field.recency[event], limits.weights
    score = weights.sim * sim + weights.recency * recency
    return rank.Pick(event, score, sim, recency, 0.0, False, 0, relevance)
