"""The moments to recall: the field of a query's events, ranked. Pure.

Makes no vectors: it is given the query's, or none, and then goes by words alone. What is needed
exactly of a few events is asked of a source.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ..formats.evidence import IndexedEvent, Scope
from . import rank
from .relevance import EventField, EventSource, Query


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
    terms: list[str]  # of the query, as the index has them
    events: int  # that may exceed the floor
    pool: int
    widened: int
    postings: int


NOTHING = Moments([], [], [], 0, 0, 0, 0)


def search(query: Query, source: EventSource, scope: Scope, k: int, floor: float) -> Moments:
    """The k events to recall, best first, and what was looked at besides."""
    return ranked(EventField(query, source, scope, floor), k, floor)


def ranked(field: EventField, k: int, floor: float) -> Moments:
    """The same for a field that is made already."""
    ranking = rank.rank(field, k, floor)
    return assemble(ranking, field.rows, field.terms, len(field.upper), field.postings, floor)


def assemble(
    ranking: rank.Ranking,
    rows: Mapping[int, IndexedEvent],
    terms: list[str],
    events: int,
    postings: int,
    floor: float,
) -> Moments:
    """Moments from a ranking: the same whether it was just made or is replayed."""
    picks, others, pool, widened = ranking
    chosen = [Hit(*rows[pick.event], pick) for pick in picks]
    dropped = [
        (Hit(*rows[pick.event], pick), "floor" if pick.sim <= floor else "beyond k")
        for pick in others
    ]
    return Moments(chosen, dropped, terms, events, pool, widened, postings)
