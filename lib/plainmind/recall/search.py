"""From evidence to ranked events: builds the field that rank works on. Pure.

Owns the bounds of similarity, and hits. Makes no vectors: it is given the query's, or none, and
then goes by words alone. What is needed exactly of a few events is asked of a source.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..formats import words
from ..formats.evidence import QUESTION, Episode, Evidence, IndexedEvent, Question, Scope, dot
from ..formats.log.event import ROLES
from . import rank, relevance


class Query(NamedTuple):
    text: str
    now: int
    vector: Sequence[float] | None = None
    model: str = ""  # of the vector
    baseline: float = 0.0
    mode: str = "hybrid"  # or cosine

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(words.terms(self.text)))

    @property
    def by_words(self) -> bool:
        return self.mode == "hybrid" or self.vector is None


class EventSource(Protocol):
    """What is known of events (index.engine.Index)."""

    def evidence(self, question: Question, scope: Scope) -> Evidence: ...

    def events(self, ids: Iterable[int]) -> Mapping[int, IndexedEvent]: ...

    def vectors(self, model: str, ids: Sequence[int]) -> Mapping[int, Sequence[float]]: ...


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
    return ranked(field(query, source, scope, floor), k, floor)


def field(query: Query, source: EventSource, scope: Scope, floor: float) -> "EventField":
    terms = query.terms if query.by_words else ()
    evidence = source.evidence(Question(terms, query.vector, query.model), scope)
    return EventField(query, evidence, source, scope, floor)


def ranked(field: "Asked", k: int, floor: float) -> Moments:
    """The same for a field that is made already."""
    ranking = rank.rank(field, k, floor)
    hits = field.hits([*ranking.picks, *ranking.considered])
    return assemble(ranking, hits, field.terms, len(field.upper), field.postings, floor)


def assemble(
    ranking: rank.Ranking,
    hits: Mapping[int, Hit],
    terms: list[str],
    events: int,
    postings: int,
    floor: float,
) -> Moments:
    """Moments from a ranking and its hits: the same whether it was just made or is replayed."""
    chosen = [hits[pick.event]._replace(pick=pick) for pick in ranking.picks]
    dropped = [
        (hits[p.event]._replace(pick=p), "floor" if p.sim <= floor else "beyond k")
        for p in ranking.considered
    ]
    return Moments(chosen, dropped, terms, events, ranking.pool, ranking.widened, postings)


class Asked(rank.Field, Protocol):
    """A field made for a query: EventField, or what records one."""

    @property
    def terms(self) -> list[str]: ...

    @property
    def postings(self) -> int: ...

    def hits(self, picks: Iterable[rank.Pick]) -> Mapping[int, Hit]: ...


class EventField:
    """All events in scope whose sim may exceed the floor, for one query (rank.Field)."""

    def __init__(
        self, query: Query, evidence: Evidence, source: EventSource, scope: Scope, floor: float
    ):
        self.query, self.evidence, self.source = query, evidence, source
        self.terms, self.postings = query.terms, evidence.postings
        self._hybrid = query.by_words
        self._ids = [episode.id for episode in evidence.episodes]
        self._vectors: dict[int, Sequence[float] | None] = {}
        self._events: dict[int, IndexedEvent] = {}
        self._stems: dict[int, frozenset[str]] = {}
        self._words: Mapping[int, Sequence[float]] = {}
        self._named: frozenset[int] = frozenset()
        if self._hybrid:
            self._words = relevance.lexical(evidence.totals, evidence.episodes, evidence.terms)
            self._named = self._named_authors()
        self.upper: dict[int, float] = {}
        self.recency: dict[int, float] = {}
        self._fill(scope, floor)
        self.pinned = [event for event in evidence.pinned if event in self.upper]

    def exact(self, events: Sequence[int]) -> dict[int, float]:
        needed = (
            {near for event in events for near in self._around(event) if near is not None}
            if self._hybrid
            else events
        )
        self._load(list(needed))
        # all of them are told of in the end, and two without vectors are compared by their words
        self._events.update(self.source.events(events))
        return {event: self._sim(event) for event in events}

    def pair(self, one: int, other: int) -> float:
        self._load([one, other])
        a, b = self._vectors[one], self._vectors[other]
        if a is not None and b is not None:
            near = min(1.0, max(0.0, dot(a, b)))
            return relevance.pair(near, self.query.baseline) if self._hybrid else near
        if not self._hybrid:
            return 0.0
        mine, theirs = self._stems_of(one), self._stems_of(other)
        return len(mine & theirs) / (len(mine | theirs) or 1)

    def order(self, event: int) -> tuple:
        row = self._events[event]
        episode = self._episode(event)
        return -episode.times[event - episode.id], row.path, row.line

    def hits(self, picks: Iterable[rank.Pick]) -> dict[int, Hit]:
        return {pick.event: Hit(*self._events[pick.event], pick) for pick in picks}

    def _episode(self, event: int) -> Episode:
        return self.evidence.episodes[bisect_right(self._ids, event) - 1]

    def _around(self, event: int) -> list[int | None]:
        """The events whose cosines make its den, by their weights; None beyond its episode."""
        episode = self._episode(event)
        first, end = episode.id, episode.id + len(episode.times)
        start = event - relevance.BEFORE
        return [
            near if first <= near < end else None
            for near in range(start, start + len(relevance.BESIDE))
        ]

    def _named_authors(self) -> frozenset[int]:
        """Authors whose name has a word in common with the query."""
        terms = set(self.terms)
        return frozenset(
            id for id, name in self.evidence.authors if terms.intersection(words.terms(name))
        )

    def _fill(self, scope: Scope, floor: float) -> None:
        """An upper bound of sim, and the recency, of all in scope that may exceed the floor."""
        now, cosines, within = self.query.now, self.evidence.cosines, self.evidence.within
        narrow = scope.since is not None or scope.until is not None or bool(scope.roles)
        least = relevance.least_x(floor) / relevance.NAMED
        for number, episode in enumerate(self.evidence.episodes):
            first, count = episode.id, len(episode.times)
            allowed = count if within is None else within[number]
            if not allowed:
                continue
            words_of = self._words.get(first)
            near = list(map(cosines.get, range(first, first + count)))
            for place, upper in self._uppers(episode, words_of, near, least):
                if (
                    upper > floor
                    and place < allowed
                    and not (narrow and not _in_scope(scope, episode, place))
                ):
                    self.upper[first + place] = upper
                    self.recency[first + place] = rank.recency(now - episode.times[place])

    def _uppers(
        self,
        episode: Episode,
        words_of: Sequence[float] | None,
        near: list[float | None],
        least: float,
    ) -> Iterator[tuple[int, float]]:
        """(place, upper bound of sim) of an episode's events whose x can reach `least`."""
        error = self.evidence.error
        if not self._hybrid:
            for place, cosine in enumerate(near):
                yield place, min(1.0, max(0.0, cosine + error)) if cosine is not None else 0.0
            return
        lex = words_of or [0.0] * len(near)
        for place, mean in enumerate(_means(near)):
            den = (
                relevance.pending(lex[place])
                if mean is None
                else relevance.dense(mean + error, self.query.baseline)
            )
            if relevance.LEXICAL * lex[place] + relevance.DENSE * den > least:
                yield place, self._sim_of(episode, place, lex[place], den)

    def _sim_of(self, episode: Episode, place: int, lex: float, den: float | None) -> float:
        named = episode.authors[place] in self._named
        return relevance.sim(
            lex, den, episode.lengths[place], named, episode.kinds[place] >= QUESTION
        )

    def _cosine(self, event: int | None) -> float | None:
        vector = self._vectors[event] if event is not None else None
        if vector is None or self.query.vector is None:
            return None
        return dot(self.query.vector, vector)

    def _sim(self, event: int) -> float:
        if not self._hybrid:
            return min(1.0, max(0.0, self._cosine(event) or 0.0))
        # not cut off at 0 here: the bound of a mean holds for the cosines as they are
        mean = relevance.mean([self._cosine(near) for near in self._around(event)])
        den = relevance.dense(mean, self.query.baseline) if mean is not None else None
        episode = self._episode(event)
        place = event - episode.id
        words_of = self._words.get(episode.id)
        return self._sim_of(episode, place, words_of[place] if words_of else 0.0, den)

    def _load(self, events: Sequence[int]) -> None:
        missing = [event for event in events if event not in self._vectors]
        if not missing:
            return
        found: Mapping[int, Sequence[float]] = {}
        if self.query.vector is not None:
            found = self.source.vectors(self.query.model, missing)
        for event in missing:
            self._vectors[event] = found.get(event)

    def _stems_of(self, event: int) -> frozenset[str]:
        if event not in self._stems:
            row = self._events[event]
            found = words.of_event(row.author, row.content)
            self._stems[event] = frozenset(found.opening + found.rest)
        return self._stems[event]


def _in_scope(scope: Scope, episode: Episode, place: int) -> bool:
    """Whether times and roles allow an event."""
    time = episode.times[place]
    return (
        (scope.since is None or time >= scope.since)
        and (scope.until is None or time <= scope.until)
        and (not scope.roles or ROLES[episode.kinds[place] % QUESTION] in scope.roles)
    )


def _means(near: list[float | None]) -> list[float | None]:
    """relevance.mean around each entry of an episode."""
    before, count = relevance.BEFORE, len(relevance.BESIDE)
    padded = [None] * before + near + [None] * (count - before - 1)
    shifted = [padded[i : i + len(near)] for i in range(count)]
    if None in near:
        return [relevance.mean(some) for some in zip(*shifted)]
    a, b, c, d = relevance.BESIDE
    whole = a + b + c + d
    inner = [
        (a * p + b * q + c * r + d * s) / whole  # type: ignore[operator]
        for p, q, r, s in zip(near, near[1:], near[2:], near[3:])
    ]
    ends = [
        relevance.mean([column[i] for column in shifted])
        for i in (0, len(near) - 2, len(near) - 1)
        if i >= 0
    ]
    return (
        [ends[0], *inner, *ends[1:]]
        if len(near) > 2
        else [relevance.mean(some) for some in zip(*shifted)]
    )
